/* SPDX-License-Identifier: MIT */
/* Relocation of the image: places of both widths, and tables that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/relocate.h"

#define SIZE  (128 * KiB)
#define BASE  0xffffffff80000000ull
#define SLIDE (10 * 2 * MiB)
#define WIDE  RELOCATION_WIDE
#define FAR   RELOCATION_FAR

static u8 image[SIZE], before[SIZE];

static int setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SIZE; i++)
		image[i] = (u8)(i * 7);
	return 0;
}

static void put(u64 offset, u64 value, size_t width)
{
	memcpy(image + offset, &value, width);
}

static u64 get(u64 offset)
{
	u64 value;

	memcpy(&value, image + offset, sizeof(value));
	return value;
}

static s32 get_narrow(u64 offset)
{
	return (s32)get(offset);
}

static void refused(enum firn_err err, const u16 *table, size_t words, u64 slide)
{
	memcpy(before, image, SIZE);
	assert_int_equal(image_relocate(image, SIZE, table, words, slide), err);
	assert_memory_equal(before, image, SIZE);
}

static void both_widths_move(void **state)
{
	static const u16 table[] = { 3, WIDE | 4, 9, 0 };
	u8 old[SIZE];

	(void)state;
	put(3, BASE + 0x1234, 4);
	put(7, BASE + 0x5678, 8);
	put(16, BASE, 4);
	memcpy(old, image, SIZE);
	assert_int_equal(image_relocate(image, SIZE, table, ARRAY_SIZE(table), SLIDE), FIRN_OK);
	assert_int_equal(get_narrow(3), (s32)(BASE + 0x1234 + SLIDE));
	assert_true(get(7) == BASE + 0x5678 + SLIDE);
	assert_int_equal(get_narrow(16), (s32)(BASE + SLIDE));
	assert_memory_equal(image, old, 3);
	assert_int_equal(image[15], old[15]);
	assert_memory_equal(image + 20, old + 20, SIZE - 20);
}

/* A distance from the link address, as in image_slide(), moves as well. */
static void what_is_no_address_moves_too(void **state)
{
	static const u16 table[] = { WIDE | 8, 16, 0 };

	(void)state;
	put(8, 0, 8);
	put(24, 0x4000, 4);
	assert_int_equal(image_relocate(image, SIZE, table, ARRAY_SIZE(table), SLIDE), FIRN_OK);
	assert_true(get(8) == SLIDE);
	assert_int_equal(get_narrow(24), 0x4000 + SLIDE);
}

static void distances_may_be_long(void **state)
{
	static const u16 table[] = { FAR, FAR, WIDE | 2, 0 };
	const u64 at = 2 * FAR + 2;

	(void)state;
	put(at, BASE + 1, 8);
	assert_int_equal(image_relocate(image, SIZE, table, ARRAY_SIZE(table), SLIDE), FIRN_OK);
	assert_true(get(at) == BASE + 1 + SLIDE);
}

static void the_end_is_the_end(void **state)
{
	static const u16 table[] = { 8, 0, 8 };

	(void)state;
	put(8, BASE, 4);
	put(16, BASE, 4);
	assert_int_equal(image_relocate(image, SIZE, table, ARRAY_SIZE(table), SLIDE), FIRN_OK);
	assert_int_equal(get_narrow(8), (s32)(BASE + SLIDE));
	assert_int_equal(get_narrow(16), (s32)BASE);
}

static void tables_without_an_end_are_refused(void **state)
{
	static const u16 table[] = { 8, WIDE | 8 };

	(void)state;
	put(8, BASE, 4);
	refused(ERR_TRUNCATED, table, ARRAY_SIZE(table), SLIDE);
	refused(ERR_TRUNCATED, table, 0, SLIDE);
}

static void places_outside_are_refused(void **state)
{
	static const u16 far[] = { FAR, FAR, FAR, FAR, 1, 0 }; /* the last 3 bytes */
	static const u16 wide[] = { FAR, FAR, FAR, FAR - 3, WIDE | 1, 0 };
	static const u16 good[] = { 8, FAR, FAR, FAR, FAR, FAR, 0 };
	static const u16 outside[] = { 8, FAR, FAR, FAR, FAR, FAR, 8, 0 };

	(void)state;
	put(8, BASE, 4);
	refused(ERR_RANGE, far, ARRAY_SIZE(far), SLIDE);
	refused(ERR_RANGE, wide, ARRAY_SIZE(wide), SLIDE);
	refused(ERR_RANGE, outside, ARRAY_SIZE(outside), SLIDE);
	assert_int_equal(image_relocate(image, SIZE, good, ARRAY_SIZE(good), SLIDE), FIRN_OK);
	assert_int_equal(image_relocate(image, 11, good, ARRAY_SIZE(good), SLIDE), ERR_RANGE);
	assert_int_equal(image_relocate(image, 0, good, ARRAY_SIZE(good), SLIDE), ERR_RANGE);
}

/* Out of what sign extension reaches. */
static void values_that_do_not_fit_are_refused(void **state)
{
	static const u16 table[] = { 8, 0 };

	(void)state;
	put(8, 0x7fffffff, 4);
	refused(ERR_RANGE, table, ARRAY_SIZE(table), 1);
	put(8, BASE, 4);
	refused(ERR_RANGE, table, ARRAY_SIZE(table), 4 * GiB);
	put(8, 0xffffffff, 4);
	assert_int_equal(image_relocate(image, SIZE, table, ARRAY_SIZE(table), 1), FIRN_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(both_widths_move, setup),
		cmocka_unit_test_setup(what_is_no_address_moves_too, setup),
		cmocka_unit_test_setup(distances_may_be_long, setup),
		cmocka_unit_test_setup(the_end_is_the_end, setup),
		cmocka_unit_test_setup(tables_without_an_end_are_refused, setup),
		cmocka_unit_test_setup(places_outside_are_refused, setup),
		cmocka_unit_test_setup(values_that_do_not_fit_are_refused, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
