/* SPDX-License-Identifier: MIT */
/* The hand-over's memory map: against a page-by-page model, and at its limits. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/efi_memory_map.h"
#include "boot/handover_build.h"
#include "boot/memory_map.h"

static struct handover h;

static int setup(void **state)
{
	(void)state;
	handover_init(&h, HANDOVER_EFI);
	return 0;
}

static void expect_range(u32 i, u64 base, u64 end, u32 type)
{
	assert_true(i < h.nr_memory);
	assert_int_equal(h.memory[i].base, base);
	assert_int_equal(h.memory[i].base + h.memory[i].size, end);
	assert_int_equal(h.memory[i].type, type);
}

static void expect_sorted(void)
{
	for (u32 i = 1; i < h.nr_memory; i++) {
		u64 end = h.memory[i - 1].base + h.memory[i - 1].size;

		assert_true(end <= h.memory[i].base);
		assert_false(end == h.memory[i].base && h.memory[i - 1].type == h.memory[i].type);
	}
}

static void test_rounding(void **state)
{
	(void)state;
	memory_map_add(&h, 0x1001, 0x3000, HANDOVER_MEM_FREE); /* 2000..4000 */
	memory_map_add(&h, 0x8fff, 2, HANDOVER_MEM_LOADER);    /* 8000..a000 */
	memory_map_add(&h, 0x20001, 0xffe, HANDOVER_MEM_FREE); /* no whole page */
	memory_map_add(&h, 0x30000, 0, HANDOVER_MEM_RESERVED);
	assert_int_equal(h.nr_memory, 2);
	expect_range(0, 0x2000, 0x4000, HANDOVER_MEM_FREE);
	expect_range(1, 0x8000, 0xa000, HANDOVER_MEM_LOADER);
}

static void test_address_limits(void **state)
{
	const u64 limit = 1ull << 52;

	(void)state;
	memory_map_add(&h, limit, PAGE_SIZE, HANDOVER_MEM_FREE);
	memory_map_add(&h, ~0ull, ~0ull, HANDOVER_MEM_RESERVED);
	assert_int_equal(h.nr_memory, 0);
	memory_map_add(&h, limit - PAGE_SIZE, ~0ull, HANDOVER_MEM_FREE);
	assert_int_equal(h.nr_memory, 1);
	expect_range(0, limit - PAGE_SIZE, limit, HANDOVER_MEM_FREE);
	memory_map_add(&h, 0, ~0ull, HANDOVER_MEM_RESERVED);
	assert_int_equal(h.nr_memory, 1);
	expect_range(0, 0, limit, HANDOVER_MEM_RESERVED);
}

static void test_precedence(void **state)
{
	(void)state;
	memory_map_add(&h, 0x5000, 0x1000, HANDOVER_MEM_RESERVED);
	memory_map_add(&h, 0, 0x10000, HANDOVER_MEM_FREE);
	memory_map_add(&h, 0x4000, 0x4000, HANDOVER_MEM_LOADER);
	assert_int_equal(h.nr_memory, 5);
	expect_range(0, 0, 0x4000, HANDOVER_MEM_FREE);
	expect_range(1, 0x4000, 0x5000, HANDOVER_MEM_LOADER);
	expect_range(2, 0x5000, 0x6000, HANDOVER_MEM_RESERVED);
	expect_range(3, 0x6000, 0x8000, HANDOVER_MEM_LOADER);
	expect_range(4, 0x8000, 0x10000, HANDOVER_MEM_FREE);
}

static void test_merging(void **state)
{
	(void)state;
	memory_map_add(&h, 0x1000, 0x1000, HANDOVER_MEM_FREE);
	memory_map_add(&h, 0x3000, 0x1000, HANDOVER_MEM_FREE);
	assert_int_equal(h.nr_memory, 2);
	memory_map_add(&h, 0x2000, 0x1000, HANDOVER_MEM_FREE);
	assert_int_equal(h.nr_memory, 1);
	expect_range(0, 0x1000, 0x4000, HANDOVER_MEM_FREE);
}

/* Random ranges, compared page by page with an array of types. */
static void test_model(void **state)
{
	enum {
		PAGES = 200,
		ROUNDS = 300,
		RANGES = 40
	};
	u8 model[PAGES], seen[PAGES];

	(void)state;
	srand(1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		handover_init(&h, HANDOVER_EFI);
		memset(model, 0, sizeof(model));
		for (unsigned n = 0; n < RANGES; n++) {
			unsigned base = (unsigned)rand() % PAGES;
			unsigned size = (unsigned)rand() % MIN(PAGES - base + 1, 30u);
			unsigned type = 1 + (unsigned)rand() % 5;

			for (unsigned p = base; p < base + size; p++)
				model[p] = (u8)MAX(model[p], type);
			memory_map_add(&h, base * PAGE_SIZE, size * PAGE_SIZE, type);
		}
		expect_sorted();
		memset(seen, 0, sizeof(seen));
		for (u32 i = 0; i < h.nr_memory; i++)
			for (u64 p = 0; p < h.memory[i].size / PAGE_SIZE; p++)
				seen[h.memory[i].base / PAGE_SIZE + p] = (u8)h.memory[i].type;
		assert_memory_equal(seen, model, sizeof(model));
		assert_string_equal(h.message, "");
	}
}

static bool listed(u64 base, u32 type)
{
	for (u32 i = 0; i < h.nr_memory; i++)
		if (h.memory[i].base == base && h.memory[i].type == type)
			return true;
	return false;
}

static void test_too_many(void **state)
{
	(void)state;
	/* Separate FREE ranges of 2 pages, one of a single page: that one goes first. */
	for (u64 i = 0; i < HANDOVER_MAX_MEMORY; i++)
		memory_map_add(&h, i * MiB, i == 100 ? PAGE_SIZE : 2 * PAGE_SIZE,
			       HANDOVER_MEM_FREE);
	assert_int_equal(h.nr_memory, HANDOVER_MAX_MEMORY);
	assert_string_equal(h.message, "");
	memory_map_add(&h, 5 * GiB, PAGE_SIZE, HANDOVER_MEM_RESERVED);
	assert_int_equal(h.nr_memory, HANDOVER_MAX_MEMORY);
	assert_false(listed(100 * MiB, HANDOVER_MEM_FREE));
	assert_true(listed(5 * GiB, HANDOVER_MEM_RESERVED));
	assert_non_null(strstr(h.message, "memory map"));

	/* The same note is not repeated. */
	memory_map_add(&h, 6 * GiB, PAGE_SIZE, HANDOVER_MEM_RESERVED);
	assert_null(strstr(h.message, ";"));
	assert_int_equal(h.nr_memory, HANDOVER_MAX_MEMORY);
	expect_sorted();
}

/* One range over all the gaps of a full map: the worst case of pieces. */
static void test_full_map_covered(void **state)
{
	(void)state;
	for (u64 i = 0; i < HANDOVER_MAX_MEMORY; i++)
		memory_map_add(&h, (2 * i + 1) * MiB, MiB, HANDOVER_MEM_RESERVED);
	memory_map_add(&h, 0, 4 * GiB, HANDOVER_MEM_FREE);
	assert_int_equal(h.nr_memory, HANDOVER_MAX_MEMORY);
	for (u64 i = 0; i < HANDOVER_MAX_MEMORY - 1; i++)
		assert_true(listed((2 * i + 1) * MiB, HANDOVER_MEM_RESERVED));
	expect_sorted();
}

struct descriptor {
	u32 type, pad;
	u64 physical, virtual, pages, attribute;
	u64 vendor; /* firmware may make them longer */
};

static void test_efi_types(void **state)
{
	enum {
		WB = 1 << 3,
		SP = 1 << 18
	};
	static const struct descriptor map[] = {
		{ .type = 3, .physical = 0x0, .pages = 16, .attribute = WB },
		{ .type = 7, .physical = 0x10000, .pages = 16, .attribute = WB },
		{ .type = 5, .physical = 0x20000, .pages = 1, .attribute = WB },
		{ .type = 9, .physical = 0x21000, .pages = 1, .attribute = WB },
		{ .type = 10, .physical = 0x22000, .pages = 1, .attribute = WB },
		{ .type = 0, .physical = 0x23000, .pages = 1, .attribute = WB },
		{ .type = 7, .physical = 0x24000, .pages = 1, .attribute = 0 },
		{ .type = 7, .physical = 0x25000, .pages = 1, .attribute = WB | SP },
		{ .type = 14, .physical = 0x26000, .pages = 1, .attribute = WB },
		{ .type = 2, .physical = 0x40000, .pages = ~0ull, .attribute = WB },
	};

	(void)state;
	/* A cut-off descriptor at the end is not looked at. */
	assert_int_equal(efi_memory_map_add(&h, map, sizeof(map) - 1, sizeof(map[0])), FIRN_OK);
	assert_int_equal(h.nr_memory, 4);
	expect_range(0, 0, 0x20000, HANDOVER_MEM_FREE);
	expect_range(1, 0x20000, 0x21000, HANDOVER_MEM_RUNTIME);
	expect_range(2, 0x21000, 0x23000, HANDOVER_MEM_ACPI);
	expect_range(3, 0x23000, 0x27000, HANDOVER_MEM_RESERVED);
	assert_int_equal(efi_memory_map_add(&h, map, sizeof(map), sizeof(map[0])), FIRN_OK);
	expect_range(4, 0x40000, 1ull << 52, HANDOVER_MEM_FREE);
}

static void test_efi_descriptor_size(void **state)
{
	static const struct descriptor map[2];

	(void)state;
	assert_int_equal(efi_memory_map_add(&h, map, sizeof(map), 0), ERR_FORMAT);
	assert_int_equal(efi_memory_map_add(&h, map, sizeof(map), 39), ERR_FORMAT);
	assert_int_equal(efi_memory_map_add(&h, map, sizeof(map), SIZE_MAX), FIRN_OK);
	assert_int_equal(h.nr_memory, 0);
}

static void test_claim(void **state)
{
	struct handover_file *file = handover_add_file(&h, "a", 1);

	(void)state;
	memory_map_add(&h, 0, MiB, HANDOVER_MEM_FREE);
	h.image_base = 0x20000, h.image_size = 0x2000;
	h.config_base = 0x30000, h.config_size = 5;
	file->base = 0x40000, file->size = 0x1001;
	handover_claim_memory(&h, 0x10000, 0x1000);
	assert_true(listed(0, HANDOVER_MEM_RESERVED));
	assert_true(listed(0x10000, HANDOVER_MEM_LOADER));
	assert_true(listed(0x20000, HANDOVER_MEM_LOADER));
	assert_true(listed(0x30000, HANDOVER_MEM_LOADER));
	assert_true(listed(0x40000, HANDOVER_MEM_LOADER));
	assert_true(listed(0x42000, HANDOVER_MEM_FREE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_rounding, setup),
		cmocka_unit_test_setup(test_address_limits, setup),
		cmocka_unit_test_setup(test_precedence, setup),
		cmocka_unit_test_setup(test_merging, setup),
		cmocka_unit_test_setup(test_model, setup),
		cmocka_unit_test_setup(test_too_many, setup),
		cmocka_unit_test_setup(test_full_map_covered, setup),
		cmocka_unit_test_setup(test_efi_types, setup),
		cmocka_unit_test_setup(test_efi_descriptor_size, setup),
		cmocka_unit_test_setup(test_claim, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
