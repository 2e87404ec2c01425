/* SPDX-License-Identifier: MIT */
/* TSC ticks to nanoseconds and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/x86/clock_scale.h"

#define YEAR_NS (31556952ull * 1000000000ull)
#define HUNDRED 100

static const u64 frequencies[] = { /* kHz: slow emulator, prime, real CPUs, the fastest thinkable */
				   1000,    10000,   10001,   999983,  1000000,
				   2419200, 2999999, 3700000, 4999999, 5800000
};

static u64 exact(u64 ticks, u64 from, u64 to)
{
	unsigned __int128 result = (unsigned __int128)ticks * to / from;

	return result >> 64 ? ~0ull : (u64)result;
}

static void assert_close(u64 got, u64 want)
{
	u64 tolerance = (want >> 61) + 1; /* header: relative error below 2^-61, rounding */

	assert_true(got <= want); /* time never runs ahead */
	assert_true(want - got <= tolerance);
}

static void both_ways_for_100_years(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(frequencies); i++) {
		u64 khz = frequencies[i];
		struct clock_scale to_ns, to_tsc;

		clock_scale_init(&to_ns, khz, NS_PER_MS);
		clock_scale_init(&to_tsc, NS_PER_MS, khz);
		for (u64 ns = 1; ns < HUNDRED * YEAR_NS; ns = ns * 3 + 7) {
			u64 ticks = exact(ns, NS_PER_MS, khz);

			assert_close(clock_scale(&to_tsc, ns), ticks);
			assert_close(clock_scale(&to_ns, ticks), exact(ticks, khz, NS_PER_MS));
		}
		assert_close(clock_scale(&to_tsc, HUNDRED * YEAR_NS),
			     exact(HUNDRED * YEAR_NS, NS_PER_MS, khz));
	}
}

static void identity_is_exact(void **state)
{
	struct clock_scale s;

	(void)state;
	clock_scale_init(&s, 1000000, NS_PER_MS);
	assert_int_equal(clock_scale(&s, 0), 0);
	assert_int_equal(clock_scale(&s, 1), 1);
	assert_int_equal(clock_scale(&s, 123456789012345678), 123456789012345678);
	assert_true(clock_scale(&s, ~0ull) == ~0ull);
}

static void whole_multiples_are_exact(void **state)
{
	struct clock_scale s;

	(void)state;
	clock_scale_init(&s, 10000, NS_PER_MS); /* 10 MHz: 100 ns a tick */
	assert_int_equal(clock_scale(&s, 1), 100);
	assert_int_equal(clock_scale(&s, 10000000), 1000000000);
}

static void too_large_results_saturate(void **state)
{
	struct clock_scale s;

	(void)state;
	clock_scale_init(&s, NS_PER_MS, 10000000);
	assert_true(clock_scale(&s, ~0ull / 10) < ~0ull);
	assert_true(clock_scale(&s, ~0ull / 10 + 10) == ~0ull);
	assert_true(clock_scale(&s, ~0ull) == ~0ull);
}

static void never_runs_backwards(void **state)
{
	struct clock_scale s;
	u64 last = 0;

	(void)state;
	clock_scale_init(&s, 2999999, NS_PER_MS);
	for (u64 ticks = BIT(52); ticks < BIT(52) + 100000; ticks++) {
		u64 ns = clock_scale(&s, ticks);

		assert_true(ns >= last);
		last = ns;
	}
}

static void extreme_ratios(void **state)
{
	struct clock_scale s;

	(void)state;
	clock_scale_init(&s, BIT(62), 1);
	assert_int_equal(clock_scale(&s, BIT(62) - 1), 0);
	assert_int_equal(clock_scale(&s, BIT(63)), 2);
	clock_scale_init(&s, 1, BIT(62));
	assert_true(clock_scale(&s, 1) == BIT(62));
	assert_true(clock_scale(&s, 4) == ~0ull);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways_for_100_years),
		cmocka_unit_test(identity_is_exact),
		cmocka_unit_test(whole_multiples_are_exact),
		cmocka_unit_test(too_large_results_saturate),
		cmocka_unit_test(never_runs_backwards),
		cmocka_unit_test(extreme_ratios),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
