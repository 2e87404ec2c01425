/* SPDX-License-Identifier: MIT */
/* Random numbers of the CPU: RDSEED, else RDRAND (SDM 1 7.3.17). */
#include "arch/x86/hw_random.h"

#include "arch/x86/cpuid_bits.h"
#include "arch/x86/x86.h"
#include "core/entropy.h"

#define GOLDEN_RATIO 0x9e3779b97f4a7c15ull
#define TRIES	     16

/* Not cpu_has_feature(): the first random number is wanted before features are detected. */
static bool has_rdseed(void)
{
	return cpuid(CPUID_BASIC, 0).eax >= CPUID_FEATURES &&
	       (cpuid(CPUID_FEATURES, 0).ebx & CPUID_FEATURE_MASK(X86_FEATURE_RDSEED));
}

static bool has_rdrand(void)
{
	return cpuid(CPUID_VERSION, 0).ecx & CPUID_FEATURE_MASK(X86_FEATURE_RDRAND);
}

static bool rdseed(u64 *value)
{
	bool got;

	__asm__ volatile("rdseed %0" : "=r"(*value), "=@ccc"(got));
	return got;
}

static bool rdrand(u64 *value)
{
	bool got;

	__asm__ volatile("rdrand %0" : "=r"(*value), "=@ccc"(got));
	return got;
}

bool arch_hw_random(u64 *value)
{
	if (has_rdseed() && rdseed(value))
		return true;
	return has_rdrand() && rdrand(value);
}

/* The clock has few random bits; multiplied by an odd number they reach the upper ones. */
static u64 from_clock(void)
{
	static u64 last;

	last = (last ^ rdtsc()) * GOLDEN_RATIO;
	return last ^ last >> 32;
}

u64 hw_random_or_clock(void)
{
	u64 value = 0;
	bool random = false;

	for (unsigned i = 0; i < TRIES && !random; i++)
		random = arch_hw_random(&value);
	return value ^ from_clock();
}
