/* SPDX-License-Identifier: MIT */
/* PCI host: both configuration mechanisms, absent functions, access widths. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/vdev/pci_host.h"

#define ADDRESS 0
#define DATA	4
#define DEVFN	(5 << 3 | 2)

static struct pci_host host;

/* A function whose registers are memory. */
static struct {
	struct pci_function function;
	u8 config[4096];
	unsigned accesses;
} device;

static u32 device_read(struct pci_function *function, unsigned offset, unsigned width)
{
	u32 value = 0;

	assert_ptr_equal(function, &device.function);
	device.accesses++;
	memcpy(&value, &device.config[offset], width);
	return value;
}

static void device_write(struct pci_function *function, unsigned offset, unsigned width, u32 value)
{
	assert_ptr_equal(function, &device.function);
	device.accesses++;
	memcpy(&device.config[offset], &value, width);
}

/* The register at port 0xcf9 */
static unsigned reset_reads;
static u64 reset_written;

static u64 reset_read(void *dev, u64 offset, unsigned width)
{
	assert_ptr_equal(dev, &reset_reads);
	assert_int_equal(offset, 0);
	assert_int_equal(width, 1);
	reset_reads++;
	return 0x4e;
}

static void reset_write(void *dev, u64 offset, unsigned width, u64 value)
{
	assert_ptr_equal(dev, &reset_reads);
	assert_int_equal(offset, 0);
	assert_int_equal(width, 1);
	reset_written = value;
}

static const struct iodev_ops reset_ops = { "reset", reset_read, reset_write };

static int setup(void **state)
{
	(void)state;
	memset(&device, 0, sizeof(device));
	reset_reads = 0;
	reset_written = 0;
	for (unsigned i = 0; i < sizeof(device.config); i++)
		device.config[i] = i ^ i >> 8;
	device.function.config_read = device_read;
	device.function.config_write = device_write;
	pci_host_init(&host, &reset_ops, &reset_reads);
	assert_int_equal(pci_host_add(&host, DEVFN, &device.function), FIRN_OK);
	return 0;
}

static u64 ecam_read(u8 devfn, unsigned offset, unsigned width)
{
	return pci_host_ecam_ops.read(&host, (u64)devfn << 12 | offset, width);
}

static void ecam_write(u8 devfn, unsigned offset, unsigned width, u64 value)
{
	pci_host_ecam_ops.write(&host, (u64)devfn << 12 | offset, width, value);
}

static u64 port_read(u64 port, unsigned width)
{
	return pci_host_port_ops.read(&host, port, width);
}

static void port_write(u64 port, unsigned width, u64 value)
{
	pci_host_port_ops.write(&host, port, width, value);
}

static void select_register(u8 bus, u8 devfn, u8 reg)
{
	port_write(ADDRESS, 4, 0x80000000u | (u32)bus << 16 | (u32)devfn << 8 | reg);
}

static void test_host_bridge(void **state)
{
	(void)state;
	assert_int_equal(ecam_read(0, 0, 4), 0x00081b36);
	assert_int_equal(ecam_read(0, 0, 2), 0x1b36);
	assert_int_equal(ecam_read(0, 2, 2), 0x0008);
	assert_int_equal(ecam_read(0, 3, 1), 0);
	assert_int_equal(ecam_read(0, 8, 4), 0x06000000);
	assert_int_equal(ecam_read(0, 0xb, 1), 0x06);
	assert_int_equal(ecam_read(0, 0, 8), 0x0000000000081b36ull);
	for (unsigned offset = 0; offset < 4096; offset += 4)
		if (offset != 0 && offset != 8)
			assert_int_equal(ecam_read(0, offset, 4), 0);
	ecam_write(0, 0, 4, 0);
	ecam_write(0, 0x10, 4, ~0u); /* no BARs */
	assert_int_equal(ecam_read(0, 0, 4), 0x00081b36);
	assert_int_equal(ecam_read(0, 0x10, 4), 0);
}

static void test_absent_functions(void **state)
{
	(void)state;
	for (unsigned devfn = 1; devfn < 256; devfn++) {
		if (devfn == DEVFN)
			continue;
		assert_int_equal(ecam_read(devfn, 0, 1), 0xff);
		assert_int_equal(ecam_read(devfn, 0, 2), 0xffff);
		assert_int_equal(ecam_read(devfn, 0, 4), 0xffffffff);
		assert_true(ecam_read(devfn, 0, 8) == ~0ull);
		ecam_write(devfn, 4, 4, ~0u);
		select_register(0, devfn, 0);
		assert_int_equal(port_read(DATA, 4), 0xffffffff);
	}
	assert_int_equal(device.accesses, 0);
}

static void test_ecam_widths(void **state)
{
	u32 dword;

	(void)state;
	for (unsigned width = 1; width <= 4; width *= 2) {
		for (unsigned offset = 0; offset < 4096; offset += width) {
			u32 value = 0;

			memcpy(&value, &device.config[offset], width);
			assert_int_equal(ecam_read(DEVFN, offset, width), value);
		}
	}
	ecam_write(DEVFN, 0x101, 1, 0x1234567890abcdefull);
	assert_int_equal(device.config[0x101], 0xef);
	assert_int_equal(device.config[0x102], 0x02 ^ 0x01);
	ecam_write(DEVFN, 0xff8, 8, 0x1122334455667788ull);
	memcpy(&dword, &device.config[0xff8], 4);
	assert_int_equal(dword, 0x55667788);
	assert_true(ecam_read(DEVFN, 0xff8, 8) == 0x1122334455667788ull);
}

static void test_misaligned_accesses(void **state)
{
	(void)state;
	assert_int_equal(ecam_read(DEVFN, 1, 2), 0xffff);
	assert_int_equal(ecam_read(DEVFN, 2, 4), 0xffffffff);
	assert_int_equal(ecam_read(DEVFN, 0xfff, 2), 0xffff);
	assert_int_equal(ecam_read(DEVFN, 0xffd, 4), 0xffffffff);
	assert_int_equal(ecam_read(DEVFN, 0xffc, 8) >> 32, 0xffffffff);
	device.accesses = 0;
	ecam_write(DEVFN, 1, 2, 0);
	ecam_write(DEVFN, 0xffe, 4, 0);
	assert_int_equal(device.accesses, 0);
}

static void test_config_ports(void **state)
{
	(void)state;
	select_register(0, DEVFN, 0x40);
	assert_int_equal(port_read(ADDRESS, 4), 0x80000000u | DEVFN << 8 | 0x40);
	assert_int_equal(port_read(DATA, 4), 0x43424140);
	assert_int_equal(port_read(DATA + 1, 1), 0x41);
	assert_int_equal(port_read(DATA + 2, 2), 0x4342);
	assert_int_equal(port_read(DATA + 1, 2), 0xffff); /* misaligned */
	port_write(DATA + 3, 1, 0x99);
	port_write(DATA, 2, 0x7788);
	assert_int_equal(port_read(DATA, 4), 0x99427788);
	/* the low two bits of the address do not exist */
	port_write(ADDRESS, 4, 0xffffffff);
	assert_int_equal(port_read(ADDRESS, 4), 0x80fffffc);
	pci_host_reset(&host);
	assert_int_equal(port_read(ADDRESS, 4), 0);
}

static void test_config_ports_other_buses_and_disabled(void **state)
{
	(void)state;
	select_register(1, DEVFN, 0);
	assert_int_equal(port_read(DATA, 4), 0xffffffff);
	port_write(DATA, 4, 0);
	port_write(ADDRESS, 4, DEVFN << 8);
	assert_int_equal(port_read(DATA, 4), 0xffffffff);
	assert_int_equal(port_read(DATA, 1), 0xff);
	port_write(DATA, 4, 0);
	assert_int_equal(device.accesses, 0);
}

/* How Linux tells mechanism 1 from 2: byte writes must not reach CONFIG_ADDRESS. */
static void test_mechanism_probe(void **state)
{
	(void)state;
	port_write(3, 1, 0x01);
	port_write(ADDRESS, 4, 0x80000000);
	assert_int_equal(port_read(ADDRESS, 4), 0x80000000);
	port_write(ADDRESS, 1, 0);
	port_write(2, 2, 0);
	assert_int_equal(port_read(ADDRESS, 4), 0x80000000);
	assert_int_equal(port_read(ADDRESS, 1), 0xff);
	assert_int_equal(port_read(2, 2), 0xffff);
}

static void test_reset_register_is_forwarded(void **state)
{
	(void)state;
	assert_int_equal(port_read(1, 1), 0x4e);
	port_write(1, 1, 0x06);
	assert_int_equal(reset_written, 0x06);
	port_write(1, 2, 0x0e0e); /* not a byte */
	assert_int_equal(port_read(1, 2), 0xffff);
	assert_int_equal(reset_reads, 1);
	assert_int_equal(reset_written, 0x06);
}

static void test_add_refuses_taken_places(void **state)
{
	struct pci_function other = { device_read, device_write };

	(void)state;
	assert_int_equal(pci_host_add(&host, 0, &other), ERR_EXIST);
	assert_int_equal(pci_host_add(&host, DEVFN, &other), ERR_EXIST);
	assert_int_equal(ecam_read(DEVFN, 4, 1), 4);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_host_bridge),
		TEST(test_absent_functions),
		TEST(test_ecam_widths),
		TEST(test_misaligned_accesses),
		TEST(test_config_ports),
		TEST(test_config_ports_other_buses_and_disabled),
		TEST(test_mechanism_probe),
		TEST(test_reset_register_is_forwarded),
		TEST(test_add_refuses_taken_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
