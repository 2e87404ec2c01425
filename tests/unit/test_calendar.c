/* SPDX-License-Identifier: MIT */
/* Calendar dates to seconds and back; what is no date. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/calendar.h"

static void test_unix_time(void **state)
{
	static const struct {
		struct calendar_time time;
		s64 seconds;
	} cases[] = {
		{ { 1970, 1, 1, 0, 0, 1 }, 1 },
		{ { 1972, 3, 1, 0, 0, 0 }, 68256000 },
		{ { 2000, 2, 29, 12, 0, 0 }, 951825600 },
		{ { 2026, 1, 1, 0, 0, 0 }, 1767225600 },
		{ { 2100, 3, 1, 0, 0, 0 }, 4107542400 },
		{ { 2038, 1, 19, 3, 14, 8 }, 2147483648 },
		{ { 9999, 12, 31, 23, 59, 59 }, 253402300799 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (unix_time(&cases[i].time) != cases[i].seconds)
			fail_msg("case %zu: %lld", i, (long long)unix_time(&cases[i].time));
	}
}

static void test_unix_time_invalid(void **state)
{
	static const struct calendar_time no_dates[] = {
		{ 1969, 12, 31, 0, 0, 0 }, { 10000, 1, 1, 0, 0, 0 }, { 2026, 0, 1, 0, 0, 0 },
		{ 2026, 13, 1, 0, 0, 0 },  { 2026, 1, 0, 0, 0, 0 },  { 2026, 4, 31, 0, 0, 0 },
		{ 2100, 2, 29, 0, 0, 0 },  { 2026, 1, 1, 24, 0, 0 }, { 2026, 1, 1, 0, 60, 0 },
		{ 2026, 1, 1, 0, 0, 60 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(no_dates); i++) {
		if (unix_time(&no_dates[i]))
			fail_msg("case %zu: %lld", i, (long long)unix_time(&no_dates[i]));
	}
}

/* Four hundred years, after which all repeats, day by day and at odd times of the day. */
static void test_there_and_back(void **state)
{
	const u64 step = SECONDS_PER_DAY - 1, end = 13000000000;
	struct calendar_time before = { 0 }, t;

	(void)state;
	for (u64 seconds = 0; seconds < end; seconds += step) {
		calendar_from_seconds(seconds, &t);
		assert_int_equal(unix_time(&t), seconds);
		assert_true(memcmp(&before, &t, sizeof(t)) != 0);
		before = t;
	}
}

/* A clock that is set register by register. */
static void test_days_behind_the_month(void **state)
{
	const struct calendar_time set = { 2026, 2, 31, 1, 2, 3 }, meant = { 2026, 3, 3, 1, 2, 3 };

	(void)state;
	assert_int_equal(unix_time(&set), 0);
	assert_int_equal(calendar_to_seconds(&set), unix_time(&meant));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unix_time),
		cmocka_unit_test(test_unix_time_invalid),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_days_behind_the_month),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
