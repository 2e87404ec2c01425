/* SPDX-License-Identifier: MIT */
/* Page table builder: sizes, attributes, what it refuses. */
#include "pagetable_fixture.h"

#define RAM_SIZE (1 * MiB)
#define FLAGS	 (PTE_P | PTE_RW | PTE_NX)
#define VA	 0xffff800000000000ull

static int setup(void **state)
{
	(void)state;
	pagetable_setup(RAM_SIZE);
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

/* What is left of a large page around a hole maps what it did. */
static void a_hole_divides_large_pages(void **state)
{
	u64 hole = VA + GiB + 4 * MiB + 8192, size = 2 * MiB;

	(void)state;
	assert_int_equal(pagetable_map(root, VA, 0, 3 * GiB, FLAGS, 3), FIRN_OK);
	assert_int_equal(pagetable_unmap(root, hole, size), FIRN_OK);
	expect(VA, 0, 3);
	expect(VA + 2 * GiB, 2 * GiB, 3);
	expect(VA + GiB + 2 * MiB, GiB + 2 * MiB, 2);
	expect(hole - 4096, GiB + 4 * MiB + 4096, 1);
	expect_nothing(hole);
	expect_nothing(hole + MiB);
	expect_nothing(hole + size - 1);
	expect(hole + size, GiB + 6 * MiB + 8192, 1);
	expect(VA + GiB + 8 * MiB, GiB + 8 * MiB, 2);
}

static void whole_large_pages_go_undivided(void **state)
{
	struct pmem_stats before, after;

	(void)state;
	assert_int_equal(pagetable_map(root, VA, 0, 2 * GiB, FLAGS, 3), FIRN_OK);
	pmem_get_stats(&before);
	assert_int_equal(pagetable_unmap(root, VA + GiB, GiB), FIRN_OK);
	pmem_get_stats(&after);
	assert_int_equal(before.free, after.free);
	expect(VA, 0, 3);
	expect_nothing(VA + GiB);
	expect_nothing(VA + 2 * GiB - 1);
}

/* It fits the entries that it left: no memory is needed for it. */
static void what_comes_back_needs_no_tables(void **state)
{
	static const struct {
		u64 at, size;
	} parts[] = { { 0, GiB }, { GiB + 4096, 2 * MiB }, { GiB + 6 * MiB, 18 * MiB } };
	struct pmem_stats before, after;

	(void)state;
	assert_int_equal(pagetable_map(root, VA, 0, 2 * GiB, FLAGS, 3), FIRN_OK);
	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
		assert_int_equal(pagetable_unmap(root, VA + parts[i].at, parts[i].size), FIRN_OK);
	pmem_get_stats(&before);
	for (unsigned i = ARRAY_SIZE(parts); i-- > 0;)
		assert_int_equal(pagetable_map(root, VA + parts[i].at, parts[i].at, parts[i].size,
					       FLAGS, 3),
				 FIRN_OK);
	pmem_get_stats(&after);
	assert_int_equal(before.free, after.free);
	expect(VA, 0, 3);
	for (u64 va = VA + GiB; va < VA + GiB + 30 * MiB; va += 4096) {
		unsigned level;
		u64 flags;

		assert_true(translate(va, &flags, &level) == va - VA);
	}
}

static void unmapping_nothing_is_no_error(void **state)
{
	(void)state;
	assert_int_equal(pagetable_unmap(root, VA, 5 * GiB), FIRN_OK);
	assert_int_equal(pagetable_map(root, VA + 2 * MiB, 0, 4096, FLAGS, 1), FIRN_OK);
	assert_int_equal(pagetable_unmap(root, VA, 5 * GiB), FIRN_OK);
	expect_nothing(VA + 2 * MiB);
}

/* The tables of small pages stay, and are used when a large one would fit. */
static void large_ranges_use_the_tables_that_are_there(void **state)
{
	(void)state;
	assert_int_equal(pagetable_map(root, VA, 0, 4096, FLAGS, 1), FIRN_OK);
	assert_int_equal(pagetable_unmap(root, VA, 4096), FIRN_OK);
	assert_int_equal(pagetable_map(root, VA, 0, GiB, FLAGS, 3), FIRN_OK);
	expect(VA, 0, 1);
	expect(VA + 2 * MiB, 2 * MiB, 2);
}

static void out_of_memory_is_reported(void **state)
{
	(void)state;
	assert_int_equal(pagetable_map(root, 0, 0, GiB, FLAGS, 3), FIRN_OK);
	while (pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_PAGE_TABLE))
		;
	assert_int_equal(pagetable_unmap(root, 0, 2 * MiB), ERR_NOMEM);
	expect(MiB, MiB, 3);
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
		cmocka_unit_test_setup(a_hole_divides_large_pages, setup),
		cmocka_unit_test_setup(whole_large_pages_go_undivided, setup),
		cmocka_unit_test_setup(what_comes_back_needs_no_tables, setup),
		cmocka_unit_test_setup(unmapping_nothing_is_no_error, setup),
		cmocka_unit_test_setup(large_ranges_use_the_tables_that_are_there, setup),
		cmocka_unit_test_setup(out_of_memory_is_reported, setup), /* last: uses it up */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
