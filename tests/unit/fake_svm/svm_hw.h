/* SPDX-License-Identifier: MIT */
/* A model of a CPU's SVM instructions and registers for unit tests; takes the place of the real ones. */
#ifndef FIRN_TESTS_FAKE_SVM_HW_H
#define FIRN_TESTS_FAKE_SVM_HW_H

#include "arch/x86/msr.h"
#include "arch/x86/regs.h"

struct cpuid_regs {
	u32 eax, ebx, ecx, edx;
};

struct cpuid_regs cpuid(u32 leaf, u32 subleaf);
bool rdmsr_safe(u32 msr, u64 *value);
bool wrmsr_safe(u32 msr, u64 value);
void stgi(void);

#endif
