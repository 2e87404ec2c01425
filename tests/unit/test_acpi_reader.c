/* SPDX-License-Identifier: MIT */
/* The ACPI table reader on a small machine's tables, whole and broken in every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/acpi/acpi.h"
#include "core/acpi_layout.h"

#define BASE   0xe0000ull
#define SIZE   0x4000u
#define RSDP   BASE
#define RSDT   (BASE + 0x100)
#define XSDT   (BASE + 0x200)
#define MADT   (BASE + 0x400)
#define FADT   (BASE + 0x800)
#define DSDT   (BASE + 0x1000)
#define HPET   (BASE + 0x2000)
#define MCFG   (BASE + 0x2100)
#define SPCR   (BASE + 0x2200)
#define UNUSED (BASE + 0x2300)

static u8 memory[SIZE];
static struct acpi_info info;

static bool read_memory(void *ctx, u64 pa, void *buf, size_t len)
{
	(void)ctx;
	if (pa < BASE || pa - BASE > SIZE || len > SIZE - (pa - BASE))
		return false;
	memcpy(buf, memory + (pa - BASE), len);
	return true;
}
static const struct acpi_reader reader = { .read = read_memory };

static void *at(u64 pa)
{
	return memory + (pa - BASE);
}

static u8 sum(const u8 *bytes, size_t len)
{
	u8 total = 0;

	while (len--)
		total += *bytes++;
	return total;
}

static void fix_checksum(u64 pa)
{
	struct acpi_header *h = at(pa);

	h->checksum = 0;
	h->checksum = -sum(at(pa), h->length);
}

static void set_length(u64 pa, u32 length)
{
	((struct acpi_header *)at(pa))->length = length;
	fix_checksum(pa);
}

/* A table of this body behind the header. */
static void put_table(u64 pa, const char *signature, const void *body, size_t len)
{
	struct acpi_header *h = at(pa);

	memset(h, 0, sizeof(*h));
	memcpy(&h->signature, signature, 4);
	h->revision = 3;
	memcpy(h + 1, body, len);
	set_length(pa, sizeof(*h) + len);
}

static void put_rsdp(u8 revision)
{
	struct acpi_rsdp *r = at(RSDP);

	memset(r, 0, sizeof(*r));
	memcpy(r->signature, "RSD PTR ", 8);
	memcpy(r->oem_id, "FIRN\x01 ", 6);
	r->revision = revision;
	r->rsdt = RSDT;
	r->checksum = -sum(at(RSDP), ACPI_RSDP_V1_SIZE);
	if (revision < 2)
		return;
	r->length = sizeof(*r);
	r->xsdt = XSDT;
	r->checksum = 0;
	r->checksum = -sum(at(RSDP), ACPI_RSDP_V1_SIZE);
	r->extended_checksum = -sum(at(RSDP), sizeof(*r));
}

static void put_madt(void)
{
	static const u8 body[] = {
		0x00, 0x00, 0xe0, 0xfe, 1,    0,    0,	  0, /* LAPIC address, flags */
		0,    8,    0,	  0,	1,    0,    0,	  0, /* LAPIC 0 */
		0,    8,    1,	  2,	1,    0,    0,	  0, /* LAPIC 2 */
		0,    8,    2,	  4,	0,    0,    0,	  0, /* LAPIC 4, disabled */
		0,    8,    3,	  0xff, 1,    0,    0,	  0, /* broadcast */
		9,    16,   0,	  0,	2,    0,    0,	  0,	1,    0, 0, 0,
		1,    0,    0,	  0, /* x2APIC 2 again */
		9,    16,   0,	  0,	0,    1,    0,	  0,	1,    0, 0, 0,
		5,    0,    0,	  0,					       /* x2APIC 256 */
		1,    12,   7,	  0,	0x00, 0x00, 0xc0, 0xfe, 0,    0, 0, 0, /* IOAPIC */
		2,    10,   0,	  0,	2,    0,    0,	  0,	0,    0,       /* IRQ 0 -> GSI 2 */
		2,    10,   0,	  9,	9,    0,    0,	  0,	0x0f, 0, /* IRQ 9 low, level */
		2,    10,   0,	  5,	21,   0,    0,	  0,	0x0d, 0, /* IRQ 5 high, level */
		5,    12,   0,	  0,	0x00, 0x10, 0xe0, 0xfe, 1,    0, 0, 0, /* LAPIC address */
		0x80, 4,    1,	  2,					       /* a vendor's */
	};

	put_table(MADT, "APIC", body, sizeof(body));
}

static struct acpi_fadt *put_fadt(void)
{
	struct acpi_fadt f = {
		.dsdt = DSDT,
		.sci_irq = 9,
		.smi_command = 0xb2,
		.acpi_enable = 0xf1,
		.pm1a_control = 0x604,
		.pm_timer = 0x608,
		.flags = FADT_PM_TIMER_32BIT | FADT_RESET_SUPPORTED,
		.reset = { ACPI_SPACE_IO, 8, 0, 1, 0xcf9 },
		.reset_value = 6,
		.boot_arch = FADT_BOOT_8042,
	};

	put_table(FADT, "FACP", (u8 *)&f + sizeof(f.header), sizeof(f) - sizeof(f.header));
	return at(FADT);
}

static const u8 s5_aml[] = { 0x08, '\\', '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 5, 0x0a, 4, 0, 0 };

static int setup(void **state)
{
	static const struct acpi_mcfg_entry ecam = { 0xb0000000, 0, 0, 255, 0 };
	static const u8 hpet[] = { 1, 2, 3, 4, 0, 64, 0, 0, 0, 0, 0xd0, 0xfe, 0, 0, 0, 0, 0, 0 };
	static const u8 spcr[] = { 1, 0, 0, 0, 1, 8, 0, 0, 0xf8, 2, 0, 0, 0, 0, 0, 0 };
	u32 rsdt[] = { MADT, FADT };
	u64 xsdt[] = { MADT, FADT, HPET, MCFG, SPCR };
	u8 mcfg[8 + sizeof(ecam)] = { 0 }, dsdt[64] = { 0 };

	(void)state;
	memset(memory, 0xff, sizeof(memory));
	memcpy(mcfg + 8, &ecam, sizeof(ecam));
	memcpy(dsdt + 20, s5_aml, sizeof(s5_aml));
	put_rsdp(2);
	put_table(RSDT, "RSDT", rsdt, sizeof(rsdt));
	put_table(XSDT, "XSDT", xsdt, sizeof(xsdt));
	put_madt();
	put_fadt();
	put_table(DSDT, "DSDT", dsdt, sizeof(dsdt));
	put_table(HPET, "HPET", hpet, sizeof(hpet));
	put_table(MCFG, "MCFG", mcfg, sizeof(mcfg));
	put_table(SPCR, "SPCR", spcr, sizeof(spcr));
	return 0;
}

static void read_all(void)
{
	assert_int_equal(acpi_read(&reader, RSDP, &info), FIRN_OK);
	assert_true(info.present);
}

static void whole_machine(void **state)
{
	(void)state;
	read_all();
	assert_int_equal(info.revision, 2);
	assert_string_equal(info.oem, "FIRN");
	assert_int_equal(info.bad_tables, 0);

	assert_true(info.has_madt);
	assert_int_equal(info.lapic_address, 0x1fee01000);
	assert_int_equal(info.nr_cpus, 3);
	assert_int_equal(info.cpu_apic_id[0], 0);
	assert_int_equal(info.cpu_apic_id[1], 2);
	assert_int_equal(info.cpu_apic_id[2], 256);
	assert_int_equal(info.nr_ioapics, 1);
	assert_int_equal(info.ioapic[0].address, 0xfec00000);
	assert_int_equal(info.isa[0].gsi, 2);
	assert_false(info.isa[0].level || info.isa[0].active_low);
	assert_int_equal(info.isa[4].gsi, 4);
	assert_int_equal(info.isa[5].gsi, 21);
	assert_true(info.isa[5].level && !info.isa[5].active_low);
	assert_true(info.isa[9].level && info.isa[9].active_low);

	assert_true(info.has_fadt && !info.no_8042);
	assert_int_equal(info.pm1a_control, 0x604);
	assert_int_equal(info.pm1b_control, 0);
	assert_int_equal(info.pm_timer, 0x608);
	assert_true(info.pm_timer_32bit);
	assert_true(info.reset_supported);
	assert_int_equal(info.reset.address, 0xcf9);
	assert_int_equal(info.reset_value, 6);
	assert_true(info.has_s5);
	assert_int_equal(info.s5_type_a, 5);
	assert_int_equal(info.s5_type_b, 4);

	assert_int_equal(info.hpet, 0xfed00000);
	assert_int_equal(info.nr_ecam, 1);
	assert_int_equal(info.ecam[0].base, 0xb0000000);
	assert_int_equal(info.serial.address, 0x2f8);
}

static void no_rsdp(void **state)
{
	(void)state;
	assert_int_equal(acpi_read(&reader, 0, &info), ERR_NOENT);
	assert_false(info.present);
	assert_int_equal(info.lapic_address, 0xfee00000);
	assert_int_equal(info.isa[15].gsi, 15);
	assert_int_equal(acpi_read(&reader, 0x1000, &info), ERR_IO);
	assert_int_equal(acpi_read(&reader, ~0ull, &info), ERR_IO);
	assert_int_equal(acpi_read(&reader, UNUSED, &info), ERR_FORMAT);
	assert_false(info.present);
}

static void old_rsdp_uses_the_rsdt(void **state)
{
	(void)state;
	put_rsdp(0);
	read_all();
	assert_int_equal(info.revision, 0);
	assert_true(info.has_madt && info.has_fadt);
	assert_int_equal(info.hpet, 0);
}

static void bad_extended_checksum_uses_the_rsdt(void **state)
{
	(void)state;
	((struct acpi_rsdp *)at(RSDP))->extended_checksum++;
	read_all();
	assert_int_equal(info.hpet, 0);
	assert_true(info.has_madt);
}

static void bad_xsdt_uses_the_rsdt(void **state)
{
	(void)state;
	((struct acpi_header *)at(XSDT))->checksum++;
	read_all();
	assert_true(info.has_madt && !info.hpet);
	((struct acpi_header *)at(RSDT))->checksum++;
	assert_int_equal(acpi_read(&reader, RSDP, &info), ERR_FORMAT);
}

static void root_table_of_the_wrong_kind(void **state)
{
	(void)state;
	memcpy(at(XSDT), "XXXX", 4);
	memcpy(at(RSDT), "XSDT", 4);
	fix_checksum(XSDT);
	fix_checksum(RSDT);
	assert_int_equal(acpi_read(&reader, RSDP, &info), ERR_FORMAT);
}

static void one_bad_table_leaves_the_others(void **state)
{
	static const u64 tables[] = { MADT, FADT, HPET, MCFG, SPCR };

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		setup(state);
		((u8 *)at(tables[i]))[sizeof(struct acpi_header)] ^= 0x40;
		read_all();
		assert_int_equal(info.bad_tables, 1);
		assert_int_equal(info.has_madt, tables[i] != MADT);
		assert_int_equal(info.has_fadt, tables[i] != FADT);
		assert_int_equal(info.hpet != 0, tables[i] != HPET);
		assert_int_equal(info.nr_ecam, tables[i] != MCFG);
		assert_int_equal(info.serial.address != 0, tables[i] != SPCR);
	}
}

static void lengths_that_lie(void **state)
{
	static const u32 lengths[] = { 0, 1, 35, ACPI_TABLE_MAX + 1, 0xffffffff };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		setup(state);
		((struct acpi_header *)at(MADT))->length = lengths[i];
		read_all();
		assert_false(info.has_madt);
		assert_int_equal(info.bad_tables, 1);
	}
}

static void truncated_everywhere(void **state)
{
	static const u64 tables[] = { MADT, FADT, DSDT, HPET, MCFG, SPCR, XSDT };

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		u32 whole;

		setup(state);
		whole = ((struct acpi_header *)at(tables[i]))->length;
		for (u32 length = sizeof(struct acpi_header); length < whole; length++) {
			set_length(tables[i], length);
			read_all();
			assert_true(info.nr_cpus <= 3 && info.nr_ecam <= 1);
		}
	}
}

static void madt_entry_without_length_ends_the_walk(void **state)
{
	u8 *entry = (u8 *)at(MADT) + sizeof(struct acpi_madt) + 8; /* the second one */

	(void)state;
	entry[1] = 0;
	fix_checksum(MADT);
	read_all();
	assert_int_equal(info.nr_cpus, 1);
	assert_int_equal(info.bad_tables, 1);
	entry[1] = 7; /* shorter than a LAPIC entry is */
	fix_checksum(MADT);
	read_all();
	assert_int_equal(info.nr_cpus, 1);
	entry[1] = 0xff; /* beyond the table */
	fix_checksum(MADT);
	read_all();
	assert_int_equal(info.nr_cpus, 1);
}

static void more_cpus_than_fit(void **state)
{
	static u8 body[8 + 16 * (ACPI_MAX_CPUS + 3)];

	(void)state;
	for (u32 i = 0; i < ACPI_MAX_CPUS + 3; i++) {
		struct acpi_madt_x2apic e = { { MADT_X2APIC, 16 }, 0, i, MADT_CPU_ENABLED, i };

		memcpy(body + 8 + 16 * i, &e, sizeof(e));
	}
	/* In the place of what follows it: only the MADT is looked at here. */
	memset(memory + (MADT - BASE), 0, SIZE - (MADT - BASE));
	_Static_assert(sizeof(body) + 64 < SIZE - (MADT - BASE), "fits");
	put_table(MADT, "APIC", body, sizeof(body));
	read_all();
	assert_int_equal(info.nr_cpus, ACPI_MAX_CPUS);
	assert_true(info.cpus_truncated);
}

static void fadt_of_the_first_revision(void **state)
{
	(void)state;
	((struct acpi_header *)at(FADT))->revision = 1;
	set_length(FADT, FADT_V1_SIZE);
	read_all();
	assert_true(info.has_fadt && !info.reset_supported && !info.no_8042);
	assert_true(info.has_s5);
	set_length(FADT, FADT_V1_SIZE - 1);
	read_all();
	assert_false(info.has_fadt);
}

static void fadt_values_out_of_range(void **state)
{
	struct acpi_fadt *f = at(FADT);

	(void)state;
	f->pm_timer = 0x10000;
	f->reset.address = 0x10000;
	f->dsdt = 0;
	f->boot_arch = 0;
	fix_checksum(FADT);
	read_all();
	assert_int_equal(info.pm_timer, 0);
	assert_false(info.reset_supported);
	assert_false(info.has_s5);
	assert_true(info.no_8042);
	assert_int_equal(info.bad_tables, 1);
	f->reset.address = 0xfed00000;
	f->reset.space = ACPI_SPACE_MEMORY;
	f->dsdt = UNUSED; /* no table there */
	f->x_dsdt = DSDT;
	fix_checksum(FADT);
	read_all();
	assert_true(info.reset_supported && info.has_s5);
	f->reset.space = 2; /* PCI configuration space: no driver for it */
	fix_checksum(FADT);
	read_all();
	assert_false(info.reset_supported);
}

static bool find(const void *aml, size_t len, u8 *a, u8 *b)
{
	u8 *copy = malloc(len); /* exactly, for the sanitizer */
	bool found;

	memcpy(copy, aml, len);
	found = acpi_find_s5(copy, len, a, b);
	free(copy);
	return found;
}
#define FIND(...) find((u8[]){ __VA_ARGS__ }, sizeof((u8[]){ __VA_ARGS__ }), &a, &b)

static void s5_encodings(void **state)
{
	u8 a = 0, b = 0;

	(void)state;
	assert_true(FIND(8, '_', 'S', '5', '_', 0x12, 4, 2, 0x0a, 7, 1));
	assert_int_equal(a, 7);
	assert_int_equal(b, 1);
	assert_true(FIND(8, '_', 'S', '5', '_', 0x12, 3, 1, 1)); /* one element: for both */
	assert_int_equal(b, 1);
	assert_true(FIND(8, '_', 'S', '5', '_', 0x12, 0x47, 0, 2, 0x0b, 5, 0, 0x0c, 5, 0, 0, 0));
	assert_int_equal(a, 5);
	assert_int_equal(b, 5);
	assert_false(FIND('_', 'S', '5', '_', 0x12, 3, 1, 1));		/* not a Name */
	assert_false(FIND(7, '_', 'S', '5', '_', 0x12, 3, 1, 1));	/* not a Name */
	assert_false(FIND(8, '_', 'S', '5', '_', 0x14, 3, 1, 1));	/* not a package */
	assert_false(FIND(8, '_', 'S', '5', '_', 0x12, 3, 0));		/* empty */
	assert_false(FIND(8, '_', 'S', '5', '_', 0x12, 4, 1, 0x0a, 8)); /* does not fit SLP_TYP */
	assert_false(FIND(8, '_', 'S', '5', '_', 0x12, 4, 1, 0x70));	/* not a constant */
	assert_false(FIND(8, '_', 'S', '5'));
	/* Code that uses the name comes before its definition. */
	assert_true(FIND('_', 'S', '5', '_', 0, 8, '_', 'S', '5', '_', 0x12, 4, 2, 0, 0));
	for (size_t len = 1; len < sizeof(s5_aml) - 2; len++)
		assert_false(find(s5_aml, len, &a, &b));
	assert_true(find(s5_aml, sizeof(s5_aml) - 2, &a, &b));
}

/* Wherever it lies, also across the pieces in which a large DSDT is read. */
static void s5_at_every_offset(void **state)
{
	static u8 dsdt[0xe00];

	for (size_t offset = 0; offset + sizeof(s5_aml) <= sizeof(dsdt); offset++) {
		setup(state);
		memset(dsdt, 0xa3, sizeof(dsdt)); /* Noop */
		memcpy(dsdt + offset, s5_aml, sizeof(s5_aml));
		put_table(DSDT, "DSDT", dsdt, sizeof(dsdt));
		read_all();
		assert_true(info.has_s5);
		assert_int_equal(info.s5_type_a, 5);
		assert_int_equal(info.s5_type_b, 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whole_machine, setup),
		cmocka_unit_test_setup(no_rsdp, setup),
		cmocka_unit_test_setup(old_rsdp_uses_the_rsdt, setup),
		cmocka_unit_test_setup(bad_extended_checksum_uses_the_rsdt, setup),
		cmocka_unit_test_setup(bad_xsdt_uses_the_rsdt, setup),
		cmocka_unit_test_setup(root_table_of_the_wrong_kind, setup),
		cmocka_unit_test_setup(one_bad_table_leaves_the_others, setup),
		cmocka_unit_test_setup(lengths_that_lie, setup),
		cmocka_unit_test_setup(truncated_everywhere, setup),
		cmocka_unit_test_setup(madt_entry_without_length_ends_the_walk, setup),
		cmocka_unit_test_setup(more_cpus_than_fit, setup),
		cmocka_unit_test_setup(fadt_of_the_first_revision, setup),
		cmocka_unit_test_setup(fadt_values_out_of_range, setup),
		cmocka_unit_test(s5_encodings),
		cmocka_unit_test(s5_at_every_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
