/* SPDX-License-Identifier: MIT */
/* 128-bit division: n = q * d + r with r < d, and no carry lost, says all there is to say. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/types.h"

typedef unsigned __int128 u128;

u128 __udivmodti4(u128 n, u128 d, u128 *rem);
u128 __udivti3(u128 n, u128 d);
u128 __umodti3(u128 n, u128 d);

static void check(u128 n, u128 d)
{
	u128 r;
	u128 q = __udivmodti4(n, d, &r);
	u128 product, sum;

	assert_true(r < d);
	assert_false(__builtin_mul_overflow(q, d, &product));
	assert_false(__builtin_add_overflow(product, r, &sum));
	assert_true(sum == n);
	assert_true(__udivti3(n, d) == q);
	assert_true(__umodti3(n, d) == r);
	assert_true(__udivmodti4(n, d, NULL) == q);
}

/* Powers of two and their neighbours, against each other. */
static void test_edges(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 128; i++) {
		for (unsigned j = 0; j < 128; j++) {
			for (int k = 0; k < 9; k++) {
				u128 n = ((u128)1 << i) + (u128)(k / 3) - 1;
				u128 d = ((u128)1 << j) + (u128)(k % 3) - 1;

				if (d)
					check(n, d);
			}
		}
	}
	check(~(u128)0, ~(u128)0);
	check(~(u128)0 - 1, ~(u128)0);
	check(~(u128)0, 1);
	check(~(u128)0, ((u128)1 << 64) - 1);
}

static u64 next_random(u64 *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void test_random(void **state)
{
	u64 x = 88172645463325252ull;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		u128 n = (u128)next_random(&x) << 64 | next_random(&x);
		u128 d = (u128)next_random(&x) << 64 | next_random(&x);

		n >>= next_random(&x) % 128;
		d >>= next_random(&x) % 128;
		if (d)
			check(n, d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
