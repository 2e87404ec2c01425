/* SPDX-License-Identifier: MIT */
/* Where stack guards come from, and what follows when one has changed. */
#include "arch/x86/stack_guard.h"

#include "arch/x86/x86.h"
#include "core/entropy.h"
#include "core/log.h"

#define STRING_END	0xffull
#define GOLDEN_RATIO	0x9e3779b97f4a7c15ull
#define HW_RANDOM_TRIES 16

/* The clock has few random bits; multiplied by an odd number they reach the upper ones. */
static u64 from_clock(void)
{
	static u64 last;

	last = (last ^ rdtsc()) * GOLDEN_RATIO;
	return last ^ last >> 32;
}

u64 stack_guard_new(void)
{
	u64 value = 0;
	bool random = false;

	for (unsigned i = 0; i < HW_RANDOM_TRIES && !random; i++)
		random = arch_hw_random(&value);
	return (value ^ from_clock()) & ~STRING_END;
}

void __stack_chk_fail(void)
{
	/* The call is often the last instruction of its function. */
	panic("stack smashed in the function of %p", (char *)__builtin_return_address(0) - 1);
}
