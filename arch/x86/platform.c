/* SPDX-License-Identifier: MIT */
/* The ACPI tables of the machine, read once. */
#include "arch/x86/platform.h"

#include "arch/x86/paging.h"
#include "core/log.h"

static struct acpi_info acpi;

static bool read_physical(void *ctx, u64 pa, void *buf, size_t len)
{
	(void)ctx;
	return phys_read(pa, buf, len);
}

const struct acpi_info *platform_acpi(void)
{
	return &acpi;
}

void platform_init(const struct handover *h)
{
	const struct acpi_reader reader = { .read = read_physical };
	enum firn_err err = acpi_read(&reader, h->rsdp, &acpi);

	if (err == ERR_NOENT) {
		log_info("acpi: none, standard PC addresses are used");
		return;
	}
	if (err) {
		log_warn("acpi: RSDP at 0x%lx: %s; standard PC addresses are used",
			 (unsigned long)h->rsdp, firn_strerror(err));
		return;
	}
	log_info("acpi: revision %u, %s%s%s%s%s", acpi.revision, acpi.oem,
		 acpi.has_madt ? ", MADT" : "", acpi.has_fadt ? ", FADT" : "",
		 acpi.hpet ? ", HPET" : "", acpi.nr_ecam ? ", MCFG" : "");
	if (acpi.bad_tables)
		log_warn("acpi: %u malformed tables or entries ignored", acpi.bad_tables);
}
