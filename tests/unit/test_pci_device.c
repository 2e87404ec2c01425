/* SPDX-License-Identifier: MIT */
/* PCI functions: configuration space, BARs that the guest sizes and moves, MSI-X. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/guest_layout.h"
#include "virtio_fixture.h"

#define SLOT	 5
#define WINDOW	 (GUEST_PCI_MMIO_START + SLOT * 16 * MiB)
#define VECTORS	 70
#define ALL_ONES 0xffffffffu

static struct pci_device dev, other;

static u64 bar_read(void *bar, u64 offset, unsigned width)
{
	(void)width;
	return (uintptr_t)bar + offset;
}

static void bar_write(void *bar, u64 offset, unsigned width, u64 value)
{
	(void)bar;
	(void)offset;
	(void)width;
	(void)value;
}

static const struct iodev_ops bar_ops = { .name = "bar", .read = bar_read, .write = bar_write };

static void make(struct pci_device *d, unsigned slot, u64 size)
{
	pci_device_init(d, &fixture_vm->vm, slot, &fixture_id, NULL);
	pci_device_add_bar(d, 0, size, &bar_ops, (void *)0x1000);
	assert_int_equal(pci_device_add_msix(d, 2, VECTORS), FIRN_OK);
}

static int setup(void **state)
{
	(void)state;
	virtio_fixture_begin();
	make(&dev, SLOT, 64 * KiB);
	assert_int_equal(pci_device_attach(&dev, &fixture_vm->vm.vdevs->pci), FIRN_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pci_device_destroy(&dev);
	virtio_fixture_end();
	return 0;
}

static bool answers(u64 address)
{
	return iobus_find(&fixture_vm->vm.mmio, address, 1) != NULL;
}

static void test_header(void **state)
{
	(void)state;
	assert_int_equal(config_get(SLOT, 0, 4), 0x56781234);
	assert_int_equal(config_get(SLOT, 8, 4), 0x01020303);
	assert_int_equal(config_get(SLOT, 0x2c, 4), 0xdef09abc);
	assert_int_equal(config_get(SLOT, 0x0e, 1), 0);	 /* type 0, one function */
	assert_int_equal(config_get(SLOT, 0x3d, 1), 0);	 /* no interrupt pin */
	assert_int_equal(config_get(SLOT, 4, 2), 2);	 /* memory on, bus master off */
	assert_int_equal(config_get(SLOT, 6, 2), 0x10);	 /* capabilities */
	assert_int_equal(config_get(SLOT, 0x100, 4), 0); /* no extended capabilities */
	assert_int_equal(config_get(SLOT, 0xffc, 4), 0);
	assert_int_equal(config_get(SLOT + 1, 0, 4), ALL_ONES);
}

static void test_read_only_registers(void **state)
{
	static const struct {
		unsigned offset, width;
		u32 writable;
	} rows[] = {
		{ 0x00, 4, 0 },	   { 0x04, 2, 0x0546 },	  { 0x06, 2, 0 },    { 0x08, 4, 0 },
		{ 0x0c, 4, 0xff }, { 0x18, 4, ~0x1fffu }, { 0x24, 4, 0 },    { 0x28, 4, 0 },
		{ 0x30, 4, 0 },	   { 0x34, 4, 0 },	  { 0x3c, 4, 0xff }, { 0x100, 4, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		u32 before = config_get(SLOT, rows[i].offset, rows[i].width);
		u32 keep = before & ~rows[i].writable, w = rows[i].writable;

		config_set(SLOT, rows[i].offset, rows[i].width, ALL_ONES);
		assert_int_equal(config_get(SLOT, rows[i].offset, rows[i].width), keep | w);
		config_set(SLOT, rows[i].offset, rows[i].width, 0);
		assert_int_equal(config_get(SLOT, rows[i].offset, rows[i].width), keep);
		config_set(SLOT, rows[i].offset, rows[i].width, before);
	}
}

static void test_bars_at_power_on(void **state)
{
	(void)state;
	assert_int_equal(config_get(SLOT, 0x10, 4), (u32)WINDOW | 4);
	assert_int_equal(config_get(SLOT, 0x18, 4), (u32)(WINDOW + 64 * KiB) | 4);
	assert_int_equal(config_get(SLOT, 0x20, 4), 0);
	assert_int_equal(mmio_get(WINDOW + 8, 4), 0x1008);
	assert_true(answers(WINDOW + 64 * KiB - 1));
	assert_true(answers(WINDOW + 64 * KiB + MSIX_BAR_SIZE - 1));
	assert_false(answers(WINDOW + 64 * KiB + MSIX_BAR_SIZE));
	assert_false(answers(WINDOW - 1));
}

/* As firmware and Linux do it: decoding off, all ones, read, old value, decoding on. */
static void test_sizing(void **state)
{
	(void)state;
	config_set(SLOT, 4, 2, 0);
	assert_false(answers(WINDOW));
	config_set(SLOT, 0x10, 4, ALL_ONES);
	config_set(SLOT, 0x14, 4, ALL_ONES);
	assert_int_equal(config_get(SLOT, 0x10, 4), ALL_ONES << 16 | 4);
	assert_int_equal(config_get(SLOT, 0x14, 4), ALL_ONES);
	config_set(SLOT, 0x10, 4, WINDOW);
	config_set(SLOT, 0x14, 4, 0);
	assert_false(answers(WINDOW));
	config_set(SLOT, 4, 2, 2);
	assert_true(answers(WINDOW));
}

static void test_moving(void **state)
{
	u64 to = GUEST_PCI_MMIO_END - 64 * KiB;

	(void)state;
	config_set(SLOT, 0x10, 4, to);
	assert_false(answers(WINDOW));
	assert_int_equal(mmio_get(to + 4, 4), 0x1004);
	assert_true(answers(GUEST_PCI_MMIO_END - 1));
	/* a byte at a time */
	config_set(SLOT, 0x13, 1, 0xc8);
	assert_true(answers(0xc8ff0000));
	assert_false(answers(to));
}

/* Only the bridge's window is passed on: neither RAM nor other devices can be covered. */
static void test_outside_of_the_window(void **state)
{
	static const u32 places[] = { 0,	  0x100000,   0xbfff0000, 0xe0000000,
				      0xfec00000, 0xfee00000, 0xffff0000 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		config_set(SLOT, 0x10, 4, places[i]);
		assert_false(dev.bar[0].mapped);
	}
	config_set(SLOT, 0x10, 4, WINDOW);
	assert_true(dev.bar[0].mapped);
	config_set(SLOT, 0x14, 4, 1);
	assert_false(dev.bar[0].mapped);
	assert_int_equal(config_get(SLOT, 0, 4), 0x56781234);
}

static void test_overlap_first_one_answers(void **state)
{
	u64 msix = bar_base(SLOT, 2);

	(void)state;
	config_set(SLOT, 0x10, 4, ALIGN_DOWN(msix, 64 * KiB));
	assert_false(dev.bar[0].mapped);
	assert_true(dev.bar[2].mapped);
	config_set(SLOT, 0x10, 4, WINDOW);
	assert_true(dev.bar[0].mapped);
}

/* An operating system that deals out addresses anew has BARs overlap for a while. */
static void test_overlap_ends(void **state)
{
	u64 msix = bar_base(SLOT, 2), base;

	(void)state;
	config_set(SLOT, 0x10, 4, ALIGN_DOWN(msix, 64 * KiB));
	config_set(SLOT, 0x18, 4, WINDOW);
	assert_true(dev.bar[0].mapped && dev.bar[2].mapped);
	assert_int_equal(mmio_get(ALIGN_DOWN(msix, 64 * KiB) + 8, 4), 0x1008);
	assert_int_equal(mmio_get(WINDOW + 12, 4), 1);

	make(&other, SLOT + 1, 64 * KiB);
	assert_int_equal(pci_device_attach(&other, &fixture_vm->vm.vdevs->pci), FIRN_OK);
	base = bar_base(SLOT + 1, 0);
	config_set(SLOT, 0x10, 4, base);
	assert_false(dev.bar[0].mapped);
	config_set(SLOT + 1, 0x10, 4, base + MiB);
	assert_true(dev.bar[0].mapped && other.bar[0].mapped);
	config_set(SLOT + 1, 0x10, 4, base);
	assert_true(dev.bar[0].mapped);
	assert_false(other.bar[0].mapped);
	config_set(SLOT, 4, 2, 0);
	assert_true(other.bar[0].mapped);
	pci_device_destroy(&other);
}

static void test_reset_after_swap(void **state)
{
	u64 base;

	(void)state;
	make(&other, SLOT + 1, 64 * KiB);
	assert_int_equal(pci_device_attach(&other, &fixture_vm->vm.vdevs->pci), FIRN_OK);
	base = bar_base(SLOT + 1, 0);
	config_set(SLOT + 1, 4, 2, 0);
	config_set(SLOT, 0x10, 4, base);
	config_set(SLOT, 4, 2, 0x406);
	assert_true(answers(base));
	pci_device_unmap(&dev);
	pci_device_unmap(&other);
	pci_device_reset(&dev);
	pci_device_reset(&other);
	assert_int_equal(bar_base(SLOT, 0), WINDOW);
	assert_int_equal(config_get(SLOT, 4, 2), 2);
	assert_true(dev.bar[0].mapped && other.bar[0].mapped);
	assert_false(pci_device_bus_master(&dev));
	pci_device_destroy(&other);
}

static void test_attach_failures(void **state)
{
	struct pci_host *host = &fixture_vm->vm.vdevs->pci;
	unsigned ranges = fixture_vm->vm.mmio.map->count;

	(void)state;
	make(&other, SLOT, 4 * KiB); /* taken, and so is its window */
	assert_int_equal(pci_device_attach(&other, host), ERR_OVERLAP);
	assert_int_equal(fixture_vm->vm.mmio.map->count, ranges);
	pci_device_destroy(&other);
	make(&other, SLOT + 1, 16 * MiB);
	assert_int_equal(pci_device_attach(&other, host), ERR_FULL);
	assert_int_equal(config_get(SLOT + 1, 0, 4), ALL_ONES);
	pci_device_destroy(&other);
}

static void test_capabilities(void **state)
{
	u8 express = find_capability(SLOT, PCI_CAP_ID_EXPRESS, 0);

	(void)state;
	assert_int_equal(config_get(SLOT, express + 2, 2),
			 0x92); /* version 2, integrated endpoint */
	assert_int_equal(find_capability(SLOT, 0x55, 0), 0);
	pci_device_init(&other, &fixture_vm->vm, 9, &fixture_id, NULL);
	assert_int_equal(pci_device_add_capability(&other, 9, 150), 0x40);
	assert_int_equal(pci_device_add_capability(&other, 9, 60), 0);
	assert_int_equal(pci_device_add_capability(&other, 9, 4), 0xd8);
}

/*
 * MSI-X
 */

static u64 table(unsigned vector)
{
	return bar_base(SLOT, 2) + 16 * vector;
}

static u64 pending(unsigned word)
{
	return mmio_get(bar_base(SLOT, 2) + MSIX_PBA + 8 * word, 8);
}

static void set_control(u16 control)
{
	config_set(SLOT, find_capability(SLOT, PCI_CAP_ID_MSIX, 0) + 2, 2, control);
}

static void test_msix_registers(void **state)
{
	u8 cap = find_capability(SLOT, PCI_CAP_ID_MSIX, 0);

	(void)state;
	assert_int_equal(config_get(SLOT, cap + 2, 2), VECTORS - 1);
	assert_int_equal(config_get(SLOT, cap + 4, 4), 2);
	assert_int_equal(config_get(SLOT, cap + 8, 4), MSIX_PBA | 2);
	config_set(SLOT, cap + 2, 2, 0xffff);
	assert_int_equal(config_get(SLOT, cap + 2, 2), 0xc000 | (VECTORS - 1));
	assert_int_equal(mmio_get(table(VECTORS - 1) + 8, 8), BIT(32)); /* masked */
	mmio_set(table(3), 8, 0x1122334455667788);
	mmio_set(table(3) + 8, 4, 0x99aabbcc);
	mmio_set(table(3) + 12, 4, 0xfffffffe);
	assert_int_equal(mmio_get(table(3), 8), 0x1122334455667788);
	assert_int_equal(mmio_get(table(3) + 4, 4), 0x11223344);
	assert_int_equal(mmio_get(table(3) + 8, 8), 0x99aabbcc);
	/* odd accesses do nothing */
	mmio_set(table(3), 2, 0);
	mmio_set(table(3) + 4, 8, 0);
	assert_int_equal(mmio_get(table(3), 8), 0x1122334455667788);
	assert_int_equal(mmio_get(table(3) + 4, 8), ~0ull);
	/* behind the table, and pending bits, which are read-only */
	mmio_set(table(VECTORS), 8, ~0ull);
	assert_int_equal(mmio_get(table(VECTORS), 8), 0);
	mmio_set(bar_base(SLOT, 2) + MSIX_PBA, 8, ~0ull);
	assert_int_equal(pending(0), 0);
}

static void test_msix_sends(void **state)
{
	(void)state;
	msix_on(SLOT, VECTORS);
	pci_device_interrupt(&dev, 0);
	pci_device_interrupt(&dev, VECTORS - 1);
	assert_int_equal(nr_sent, 2);
	assert_int_equal(sent[1].address, 0xfee00000);
	assert_int_equal(sent[1].data, 0x40 + VECTORS - 1);
	pci_device_interrupt(&dev, VECTORS);
	assert_int_equal(nr_sent, 2);
}

static void test_msix_needs_enable_and_bus_master(void **state)
{
	(void)state;
	msix_on(SLOT, VECTORS);
	set_control(0);
	pci_device_interrupt(&dev, 1);
	set_control(0x8000);
	config_set(SLOT, 4, 2, 2);
	pci_device_interrupt(&dev, 1);
	assert_int_equal(nr_sent, 0);
	config_set(SLOT, 4, 2, 6);
	assert_int_equal(nr_sent, 0); /* lost, not late */
	pci_device_interrupt(&dev, 1);
	assert_int_equal(nr_sent, 1);
}

static void test_msix_vector_mask(void **state)
{
	(void)state;
	msix_on(SLOT, VECTORS);
	mmio_set(table(65) + 12, 4, 1);
	pci_device_interrupt(&dev, 65);
	pci_device_interrupt(&dev, 65);
	assert_int_equal(nr_sent, 0);
	assert_int_equal(pending(1), BIT(1));
	/* the entry may change meanwhile */
	mmio_set(table(65) + 8, 4, 0x99);
	assert_int_equal(nr_sent, 0);
	mmio_set(table(65) + 12, 4, 0);
	assert_int_equal(nr_sent, 1);
	assert_int_equal(sent[0].data, 0x99);
	assert_int_equal(pending(1), 0);
	mmio_set(table(65) + 12, 4, 0);
	assert_int_equal(nr_sent, 1);
}

static void test_msix_function_mask(void **state)
{
	(void)state;
	msix_on(SLOT, VECTORS);
	set_control(0xc000);
	mmio_set(table(2) + 12, 4, 1);
	pci_device_interrupt(&dev, 1);
	pci_device_interrupt(&dev, 2);
	mmio_set(table(1) + 12, 4, 0);
	assert_int_equal(nr_sent, 0);
	assert_int_equal(pending(0), 6);
	set_control(0x8000);
	assert_int_equal(nr_sent, 1);
	assert_int_equal(pending(0), 4);
	set_control(0); /* switching it off forgets */
	set_control(0x8000);
	mmio_set(table(2) + 12, 4, 0);
	assert_int_equal(nr_sent, 1);
}

static void test_msix_limits(void **state)
{
	struct msix m;

	(void)state;
	assert_int_equal(msix_init(&m, &fixture_vm->vm, 0), ERR_RANGE);
	assert_int_equal(msix_init(&m, &fixture_vm->vm, MSIX_MAX_VECTORS + 1), ERR_RANGE);
	assert_int_equal(msix_init(&m, &fixture_vm->vm, MSIX_MAX_VECTORS), FIRN_OK);
	msix_destroy(&m);
}

/* Any access anywhere: the sanitizers watch, and the device comes back. */
static void test_random_accesses(void **state)
{
	(void)state;
	srand(7);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned width = 1u << rand() % 4;
		u64 value = (u64)rand() << 32 ^ (u64)rand() << 16 ^ rand();

		if (rand() % 4)
			mmio_set(GUEST_ECAM_BASE + (PCI_DEVFN(SLOT) << 12) + rand() % 0x110, width,
				 value);
		else
			mmio_set(bar_base(SLOT, rand() % 2 * 2) + rand() % 0x2000, width, value);
		if (rand() % 8 == 0)
			pci_device_interrupt(&dev, rand() % 80);
	}
	pci_device_unmap(&dev);
	pci_device_reset(&dev);
	assert_int_equal(config_get(SLOT, 0, 4), 0x56781234);
	assert_true(answers(WINDOW));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_header),
		TEST(test_read_only_registers),
		TEST(test_bars_at_power_on),
		TEST(test_sizing),
		TEST(test_moving),
		TEST(test_outside_of_the_window),
		TEST(test_overlap_first_one_answers),
		TEST(test_overlap_ends),
		TEST(test_reset_after_swap),
		TEST(test_attach_failures),
		TEST(test_capabilities),
		TEST(test_msix_registers),
		TEST(test_msix_sends),
		TEST(test_msix_needs_enable_and_bus_master),
		TEST(test_msix_vector_mask),
		TEST(test_msix_function_mask),
		TEST(test_msix_limits),
		TEST(test_random_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
