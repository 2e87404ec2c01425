/* SPDX-License-Identifier: MIT */
/* Extended page tables against plain arithmetic: sizes of pages, types, holes, all memory returned. */
#include "tests/unit/nested_fixture.h"

#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/ept.h"
#include "arch/x86/vmx/vmcs.h"

#define MEMTYPE (7ull << 3)
#define WB	(6ull << 3)

static int setup(void **state)
{
	vmx_caps.ept_vpid = EPT_CAP_1G | EPT_CAP_2M;
	return nested_setup(state);
}

static void expect_page(u64 gpa, u64 hpa, u64 page_size, u64 access)
{
	static const struct nested_type type = { EPT_RWX, MEMTYPE, WB };

	nested_expect(&type, gpa, hpa, page_size, access);
}

static void expect_hole(u64 gpa)
{
	u64 size;

	assert_int_equal(nested_lookup(root, gpa, &size), 0);
}

static void largest_pages_that_fit(void **state)
{
	(void)state;
	assert_int_equal(ept_map(root, 0, 8 * GiB, 2 * GiB + 2 * MiB + PAGE_SIZE, EPT_RWX),
			 FIRN_OK);
	expect_page(0, 8 * GiB, GiB, EPT_RWX);
	expect_page(GiB, 9 * GiB, GiB, EPT_RWX);
	expect_page(2 * GiB, 10 * GiB, 2 * MiB, EPT_RWX);
	expect_page(2 * GiB + 2 * MiB, 10 * GiB + 2 * MiB, PAGE_SIZE, EPT_RWX);
	expect_hole(2 * GiB + 2 * MiB + PAGE_SIZE);
	expect_hole(4 * GiB);
}

static void misaligned_backing_means_small_pages(void **state)
{
	(void)state;
	assert_int_equal(ept_map(root, 0, 2 * MiB + PAGE_SIZE, 4 * MiB, EPT_READ), FIRN_OK);
	for (u64 gpa = 0; gpa < 4 * MiB; gpa += PAGE_SIZE)
		expect_page(gpa, 2 * MiB + PAGE_SIZE + gpa, PAGE_SIZE, EPT_READ);
}

static void without_gigabyte_pages(void **state)
{
	(void)state;
	vmx_caps.ept_vpid = EPT_CAP_2M;
	assert_int_equal(ept_map(root, GiB, GiB, GiB, EPT_RWX), FIRN_OK);
	expect_page(GiB, GiB, 2 * MiB, EPT_RWX);
	expect_page(2 * GiB - 2 * MiB, 2 * GiB - 2 * MiB, 2 * MiB, EPT_RWX);
	expect_hole(2 * GiB);
	expect_hole(GiB - PAGE_SIZE);
}

static void unmap_leaves_the_rest(void **state)
{
	(void)state;
	assert_int_equal(ept_map(root, 0, 16 * MiB, 8 * MiB, EPT_RWX), FIRN_OK);
	nested_unmap(root, 2 * MiB, 4 * MiB);
	expect_page(0, 16 * MiB, 2 * MiB, EPT_RWX);
	expect_hole(2 * MiB);
	expect_hole(6 * MiB - PAGE_SIZE);
	expect_page(6 * MiB, 22 * MiB, 2 * MiB, EPT_RWX);
	nested_unmap(root, 0, 64 * GiB); /* holes included */
	expect_hole(0);
}

static void write_access(u64 gpa, bool writable, u64 page_size)
{
	u64 size, entry = nested_lookup(root, gpa, &size);

	assert_int_equal(size, page_size);
	assert_int_equal(!!(entry & EPT_WRITE), writable);
}

/* As a watched VM does it: nothing is writable, then page by page on a fault. */
static void part_of_a_large_page(void **state)
{
	(void)state;
	assert_int_equal(ept_map(root, 0, 2 * GiB, GiB, EPT_RWX), FIRN_OK);
	nested_clear(root, 0, GiB, EPT_WRITE, EPT_WRITE);
	write_access(0, false, GiB);
	assert_int_equal(ept_map(root, 4 * MiB + PAGE_SIZE, 2 * GiB + 4 * MiB + PAGE_SIZE,
				 PAGE_SIZE, EPT_RWX),
			 FIRN_OK);
	write_access(4 * MiB, false, PAGE_SIZE);
	write_access(4 * MiB + PAGE_SIZE, true, PAGE_SIZE);
	write_access(4 * MiB + 2 * PAGE_SIZE, false, PAGE_SIZE);
	write_access(6 * MiB - PAGE_SIZE, false, PAGE_SIZE);
	write_access(6 * MiB, false, 2 * MiB);
	write_access(0, false, 2 * MiB);
	expect_page(4 * MiB, 2 * GiB + 4 * MiB, PAGE_SIZE, EPT_READ | EPT_EXECUTE);
	expect_page(6 * MiB - PAGE_SIZE, 2 * GiB + 6 * MiB - PAGE_SIZE, PAGE_SIZE,
		    EPT_READ | EPT_EXECUTE);
	expect_page(GiB - 2 * MiB, 3 * GiB - 2 * MiB, 2 * MiB, EPT_READ | EPT_EXECUTE);
}

static void clear_small_and_large(void **state)
{
	(void)state;
	assert_int_equal(ept_map(root, 0, 2 * MiB, 4 * MiB, EPT_RWX | EPT_DIRTY), FIRN_OK);
	assert_int_equal(ept_map(root, PAGE_SIZE, 2 * MiB + PAGE_SIZE, PAGE_SIZE,
				 EPT_RWX | EPT_DIRTY),
			 FIRN_OK);
	nested_clear(root, 0, 16 * MiB, EPT_WRITE, EPT_DIRTY); /* holes included */
	expect_hole(4 * MiB);
	write_access(2 * MiB, false, 2 * MiB);
	write_access(PAGE_SIZE, true, PAGE_SIZE);
	for (u64 gpa = 0; gpa < 2 * MiB; gpa += PAGE_SIZE)
		assert_int_equal(nested_lookup(root, gpa, &(u64){ 0 }) & EPT_DIRTY, 0);
	assert_int_not_equal(nested_lookup(root, 2 * MiB, &(u64){ 0 }) & EPT_DIRTY, 0);
}

/* What was divided comes back whole after unmapping, and no table is left behind. */
static void unmap_frees_tables(void **state)
{
	struct pmem_stats before, after;

	(void)state;
	assert_int_equal(ept_map(root, 0, 2 * MiB, 4 * MiB, EPT_RWX), FIRN_OK);
	pmem_get_stats(&before);
	assert_int_equal(ept_map(root, PAGE_SIZE, 2 * MiB + PAGE_SIZE, PAGE_SIZE, EPT_READ),
			 FIRN_OK);
	assert_int_equal(ept_map(root, 0, 2 * MiB, 4 * MiB, EPT_RWX), FIRN_OK);
	expect_page(0, 2 * MiB, PAGE_SIZE, EPT_RWX);
	expect_page(2 * MiB, 4 * MiB, 2 * MiB, EPT_RWX);
	nested_unmap(root, 0, 2 * MiB);
	expect_hole(PAGE_SIZE);
	pmem_get_stats(&after);
	assert_int_equal(before.used[PMEM_PAGE_TABLE], after.used[PMEM_PAGE_TABLE]);
	assert_int_equal(ept_map(root, 0, 2 * MiB, 2 * MiB, EPT_RWX), FIRN_OK);
	expect_page(0, 2 * MiB, 2 * MiB, EPT_RWX);
}

static void top_of_the_address_space(void **state)
{
	(void)state;
	assert_int_equal(ept_map(root, BIT(48) - PAGE_SIZE, MiB, PAGE_SIZE, EPT_RWX), FIRN_OK);
	expect_page(BIT(48) - PAGE_SIZE, MiB, PAGE_SIZE, EPT_RWX);
	expect_hole(0);
}

static void out_of_memory(void **state)
{
	/* 4 GiB in small pages needs 8 MiB of tables; there are 4 MiB. */
	(void)state;
	assert_int_equal(ept_map(root, 0, PAGE_SIZE, 4 * GiB, EPT_RWX), ERR_NOMEM);
	expect_page(0, PAGE_SIZE, PAGE_SIZE, EPT_RWX); /* the part before is intact */
}

static void pointer_value(void **state)
{
	(void)state;
	assert_int_equal(ept_pointer(0x1000), 0x101e); /* write-back, walk length 4 */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, nested_teardown)
	const struct CMUnitTest tests[] = {
		TEST(largest_pages_that_fit), TEST(misaligned_backing_means_small_pages),
		TEST(without_gigabyte_pages), TEST(unmap_leaves_the_rest),
		TEST(part_of_a_large_page),   TEST(clear_small_and_large),
		TEST(unmap_frees_tables),     TEST(top_of_the_address_space),
		TEST(out_of_memory),	      TEST(pointer_value),
	};

	return cmocka_run_group_tests(tests, nested_group_setup, NULL);
}
