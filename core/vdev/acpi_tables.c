/* SPDX-License-Identifier: MIT */
/* Builds the guest's ACPI tables. The DSDT comes compiled from acpi/dsdt.asl. */
#include "core/vdev/acpi_tables.h"

#include <stdlib.h>
#include <string.h>

#include "core/acpi_layout.h"
#include "core/guest_layout.h"
#include "core/guest_memory.h"
#include "core/vdev/power.h"
#include "core/vdev/rtc.h"
#include "core/vm.h"

extern const u8 dsdt_aml[], dsdt_aml_end[];

enum xsdt_entry {
	XSDT_FADT,
	XSDT_MADT,
	XSDT_MCFG,
	XSDT_ENTRIES
};

struct acpi_xsdt {
	struct acpi_header header;
	u64 table[XSDT_ENTRIES];
} __packed;

struct one_bus_mcfg {
	struct acpi_mcfg mcfg;
	struct acpi_mcfg_entry entry;
} __packed;

#define OEM_ID	     "FIRN  "
#define OEM_TABLE_ID "FIRNVM  "
#define OEM_REVISION 1
#define CREATOR_ID   ACPI_SIG('F', 'I', 'R', 'N')

#define TABLE_ALIGN 16

struct builder {
	u8 *out;
	size_t size, used; /* used may exceed size: then nothing was written beyond */
};

/* Room for one table, zeroed; NULL when full. */
static void *add(struct builder *b, size_t len)
{
	size_t at = b->used;

	b->used = at + ALIGN_UP(len, (size_t)TABLE_ALIGN);
	if (b->used > b->size)
		return NULL;
	return memset(b->out + at, 0, b->used - at);
}

static u64 guest_address(const struct builder *b, const void *table)
{
	return GUEST_ACPI_RSDP + ((const u8 *)table - b->out);
}

static u8 checksum(const void *data, size_t len)
{
	const u8 *p = data;
	u8 sum = 0;

	while (len--)
		sum += *p++;
	return -sum;
}

static void set_creator(struct acpi_header *h)
{
	h->creator_id = CREATOR_ID;
	h->creator_revision = OEM_REVISION;
}

static void *add_table(struct builder *b, u32 signature, u8 revision, size_t len)
{
	struct acpi_header *h = add(b, len);

	if (!h)
		return NULL;
	h->signature = signature;
	h->length = len;
	h->revision = revision;
	memcpy(h->oem_id, OEM_ID, sizeof(h->oem_id));
	memcpy(h->oem_table_id, OEM_TABLE_ID, sizeof(h->oem_table_id));
	h->oem_revision = OEM_REVISION;
	set_creator(h);
	return h;
}

static void finish(struct acpi_header *h)
{
	h->checksum = checksum(h, h->length);
}

static struct acpi_gas io_byte(u16 port)
{
	return (struct acpi_gas){
		.space = ACPI_SPACE_IO,
		.bit_width = 8,
		.access_size = ACPI_ACCESS_BYTE,
		.address = port,
	};
}

/* The compiler left its own name and version, on which the guest's machine must not depend. */
static u64 add_dsdt(struct builder *b)
{
	size_t len = dsdt_aml_end - dsdt_aml;
	struct acpi_header *dsdt = add(b, len);

	if (!dsdt)
		return 0;
	memcpy(dsdt, dsdt_aml, len);
	set_creator(dsdt);
	dsdt->checksum = 0;
	finish(dsdt);
	return guest_address(b, dsdt);
}

static u64 add_fadt(struct builder *b, u64 dsdt)
{
	struct acpi_fadt *fadt = add_table(b, ACPI_SIG('F', 'A', 'C', 'P'), 6, sizeof(*fadt));

	if (!fadt)
		return 0;
	fadt->x_dsdt = dsdt;
	fadt->c2_latency = FADT_C2_LATENCY_MAX + 1;
	fadt->c3_latency = FADT_C3_LATENCY_MAX + 1;
	fadt->century = RTC_CENTURY;
	fadt->boot_arch = FADT_BOOT_NO_VGA;
	fadt->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON |
		      FADT_RESET_SUPPORTED | FADT_HARDWARE_REDUCED;
	fadt->reset = io_byte(POWER_RESET_PORT);
	fadt->reset_value = POWER_RESET_VALUE;
	fadt->minor_revision = 3;
	fadt->sleep_control = io_byte(POWER_SLEEP_CONTROL_PORT);
	fadt->sleep_status = io_byte(POWER_SLEEP_STATUS_PORT);
	finish(&fadt->header);
	return guest_address(b, fadt);
}

/* Online-capable is for CPUs that are not enabled (ACPI 6.4 table 5.22). */
static struct acpi_madt_lapic madt_lapic(const struct acpi_cpus *cpus, unsigned cpu)
{
	bool present = cpus->present >> cpu & 1;

	return (struct acpi_madt_lapic){
		.entry = { MADT_LAPIC, sizeof(struct acpi_madt_lapic) },
		.uid = cpu,
		.apic_id = cpu,
		.flags = present ? MADT_CPU_ENABLED : MADT_CPU_ONLINE_CAPABLE,
	};
}

static u64 add_madt(struct builder *b, const struct acpi_cpus *cpus)
{
	size_t len = sizeof(struct acpi_madt) + cpus->max * sizeof(struct acpi_madt_lapic) +
		     sizeof(struct acpi_madt_ioapic);
	struct acpi_madt *madt = add_table(b, ACPI_SIG('A', 'P', 'I', 'C'), 5, len);
	struct acpi_madt_lapic *lapic;
	struct acpi_madt_ioapic *ioapic;

	if (!madt)
		return 0;
	madt->lapic_address = GUEST_LAPIC_BASE;
	lapic = (struct acpi_madt_lapic *)(madt + 1);
	for (unsigned cpu = 0; cpu < cpus->max; cpu++)
		*lapic++ = madt_lapic(cpus, cpu);
	ioapic = (struct acpi_madt_ioapic *)lapic;
	*ioapic = (struct acpi_madt_ioapic){
		.entry = { MADT_IOAPIC, sizeof(*ioapic) },
		.address = GUEST_IOAPIC_BASE,
	};
	finish(&madt->header);
	return guest_address(b, madt);
}

static u64 add_mcfg(struct builder *b)
{
	struct one_bus_mcfg *mcfg = add_table(b, ACPI_SIG('M', 'C', 'F', 'G'), 1, sizeof(*mcfg));

	if (!mcfg)
		return 0;
	mcfg->entry.base = GUEST_ECAM_BASE;
	mcfg->entry.last_bus = GUEST_ECAM_SIZE / MiB - 1; /* one bus is 1 MiB */
	finish(&mcfg->mcfg.header);
	return guest_address(b, mcfg);
}

static u64 add_xsdt(struct builder *b, const u64 table[XSDT_ENTRIES])
{
	struct acpi_xsdt *xsdt = add_table(b, ACPI_SIG('X', 'S', 'D', 'T'), 1, sizeof(*xsdt));

	if (!xsdt)
		return 0;
	memcpy(xsdt->table, table, sizeof(xsdt->table));
	finish(&xsdt->header);
	return guest_address(b, xsdt);
}

static void fill_rsdp(struct acpi_rsdp *rsdp, u64 xsdt)
{
	memcpy(rsdp->signature, ACPI_RSDP_SIGNATURE, sizeof(rsdp->signature));
	memcpy(rsdp->oem_id, OEM_ID, sizeof(rsdp->oem_id));
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt = xsdt;
	rsdp->checksum = checksum(rsdp, ACPI_RSDP_V1_SIZE);
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
}

size_t acpi_tables_build(const struct acpi_cpus *cpus, u8 *out, size_t size)
{
	struct builder b = { .out = out, .size = size };
	struct acpi_rsdp *rsdp = add(&b, sizeof(*rsdp));
	u64 dsdt = add_dsdt(&b), table[XSDT_ENTRIES], xsdt;

	table[XSDT_FADT] = add_fadt(&b, dsdt);
	table[XSDT_MADT] = add_madt(&b, cpus);
	table[XSDT_MCFG] = add_mcfg(&b);
	xsdt = add_xsdt(&b, table);
	if (b.used > b.size)
		return 0;
	fill_rsdp(rsdp, xsdt);
	return b.used;
}

enum firn_err acpi_tables_install(struct vm *vm)
{
	const struct acpi_cpus cpus = { vm->nr_vcpus, vm->present };
	enum firn_err err = ERR_NOMEM;
	u8 *tables = malloc(ACPI_TABLES_MAX);
	size_t len;

	if (!tables)
		return err;
	len = acpi_tables_build(&cpus, tables, ACPI_TABLES_MAX);
	err = ERR_RANGE;
	if (len && len <= GUEST_RESET_VECTOR - GUEST_ACPI_RSDP)
		err = guest_load(&vm->memory, GUEST_ACPI_RSDP, tables, len);
	free(tables);
	return err;
}
