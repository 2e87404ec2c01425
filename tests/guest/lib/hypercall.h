/* SPDX-License-Identifier: MIT */
/* Calls to the hypervisor: VMCALL on Intel's CPUs, VMMCALL on AMD's; the other one is #UD. */
#ifndef FIRN_GUEST_HYPERCALL_H
#define FIRN_GUEST_HYPERCALL_H

#include "arch/x86/x86.h"

#define CPUID_ECX_AMD 0x444d4163 /* "cAMD", the end of "AuthenticAMD" */

static inline bool cpu_is_amd(void)
{
	return cpuid(0, 0).ecx == CPUID_ECX_AMD;
}

static inline u64 vmcall(u64 number)
{
	__asm__ volatile("vmcall" : "+a"(number) : : "memory");
	return number;
}

static inline u64 vmmcall(u64 number)
{
	__asm__ volatile("vmmcall" : "+a"(number) : : "memory");
	return number;
}

/* With arguments, by the instruction that this CPU has. */
static inline u64 hypercall4(u64 number, u64 a, u64 b, u64 c, u64 d)
{
	if (cpu_is_amd())
		__asm__ volatile("vmmcall"
				 : "+a"(number)
				 : "b"(a), "c"(b), "d"(c), "S"(d)
				 : "memory");
	else
		__asm__ volatile("vmcall"
				 : "+a"(number)
				 : "b"(a), "c"(b), "d"(c), "S"(d)
				 : "memory");
	return number;
}

#endif
