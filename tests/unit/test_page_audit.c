/* SPDX-License-Identifier: MIT */
/* W^X check of page tables: what it lets pass and what it finds, in leaves of each size. */
#include <string.h>

#include "arch/x86/identity_map.h"
#include "arch/x86/page_audit.h"
#include "pagetable_fixture.h"

#define RAM_SIZE (4 * MiB)
#define LAST	 (PT_ENTRIES - 1)

#define HIGH	   0xffff800000000000ull
#define HIGH_ENTRY (PT_ENTRIES / 2)
#define TEXT	   0xffffffff80000000ull
/* Physical place of text and constants. */
#define IMAGE	   (64 * MiB)
#define IMAGE_SIZE (2 * MiB)

#define LEAF  (PTE_P | PTE_A | PTE_D)
#define RW_NX (LEAF | PTE_RW | PTE_NX)
#define RO_NX (PTE_P | PTE_A | PTE_NX)
#define RX    (PTE_P | PTE_A)

static const struct page_rule rules[] = {
	{ TEXT, TEXT + MiB, PAGE_EXEC },
	{ TEXT + MiB, TEXT + 2 * MiB, 0 },
};

static struct {
	u64 start, size;
	u32 flags;
} found;
static struct page_audit audit;

static void violation(u64 start, u64 size, u32 flags)
{
	found.start = start;
	found.size = size;
	found.flags = flags;
}

static int setup(void **state)
{
	(void)state;
	pagetable_setup(RAM_SIZE);
	memset(&found, 0, sizeof(found));
	audit = (struct page_audit){
		.rules = rules,
		.nr_rules = ARRAY_SIZE(rules),
		.frozen = { IMAGE, IMAGE + IMAGE_SIZE },
		.nx = true,
		.violation = violation,
	};
	return 0;
}

static void map(u64 va, u64 pa, u64 size, u64 flags)
{
	assert_int_equal(pagetable_map(root, va, pa, size, flags, 3), FIRN_OK);
}

static void expect_good(void)
{
	page_audit(&audit, root, 0, LAST);
	assert_int_equal(audit.violations, 0);
	assert_int_equal(found.size, 0);
}

static void expect_none_more(void)
{
	page_audit(&audit, root, 0, LAST);
	assert_int_equal(audit.violations, 0);
}

static void expect_bad(u64 start, u64 size, u32 flags)
{
	page_audit(&audit, root, 0, LAST);
	assert_int_equal(audit.violations, 1);
	assert_true(found.start == start && found.size == size);
	assert_int_equal(found.flags, flags);
}

static void good_tables_pass(void **state)
{
	(void)state;
	map(TEXT, IMAGE, MiB, RX);
	map(TEXT + MiB, IMAGE + MiB, MiB, RO_NX);
	map(TEXT + 2 * MiB, IMAGE + IMAGE_SIZE, 3 * MiB, RW_NX);
	map(HIGH, 0, IMAGE, RW_NX);
	map(HIGH + IMAGE, IMAGE, IMAGE_SIZE, RO_NX);
	map(HIGH + 4 * GiB, 4 * GiB, 2 * GiB, RW_NX);
	expect_good();
	assert_true(audit.exec == MiB);
	assert_true(audit.write == 3 * MiB + IMAGE + 2 * GiB);
	assert_true(audit.both == 0);
}

static void writable_and_executable_is_found_in_every_size(void **state)
{
	static const u64 sizes[] = { PAGE_SIZE, 2 * MiB, GiB };

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		u64 va = HIGH + 2 * GiB;

		setup(state);
		map(HIGH, 0, IMAGE, RW_NX);
		map(va, 2 * GiB, sizes[i], LEAF | PTE_RW);
		expect_bad(va, sizes[i], PAGE_EXEC);
	}
}

static void executable_outside_the_text_is_found(void **state)
{
	(void)state;
	map(HIGH + 4 * GiB, 4 * GiB, 2 * MiB, RX);
	expect_bad(HIGH + 4 * GiB, 2 * MiB, PAGE_EXEC);
}

static void executable_constants_are_found(void **state)
{
	(void)state;
	map(TEXT + MiB, IMAGE + MiB, PAGE_SIZE, RX);
	expect_bad(TEXT + MiB, PAGE_SIZE, PAGE_EXEC);
}

/* A large page over text and constants may do what both may: nothing. */
static void a_page_over_two_rules_gets_the_least(void **state)
{
	(void)state;
	map(TEXT, IMAGE, 2 * MiB, RX);
	expect_bad(TEXT, 2 * MiB, PAGE_EXEC);
}

static void a_page_that_a_rule_covers_in_part_gets_the_least(void **state)
{
	static const struct page_rule small = { HIGH, HIGH + PAGE_SIZE, PAGE_WRITE | PAGE_EXEC };

	(void)state;
	audit.rules = &small;
	audit.nr_rules = 1;
	map(HIGH, 0, 2 * MiB, LEAF | PTE_RW);
	expect_bad(HIGH, 2 * MiB, PAGE_EXEC);
}

static void writable_text_is_found_through_every_alias(void **state)
{
	static const u64 sizes[] = { PAGE_SIZE, 2 * MiB, GiB };

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		u64 pa = ALIGN_DOWN(IMAGE, sizes[i]);

		setup(state);
		map(HIGH + pa, pa, sizes[i], RW_NX);
		expect_bad(HIGH + pa, sizes[i], PAGE_WRITE);
	}
	setup(state);
	map(TEXT, IMAGE, PAGE_SIZE, LEAF | PTE_RW | PTE_NX);
	expect_bad(TEXT, PAGE_SIZE, PAGE_WRITE);
}

static void pages_for_user_mode_are_found(void **state)
{
	unsigned level;

	(void)state;
	map(HIGH, 0, PAGE_SIZE, RW_NX | PTE_US);
	expect_good(); /* the tables above it are not */
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		if (root[i])
			root[i] |= PTE_US;
	assert_non_null(pagetable_find(root, HIGH, &level));
	expect_good();
	((u64 *)phys_to_virt(root[HIGH_ENTRY] & PTE_ADDR))[0] |= PTE_US;
	((u64 *)phys_to_virt(((u64 *)phys_to_virt(root[HIGH_ENTRY] & PTE_ADDR))[0] &
			     PTE_ADDR))[0] |= PTE_US;
	expect_bad(HIGH, PAGE_SIZE, PAGE_USER);
}

/* SDM 3A 4.6: read-only and dirty, below tables that are writable. */
static void shadow_stacks_are_found(void **state)
{
	static const struct page_rule stacks = { HIGH, HIGH + PAGE_SIZE, PAGE_SHADOW };

	(void)state;
	map(HIGH, 0, PAGE_SIZE, LEAF | PTE_NX);
	expect_bad(HIGH, PAGE_SIZE, PAGE_SHADOW);
	audit.violations = 0;
	audit.rules = &stacks;
	audit.nr_rules = 1;
	expect_none_more();
	root[HIGH_ENTRY] &= ~PTE_RW;
	audit.nr_rules = 0;
	expect_none_more();
	root[HIGH_ENTRY] |= PTE_RW;
	map(HIGH + GiB, GiB, 2 * MiB, LEAF | PTE_NX);
	map(HIGH + 2 * GiB, 2 * GiB, PAGE_SIZE, RO_NX);
	audit.rules = &stacks;
	audit.nr_rules = 1;
	expect_bad(HIGH + GiB, 2 * MiB, PAGE_SHADOW);
}

/* What may be a shadow stack may not be written by others. */
static void writable_shadow_stacks_are_found(void **state)
{
	static const struct page_rule stacks = { HIGH, HIGH + PAGE_SIZE, PAGE_SHADOW };

	(void)state;
	audit.rules = &stacks;
	audit.nr_rules = 1;
	map(HIGH, 0, PAGE_SIZE, RW_NX);
	expect_bad(HIGH, PAGE_SIZE, PAGE_WRITE);
}

/* Rights are those of all levels together (SDM 3A 4.6.1). */
static void upper_levels_restrict(void **state)
{
	(void)state;
	map(HIGH, 0, 2 * MiB, LEAF | PTE_RW);
	root[HIGH_ENTRY] |= PTE_NX;
	expect_good();
	root[HIGH_ENTRY] &= ~(PTE_NX | PTE_RW);
	expect_bad(HIGH, 2 * MiB, PAGE_EXEC);
}

static void each_bad_entry_counts(void **state)
{
	(void)state;
	pagetable_map(root, HIGH, 0, 3 * 2 * MiB, LEAF | PTE_RW, 2);
	page_audit(&audit, root, 0, LAST);
	assert_int_equal(audit.violations, 3);
	audit.violations = 0;
	page_audit(&audit, root, 0, PT_ENTRIES / 2 - 1);
	assert_int_equal(audit.violations, 0);
}

static void without_no_execute_only_writes_count(void **state)
{
	(void)state;
	audit.nx = false;
	map(HIGH, 0, 2 * MiB, LEAF | PTE_RW);
	expect_good();
	map(HIGH + IMAGE, IMAGE, 2 * MiB, LEAF | PTE_RW);
	expect_bad(HIGH + IMAGE, 2 * MiB, PAGE_WRITE);
}

/*
 * The identity root
 */

static const struct handover machine = {
	.nr_memory = 5,
	.memory = {
		{ 0, 640 * KiB, HANDOVER_MEM_FREE, 0 },
		{ MiB, 63 * MiB, HANDOVER_MEM_FREE, 0 },
		{ 64 * MiB, 4 * MiB, HANDOVER_MEM_LOADER, 0 },
		{ 70 * MiB, 64 * KiB, HANDOVER_MEM_RUNTIME, 0 },
		{ 8 * GiB, 8 * KiB, HANDOVER_MEM_RUNTIME, 0 },
	},
};

static bool mapped(u64 va, u64 *entry)
{
	unsigned level;
	u64 *e = pagetable_find(root, va, &level);

	*entry = e ? *e : 0;
	return e && (*entry & PTE_ADDR) + va % pagetable_span(level) == va;
}

static void expect_identity(u64 va, u64 flags)
{
	u64 entry;

	assert_true(mapped(va, &entry));
	assert_true((entry & (PTE_P | PTE_RW | PTE_NX | PTE_G)) == flags);
}

static void firmware_gets_its_own_memory_only(void **state)
{
	const u64 code = PTE_P | PTE_RW, data = code | PTE_NX;
	u64 entry;

	(void)state;
	assert_int_equal(identity_map(root, &machine, 4 * GiB, 3, PTE_NX), FIRN_OK);
	assert_false(mapped(0, &entry));
	assert_false(mapped(640 * KiB - 1, &entry));
	expect_identity(640 * KiB, data);
	assert_false(mapped(MiB, &entry));
	assert_false(mapped(68 * MiB - 1, &entry));
	expect_identity(68 * MiB, data);
	expect_identity(70 * MiB - 1, data);
	expect_identity(70 * MiB, code);
	expect_identity(70 * MiB + 64 * KiB, data);
	expect_identity(4 * GiB - 1, data);
	assert_false(mapped(4 * GiB, &entry));
	expect_identity(8 * GiB, code);
	assert_false(mapped(8 * GiB + 8 * KiB, &entry));
}

static void runtime_services_are_the_only_exception(void **state)
{
	static const struct page_rule runtime[] = {
		{ 70 * MiB, 70 * MiB + 64 * KiB, PAGE_WRITE | PAGE_EXEC },
		{ 8 * GiB, 8 * GiB + 8 * KiB, PAGE_WRITE | PAGE_EXEC },
	};

	(void)state;
	assert_int_equal(identity_map(root, &machine, 16 * GiB, 3, PTE_NX), FIRN_OK);
	audit.rules = runtime;
	audit.nr_rules = ARRAY_SIZE(runtime);
	expect_good();
	assert_true(audit.both == 72 * KiB);
	audit.nr_rules = 1;
	page_audit(&audit, root, 0, LAST);
	assert_int_equal(audit.violations, 2);
}

static void a_code_page_comes_and_goes(void **state)
{
	static const struct page_rule trampoline = { 0x8000, 0x9000, PAGE_EXEC };
	u64 entry;

	(void)state;
	assert_int_equal(identity_map(root, &machine, 69 * MiB, 3, PTE_NX), FIRN_OK);
	assert_int_equal(identity_map_code(root, 0x8000), FIRN_OK);
	expect_identity(0x8000, PTE_P);
	assert_int_equal(identity_map_code(root, 0x8000), ERR_EXIST);
	identity_unmap_code(root, 0x8000);
	assert_false(mapped(0x8000, &entry));
	identity_unmap_code(root, 0x8000);
	assert_int_equal(identity_map_code(root, 0x8000), FIRN_OK);
	audit.rules = &trampoline;
	audit.nr_rules = 1;
	page_audit(&audit, root, 0, LAST);
	assert_true(found.start != 0x8000);
}

static void no_memory_for_identity_tables(void **state)
{
	(void)state;
	while (pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_PAGE_TABLE))
		;
	assert_int_equal(identity_map(root, &machine, 4 * GiB, 3, PTE_NX), ERR_NOMEM);
	assert_int_equal(identity_map_code(root, 0x8000), ERR_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(good_tables_pass, setup),
		cmocka_unit_test_setup(writable_and_executable_is_found_in_every_size, setup),
		cmocka_unit_test_setup(executable_outside_the_text_is_found, setup),
		cmocka_unit_test_setup(executable_constants_are_found, setup),
		cmocka_unit_test_setup(a_page_over_two_rules_gets_the_least, setup),
		cmocka_unit_test_setup(a_page_that_a_rule_covers_in_part_gets_the_least, setup),
		cmocka_unit_test_setup(writable_text_is_found_through_every_alias, setup),
		cmocka_unit_test_setup(pages_for_user_mode_are_found, setup),
		cmocka_unit_test_setup(shadow_stacks_are_found, setup),
		cmocka_unit_test_setup(writable_shadow_stacks_are_found, setup),
		cmocka_unit_test_setup(upper_levels_restrict, setup),
		cmocka_unit_test_setup(each_bad_entry_counts, setup),
		cmocka_unit_test_setup(without_no_execute_only_writes_count, setup),
		cmocka_unit_test_setup(firmware_gets_its_own_memory_only, setup),
		cmocka_unit_test_setup(runtime_services_are_the_only_exception, setup),
		cmocka_unit_test_setup(a_code_page_comes_and_goes, setup),
		cmocka_unit_test_setup(no_memory_for_identity_tables, setup), /* last: uses it up */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
