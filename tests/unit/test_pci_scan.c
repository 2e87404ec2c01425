/* SPDX-License-Identifier: MIT */
/* Enumeration: functions, bridges, BARs and capabilities, good and broken; who has a function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/vdev/pci_regs.h"
#include "fake_pci.h"

#define ETHERNET PCI_CLASS(0x02, 0x00, 0x00)
#define VGA	 PCI_CLASS(0x03, 0x00, 0x00)
#define HOST	 PCI_CLASS(0x06, 0x00, 0x00)
#define BRIDGE	 PCI_CLASS(0x06, 0x04, 0x00)
#define SERIAL	 PCI_CLASS(0x07, 0x00, 0x02)
#define EXPRESS(type)              \
	(const u8[])               \
	{                          \
		(type) << 4 | 2, 0 \
	}

static int setup(void **state)
{
	(void)state;
	fake_pci_reset();
	return 0;
}

static unsigned count(void)
{
	unsigned n = 0;

	for (const struct host_pci *fn = pci_first(); fn; fn = fn->next)
		n++;
	return n;
}

static struct host_pci *at(u8 bus, u8 device, u8 function)
{
	for (struct host_pci *fn = pci_first(); fn; fn = fn->next)
		if (fn->address.bus == bus && fn->address.device == device &&
		    fn->address.function == function)
			return fn;
	return NULL;
}

/*
 * Functions and buses
 */

static void test_empty_machine(void **state)
{
	(void)state;
	fake_pci_scan();
	assert_null(pci_first());
	assert_null(pci_find(NULL, 0x8086, 1));
}

static void test_functions(void **state)
{
	struct fake_function *multi;

	(void)state;
	fake_pci_add(0, 0, 0, 0x8086, 0x1237, HOST);
	fake_pci_add(0, 1, 1, 0x8086, 2, ETHERNET); /* function 0 is not there */
	multi = fake_pci_add(0, 31, 0, 0x8086, 3, ETHERNET);
	multi->config[offsetof(struct pci_header, header_type)] = PCI_HEADER_MULTIFUNCTION;
	fake_pci_add(0, 31, 7, 0x8086, 4, ETHERNET);
	fake_pci_add(0, 5, 0, 0x8086, 5, ETHERNET);
	fake_pci_add(0, 5, 1, 0x8086, 6, ETHERNET); /* function 0 has no others */
	fake_pci_add(0, 6, 0, 0, 7, ETHERNET);	    /* vendor 0 is nobody's */
	fake_pci_scan();
	assert_int_equal(count(), 4);
	assert_int_equal(pci_first()->device_id, 0x1237);
	assert_int_equal(pci_first()->class_code, HOST);
	assert_int_equal(pci_first()->next->device_id, 5);
	assert_int_equal(pci_first()->next->next->device_id, 3);
	assert_int_equal(at(0, 31, 7)->device_id, 4);
	assert_null(at(0, 31, 7)->next);
}

static void test_bridges(void **state)
{
	struct fake_function *port, *below;

	(void)state;
	port = fake_pci_add(0, 1, 0, 1, 1, BRIDGE);
	fake_pci_make_bridge(port, 3, 9);
	below = fake_pci_add(3, 0, 0, 1, 2, BRIDGE);
	fake_pci_make_bridge(below, 9, 9);
	fake_pci_add(9, 31, 0, 1, 3, ETHERNET); /* behind a bridge of PCI */
	fake_pci_add(0x80, 2, 0, 1, 4, HOST);	/* on a root bus of its own */
	fake_pci_scan();
	assert_int_equal(count(), 4);
	assert_int_equal(at(0, 1, 0)->secondary_bus, 3);
	assert_int_equal(at(0, 1, 0)->subordinate_bus, 9);
	assert_null(at(0, 1, 0)->upstream);
	assert_ptr_equal(at(9, 31, 0)->upstream, at(3, 0, 0));
	assert_ptr_equal(at(3, 0, 0)->upstream, at(0, 1, 0));
	assert_null(at(0x80, 2, 0)->upstream);
	assert_int_equal(at(9, 31, 0)->secondary_bus, 0);
}

/* Behind a port is one device; some answer to every number. A switch's upstream port has many. */
static void test_ports_lead_to_one_device(void **state)
{
	static const struct {
		u8 type;
		bool one;
	} types[] = {
		{ PCIE_ROOT_PORT, true }, { PCIE_DOWNSTREAM_PORT, true }, { 5, false }, { 7, false }
	};

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		struct fake_function *port;

		setup(state);
		port = fake_pci_add(0, 1, 0, 1, 1, BRIDGE);
		fake_pci_make_bridge(port, 1, 1);
		fake_pci_add_cap(port, 0x40, PCI_CAP_ID_EXPRESS, EXPRESS(types[i].type), 2);
		fake_pci_add(1, 0, 0, 1, 2, ETHERNET);
		fake_pci_add(1, 1, 0, 1, 2, ETHERNET);
		fake_pci_scan();
		assert_int_equal(count(), types[i].one ? 2 : 3);
	}
}

static void test_wrong_bus_numbers(void **state)
{
	static const struct {
		u8 secondary, subordinate;
	} wrong[] = { { 2, 5 }, { 1, 5 }, { 0, 5 }, { 5, 4 }, { 5, 0 }, { 5, 101 }, { 3, 5 } };

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct fake_function *other, *bridge;

		setup(state);
		fake_pci_set_ranges(&(struct pci_range){ .last_bus = 100 }, 1);
		other = fake_pci_add(0, 1, 0, 1, 1, BRIDGE);
		fake_pci_make_bridge(other, 3, 9);
		bridge = fake_pci_add(2, 0, 0, 1, 2, BRIDGE);
		fake_pci_make_bridge(bridge, wrong[i].secondary, wrong[i].subordinate);
		fake_pci_add(3, 0, 0, 1, 3, ETHERNET);
		fake_pci_add(5, 0, 0, 1, 4, ETHERNET);
		fake_pci_scan();
		assert_int_equal(count(), 4); /* all of it is found all the same */
		assert_int_equal(at(2, 0, 0)->secondary_bus, 0);
		assert_ptr_equal(at(3, 0, 0)->upstream, at(0, 1, 0));
		assert_null(at(5, 0, 0)->upstream);
	}
}

static void test_unused_bridge(void **state)
{
	(void)state;
	fake_pci_make_bridge(fake_pci_add(0, 1, 0, 1, 1, BRIDGE), 0, 0);
	fake_pci_scan();
	assert_int_equal(at(0, 1, 0)->secondary_bus, 0);
}

static void test_unknown_header(void **state)
{
	struct fake_function *f = fake_pci_add(0, 1, 0, 1, 1, PCI_CLASS(6, 7, 0));

	(void)state;
	f->config[offsetof(struct pci_header, header_type)] = 2;
	fake_pci_set_bar(f, 0, 0xf0000000, 0xfffff000);
	fake_pci_add_cap(f, 0x40, PCI_CAP_ID_MSI, "\0\0", 2);
	fake_pci_scan();
	assert_int_equal(at(0, 1, 0)->bar[0].type, PCI_BAR_ABSENT);
	assert_int_equal(at(0, 1, 0)->msi, 0);
	assert_int_equal(pci_find_capability(at(0, 1, 0), PCI_CAP_ID_MSI), 0);
}

static void test_ranges(void **state)
{
	const struct pci_range ranges[] = { { .segment = 1, .first_bus = 4, .last_bus = 5 },
					    { .segment = 0, .first_bus = 0, .last_bus = 1 } };
	struct fake_function *f = fake_pci_add(5, 0, 0, 1, 1, ETHERNET);

	(void)state;
	f->address.segment = 1;
	fake_pci_add(6, 0, 0, 1, 2, ETHERNET)->address.segment = 1;
	fake_pci_add(1, 0, 0, 1, 3, ETHERNET);
	fake_pci_add(2, 0, 0, 1, 4, ETHERNET);
	fake_pci_set_ranges(ranges, 2);
	fake_pci_scan();
	assert_int_equal(count(), 2);
	assert_int_equal(pci_first()->address.segment, 1);
	assert_int_equal(pci_first()->next->device_id, 3);
}

/* Hardware that answers at every address must not fill the memory. */
static void test_too_many(void **state)
{
	(void)state;
	fake_pci_everywhere = fake_pci_add(0, 0, 0, 1, 1, ETHERNET);
	fake_pci_everywhere->config[offsetof(struct pci_header, header_type)] =
		PCI_HEADER_MULTIFUNCTION;
	fake_pci_scan();
	assert_int_equal(count(), PCI_MAX_FUNCTIONS);
}

/*
 * BARs
 */

static void check_bar(const struct host_bar *bar, enum pci_bar_type type, u64 address, u64 size,
		      bool prefetchable)
{
	assert_int_equal(bar->type, type);
	assert_int_equal(bar->address, address);
	assert_int_equal(bar->size, size);
	assert_int_equal(bar->prefetchable, prefetchable);
}

static void test_bars(void **state)
{
	struct fake_function *f = fake_pci_add(0, 1, 0, 1, 1, ETHERNET), before;
	const struct host_bar *bar;

	(void)state;
	fake_pci_set_bar(f, 0, 0xf000000c, 0xfe000000); /* 64 bits, 32 MiB */
	fake_pci_set_bar(f, 1, 0x00000012, 0xffffffff);
	fake_pci_set_bar(f, 2, 0xfebff000, 0xfffff000);
	fake_pci_set_bar(f, 3, 0x0000c001, 0x0000ffe0); /* upper half fixed at 0 */
	fake_pci_set_bar(f, 4, 0x0000d001, 0xfffffffc);
	before = *f;
	fake_pci_scan();
	bar = at(0, 1, 0)->bar;
	check_bar(&bar[0], PCI_BAR_MEMORY_64, 0x12f0000000, 32 * MiB, true);
	check_bar(&bar[1], PCI_BAR_ABSENT, 0, 0, false);
	check_bar(&bar[2], PCI_BAR_MEMORY_32, 0xfebff000, 4 * KiB, false);
	check_bar(&bar[3], PCI_BAR_PORTS, 0xc000, 32, false);
	check_bar(&bar[4], PCI_BAR_PORTS, 0xd000, 4, false);
	check_bar(&bar[5], PCI_BAR_ABSENT, 0, 0, false);
	assert_memory_equal(f->config, before.config, sizeof(f->config)); /* all put back */
	assert_true(f->sized);
	assert_false(f->sized_while_decoding);
}

static void test_large_and_unassigned_bars(void **state)
{
	struct fake_function *f = fake_pci_add(0, 1, 0, 1, 1, ETHERNET);

	(void)state;
	fake_pci_set_bar(f, 0, 0x00000004, 0x00000000); /* 8 GiB: the lower half is fixed */
	fake_pci_set_bar(f, 1, 0x00000100, 0xfffffffe);
	fake_pci_set_bar(f, 2, 0, 0xfffffff0); /* 16 bytes, no address */
	fake_pci_set_bar(f, 4, 0x0000000c, 0x80000000);
	fake_pci_set_bar(f, 5, 0x80000000, 0xffffffff);
	fake_pci_scan();
	check_bar(&at(0, 1, 0)->bar[2], PCI_BAR_MEMORY_32, 0, 16, false);
	check_bar(&at(0, 1, 0)->bar[4], PCI_BAR_MEMORY_64, 0x8000000000000000, 2 * GiB, true);
	check_bar(&at(0, 1, 0)->bar[0], PCI_BAR_MEMORY_64, 0x10000000000, 8 * GiB, false);
}

static void test_malformed_bars(void **state)
{
	static const struct {
		u32 value, mask;
		unsigned index;
	} bad[] = {
		{ 0xf0000006, 0xfffff000, 0 }, /* reserved type */
		{ 0xf0000000, 0xf0fff000, 0 }, /* no power of two */
		{ 0xf0000004, 0xfffff000, 5 }, /* no register for the upper half */
		{ 0x0000c001, 0x0000f0f0, 0 }, /* ports, no power of two */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fake_function *f;

		setup(state);
		f = fake_pci_add(0, 1, 0, 1, 1, ETHERNET);
		fake_pci_set_bar(f, bad[i].index, bad[i].value, bad[i].mask);
		fake_pci_set_bar(f, 2, 0xe0000000, 0xffff0000);
		fake_pci_scan();
		check_bar(&at(0, 1, 0)->bar[bad[i].index], PCI_BAR_ABSENT, 0, 0, false);
		check_bar(&at(0, 1, 0)->bar[2], PCI_BAR_MEMORY_32, 0xe0000000, 64 * KiB, false);
	}
}

/* Consoles, and what is behind a bridge, go on while functions are listed. */
static void test_decoding_goes_on(void **state)
{
	static const u32 classes[] = { VGA, HOST, SERIAL, PCI_CLASS(3, 0x80, 0) };
	struct fake_function *f;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++) {
		f = fake_pci_add(0, i, 0, 1, 1, classes[i]);
		fake_pci_set_bar(f, 0, 0xf0000008, 0xff000000);
		fake_pci_set_bar(f, 1, 0x0000c001, 0x0000fff0);
		fake_pci_set_bar(f, 4, 0x00000004, 0xfffff000);
		fake_pci_set_bar(f, 5, 0x00000001, 0xffffffff);
	}
	f = fake_pci_add(0, 9, 0, 1, 1, BRIDGE);
	fake_pci_set_bar(f, 0, 0xe0000004, 0xfffff000);
	fake_pci_set_bar(f, 1, 0x00000001, 0xffffffff);
	fake_pci_make_bridge(f, 1, 1);
	fake_pci_scan();
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++) {
		check_bar(&at(0, i, 0)->bar[0], PCI_BAR_MEMORY_32, 0xf0000000, 0, true);
		check_bar(&at(0, i, 0)->bar[1], PCI_BAR_PORTS, 0xc000, 0, false);
		check_bar(&at(0, i, 0)->bar[4], PCI_BAR_MEMORY_64, 0x100000000, 0, false);
		assert_false(f[-1 - (int)i].sized);
	}
	check_bar(&at(0, 9, 0)->bar[0], PCI_BAR_MEMORY_64, 0x1e0000000, 0, false);
	check_bar(&at(0, 9, 0)->bar[2], PCI_BAR_ABSENT, 0, 0, false); /* bus numbers */
}

static void test_map_bar(void **state)
{
	struct fake_function *f = fake_pci_add(0, 1, 0, 1, 1, ETHERNET);
	u8 *memory = fake_pci_memory(0xfeb00000, MiB);
	struct host_pci *fn;

	(void)state;
	fake_pci_set_bar(f, 0, 0xfeb80000, 0xfff80000);
	fake_pci_set_bar(f, 1, 0x0000c001, 0x0000ffe0);
	fake_pci_set_bar(f, 2, 0x00000000, 0xfff80000);
	fake_pci_set_bar(f, 3, 0xfec00000, 0xfff80000); /* no memory is there */
	fake_pci_scan();
	fn = at(0, 1, 0);
	assert_ptr_equal(pci_map_bar(fn, 0, MMIO_UC), memory + 0x80000);
	assert_null(pci_map_bar(fn, 1, MMIO_UC));
	assert_null(pci_map_bar(fn, 2, MMIO_UC));
	assert_null(pci_map_bar(fn, 3, MMIO_UC));
	assert_null(pci_map_bar(fn, 4, MMIO_UC));
	assert_null(pci_map_bar(fn, HOST_PCI_BARS, MMIO_UC));
}

/*
 * Capabilities
 */

static void test_capabilities(void **state)
{
	struct fake_function *f = fake_pci_add(0, 1, 0, 1, 1, ETHERNET);
	const struct host_pci *fn;

	(void)state;
	fake_pci_add_cap(f, 0xfc, PCI_CAP_ID_VENDOR, "", 0);
	fake_pci_add_cap(f, 0x50, PCI_CAP_ID_MSI, "\x88\x01",
			 2); /* 16 vectors, 64 bits, maskable */
	fake_pci_add_cap(f, 0x70, PCI_CAP_ID_MSIX, "\xff\x07", 2); /* 2048 */
	fake_pci_add_cap(f, 0xa0, PCI_CAP_ID_EXPRESS, EXPRESS(0), 2);
	f->config[0x51] |= 3; /* reserved bits of a pointer */
	fake_pci_scan();
	fn = at(0, 1, 0);
	assert_int_equal(fn->msi, 0x50);
	assert_int_equal(fn->msix, 0x70);
	assert_int_equal(fn->express, 0xa0);
	assert_int_equal(fn->msi_vectors, 16);
	assert_int_equal(fn->msix_vectors, 2048);
	assert_int_equal(pci_find_capability(fn, PCI_CAP_ID_VENDOR), 0xfc);
	assert_int_equal(pci_find_capability(fn, 0x13), 0);
}

static void test_no_capabilities(void **state)
{
	struct fake_function *f = fake_pci_add(0, 1, 0, 1, 1, ETHERNET);

	(void)state;
	fake_pci_add_cap(f, 0x40, PCI_CAP_ID_MSI, "\0\0", 2);
	fake_pci_put(f, offsetof(struct pci_header, status), 0, 2); /* the pointer means nothing */
	fake_pci_scan();
	assert_int_equal(at(0, 1, 0)->msi, 0);
	assert_int_equal(at(0, 1, 0)->msi_vectors, 0);
}

static void test_broken_capabilities(void **state)
{
	static const u8 next[] = { 0x40, 0x48, 0x10, 0x3c, 0xe0 };

	for (unsigned i = 0; i < ARRAY_SIZE(next); i++) {
		struct fake_function *f;

		setup(state);
		f = fake_pci_add(0, 1, 0, 1, 1, ETHERNET);
		memset(f->config + 0xe0, 0xff, 4);
		fake_pci_add_cap(f, 0x48, PCI_CAP_ID_MSI, "\x0e\0", 2); /* 128 vectors: reserved */
		fake_pci_add_cap(f, 0x40, PCI_CAP_ID_VENDOR, "", 0);
		f->config[0x49] = next[i];
		fake_pci_scan();
		assert_int_equal(at(0, 1, 0)->msi, 0x48); /* what came before counts */
		assert_int_equal(at(0, 1, 0)->msi_vectors, 32);
		assert_int_equal(pci_find_capability(at(0, 1, 0), PCI_CAP_ID_MSIX), 0);
	}
}

static void test_extended_capabilities(void **state)
{
	struct fake_function *f = fake_pci_add(0, 1, 0, 1, 1, ETHERNET), *old;
	struct host_pci *fn;

	(void)state;
	fake_pci_add_cap(f, 0xa0, PCI_CAP_ID_EXPRESS, EXPRESS(0), 2);
	fake_pci_put(f, 0x100, 0x14820001, 4);
	fake_pci_put(f, 0x148, 0xffc1000e, 4);
	fake_pci_put(f, 0xffc, 0x00010010, 4);
	old = fake_pci_add(0, 2, 0, 1, 1, ETHERNET);
	fake_pci_put(old, 0x100, 0x00010010, 4);
	fake_pci_scan();
	fn = at(0, 1, 0);
	assert_int_equal(pci_find_extended(fn, 1), 0x100);
	assert_int_equal(pci_find_extended(fn, PCIE_EXT_CAP_ID_SRIOV), 0xffc);
	assert_int_equal(pci_find_extended(fn, 3), 0);
	assert_int_equal(pci_find_extended(at(0, 2, 0), PCIE_EXT_CAP_ID_SRIOV), 0); /* no PCIe */
	fake_pci_put(f, 0x148, 0x1001000e, 4); /* in a circle */
	assert_int_equal(pci_find_extended(fn, 3), 0);
	fake_pci_put(f, 0x148, 0x0401000e, 4); /* into the first 256 bytes */
	assert_int_equal(pci_find_extended(fn, 3), 0);
	fake_pci_put(f, 0x100, 0xffffffff, 4);
	assert_int_equal(pci_find_extended(fn, 0xffff), 0);
	fake_pci_put(f, 0x100, 0, 4);
	assert_int_equal(pci_find_extended(fn, 0), 0);
}

/*
 * Drivers
 */

static void test_find(void **state)
{
	struct host_pci *first, *second;

	(void)state;
	fake_pci_add(0, 1, 0, 0x8086, 0x1593, ETHERNET);
	fake_pci_add(0, 2, 0, 0x8086, 0x1592, ETHERNET);
	fake_pci_add(0, 3, 0, 0x8087, 0x1593, ETHERNET);
	fake_pci_add(0, 4, 0, 0x8086, 0x1593, ETHERNET);
	fake_pci_scan();
	first = pci_find(NULL, 0x8086, 0x1593);
	second = pci_find(first, 0x8086, 0x1593);
	assert_ptr_equal(first, at(0, 1, 0));
	assert_ptr_equal(second, at(0, 4, 0));
	assert_null(pci_find(second, 0x8086, 0x1593));
}

static void test_owner(void **state)
{
	struct fake_function *f = fake_pci_add(0, 1, 0, 1, 1, ETHERNET);
	struct host_pci *fn;
	u16 command;

	(void)state;
	fake_pci_scan();
	fn = at(0, 1, 0);
	assert_int_equal(pci_claim(fn, "one"), FIRN_OK);
	assert_int_equal(pci_claim(fn, "two"), ERR_STATE);
	assert_string_equal(fn->owner, "one");
	pci_enable(fn);
	command = fake_pci_get(f, offsetof(struct pci_header, command), 2);
	assert_int_equal(command, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER);
	pci_stop_dma(fn);
	command = fake_pci_get(f, offsetof(struct pci_header, command), 2);
	assert_int_equal(command, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	pci_enable(fn);
	pci_release(fn);
	command = fake_pci_get(f, offsetof(struct pci_header, command), 2);
	assert_int_equal(command & PCI_COMMAND_BUS_MASTER, 0);
	assert_int_equal(command & PCI_COMMAND_INTX_DISABLE, PCI_COMMAND_INTX_DISABLE);
	assert_null(fn->owner);
	assert_int_equal(pci_claim(fn, "two"), FIRN_OK);
}

static void test_class_names(void **state)
{
	(void)state;
	assert_string_equal(pci_class_name(ETHERNET), "Ethernet controller");
	assert_string_equal(pci_class_name(PCI_CLASS(2, 0x80, 0)), "network controller");
	assert_string_equal(pci_class_name(PCI_CLASS(1, 8, 2)), "NVMe controller");
	assert_string_equal(pci_class_name(PCI_CLASS(0, 0, 0)), "other");
	assert_string_equal(pci_class_name(0xffffff), "other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_empty_machine, setup),
		cmocka_unit_test_setup(test_functions, setup),
		cmocka_unit_test_setup(test_bridges, setup),
		cmocka_unit_test(test_ports_lead_to_one_device),
		cmocka_unit_test(test_wrong_bus_numbers),
		cmocka_unit_test_setup(test_unused_bridge, setup),
		cmocka_unit_test_setup(test_unknown_header, setup),
		cmocka_unit_test_setup(test_ranges, setup),
		cmocka_unit_test_setup(test_too_many, setup),
		cmocka_unit_test_setup(test_bars, setup),
		cmocka_unit_test_setup(test_large_and_unassigned_bars, setup),
		cmocka_unit_test(test_malformed_bars),
		cmocka_unit_test_setup(test_decoding_goes_on, setup),
		cmocka_unit_test_setup(test_map_bar, setup),
		cmocka_unit_test_setup(test_capabilities, setup),
		cmocka_unit_test_setup(test_no_capabilities, setup),
		cmocka_unit_test(test_broken_capabilities),
		cmocka_unit_test_setup(test_extended_capabilities, setup),
		cmocka_unit_test_setup(test_find, setup),
		cmocka_unit_test_setup(test_owner, setup),
		cmocka_unit_test_setup(test_class_names, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
