/* SPDX-License-Identifier: MIT */
/* Nested page tables: entries that the host's paging rules allow, sizes of pages, all memory returned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "arch/fake/fake.h"
#include "arch/x86/cpu.h"
#include "arch/x86/nested_table.h"
#include "arch/x86/svm/npt.h"
#include "core/pmem.h"

#define ADDR_MASK 0x000ffffffffff000ull
#define LARGE	  BIT(7)
/* PWT, PCD and PAT would choose another memory type than PAT entry 0; NX would forbid execution. */
#define TYPE_BITS (BIT(3) | BIT(4) | BIT(63))
#define RIGHTS	  (NPT_PRESENT | NPT_WRITABLE | NPT_USER)

struct cpu_features cpu_features;
static u64 root;

static int setup(void **state)
{
	(void)state;
	cpu_features.gib_pages = true;
	root = nested_create();
	return root ? 0 : -1;
}

static int teardown(void **state)
{
	struct pmem_stats st;

	(void)state;
	nested_destroy(root);
	pmem_get_stats(&st);
	return st.used[PMEM_PAGE_TABLE] == 0 ? 0 : -1;
}

static int add_memory(void **state)
{
	(void)state;
	fake_reset();
	fake_set_ram(MiB, 4 * MiB);
	return pmem_add(MiB, 4 * MiB);
}

static void expect_page(u64 gpa, u64 hpa, u64 page_size, u64 rights)
{
	u64 size, entry = nested_lookup(root, gpa, &size);

	assert_int_equal(size, page_size);
	assert_int_equal(entry & ADDR_MASK & ~(page_size - 1), hpa);
	assert_int_equal(entry & RIGHTS, rights);
	assert_int_equal(entry & TYPE_BITS, 0);
	assert_int_equal(!!(entry & LARGE), page_size > PAGE_SIZE);
}

/* Entries above the leaf must not take rights away: each level is checked (APM 2 15.25.5). */
static void tables_give_all_rights(void **state)
{
	u64 table = root, gpa = 5 * GiB + 3 * MiB;

	(void)state;
	assert_int_equal(npt_map(root, gpa, MiB, PAGE_SIZE, false), FIRN_OK);
	for (unsigned shift = 39; shift > 12; shift -= 9) {
		u64 entry = ((u64 *)phys_to_virt(table))[gpa >> shift & 511];

		assert_int_equal(entry & RIGHTS, RIGHTS);
		assert_int_equal(entry & TYPE_BITS, 0);
		table = entry & ADDR_MASK;
	}
	expect_page(gpa, MiB, PAGE_SIZE, NPT_PRESENT | NPT_USER);
}

static void sizes(void **state)
{
	(void)state;
	assert_int_equal(npt_map(root, 0, 8 * GiB, GiB + 2 * MiB + PAGE_SIZE, true), FIRN_OK);
	expect_page(0, 8 * GiB, GiB, RIGHTS);
	expect_page(GiB, 9 * GiB, 2 * MiB, RIGHTS);
	expect_page(GiB + 2 * MiB, 9 * GiB + 2 * MiB, PAGE_SIZE, RIGHTS);
}

static void no_gib_pages(void **state)
{
	(void)state;
	cpu_features.gib_pages = false;
	assert_int_equal(npt_map(root, GiB, GiB, GiB, true), FIRN_OK);
	expect_page(GiB, GiB, 2 * MiB, RIGHTS);
	expect_page(2 * GiB - 2 * MiB, 2 * GiB - 2 * MiB, 2 * MiB, RIGHTS);
}

static void rom(void **state)
{
	(void)state;
	assert_int_equal(npt_map(root, 4 * GiB - 2 * MiB, 2 * MiB, 2 * MiB, false), FIRN_OK);
	expect_page(4 * GiB - 2 * MiB, 2 * MiB, 2 * MiB, NPT_PRESENT | NPT_USER);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(tables_give_all_rights),
		TEST(sizes),
		TEST(no_gib_pages),
		TEST(rom),
	};

	return cmocka_run_group_tests(tests, add_memory, NULL);
}
