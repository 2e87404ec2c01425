/* SPDX-License-Identifier: MIT */
/* A model of a CPU's VMX instructions and registers for unit tests; takes the place of the real ones. */
#ifndef FIRN_TESTS_FAKE_VMX_HW_H
#define FIRN_TESTS_FAKE_VMX_HW_H

#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "arch/x86/vmx/vmcs.h"

struct cpuid_regs {
	u32 eax, ebx, ecx, edx;
};

struct cpuid_regs cpuid(u32 leaf, u32 subleaf);
bool rdmsr_safe(u32 msr, u64 *value);
bool wrmsr_safe(u32 msr, u64 value);
u64 read_cr0(void);
u64 read_cr4(void);
void write_cr2(u64 value);
void write_cr4(u64 value);

bool vmxon(u64 region_pa);
bool vmxoff(void);
bool vmclear(u64 vmcs_pa);
bool vmptrld(u64 vmcs_pa);

u64 vmread(enum vmcs_field field);
void vmwrite(enum vmcs_field field, u64 value);

enum inv_type {
	INV_SINGLE = 1,
	INV_ALL = 2
};
bool invept(enum inv_type type, u64 eptp);
bool invvpid(enum inv_type type, u64 vpid);

#endif
