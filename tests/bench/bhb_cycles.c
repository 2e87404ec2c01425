/* SPDX-License-Identifier: MIT */
/*
 * What the two loops of arch/x86/bhb.S, with the LFENCE behind them, take on the build machine: TSC
 * ticks, the least of many tries.
 */
#include <stdio.h>

#include "core/types.h"

#define TRIES 100000

void bhb_clear_short(void);
void bhb_clear_long(void);

static inline u64 ticks(void)
{
	u32 lo, hi;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(lo), "=d"(hi) : : "memory");
	return (u64)hi << 32 | lo;
}

static void nothing(void)
{
}

static u64 least(void (*loop)(void))
{
	u64 best = ~0ull;

	for (unsigned i = 0; i < TRIES; i++) {
		u64 start = ticks();

		loop();
		__asm__ volatile("lfence" : : : "memory");
		start = ticks() - start;
		best = MIN(best, start);
	}
	return best;
}

int main(void)
{
	u64 empty = least(nothing);

	printf("bench bhb-short %llu\n", (unsigned long long)(least(bhb_clear_short) - empty));
	printf("bench bhb-long %llu\n", (unsigned long long)(least(bhb_clear_long) - empty));
	return 0;
}
