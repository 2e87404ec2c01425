/* SPDX-License-Identifier: MIT */
/* Load plans: the memory map by size, and places against a model with random requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/loader/plan.h"

static void map_by_size(void **state)
{
	static const struct {
		u64 memory;
		unsigned entries;
		u64 high, above;
	} cases[] = {
		{ 16 * MiB, 4, 15 * MiB, 0 },
		{ 3 * GiB - MiB, 4, 3 * GiB - 2 * MiB, 0 },
		{ 3 * GiB, 4, 3 * GiB - MiB, 0 },
		{ 3 * GiB + MiB, 5, 3 * GiB - MiB, MiB },
		{ 64 * GiB, 5, 3 * GiB - MiB, 61 * GiB },
	};
	struct memory_map_entry map[MEMORY_MAP_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned n = loader_memory_map(cases[i].memory, map);

		assert_int_equal(n, cases[i].entries);
		assert_int_equal(map[0].size, 0x9fc00);
		assert_int_equal(map[1].type, MEMORY_MAP_RESERVED);
		assert_int_equal(map[2].base, MiB);
		assert_int_equal(map[2].size, cases[i].high);
		assert_int_equal(map[3].type, MEMORY_MAP_RESERVED);
		for (unsigned k = 1; k < n; k++)
			assert_true(map[k].base >= map[k - 1].base + map[k - 1].size);
		if (n == 5) {
			assert_int_equal(map[4].base, 4 * GiB);
			assert_int_equal(map[4].size, cases[i].above);
			assert_int_equal(map[4].type, MEMORY_MAP_RAM);
		}
	}
}

static struct load_plan plan;
static struct load_error error;
static const struct loader_images images = { .kernel = { .name = "k" } };

static bool free_at(u64 gpa, u64 len)
{
	if (!plan_is_ram(&plan, gpa, len))
		return false;
	for (unsigned i = 0; i < plan.nr_ranges; i++)
		if (gpa < plan.range[i].gpa + plan.range[i].len && plan.range[i].gpa < gpa + len)
			return false;
	return true;
}

/* The model: tries every aligned place in order. */
static bool model_place(u64 len, const struct plan_window *w, u64 *gpa)
{
	u64 first = ALIGN_UP(w->min, w->align);
	bool found = false;

	for (u64 at = first; at + len <= w->max; at += w->align) {
		if (!free_at(at, len))
			continue;
		*gpa = at;
		found = true;
		if (!w->top_down)
			break;
	}
	return found;
}

static void places_like_the_model(void **state)
{
	const u64 memory = 4 * MiB;

	(void)state;
	srand(2);
	for (unsigned round = 0; round < 100; round++) {
		plan_init(&plan, &images, memory, &error);
		for (unsigned i = 0; i < PLAN_MAX_RANGES; i++) {
			struct plan_window w = { .align = 1ull << (8 + rand() % 10),
						 .top_down = rand() & 1 };
			struct plan_range r = { .what = "x", .len = 1 + rand() % (256 * 1024) };
			u64 want = 0;
			bool fits;

			w.min = rand() % (5 * MiB);
			w.max = w.min + rand() % (5 * MiB);
			fits = model_place(r.len, &w, &want);
			assert_int_equal(plan_place(&plan, &r, &w), fits ? FIRN_OK : ERR_RANGE);
			if (fits)
				assert_int_equal(r.gpa, want);
		}
	}
}

static void has_a_bounded_number_of_ranges(void **state)
{
	struct plan_range r = { .what = "x", .len = 1 };

	(void)state;
	plan_init(&plan, &images, 4 * MiB, &error);
	for (unsigned i = 0; i < PLAN_MAX_RANGES; i++, r.gpa++)
		assert_int_equal(plan_claim(&plan, &r), FIRN_OK);
	assert_int_equal(plan_claim(&plan, &r), ERR_FULL);
	r.gpa--;
	assert_int_equal(plan_claim(&plan, &r), ERR_OVERLAP);
}

static void room_is_aligned_and_bounded(void **state)
{
	u8 *a, *b;

	(void)state;
	plan_init(&plan, &images, 4 * MiB, &error);
	a = plan_room(&plan, 3);
	b = plan_room(&plan, PLAN_ROOM - 8);
	assert_ptr_equal(a, plan.room);
	assert_ptr_equal(b, plan.room + 8);
	assert_null(plan_room(&plan, 1));
	assert_non_null(strstr(error.text, "kernel k: "));
	plan_init(&plan, &images, 4 * MiB, &error);
	assert_null(plan_room(&plan, ~(size_t)0));
	assert_non_null(plan_room(&plan, PLAN_ROOM - 3));
	assert_null(plan_room(&plan, 1));
}

static void refuses_impossible_memory(void **state)
{
	static const u64 sizes[] = { 0, 4096, MiB, BIT(46) + MiB, ~0ull };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_int_equal(loader_check(&images, sizes[i], &error), ERR_RANGE);
}

static void names_formats(void **state)
{
	(void)state;
	assert_string_equal(loader_format_name(LOADER_MULTIBOOT), "multiboot 1");
	assert_string_equal(loader_format_name(LOADER_PVH), "PVH ELF");
	assert_string_equal(loader_format_name(LOADER_LINUX), "Linux bzImage");
	assert_string_equal(loader_format_name(LOADER_UNKNOWN), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_by_size),
		cmocka_unit_test(places_like_the_model),
		cmocka_unit_test(has_a_bounded_number_of_ranges),
		cmocka_unit_test(room_is_aligned_and_bounded),
		cmocka_unit_test(refuses_impossible_memory),
		cmocka_unit_test(names_formats),
	};

	return cmocka_run_group_tests_name("loader_plan", tests, NULL, NULL);
}
