/* SPDX-License-Identifier: MIT */
/* Error codes: every code has its own text. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "core/err.h"

static void test_texts_are_complete_and_different(void **state)
{
	(void)state;
	for (int i = 0; i < FIRN_ERR_COUNT; i++) {
		assert_non_null(firn_strerror(i));
		assert_true(strlen(firn_strerror(i)) > 0);
		assert_string_not_equal(firn_strerror(i), "unknown error");
		for (int j = 0; j < i; j++)
			assert_string_not_equal(firn_strerror(i), firn_strerror(j));
	}
}

static void test_outside_the_enum(void **state)
{
	(void)state;
	assert_string_equal(firn_strerror(FIRN_ERR_COUNT), "unknown error");
	assert_string_equal(firn_strerror((enum firn_err) - 1), "unknown error");
	assert_string_equal(firn_strerror((enum firn_err)0x7fffffff), "unknown error");
}

static void test_known_texts(void **state)
{
	(void)state;
	assert_int_equal(FIRN_OK, 0);
	assert_string_equal(firn_strerror(FIRN_OK), "success");
	assert_string_equal(firn_strerror(ERR_NOMEM), "out of memory");
	assert_string_equal(firn_strerror(ERR_READONLY), "read-only");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts_are_complete_and_different),
		cmocka_unit_test(test_outside_the_enum),
		cmocka_unit_test(test_known_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
