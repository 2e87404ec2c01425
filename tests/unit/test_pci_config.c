/* SPDX-License-Identifier: MIT */
/* Ways to configuration space: tables that lie, ECAM addresses, ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/pci/pci_internal.h"
#include "fake.h"

#define ECAM_BASE 0xe0000000ull
#define BUS_SIZE  MiB

static struct acpi_info acpi;
static struct handover handover;
static u64 mapped_at, mapped_size;
static bool map_fails;
static u8 *ecam;

void *mmio_map(u64 pa, size_t len, enum mmio_type type)
{
	assert_int_equal(type, MMIO_UC);
	if (map_fails)
		return NULL;
	mapped_at = pa;
	mapped_size = len;
	free(ecam);
	ecam = calloc(1, len);
	return ecam;
}

/* The last address written, and a data register of four bytes. */
static u32 address_port;
static u8 data_port[4];
static unsigned accesses;

u32 fake_in(u16 port, unsigned width)
{
	u32 value = 0;

	accesses++;
	assert_in_range(port, 0xcfc, 0xd00 - width);
	memcpy(&value, data_port + port - 0xcfc, width);
	return value;
}

void fake_out(u16 port, u32 value, unsigned width)
{
	accesses++;
	if (port == 0xcf8) {
		assert_int_equal(width, 4);
		address_port = value;
		return;
	}
	assert_in_range(port, 0xcfc, 0xd00 - width);
	memcpy(data_port + port - 0xcfc, &value, width);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	memset(&acpi, 0, sizeof(acpi));
	memset(&handover, 0, sizeof(handover));
	memset(data_port, 0, sizeof(data_port));
	mapped_at = mapped_size = address_port = accesses = 0;
	map_fails = false;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(ecam);
	ecam = NULL;
	return 0;
}

static void add_ecam(u64 base, u16 segment, u8 first, u8 last)
{
	acpi.ecam[acpi.nr_ecam++] = (struct acpi_ecam){ base, segment, first, last };
}

static const struct pci_range *find(unsigned expected)
{
	unsigned count;
	const struct pci_range *ranges = pci_find_ranges(&acpi, &handover, &count);

	assert_int_equal(count, expected);
	return ranges;
}

static void test_ecam(void **state)
{
	struct pci_address a = { .bus = 3, .device = 31, .function = 7 };
	u8 *config;

	(void)state;
	add_ecam(ECAM_BASE, 0, 0, 3);
	assert_non_null(find(1)[0].ecam);
	assert_int_equal(mapped_at, ECAM_BASE);
	assert_int_equal(mapped_size, 4 * BUS_SIZE);
	config = ecam + 3 * BUS_SIZE + (31 << 15) + (7 << 12);
	assert_ptr_equal(config + 4096, ecam + mapped_size);
	config[0] = 0x86;
	config[1] = 0x80;
	config[4095] = 0x5a;
	assert_int_equal(pci_read8(a, 1), 0x80);
	assert_int_equal(pci_read16(a, 0), 0x8086);
	assert_int_equal(pci_read32(a, 0), 0x8086);
	assert_int_equal(pci_read8(a, 4095), 0x5a);
	pci_write8(a, 0x41, 0x12);
	pci_write16(a, 0x42, 0x3456);
	pci_write32(a, 0xffc, 0x789abcde);
	assert_memory_equal(config + 0x40, "\0\x12\x56\x34\0", 5);
	assert_memory_equal(config + 0xffc, "\xde\xbc\x9a\x78", 4);
	assert_int_equal(accesses, 0);
}

/* The table has the address of bus 0, also where the first bus is another. */
static void test_ecam_from_another_bus(void **state)
{
	struct pci_address a = { .segment = 7, .bus = 0x80 };

	(void)state;
	add_ecam(ECAM_BASE, 7, 0x80, 0x81);
	assert_non_null(find(2)[0].ecam);
	assert_null(find(2)[1].ecam); /* segment 0 */
	assert_int_equal(mapped_at, ECAM_BASE + 0x80 * BUS_SIZE);
	assert_int_equal(mapped_size, 2 * BUS_SIZE);
	ecam[4] = 0x77;
	assert_int_equal(pci_read8(a, 4), 0x77);
	a.bus = 0x7f;
	assert_int_equal(pci_read8(a, 4), 0xff);
	a.bus = 0x82;
	assert_int_equal(pci_read8(a, 4), 0xff);
}

static void test_nothing_there(void **state)
{
	struct pci_address a = { .segment = 1 }, device = { .device = 32 },
			   function = { .function = 8 }, good = { 0 };

	(void)state;
	add_ecam(ECAM_BASE, 0, 0, 0);
	find(1);
	assert_int_equal(pci_read32(a, 0), 0xffffffff);
	assert_int_equal(pci_read32(device, 0), 0xffffffff);
	assert_int_equal(pci_read16(function, 0), 0xffff);
	assert_int_equal(pci_read8(good, 4096), 0xff);
	assert_int_equal(pci_read32(good, 4094), 0xffffffff);
	assert_int_equal(pci_read16(good, 1), 0xffff);
	pci_write32(good, 4096, 0);
	pci_write32(good, 0xfffffffc, 0);
	pci_write32(good, 2, 0x11111111);
	pci_write16(device, 0, 0x1111);
	pci_write8(a, 0, 0x11);
	for (size_t i = 0; i < mapped_size; i++)
		assert_int_equal(ecam[i], 0);
	assert_int_equal(accesses, 0);
}

static void test_ports(void **state)
{
	struct pci_address a = { .bus = 0xfe, .device = 0x11, .function = 5 };

	(void)state;
	assert_null(find(1)[0].ecam);
	memcpy(data_port, "\x10\x32\x54\x76", 4);
	assert_int_equal(pci_read32(a, 0x44), 0x76543210);
	assert_int_equal(address_port, 0x80fe8d44);
	assert_int_equal(pci_read16(a, 0x46), 0x7654);
	assert_int_equal(address_port, 0x80fe8d44);
	assert_int_equal(pci_read8(a, 0xff), 0x76);
	assert_int_equal(address_port, 0x80fe8dfc);
	pci_write8(a, 0x41, 0xaa);
	assert_int_equal(address_port, 0x80fe8d40);
	assert_memory_equal(data_port, "\x10\xaa\x54\x76", 4);
	pci_write16(a, 0x42, 0xbbcc);
	pci_write32(a, 0, 0xddeeff00);
	assert_memory_equal(data_port, "\x00\xff\xee\xdd", 4);
	accesses = 0;
	assert_int_equal(pci_read32(a, 0x100), 0xffffffff);
	a.segment = 1;
	assert_int_equal(pci_read32(a, 0), 0xffffffff);
	pci_write32(a, 0, 0);
	assert_int_equal(accesses, 0);
}

/* Each is left out with a line in the log, and segment 0 falls back to the ports. */
static void test_refused(void **state)
{
	static const struct acpi_ecam bad[] = {
		{ ECAM_BASE + 0x1000, 0, 0, 255 },  /* not aligned */
		{ ~0ull - MiB + 1, 0, 0, 1 },	    /* wraps */
		{ ~0ull - 2 * MiB + 1, 0, 16, 17 }, /* so does the first bus */
		{ 0x40000000, 0, 0, 255 },	    /* RAM */
		{ 0x30000000, 0, 0, 255 },	    /* its end is in RAM */
		{ 0x7ff00000, 0, 0, 0 },	    /* the last of RAM */
	};

	(void)state;
	handover.nr_memory = 2;
	handover.memory[0] =
		(struct handover_memory){ 0x3f000000, 0x41000000, HANDOVER_MEM_FREE, 0 };
	handover.memory[1] =
		(struct handover_memory){ ECAM_BASE, 256 * MiB, HANDOVER_MEM_RESERVED, 0 };
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		acpi.nr_ecam = 0;
		add_ecam(bad[i].base, 0, bad[i].first_bus, bad[i].last_bus);
		assert_null(find(1)[0].ecam);
		assert_int_equal(mapped_size, 0);
	}
	acpi.nr_ecam = 0;
	add_ecam(0x80000000, 0, 0, 255); /* right behind RAM */
	assert_non_null(find(1)[0].ecam);
	map_fails = true;
	assert_null(find(1)[0].ecam);
}

static void test_overlapping_ranges(void **state)
{
	const struct pci_range *ranges;

	(void)state;
	add_ecam(ECAM_BASE, 0, 0, 9);
	add_ecam(ECAM_BASE + GiB, 0, 9, 20);
	add_ecam(ECAM_BASE, 1, 9, 9);
	ranges = find(2);
	assert_int_equal(ranges[0].last_bus, 9);
	assert_int_equal(ranges[1].segment, 1);
}

/* As many as the reader of the tables gives, and the ports. */
static void test_most_ranges(void **state)
{
	const struct pci_range *ranges;

	(void)state;
	for (unsigned i = 0; i < ACPI_MAX_ECAM; i++)
		add_ecam(ECAM_BASE, i + 1, 0, 0);
	ranges = find(ACPI_MAX_ECAM + 1);
	assert_null(ranges[ACPI_MAX_ECAM].ecam);
	assert_int_equal(ranges[ACPI_MAX_ECAM].segment, 0);
	assert_int_equal(ranges[ACPI_MAX_ECAM].last_bus, 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ecam, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ecam_from_another_bus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overlapping_ranges, setup, teardown),
		cmocka_unit_test_setup_teardown(test_most_ranges, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
