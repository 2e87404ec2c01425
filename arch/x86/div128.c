/* SPDX-License-Identifier: MIT */
/*
 * 128-bit unsigned division, which gcc turns into calls. libgcc's functions of these names use
 * vector registers, and those hold guest state while Firn runs; so libgcc is not linked.
 */
#include "core/types.h"

typedef unsigned __int128 u128;

u128 __udivmodti4(u128 n, u128 d, u128 *rem);
u128 __udivti3(u128 n, u128 d);
u128 __umodti3(u128 n, u128 d);

/* DIV r64: the quotient must fit, so hi < d. */
static u64 divide_128_by_64(u64 hi, u64 lo, u64 d, u64 *rem)
{
	u64 q;

	__asm__("divq %4" : "=a"(q), "=d"(*rem) : "a"(lo), "d"(hi), "r"(d) : "cc");
	return q;
}

/* Schoolbook division in two 64-bit digits. */
static u128 divide_by_small(u128 n, u64 d, u128 *rem)
{
	u64 hi = (u64)(n >> 64), r;
	u64 q_hi = hi / d;
	u64 q_lo = divide_128_by_64(hi % d, (u64)n, d, &r);

	*rem = r;
	return (u128)q_hi << 64 | q_lo;
}

/*
 * d has more than 64 bits, so the quotient has fewer: its estimate from the top 64 bits of d
 * is at most one too large, and after taking one away, at most one too small.
 */
static u128 divide_by_large(u128 n, u128 d, u128 *rem)
{
	unsigned shift = (unsigned)__builtin_clzll((u64)(d >> 64));
	u64 top = (u64)(d << shift >> 64), unused;
	u128 half = n >> 1;
	u128 q = divide_128_by_64((u64)(half >> 64), (u64)half, top, &unused);

	q = q << shift >> 63;
	if (q)
		q--;
	*rem = n - q * d;
	if (*rem >= d) {
		*rem -= d;
		q++;
	}
	return q;
}

u128 __udivmodti4(u128 n, u128 d, u128 *rem)
{
	u128 r;
	u128 q = d >> 64 ? divide_by_large(n, d, &r) : divide_by_small(n, (u64)d, &r);

	if (rem)
		*rem = r;
	return q;
}

u128 __udivti3(u128 n, u128 d)
{
	return __udivmodti4(n, d, NULL);
}

u128 __umodti3(u128 n, u128 d)
{
	u128 r;

	__udivmodti4(n, d, &r);
	return r;
}
