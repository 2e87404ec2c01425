/* SPDX-License-Identifier: MIT */
/* Page table builder: sizes, attributes, what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/x86/pagetable.h"
#include "core/pmem.h"
#include "fake.h"

#define RAM_BASE (16 * MiB)
#define RAM_SIZE (1 * MiB)
#define FLAGS	 (PTE_P | PTE_RW | PTE_NX)
#define VA	 0xffff800000000000ull

static u64 *root;

static int setup(void **state)
{
	static bool added;

	(void)state;
	fake_set_ram(RAM_BASE, RAM_SIZE);
	if (!added)
		assert_int_equal(pmem_add(RAM_BASE, RAM_SIZE), FIRN_OK);
	added = true;
	root = pagetable_alloc();
	assert_non_null(root);
	return 0;
}

/* Physical address that the tables give for va; ~0 = not mapped. */
static u64 translate(u64 va, u64 *flags, unsigned *level)
{
	u64 *entry = pagetable_find(root, va, level);

	if (!entry)
		return ~0ull;
	*flags = *entry & ~PTE_ADDR;
	return (*entry & PTE_ADDR) + va % pagetable_span(*level);
}

static void expect(u64 va, u64 pa, unsigned level)
{
	unsigned found;
	u64 flags;

	assert_true(translate(va, &flags, &found) == pa);
	assert_int_equal(found, level);
	assert_true((flags & ~PTE_PS) == FLAGS);
	assert_int_equal(!!(flags & PTE_PS), level > 1);
}

static void expect_nothing(u64 va)
{
	unsigned level;
	u64 flags;

	assert_true(translate(va, &flags, &level) == ~0ull);
}

static void largest_pages_that_fit(void **state)
{
	u64 start = GiB - 4096, size = 2 * GiB + 2 * MiB + 8192;

	(void)state;
	assert_int_equal(pagetable_map(root, VA + start, start, size, FLAGS, 3), FIRN_OK);
	expect(VA + start, start, 1);
	expect(VA + GiB + 12345, GiB + 12345, 3);
	expect(VA + 2 * GiB, 2 * GiB, 3);
	expect(VA + 3 * GiB, 3 * GiB, 2);
	expect(VA + 3 * GiB + 2 * MiB, 3 * GiB + 2 * MiB, 1);
	expect_nothing(VA + start - 1);
	expect_nothing(VA + start + size);
}

static void max_level_is_kept(void **state)
{
	(void)state;
	assert_int_equal(pagetable_map(root, VA, 0, GiB, FLAGS, 2), FIRN_OK);
	expect(VA + 5 * MiB, 5 * MiB, 2);
}

static void different_alignment_needs_small_pages(void **state)
{
	(void)state;
	assert_int_equal(pagetable_map(root, VA, 4096, 4 * MiB, FLAGS, 3), FIRN_OK);
	expect(VA + 2 * MiB, 2 * MiB + 4096, 1);
}

static void mapped_is_not_mapped_again(void **state)
{
	(void)state;
	assert_int_equal(pagetable_map(root, VA, 0, 2 * MiB, FLAGS, 2), FIRN_OK);
	assert_int_equal(pagetable_map(root, VA + 4096, 4096, 4096, FLAGS, 1), ERR_EXIST);
	assert_int_equal(pagetable_map(root, VA, 0, 2 * MiB, FLAGS, 2), ERR_EXIST);
	/* A large page may not replace a table of small ones. */
	assert_int_equal(pagetable_map(root, VA + 2 * MiB, 0, 4096, FLAGS, 1), FIRN_OK);
	assert_int_equal(pagetable_map(root, VA + 2 * MiB, 0, 2 * MiB, FLAGS, 2), ERR_EXIST);
	expect(VA + 2 * MiB, 0, 1);
}

static void out_of_memory_is_reported(void **state)
{
	(void)state;
	while (pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_PAGE_TABLE))
		;
	assert_int_equal(pagetable_map(root, VA, 0, 4096, FLAGS, 1), ERR_NOMEM);
	assert_int_equal(pagetable_fill_top(root, VA), ERR_NOMEM);
	assert_null(pagetable_alloc());
	expect_nothing(VA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(largest_pages_that_fit, setup),
		cmocka_unit_test_setup(max_level_is_kept, setup),
		cmocka_unit_test_setup(different_alignment_needs_small_pages, setup),
		cmocka_unit_test_setup(mapped_is_not_mapped_again, setup),
		cmocka_unit_test_setup(out_of_memory_is_reported, setup), /* last: uses it up */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
