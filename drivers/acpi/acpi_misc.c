/* SPDX-License-Identifier: MIT */
/* Small tables: HPET, MCFG, SPCR. */
#include "drivers/acpi/acpi_parse.h"

#include "core/acpi_layout.h"

void acpi_parse_hpet(const struct acpi_table *table, struct acpi_info *info)
{
	struct acpi_hpet hpet;

	if (!acpi_read_at(table, 0, &hpet, sizeof(hpet)) ||
	    hpet.address.space != ACPI_SPACE_MEMORY || !hpet.address.address)
		info->bad_tables++;
	else if (!info->hpet)
		info->hpet = hpet.address.address;
}

void acpi_parse_mcfg(const struct acpi_table *table, struct acpi_info *info)
{
	struct acpi_mcfg_entry e;

	for (u32 offset = sizeof(struct acpi_mcfg); acpi_read_at(table, offset, &e, sizeof(e));
	     offset += sizeof(e)) {
		if (!e.base || e.first_bus > e.last_bus || info->nr_ecam == ACPI_MAX_ECAM) {
			info->bad_tables++;
			continue;
		}
		info->ecam[info->nr_ecam++] =
			(struct acpi_ecam){ e.base, e.segment, e.first_bus, e.last_bus };
	}
}

void acpi_parse_spcr(const struct acpi_table *table, struct acpi_info *info)
{
	struct acpi_spcr spcr;

	if (!acpi_read_at(table, 0, &spcr, sizeof(spcr))) {
		info->bad_tables++;
		return;
	}
	if (spcr.interface > SPCR_16550_COMPATIBLE || spcr.address.space != ACPI_SPACE_IO ||
	    spcr.address.address > IO_PORT_MAX)
		return; /* a console that Firn has no driver for */
	info->serial = (struct acpi_address){ spcr.address.address, spcr.address.space,
					      spcr.address.bit_width };
}
