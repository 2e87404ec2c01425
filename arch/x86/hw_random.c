/* SPDX-License-Identifier: MIT */
/* Random numbers of the CPU: RDSEED, else RDRAND (SDM 1 7.3.17). */
#include "arch/x86/cpuid_bits.h"
#include "arch/x86/x86.h"
#include "core/entropy.h"

#define CPUID_1_ECX_RDRAND BIT(30)
#define CPUID_7_EBX_RDSEED BIT(18)

static bool has_rdseed(void)
{
	return cpuid(0, 0).eax >= CPUID_FEATURES &&
	       (cpuid(CPUID_FEATURES, 0).ebx & CPUID_7_EBX_RDSEED);
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
	return (cpuid(1, 0).ecx & CPUID_1_ECX_RDRAND) && rdrand(value);
}
