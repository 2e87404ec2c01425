/* SPDX-License-Identifier: MIT */
/* Tests of nested page tables: an empty table, 4 MiB of memory, and what every page of a vendor's is like. */
#ifndef FIRN_TEST_NESTED_FIXTURE_H
#define FIRN_TEST_NESTED_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/fake/fake.h"
#include "arch/x86/nested_table.h"
#include "core/pmem.h"

static u64 root;

/* Bits of a leaf besides its rights: those that are looked at, and what they must be. */
struct nested_type {
	u64 rights, mask, value;
};

static inline int nested_group_setup(void **state)
{
	(void)state;
	fake_reset();
	fake_set_ram(MiB, 4 * MiB);
	return pmem_add(MiB, 4 * MiB);
}

static inline int nested_setup(void **state)
{
	(void)state;
	root = nested_create();
	return root ? 0 : -1;
}

/* Every table came back. */
static inline int nested_teardown(void **state)
{
	struct pmem_stats st;

	(void)state;
	nested_destroy(root);
	pmem_get_stats(&st);
	return st.used[PMEM_PAGE_TABLE] == 0 ? 0 : -1;
}

static inline void nested_expect(const struct nested_type *type, u64 gpa, u64 hpa, u64 page_size,
				 u64 rights)
{
	u64 size, entry = nested_lookup(root, gpa, &size);

	assert_int_equal(size, page_size);
	assert_int_equal(entry & NESTED_ADDRESS & ~(page_size - 1), hpa);
	assert_int_equal(entry & type->rights, rights);
	assert_int_equal(entry & type->mask, type->value);
	assert_int_equal(!!(entry & NESTED_LARGE), page_size > PAGE_SIZE);
}

#endif
