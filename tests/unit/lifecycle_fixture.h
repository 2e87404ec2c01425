/* SPDX-License-Identifier: MIT */
/* Tests of a CPU's life with VMX or SVM: a few CPUs, one MiB of memory, of which nothing may be left in use. */
#ifndef FIRN_TESTS_LIFECYCLE_FIXTURE_H
#define FIRN_TESTS_LIFECYCLE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/fake/fake.h"
#include "core/pmem.h"

#define TEST_CPUS 4

static inline int lifecycle_group_setup(void **state)
{
	(void)state;
	fake_reset();
	fake_set_nr_cpus(TEST_CPUS);
	fake_set_ram(MiB, MiB);
	return pmem_add(MiB, MiB);
}

/* Bytes that the code under test has taken. */
static inline u64 memory_used(void)
{
	struct pmem_stats st;

	pmem_get_stats(&st);
	return st.used[PMEM_VIRT];
}

static inline int lifecycle_teardown(void **state)
{
	(void)state;
	return memory_used() == 0 ? 0 : -1;
}

/* One CPU cannot: the others can, and only they can go back. */
static inline void expect_all_but_one(unsigned bad, enum firn_err (*enable)(unsigned cpu),
				      enum firn_err (*disable)(unsigned cpu))
{
	for (unsigned i = 0; i < TEST_CPUS; i++) {
		fake_set_cpu(i);
		assert_int_equal(enable(i), i == bad ? ERR_VMFAIL : FIRN_OK);
	}
	for (unsigned i = 0; i < TEST_CPUS; i++) {
		fake_set_cpu(i);
		assert_int_equal(disable(i), i == bad ? ERR_STATE : FIRN_OK);
	}
	assert_int_equal(memory_used(), 0);
}

#endif
