/* SPDX-License-Identifier: MIT */
/* Physical memory allocator: limits, misuse, and random use against a map of pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake.h"
/* Its one static state is wiped between tests. */
#include "core/pmem.c"

static int setup(void **state)
{
	(void)state;
	fake_reset();
	memset(&pmem, 0, sizeof(pmem));
	return 0;
}

static u64 free_bytes(void)
{
	struct pmem_stats st;

	pmem_get_stats(&st);
	return st.free;
}

static void test_add_checks(void **state)
{
	(void)state;
	assert_int_equal(pmem_add(1, PAGE_SIZE), ERR_ALIGN);
	assert_int_equal(pmem_add(PAGE_SIZE, PAGE_SIZE - 1), ERR_ALIGN);
	assert_int_equal(pmem_add(PAGE_SIZE, 0), ERR_RANGE);
	assert_int_equal(pmem_add(~0ull << 12, PAGE_SIZE), ERR_RANGE);
	assert_int_equal(pmem_add(~0ull << 12, 2 * PAGE_SIZE), ERR_RANGE);
	assert_int_equal(pmem_add(PMEM_LIMIT, PAGE_SIZE), ERR_RANGE);
	assert_int_equal(free_bytes(), 0);
	assert_int_equal(pmem_add(4 * PAGE_SIZE, 4 * PAGE_SIZE), FIRN_OK);
	assert_int_equal(pmem_add(4 * PAGE_SIZE, PAGE_SIZE), ERR_OVERLAP);
	assert_int_equal(pmem_add(7 * PAGE_SIZE, PAGE_SIZE), ERR_OVERLAP);
	assert_int_equal(pmem_add(3 * PAGE_SIZE, 2 * PAGE_SIZE), ERR_OVERLAP);
	assert_int_equal(pmem_add(PAGE_SIZE, 16 * PAGE_SIZE), ERR_OVERLAP);
	/* Memory in use is still known. */
	assert_int_not_equal(pmem_alloc(4 * PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_HEAP), 0);
	assert_int_equal(pmem_add(5 * PAGE_SIZE, PAGE_SIZE), ERR_OVERLAP);
	assert_int_equal(pmem_add(3 * PAGE_SIZE, PAGE_SIZE), FIRN_OK);
	assert_int_equal(pmem_add(8 * PAGE_SIZE, PAGE_SIZE), FIRN_OK);
	assert_int_equal(pmem_add(PMEM_LIMIT - PAGE_SIZE, PAGE_SIZE), FIRN_OK);
	assert_int_equal(free_bytes(), 3 * PAGE_SIZE);
}

static void test_page_zero_is_never_given_out(void **state)
{
	(void)state;
	assert_int_equal(pmem_add(0, PAGE_SIZE), FIRN_OK);
	assert_int_equal(pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_HEAP), 0);
	assert_int_equal(pmem_add(0, 2 * PAGE_SIZE), FIRN_OK);
	assert_int_equal(free_bytes(), PAGE_SIZE);
	assert_int_equal(pmem_alloc(2 * PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_HEAP), 0);
	assert_int_equal(pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_1MIB, PMEM_HEAP), PAGE_SIZE);
	assert_int_equal(pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_HEAP), 0);
}

static void test_where(void **state)
{
	u64 any, low, mib;

	(void)state;
	assert_int_equal(pmem_add(PAGE_SIZE, 640 * KiB - PAGE_SIZE), FIRN_OK);
	assert_int_equal(pmem_add(MiB, 4 * GiB), FIRN_OK); /* crosses the 4 GiB line */
	any = pmem_alloc(MiB, MiB, PMEM_ANY, PMEM_GUEST);
	low = pmem_alloc(MiB, MiB, PMEM_LOW, PMEM_CPU);
	mib = pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_1MIB, PMEM_CPU);
	assert_int_equal(any, 4 * GiB);
	assert_int_equal(low, 4 * GiB - MiB);
	assert_int_equal(mib, 640 * KiB - PAGE_SIZE);
	assert_int_equal(pmem_alloc(MiB, PAGE_SIZE, PMEM_1MIB, PMEM_CPU), 0);
	assert_int_equal(pmem_alloc(4 * GiB, PAGE_SIZE, PMEM_LOW, PMEM_CPU), 0);
	pmem_free(any, MiB, PMEM_GUEST);
	pmem_free(low, MiB, PMEM_CPU);
	pmem_free(mib, PAGE_SIZE, PMEM_CPU);
	assert_int_equal(pmem_largest(PAGE_SIZE), 4 * GiB);
	assert_int_equal(pmem.free.count, 2);
}

static void test_alignment_and_largest(void **state)
{
	(void)state;
	assert_int_equal(pmem_largest(PAGE_SIZE), 0);
	assert_int_equal(pmem_add(3 * MiB, 6 * MiB), FIRN_OK);
	assert_int_equal(pmem_largest(PAGE_SIZE), 6 * MiB);
	assert_int_equal(pmem_largest(2 * MiB), 5 * MiB);
	assert_int_equal(pmem_largest(8 * MiB), MiB);
	assert_int_equal(pmem_largest(16 * MiB), 0);
	assert_int_equal(pmem_largest(BIT(63)), 0);
	assert_int_equal(pmem_alloc(6 * MiB, 2 * MiB, PMEM_ANY, PMEM_GUEST), 0);
	assert_int_equal(pmem_alloc(5 * MiB, 2 * MiB, PMEM_ANY, PMEM_GUEST), 4 * MiB);
	assert_int_equal(pmem_alloc(PAGE_SIZE, 2 * MiB, PMEM_ANY, PMEM_GUEST), 0);
	assert_int_equal(pmem_alloc(MiB, PAGE_SIZE, PMEM_ANY, PMEM_GUEST), 3 * MiB);
	assert_int_equal(pmem_alloc(0, PAGE_SIZE, PMEM_ANY, PMEM_GUEST), 0);
	assert_int_equal(pmem_alloc(~0ull << 12, PAGE_SIZE, PMEM_ANY, PMEM_GUEST), 0);
}

static void test_stats(void **state)
{
	struct pmem_stats st;
	u64 heap;

	(void)state;
	assert_int_equal(pmem_add(MiB, MiB), FIRN_OK);
	heap = pmem_alloc(8 * PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_HEAP);
	pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_VIRT);
	pmem_free(heap, 4 * PAGE_SIZE, PMEM_HEAP);
	pmem_get_stats(&st);
	assert_int_equal(st.total, MiB);
	assert_int_equal(st.free, MiB - 5 * PAGE_SIZE);
	assert_int_equal(st.used[PMEM_HEAP], 4 * PAGE_SIZE);
	assert_int_equal(st.used[PMEM_VIRT], PAGE_SIZE);
	assert_int_equal(st.used[PMEM_GUEST], 0);
	for (int i = 0; i < PMEM_USES; i++)
		assert_non_null(pmem_use_name[i]);
}

/* Each panics with the lock held, so each starts anew. */
#define assert_panics(statement)                                                      \
	do {                                                                          \
		setup(NULL);                                                          \
		assert_int_equal(pmem_add(MiB, MiB), FIRN_OK);                        \
		assert_int_equal(pmem_add(4 * MiB, MiB), FIRN_OK);                    \
		assert_int_equal(pmem_alloc(MiB, MiB, PMEM_ANY, PMEM_HEAP), 4 * MiB); \
		assert_true(fake_panics(statement));                                  \
	} while (0)

static void test_misuse_panics(void **state)
{
	(void)state;
	assert_panics(pmem_free(4 * MiB, 2 * MiB, PMEM_HEAP));		 /* too long */
	assert_panics(pmem_free(4 * MiB, 0, PMEM_HEAP));		 /* nothing */
	assert_panics(pmem_free(4 * MiB + 1, PAGE_SIZE, PMEM_HEAP));	 /* unaligned */
	assert_panics(pmem_free(4 * MiB, PAGE_SIZE + 1, PMEM_HEAP));	 /* unaligned */
	assert_panics(pmem_free(4 * MiB - PAGE_SIZE, MiB, PMEM_HEAP));	 /* starts outside */
	assert_panics(pmem_free(2 * MiB, MiB, PMEM_HEAP));		 /* never given */
	assert_panics(pmem_free(MiB, PAGE_SIZE, PMEM_HEAP));		 /* free already */
	assert_panics(pmem_free(~0ull << 12, 2 * PAGE_SIZE, PMEM_HEAP)); /* wraps */
	assert_panics(pmem_free(4 * MiB, PAGE_SIZE, PMEM_GUEST));	 /* someone else's */
	assert_panics(pmem_free(4 * MiB, PAGE_SIZE, PMEM_USES));
	assert_panics((pmem_free(4 * MiB, PAGE_SIZE, PMEM_HEAP),
		       pmem_free(4 * MiB, PAGE_SIZE, PMEM_HEAP))); /* twice */
	assert_panics(pmem_alloc(PAGE_SIZE + 1, PAGE_SIZE, PMEM_ANY, PMEM_HEAP));
	assert_panics(pmem_alloc(PAGE_SIZE, 0, PMEM_ANY, PMEM_HEAP));
	assert_panics(pmem_alloc(PAGE_SIZE, 64, PMEM_ANY, PMEM_HEAP));
	assert_panics(pmem_alloc(PAGE_SIZE, 3 * PAGE_SIZE, PMEM_ANY, PMEM_HEAP));
	assert_panics(pmem_alloc(PAGE_SIZE, PAGE_SIZE, 3, PMEM_HEAP));
	assert_panics(pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_USES));
	assert_panics(pmem_largest(1));
	setup(NULL);
}

static void test_pages(void **state)
{
	u8 *ram = fake_set_ram(MiB, 2 * PAGE_SIZE), *page;

	(void)state;
	memset(ram, 0xaa, 2 * PAGE_SIZE);
	assert_int_equal(pmem_add(MiB, 2 * PAGE_SIZE), FIRN_OK);
	page = pmem_alloc_page(PMEM_PAGE_TABLE);
	assert_ptr_equal(page, ram + PAGE_SIZE);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(page[i], 0);
	assert_non_null(pmem_alloc_page(PMEM_PAGE_TABLE));
	assert_null(pmem_alloc_page(PMEM_PAGE_TABLE));
	pmem_free_page(page, PMEM_PAGE_TABLE);
	pmem_free_page(NULL, PMEM_PAGE_TABLE);
	assert_ptr_equal(pmem_alloc_page(PMEM_PAGE_TABLE), page);
}

static void test_full_table(void **state)
{
	u64 stride = 4 * PAGE_SIZE;
	unsigned i;

	(void)state;
	for (i = 0; i < PMEM_MAX_RANGES; i++)
		assert_int_equal(pmem_add(MiB + i * stride, 3 * PAGE_SIZE), FIRN_OK);
	assert_int_equal(pmem_add(MiB + i * stride, PAGE_SIZE), ERR_FULL);
	/* An allocation that would split a range is refused, one that fits goes on. */
	assert_int_equal(pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_CPU),
			 MiB + (i - 1) * stride + 2 * PAGE_SIZE);
	/* Ranges start at multiples of 4 pages: a place at 8 pages alignment never splits. */
	assert_int_not_equal(pmem_alloc(PAGE_SIZE, 8 * PAGE_SIZE, PMEM_ANY, PMEM_CPU), 0);
}

/* Memory that is given back in more pieces than the table holds comes back as the table gets shorter. */
static void test_more_pieces_than_the_table_holds(void **state)
{
	const unsigned pieces = 3 * PMEM_MAX_RANGES, kept = pieces - 1;
	u64 size = 2 * pieces * PAGE_SIZE;

	(void)state;
	fake_set_ram(MiB, size);
	assert_int_equal(pmem_add(MiB, size), FIRN_OK);
	assert_int_equal(pmem_alloc(size, PAGE_SIZE, PMEM_ANY, PMEM_DISK), MiB);
	for (unsigned i = 0; i < pieces; i++)
		pmem_free(MiB + 2 * i * PAGE_SIZE, PAGE_SIZE, PMEM_DISK);
	assert_int_equal(free_bytes(), pieces * PAGE_SIZE);
	/* All of them can be had, and given back once more. */
	for (unsigned i = 0; i < pieces; i++)
		assert_int_not_equal(pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_DISK), 0);
	assert_int_equal(pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_DISK), 0);
	for (unsigned i = 0; i < pieces; i++)
		pmem_free(MiB + 2 * i * PAGE_SIZE, PAGE_SIZE, PMEM_DISK);
	/* When what is in between comes too, it is one piece again. */
	for (unsigned i = 0; i < kept; i++)
		pmem_free(MiB + (2 * i + 1) * PAGE_SIZE, PAGE_SIZE, PMEM_DISK);
	assert_int_equal(free_bytes(), size - PAGE_SIZE);
	for (unsigned i = 0; i < pieces && pmem.first_stray; i++)
		pmem_free(pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_DISK), PAGE_SIZE,
			  PMEM_DISK);
	assert_int_equal(pmem.free.count, 1);
	assert_int_equal(pmem_largest(PAGE_SIZE), size - PAGE_SIZE);
}

/* Reference model: one byte per page. */
#define MODEL_PAGES 4096
#define MODEL_STEPS 200000
#define MODEL_LIVE  256

static struct {
	u64 base, size;
	enum pmem_use use;
} live[MODEL_LIVE];
static bool used_page[MODEL_PAGES], ram_page[MODEL_PAGES];

/* Highest aligned place, as the allocator promises; 0 = none. */
static u64 model_alloc(u64 size, u64 align)
{
	u64 pages = size / PAGE_SIZE, step = align / PAGE_SIZE, n;

	for (u64 start = ALIGN_DOWN(MODEL_PAGES - pages, step); start > 0; start -= step) {
		for (n = 0; n < pages && ram_page[start + n] && !used_page[start + n]; n++)
			;
		if (n == pages)
			return start * PAGE_SIZE;
		if (start < step)
			break;
	}
	return 0;
}

static void mark(u64 base, u64 size, bool used)
{
	memset(&used_page[base / PAGE_SIZE], used, size / PAGE_SIZE);
}

static void model_step(unsigned i)
{
	u64 size = (1 + rand() % 64) * PAGE_SIZE, align = PAGE_SIZE << (rand() % 6), base;

	if (live[i].size) {
		mark(live[i].base, live[i].size, false);
		pmem_free(live[i].base, live[i].size, live[i].use);
		live[i].size = 0;
		return;
	}
	base = pmem_alloc(size, align, PMEM_ANY, i % PMEM_USES);
	assert_int_equal(base, model_alloc(size, align));
	if (base) {
		mark(base, size, true);
		live[i].base = base;
		live[i].size = size;
		live[i].use = i % PMEM_USES;
	}
}

static void check_totals(u64 total)
{
	struct pmem_stats st;
	u64 used = 0, free = 0, by_use = 0;

	for (unsigned i = 0; i < MODEL_LIVE; i++)
		used += live[i].size;
	pmem_get_stats(&st);
	for (unsigned i = 0; i < pmem.free.count; i++) {
		free += pmem.free.range[i].end - pmem.free.range[i].base;
		if (i)
			assert_true(pmem.free.range[i].base > pmem.free.range[i - 1].end);
	}
	for (unsigned i = 0; i < PMEM_USES; i++)
		by_use += st.used[i];
	assert_int_equal(st.total, total);
	assert_int_equal(st.free, total - used);
	assert_int_equal(free, st.free);
	assert_int_equal(by_use, used);
}

static void test_random_use_against_model(void **state)
{
	u64 total = 0;

	(void)state;
	srand(20);
	for (u64 page = 1; page < MODEL_PAGES - 512; page += 512) {
		u64 pages = 300 + rand() % 212;

		assert_int_equal(pmem_add(page * PAGE_SIZE, pages * PAGE_SIZE), FIRN_OK);
		memset(&ram_page[page], true, pages);
		total += pages * PAGE_SIZE;
	}
	for (unsigned i = 0; i < MODEL_STEPS; i++) {
		model_step(rand() % MODEL_LIVE);
		if (i % 100 == 0)
			check_totals(total);
	}
	for (unsigned i = 0; i < MODEL_LIVE; i++)
		if (live[i].size)
			model_step(i);
	check_totals(total);
	assert_int_equal(pmem.free.count, pmem.ram.count);
	assert_memory_equal(pmem.free.range, pmem.ram.range,
			    pmem.ram.count * sizeof(pmem.ram.range[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_add_checks, setup),
		cmocka_unit_test_setup(test_page_zero_is_never_given_out, setup),
		cmocka_unit_test_setup(test_where, setup),
		cmocka_unit_test_setup(test_alignment_and_largest, setup),
		cmocka_unit_test_setup(test_stats, setup),
		cmocka_unit_test_setup(test_misuse_panics, setup),
		cmocka_unit_test_setup(test_pages, setup),
		cmocka_unit_test_setup(test_full_table, setup),
		cmocka_unit_test_setup(test_more_pieces_than_the_table_holds, setup),
		cmocka_unit_test_setup(test_random_use_against_model, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
