/* SPDX-License-Identifier: MIT */
/* MSI and MSI-X of a function: what is written where, limits, moves, malformed tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/cpu.h"
#include "core/vdev/msix.h"
#include "core/vdev/pci_regs.h"
#include "drivers/pci/msi.h"
#include "drivers/pci/msix.h"
#include "fake.h"
#include "fake_pci.h"

#define BAR	 0xf0000000u
#define BAR_SIZE 0x10000u
#define TABLE	 0x2000u
#define ENTRIES	 8u
#define MSI	 0x50
#define MSIX	 0x70
#define COMMAND	 offsetof(struct pci_header, command)
#define CONTROL	 2

static struct fake_function *device;
static struct host_pci *fn;
static struct msix_entry *table;
static struct pci_msix msix;
static unsigned calls[2];

static void first(struct interrupt *self)
{
	(void)self;
	calls[0]++;
}
static void second(struct interrupt *self)
{
	(void)self;
	calls[1]++;
}
static struct interrupt interrupt[2] = { { first }, { second } };

/* A function with MSI-X of 8 entries in BAR 0, and the MSI that the test gives it. */
static int setup(void **state)
{
	u8 body[10] = { ENTRIES - 1, 0, TABLE & 0xff, TABLE >> 8 };

	(void)state;
	fake_pci_reset();
	device = fake_pci_add(0, 3, 0, 1, 1, PCI_CLASS(2, 0, 0));
	fake_pci_set_bar(device, 0, BAR, ~(BAR_SIZE - 1));
	fake_pci_set_bar(device, 1, 0xc001, 0xffe0);
	fake_pci_add_cap(device, MSIX, PCI_CAP_ID_MSIX, body, sizeof(body));
	table = (struct msix_entry *)(fake_pci_memory(BAR, BAR_SIZE) + TABLE);
	memset(calls, 0, sizeof(calls));
	return 0;
}

static void scan(void)
{
	fake_pci_scan();
	fn = pci_first();
}

static void enable(void)
{
	scan();
	assert_int_equal(pci_msix_enable(&msix, fn), FIRN_OK);
}

static u16 get(unsigned offset)
{
	return fake_pci_get(device, offset, 2);
}

/* As the function would: to the CPU and vector that the message names. */
static void send(u64 address, u32 data)
{
	assert_int_equal(address & ~0xff000ull, 0xfee00000);
	fake_set_cpu(address >> 12 & 0xff);
	assert_true(vector_dispatch(data));
	fake_set_cpu(0);
}

static void assert_no_vectors(void)
{
	for (unsigned cpu = 0; cpu < 4; cpu++)
		assert_int_equal(vectors_used(cpu), 0);
}

/*
 * MSI-X
 */

static void test_enable_is_silent(void **state)
{
	(void)state;
	table[3] = (struct msix_entry){ 0x1234, 0x56, 0 };
	fake_pci_put(device, MSIX + CONTROL, ENTRIES - 1, 2);
	enable();
	assert_int_equal(msix.count, ENTRIES);
	for (unsigned i = 0; i < ENTRIES; i++)
		assert_int_equal(table[i].control, MSIX_ENTRY_MASKED);
	assert_int_equal(table[ENTRIES].control, 0); /* not the function's */
	assert_int_equal(get(MSIX + CONTROL), MSIX_CONTROL_ENABLE | (ENTRIES - 1));
	assert_true(get(COMMAND) & PCI_COMMAND_INTX_DISABLE);
	pci_msix_disable(&msix);
	assert_int_equal(get(MSIX + CONTROL) & MSIX_CONTROL_ENABLE, 0);
	assert_no_vectors();
}

static void test_request(void **state)
{
	(void)state;
	enable();
	assert_int_equal(pci_msix_request(&msix, 0, 2, &interrupt[0]), FIRN_OK);
	assert_int_equal(pci_msix_request(&msix, ENTRIES - 1, 2, &interrupt[1]), FIRN_OK);
	assert_int_equal(table[0].address, 0xfee02000);
	assert_int_equal(table[0].control, 0);
	assert_int_equal(table[1].control, MSIX_ENTRY_MASKED);
	assert_int_not_equal(table[0].data, table[ENTRIES - 1].data);
	send(table[0].address, table[0].data);
	assert_int_equal(calls[0], 1);
	send(table[ENTRIES - 1].address, table[ENTRIES - 1].data);
	assert_int_equal(calls[1], 1);
	assert_int_equal(vectors_used(2), 2);
	pci_msix_release(&msix, 0);
	assert_int_equal(table[0].control, MSIX_ENTRY_MASKED);
	assert_int_equal(vectors_used(2), 1);
	assert_int_equal(pci_msix_request(&msix, 0, 1, &interrupt[1]), FIRN_OK);
	pci_msix_disable(&msix);
	assert_int_equal(table[0].control, MSIX_ENTRY_MASKED);
	assert_int_equal(table[ENTRIES - 1].control, MSIX_ENTRY_MASKED);
	assert_no_vectors();
}

static void test_requests_refused(void **state)
{
	(void)state;
	enable();
	assert_int_equal(pci_msix_request(&msix, ENTRIES, 0, &interrupt[0]), ERR_RANGE);
	assert_int_equal(pci_msix_request(&msix, ~0u, 0, &interrupt[0]), ERR_RANGE);
	assert_int_equal(pci_msix_request(&msix, 0, 4, &interrupt[0]), ERR_RANGE);
	cpus[1].apic_id = 0x100;
	assert_int_equal(pci_msix_request(&msix, 0, 1, &interrupt[0]), ERR_RANGE);
	assert_int_equal(table[0].control, MSIX_ENTRY_MASKED);
	assert_int_equal(pci_msix_request(&msix, 0, 0, &interrupt[0]), FIRN_OK);
	assert_int_equal(pci_msix_request(&msix, 0, 0, &interrupt[1]), ERR_STATE);
	assert_int_equal(pci_msix_move(&msix, 1, 0), ERR_RANGE);
	assert_int_equal(pci_msix_move(&msix, ENTRIES, 0), ERR_RANGE);
	pci_msix_mask(&msix, 1, false); /* not requested: stays masked */
	assert_int_equal(table[1].control, MSIX_ENTRY_MASKED);
	pci_msix_mask(&msix, ENTRIES, false);
	pci_msix_release(&msix, 1);
	pci_msix_release(&msix, ENTRIES);
	pci_msix_disable(&msix);
	assert_int_equal(pci_msix_request(&msix, 0, 0, &interrupt[0]), ERR_RANGE);
	assert_no_vectors();
}

static void test_mask(void **state)
{
	(void)state;
	table[2].control = 0xabcd0000; /* reserved or steering bits stay */
	enable();
	assert_int_equal(table[2].control, 0xabcd0000 | MSIX_ENTRY_MASKED);
	assert_int_equal(pci_msix_request(&msix, 2, 0, &interrupt[0]), FIRN_OK);
	assert_int_equal(table[2].control, 0xabcd0000);
	pci_msix_mask(&msix, 2, true);
	assert_int_equal(table[2].control, 0xabcd0000 | MSIX_ENTRY_MASKED);
	assert_int_equal(pci_msix_move(&msix, 2, 3), FIRN_OK); /* stays masked */
	assert_int_equal(table[2].control, 0xabcd0000 | MSIX_ENTRY_MASKED);
	pci_msix_mask(&msix, 2, false);
	assert_int_equal(table[2].control, 0xabcd0000);
	pci_msix_disable(&msix);
	assert_no_vectors();
}

/* What was sent to the CPU before the move is still handled there. */
static void test_move(void **state)
{
	struct msix_entry before;

	(void)state;
	enable();
	assert_int_equal(pci_msix_request(&msix, 1, 0, &interrupt[0]), FIRN_OK);
	before = table[1];
	assert_int_equal(pci_msix_move(&msix, 1, 3), FIRN_OK);
	assert_int_equal(table[1].address, 0xfee03000);
	assert_int_equal(table[1].control, 0);
	send(before.address, before.data);
	assert_int_equal(calls[0], 1);
	send(table[1].address, table[1].data);
	assert_int_equal(calls[0], 2);
	assert_int_equal(pci_msix_move(&msix, 1, 2), FIRN_OK);
	assert_int_equal(vectors_used(0), 0); /* one move is remembered */
	assert_int_equal(vectors_used(3), 1);
	before = table[1];
	cpus[1].apic_id = 0x1ff;
	assert_int_equal(pci_msix_move(&msix, 1, 1), ERR_RANGE);
	assert_memory_equal(&table[1], &before, sizeof(before));
	pci_msix_release(&msix, 1);
	assert_no_vectors();
	pci_msix_disable(&msix);
}

static void test_malformed_tables(void **state)
{
	static const u32 bad[] = {
		TABLE | 1,				/* a BAR of ports */
		TABLE | 2,				/* no such BAR */
		TABLE | 6,				/* no BAR has this number */
		TABLE | 7, BAR_SIZE - ENTRIES * 16 + 8, /* its end is behind the BAR */
		BAR_SIZE,  0xfffffff8,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		setup(state);
		fake_pci_put(device, MSIX + 4, bad[i], 4);
		scan();
		assert_int_equal(pci_msix_enable(&msix, fn), ERR_FORMAT);
		assert_int_equal(get(MSIX + CONTROL) & MSIX_CONTROL_ENABLE, 0);
	}
	setup(state);
	fake_pci_put(device, MSIX + 4, BAR_SIZE - ENTRIES * 16, 4);
	enable(); /* the last place that there is */
	pci_msix_disable(&msix);
}

static void test_no_table(void **state)
{
	(void)state;
	scan();
	fn->bar[0].address = 0;
	assert_int_equal(pci_msix_enable(&msix, fn), ERR_FORMAT);
	fn->bar[0].address = BAR + 0x100000; /* can't be mapped */
	assert_int_equal(pci_msix_enable(&msix, fn), ERR_NOMEM);
	fn->msix = 0;
	assert_int_equal(pci_msix_enable(&msix, fn), ERR_UNSUPPORTED);
}

/*
 * MSI
 */

static void check_msi(u16 control, unsigned data_offset)
{
	struct pci_msi msi;
	u64 address;

	fake_pci_add_cap(device, MSI, PCI_CAP_ID_MSI, &control, sizeof(control));
	memset(device->config + MSI + 4, 0xee, 12);
	scan();
	assert_int_equal(pci_msi_enable(&msi, fn, 2, &interrupt[1]), FIRN_OK);
	address = fake_pci_get(device, MSI + 4, 4);
	if (control & MSI_CONTROL_64BIT)
		assert_int_equal(fake_pci_get(device, MSI + 8, 4), 0);
	assert_int_equal(address, 0xfee02000);
	assert_int_equal(fake_pci_get(device, MSI + data_offset + 2, 2), 0xeeee);
	assert_int_equal(get(MSI + CONTROL), (control & ~MSI_CONTROL_VECTORS) | MSI_CONTROL_ENABLE);
	assert_true(get(COMMAND) & PCI_COMMAND_INTX_DISABLE);
	send(address, get(MSI + data_offset));
	assert_int_equal(calls[1], 1);
	pci_msi_disable(&msi);
	assert_int_equal(get(MSI + CONTROL) & MSI_CONTROL_ENABLE, 0);
	pci_msi_disable(&msi); /* nothing more */
	assert_no_vectors();
}

static void test_msi_32(void **state)
{
	(void)state;
	check_msi(0, 8);
}

/* 32 vectors offered and, by firmware, given: Firn uses one. */
static void test_msi_64(void **state)
{
	(void)state;
	check_msi(MSI_CONTROL_64BIT | 5 << 1 | 5 << 4 | MSI_CONTROL_ENABLE, 12);
}

static void test_msi_refused(void **state)
{
	struct pci_msi msi;

	(void)state;
	scan();
	assert_int_equal(pci_msi_enable(&msi, fn, 0, &interrupt[0]), ERR_UNSUPPORTED);
	pci_msi_disable(&msi);
	fake_pci_add_cap(device, MSI, PCI_CAP_ID_MSI, "\0\0", 2);
	scan();
	assert_int_equal(pci_msi_enable(&msi, fn, 4, &interrupt[0]), ERR_RANGE);
	assert_int_equal(get(MSI + CONTROL), 0);
	pci_msi_disable(&msi);
	assert_no_vectors();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_enable_is_silent, setup),
		cmocka_unit_test_setup(test_request, setup),
		cmocka_unit_test_setup(test_requests_refused, setup),
		cmocka_unit_test_setup(test_mask, setup),
		cmocka_unit_test_setup(test_move, setup),
		cmocka_unit_test(test_malformed_tables),
		cmocka_unit_test_setup(test_no_table, setup),
		cmocka_unit_test_setup(test_msi_32, setup),
		cmocka_unit_test_setup(test_msi_64, setup),
		cmocka_unit_test_setup(test_msi_refused, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
