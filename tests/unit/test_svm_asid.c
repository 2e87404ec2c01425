/* SPDX-License-Identifier: MIT */
/* Address space identifiers: never two owners at once, never a stale translation, however many vCPUs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <stdlib.h>

#include "arch/x86/svm/asid.h"
#include "arch/x86/svm/vmcb.h"

#define NR_ASIDS 16
#define NR_VCPUS 1000
#define NR_CPUS	 3
#define NOBODY	 (-1)

/* A TLB: whose translations each CPU may hold under each ASID. */
static int tlb[NR_CPUS][NR_ASIDS];
static struct asid_pool pool[NR_CPUS];
static struct asid_tag tag[NR_VCPUS];
static unsigned flushes;

static void init(bool flush_by_asid)
{
	memset(tag, 0, sizeof(tag));
	memset(pool, 0, sizeof(pool));
	flushes = 0;
	for (unsigned cpu = 0; cpu < NR_CPUS; cpu++) {
		asid_pool_init(&pool[cpu], cpu, NR_ASIDS, flush_by_asid);
		/* Translations of an earlier life are there. */
		for (unsigned asid = 0; asid < NR_ASIDS; asid++)
			tlb[cpu][asid] = NR_VCPUS;
	}
}

static void flush_all(unsigned cpu)
{
	for (unsigned asid = 0; asid < NR_ASIDS; asid++)
		tlb[cpu][asid] = NOBODY;
	flushes++;
}

/* VMRUN: after it, the ASID's translations must be this vCPU's or none. */
static void enter(unsigned cpu, unsigned vcpu)
{
	bool wanted_flush = tag[vcpu].generation & ASID_FLUSH;
	unsigned control = asid_assign(&pool[cpu], &tag[vcpu]);
	unsigned asid = tag[vcpu].asid;

	assert_in_range(asid, 1, NR_ASIDS - 1);
	if (control == TLB_FLUSH_ALL)
		flush_all(cpu);
	else if (control == TLB_FLUSH_ASID)
		tlb[cpu][asid] = NOBODY;
	else
		assert_int_equal(control, TLB_KEEP);
	assert_true(tlb[cpu][asid] == NOBODY || tlb[cpu][asid] == (int)vcpu);
	if (wanted_flush)
		assert_int_equal(tlb[cpu][asid], NOBODY);
	tlb[cpu][asid] = (int)vcpu;
	assert_true(asid_current(&pool[cpu], &tag[vcpu]));
}

/* Any vCPU on any CPU, flushed at any time. A tag that moved must not find its old place again. */
static void at_random(bool flush_by_asid)
{
	int on[NR_VCPUS];

	init(flush_by_asid);
	srand(1);
	for (unsigned i = 0; i < NR_VCPUS; i++)
		on[i] = NOBODY;
	for (unsigned i = 0; i < 200000; i++) {
		/* Mostly a few of them, so that tags stay valid for a while. */
		unsigned vcpu = (unsigned)rand() % (i % 4 ? 10 : NR_VCPUS);
		unsigned cpu = (unsigned)rand() % NR_CPUS;

		/* Unloaded first, as it must be; in some rounds even without. */
		if (on[vcpu] != (int)cpu && i % 2)
			asid_forget(&tag[vcpu]);
		on[vcpu] = (int)cpu;
		if (rand() % 8 == 0)
			asid_flush(&tag[vcpu]);
		enter(cpu, vcpu);
	}
}

static void thousand_vcpus(void **state)
{
	(void)state;
	at_random(false);
	at_random(true);
}

static void one_vcpu_keeps_its_asid(void **state)
{
	unsigned asid;

	(void)state;
	init(false);
	enter(0, 5);
	assert_int_equal(flushes, 1); /* what was there before the CPU came up */
	asid = tag[5].asid;
	for (unsigned i = 0; i < 1000; i++)
		enter(0, 5);
	assert_int_equal(tag[5].asid, asid);
	assert_int_equal(flushes, 1);
}

static void as_many_as_asids_share_without_flushes(void **state)
{
	(void)state;
	init(false);
	for (unsigned round = 0; round < 10; round++)
		for (unsigned v = 0; v < NR_ASIDS - 1; v++)
			enter(0, v);
	assert_int_equal(flushes, 1);
	enter(0, NR_ASIDS); /* one too many: a new generation */
	assert_int_equal(flushes, 2);
	assert_false(asid_current(&pool[0], &tag[0]));
}

static void flush_without_flush_by_asid(void **state)
{
	unsigned before;

	(void)state;
	init(false);
	enter(0, 0);
	before = tag[0].asid;
	asid_flush(&tag[0]);
	assert_false(asid_current(&pool[0], &tag[0]));
	assert_int_equal(asid_assign(&pool[0], &tag[0]), TLB_KEEP);
	assert_int_not_equal(tag[0].asid, before);
}

static void flush_by_asid(void **state)
{
	unsigned before;

	(void)state;
	init(true);
	enter(0, 0);
	before = tag[0].asid;
	asid_flush(&tag[0]);
	assert_int_equal(asid_assign(&pool[0], &tag[0]), TLB_FLUSH_ASID);
	assert_int_equal(tag[0].asid, before);
	assert_int_equal(asid_assign(&pool[0], &tag[0]), TLB_KEEP);
}

static void two_asids_are_enough(void **state)
{
	struct asid_pool small = { 0 };

	(void)state;
	memset(tag, 0, sizeof(tag));
	asid_pool_init(&small, 0, 2, false);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(asid_assign(&small, &tag[i % 2]), TLB_FLUSH_ALL);
		assert_int_equal(tag[i % 2].asid, 1);
	}
}

/* A CPU that is turned off and on again does not accept the tags of its earlier life. */
static void second_life_of_a_pool(void **state)
{
	(void)state;
	init(false);
	enter(0, 0);
	asid_pool_init(&pool[0], 0, NR_ASIDS, false);
	assert_false(asid_current(&pool[0], &tag[0]));
	assert_int_equal(asid_assign(&pool[0], &tag[0]), TLB_FLUSH_ALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thousand_vcpus),
		cmocka_unit_test(one_vcpu_keeps_its_asid),
		cmocka_unit_test(as_many_as_asids_share_without_flushes),
		cmocka_unit_test(flush_without_flush_by_asid),
		cmocka_unit_test(flush_by_asid),
		cmocka_unit_test(two_asids_are_enough),
		cmocka_unit_test(second_life_of_a_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
