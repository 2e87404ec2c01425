/* SPDX-License-Identifier: MIT */
/* memcpy(): every length up to some pages at every alignment, and nothing around the target. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/types.h"

#define LONGEST 700
#define GUARD	32

static u8 source[LONGEST + 2 * GUARD], target[LONGEST + 2 * GUARD];

static void check_copy(size_t at, size_t from, size_t n)
{
	for (size_t i = 0; i < sizeof(source); i++) {
		source[i] = (u8)(i * 7 + i / 256 + 1);
		target[i] = 0xee;
	}
	assert_ptr_equal(memcpy(target + GUARD + at, source + from, n), target + GUARD + at);
	for (size_t i = 0; i < sizeof(target); i++) {
		bool inside = i >= GUARD + at && i - GUARD - at < n;

		assert_int_equal(target[i], inside ? source[from + i - GUARD - at] : 0xee);
	}
}

static void test_lengths_and_alignments(void **state)
{
	(void)state;
	for (size_t n = 0; n <= LONGEST; n += n < 300 ? 1 : 13)
		for (size_t at = 0; at < 8; at += n < 40 ? 1 : 3)
			for (size_t from = 0; from < 8; from += n < 40 ? 1 : 5)
				check_copy(at, from, n);
}

/* Exactly the bytes: the address sanitizer sees a read or a write around blocks of the heap. */
static void test_stays_inside(void **state)
{
	(void)state;
	for (size_t n = 1; n <= LONGEST; n++) {
		u8 *from = malloc(n), *to = malloc(n);

		memset(from, (int)n, n);
		memcpy(to, from, n);
		assert_memory_equal(to, from, n);
		free(from);
		free(to);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths_and_alignments),
		cmocka_unit_test(test_stays_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
