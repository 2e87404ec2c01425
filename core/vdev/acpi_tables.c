/* SPDX-License-Identifier: MIT */
/* Builds the guest's ACPI tables. The DSDT comes compiled from acpi/dsdt.asl. */
#include "core/vdev/acpi_tables.h"

#include <stdlib.h>
#include <string.h>

#include "core/guest_layout.h"
#include "core/guest_memory.h"
#include "core/vdev/power.h"
#include "core/vdev/rtc.h"
#include "core/vm.h"

extern const u8 dsdt_aml[], dsdt_aml_end[];

/* Table layouts: ACPI 6.4 5.2.4 to 5.2.12; MCFG: PCI firmware spec 3.2, 4.1.2 */
struct acpi_rsdp {
	char signature[8];
	u8 checksum; /* of the first 20 bytes */
	char oem_id[6];
	u8 revision;
	u32 rsdt_address;
	u32 length;
	u64 xsdt_address;
	u8 extended_checksum;
	u8 reserved[3];
} __packed;
_Static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 6.4 table 5.3");
#define RSDP_V1_LENGTH 20

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} __packed;
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 6.4 table 5.4");

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

struct acpi_address {
	u8 space; /* ACPI_SPACE_IO */
	u8 bit_width, bit_offset, access_size;
	u64 address;
} __packed;
_Static_assert(sizeof(struct acpi_address) == 12, "ACPI 6.4 table 5.1");
#define ACPI_SPACE_IO	 1
#define ACPI_ACCESS_BYTE 1

struct acpi_fadt {
	struct acpi_header header;
	u32 firmware_ctrl, dsdt;
	u8 reserved1, preferred_pm_profile;
	u16 sci_int;
	u32 smi_cmd;
	u8 acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	u32 fixed_blocks[8]; /* PM1a_EVT_BLK .. GPE1_BLK: none on a hardware-reduced platform */
	u8 fixed_lengths[8]; /* PM1_EVT_LEN .. CST_CNT */
	u16 p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	u16 iapc_boot_arch;
	u8 reserved2;
	u32 flags;
	struct acpi_address reset_reg;
	u8 reset_value;
	u16 arm_boot_arch;
	u8 minor_version;
	u64 x_firmware_ctrl, x_dsdt;
	struct acpi_address x_fixed_blocks[8];
	struct acpi_address sleep_control_reg, sleep_status_reg;
	u64 hypervisor_id;
} __packed;
_Static_assert(sizeof(struct acpi_fadt) == 276, "ACPI 6.4 table 5.9");
_Static_assert(offsetof(struct acpi_fadt, flags) == 112, "ACPI 6.4 table 5.9");
_Static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "ACPI 6.4 table 5.9");

#define FADT_WBINVD	   BIT(0)
#define FADT_PROC_C1	   BIT(2)
#define FADT_PWR_BUTTON	   BIT(4) /* no fixed power button */
#define FADT_SLP_BUTTON	   BIT(5) /* no fixed sleep button */
#define FADT_RESET_REG_SUP BIT(10)
#define FADT_HW_REDUCED	   BIT(20)
#define FADT_BOOT_NO_VGA   BIT(2)
#define FADT_NO_C2	   101 /* latencies above these limits say: not supported */
#define FADT_NO_C3	   1001

struct acpi_madt {
	struct acpi_header header;
	u32 lapic_address;
	u32 flags; /* no 8259 */
} __packed;
_Static_assert(sizeof(struct acpi_madt) == 44, "ACPI 6.4 table 5.19");

struct madt_lapic {
	u8 type, length;
	u8 processor_uid, apic_id;
	u32 flags;
} __packed;
_Static_assert(sizeof(struct madt_lapic) == 8, "ACPI 6.4 table 5.21");
#define MADT_LAPIC		  0
#define MADT_LAPIC_ENABLED	  BIT(0)
#define MADT_LAPIC_ONLINE_CAPABLE BIT(1) /* not there, but may come */

struct madt_ioapic {
	u8 type, length;
	u8 ioapic_id, reserved;
	u32 address, gsi_base;
} __packed;
_Static_assert(sizeof(struct madt_ioapic) == 12, "ACPI 6.4 table 5.23");
#define MADT_IOAPIC 1

struct acpi_mcfg {
	struct acpi_header header;
	u64 reserved;
	u64 base;
	u16 segment;
	u8 first_bus, last_bus;
	u32 reserved2;
} __packed;
_Static_assert(sizeof(struct acpi_mcfg) == 60, "PCI firmware spec 3.2 table 4-2");

#define OEM_ID	     "FIRN  "
#define OEM_TABLE_ID "FIRNVM  "
#define OEM_REVISION 1
#define CREATOR_ID   "FIRN"

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
	memcpy(h->creator_id, CREATOR_ID, sizeof(h->creator_id));
	h->creator_revision = OEM_REVISION;
}

static void *add_table(struct builder *b, const char *signature, u8 revision, size_t len)
{
	struct acpi_header *h = add(b, len);

	if (!h)
		return NULL;
	memcpy(h->signature, signature, sizeof(h->signature));
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

static struct acpi_address io_byte(u16 port)
{
	return (struct acpi_address){
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
	struct acpi_fadt *fadt = add_table(b, "FACP", 6, sizeof(*fadt));

	if (!fadt)
		return 0;
	fadt->x_dsdt = dsdt;
	fadt->p_lvl2_lat = FADT_NO_C2;
	fadt->p_lvl3_lat = FADT_NO_C3;
	fadt->century = RTC_CENTURY;
	fadt->iapc_boot_arch = FADT_BOOT_NO_VGA;
	fadt->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_PWR_BUTTON | FADT_SLP_BUTTON |
		      FADT_RESET_REG_SUP | FADT_HW_REDUCED;
	fadt->reset_reg = io_byte(POWER_RESET_PORT);
	fadt->reset_value = POWER_RESET_VALUE;
	fadt->minor_version = 3;
	fadt->sleep_control_reg = io_byte(POWER_SLEEP_CONTROL_PORT);
	fadt->sleep_status_reg = io_byte(POWER_SLEEP_STATUS_PORT);
	finish(&fadt->header);
	return guest_address(b, fadt);
}

/* Online-capable is for CPUs that are not enabled (ACPI 6.4 table 5.22). */
static struct madt_lapic madt_lapic(const struct acpi_cpus *cpus, unsigned cpu)
{
	bool present = cpus->present >> cpu & 1;

	return (struct madt_lapic){
		.type = MADT_LAPIC,
		.length = sizeof(struct madt_lapic),
		.processor_uid = cpu,
		.apic_id = cpu,
		.flags = present ? MADT_LAPIC_ENABLED : MADT_LAPIC_ONLINE_CAPABLE,
	};
}

static u64 add_madt(struct builder *b, const struct acpi_cpus *cpus)
{
	size_t len = sizeof(struct acpi_madt) + cpus->max * sizeof(struct madt_lapic) +
		     sizeof(struct madt_ioapic);
	struct acpi_madt *madt = add_table(b, "APIC", 5, len);
	struct madt_lapic *lapic;
	struct madt_ioapic *ioapic;

	if (!madt)
		return 0;
	madt->lapic_address = GUEST_LAPIC_BASE;
	lapic = (struct madt_lapic *)(madt + 1);
	for (unsigned cpu = 0; cpu < cpus->max; cpu++)
		*lapic++ = madt_lapic(cpus, cpu);
	ioapic = (struct madt_ioapic *)lapic;
	*ioapic = (struct madt_ioapic){ MADT_IOAPIC, sizeof(*ioapic), 0, 0, GUEST_IOAPIC_BASE, 0 };
	finish(&madt->header);
	return guest_address(b, madt);
}

static u64 add_mcfg(struct builder *b)
{
	struct acpi_mcfg *mcfg = add_table(b, "MCFG", 1, sizeof(*mcfg));

	if (!mcfg)
		return 0;
	mcfg->base = GUEST_ECAM_BASE;
	mcfg->last_bus = GUEST_ECAM_SIZE / MiB - 1; /* one bus is 1 MiB */
	finish(&mcfg->header);
	return guest_address(b, mcfg);
}

static u64 add_xsdt(struct builder *b, const u64 table[XSDT_ENTRIES])
{
	struct acpi_xsdt *xsdt = add_table(b, "XSDT", 1, sizeof(*xsdt));

	if (!xsdt)
		return 0;
	memcpy(xsdt->table, table, sizeof(xsdt->table));
	finish(&xsdt->header);
	return guest_address(b, xsdt);
}

static void fill_rsdp(struct acpi_rsdp *rsdp, u64 xsdt)
{
	memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
	memcpy(rsdp->oem_id, OEM_ID, sizeof(rsdp->oem_id));
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt_address = xsdt;
	rsdp->checksum = checksum(rsdp, RSDP_V1_LENGTH);
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
