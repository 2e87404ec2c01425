/* SPDX-License-Identifier: MIT */
/* Loops of known length, timed: nothing else takes the same time to the tick again and again. */
#include "arch/x86/instruction_clock.h"

#include "arch/x86/x86.h"

#define RUNS	     16
#define ROUNDS	     4096
#define PER_ROUND    2
#define AROUND_A_RUN 16 /* instructions at most, both RDTSC with them */

/* Not inlined: what is around the loop is the same each time. */
static __noinline u64 ticks_of_a_run(void)
{
	u64 start = rdtsc();
	u32 rounds = ROUNDS;

	__asm__ volatile("1: dec %0\n"
			 "jnz 1b\n"
			 : "+r"(rounds)
			 :
			 : "cc");
	return rdtsc() - start;
}

bool tsc_counts_instructions(void)
{
	u64 first = ticks_of_a_run();

	if (first < ROUNDS * PER_ROUND || first > ROUNDS * PER_ROUND + AROUND_A_RUN)
		return false;
	for (unsigned i = 1; i < RUNS; i++)
		if (ticks_of_a_run() != first)
			return false;
	return true;
}
