/* SPDX-License-Identifier: MIT */
/* Nested page tables: entries that the host's paging rules allow, sizes of pages, all memory returned. */
#include "tests/unit/nested_fixture.h"

#include "arch/x86/cpu.h"
#include "arch/x86/svm/npt.h"

/* PWT, PCD and PAT would choose another memory type than PAT entry 0; NX would forbid execution. */
#define TYPE_BITS (BIT(3) | BIT(4) | BIT(63))
#define RIGHTS	  (NPT_PRESENT | NPT_WRITABLE | NPT_USER)

struct cpu_features cpu_features;

static int setup(void **state)
{
	cpu_features.gib_pages = true;
	return nested_setup(state);
}

static void expect_page(u64 gpa, u64 hpa, u64 page_size, u64 rights)
{
	static const struct nested_type type = { .rights = RIGHTS, .mask = TYPE_BITS };

	nested_expect(&type, gpa, hpa, page_size, rights);
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
		table = entry & NESTED_ADDRESS;
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, nested_teardown)
	const struct CMUnitTest tests[] = {
		TEST(tables_give_all_rights),
		TEST(sizes),
		TEST(no_gib_pages),
		TEST(rom),
	};

	return cmocka_run_group_tests(tests, nested_group_setup, NULL);
}
