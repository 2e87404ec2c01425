/* SPDX-License-Identifier: MIT */
/* The VMX instructions (SDM 3C chapter 30). Unit tests replace this file by a model of the CPU. */
#ifndef FIRN_VMX_HW_H
#define FIRN_VMX_HW_H

#include "arch/x86/probe.h"
#include "arch/x86/vmx/vmcs.h"
#include "arch/x86/x86.h"

/* Each returns true on success; false = VMfailInvalid or VMfailValid. */
static inline bool vmxon(u64 region_pa)
{
	bool ok;
	__asm__ volatile("vmxon %1" : "=@cca"(ok) : "m"(region_pa) : "memory");
	return ok;
}
static inline bool vmxoff(void)
{
	bool ok;
	__asm__ volatile("vmxoff" : "=@cca"(ok) : : "memory");
	return ok;
}
static inline bool vmclear(u64 vmcs_pa)
{
	bool ok;
	__asm__ volatile("vmclear %1" : "=@cca"(ok) : "m"(vmcs_pa) : "memory");
	return ok;
}
static inline bool vmptrld(u64 vmcs_pa)
{
	bool ok;
	__asm__ volatile("vmptrld %1" : "=@cca"(ok) : "m"(vmcs_pa) : "memory");
	return ok;
}

static inline u64 vmread(enum vmcs_field field)
{
	u64 value;
	__asm__ volatile("vmread %1, %0" : "=rm"(value) : "r"((u64)field) : "cc");
	return value;
}
static inline void vmwrite(enum vmcs_field field, u64 value)
{
	__asm__ volatile("vmwrite %0, %1" : : "rm"(value), "r"((u64)field) : "cc");
}

struct inv_descriptor {
	u64 first;  /* INVEPT: EPT pointer; INVVPID: VPID */
	u64 second; /* INVVPID: linear address */
};
enum inv_type {
	INV_SINGLE = 1,
	INV_ALL = 2
};

static inline bool invept(enum inv_type type, u64 eptp)
{
	struct inv_descriptor d = { eptp, 0 };
	bool ok;
	__asm__ volatile("invept %1, %2" : "=@cca"(ok) : "m"(d), "r"((u64)type) : "memory");
	return ok;
}
static inline bool invvpid(enum inv_type type, u64 vpid)
{
	struct inv_descriptor d = { vpid, 0 };
	bool ok;
	__asm__ volatile("invvpid %1, %2" : "=@cca"(ok) : "m"(d), "r"((u64)type) : "memory");
	return ok;
}

#endif
