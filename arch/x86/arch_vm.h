/* SPDX-License-Identifier: MIT */
/* The part of a VM that names x86. */
#ifndef FIRN_X86_ARCH_VM_H
#define FIRN_X86_ARCH_VM_H

#include "arch/x86/cpuid_image.h"
#include "arch/x86/ioapic.h"
#include "core/spinlock.h"

struct arch_vm {
	struct spinlock nested_lock; /* of changes of the nested page tables; fault_in.c */
	u64 nested_root;	     /* physical address of the EPT/NPT root table */
	bool log_writes; /* atomic: its vCPUs use page-modification logging at their next run */
	struct cpuid_image cpuid;
	bool cet;	       /* has the CPU's control-flow enforcement; guest_cet.h */
	u64 arch_capabilities; /* IA32_ARCH_CAPABILITIES of the guest; guest_msr_arch_capabilities() */
	struct ioapic ioapic;
	u64 wall_clock_gpa;   /* KVM wall clock MSR, per VM */
	s64 tsc_offset;	      /* guest TSC = host TSC + offset, before TSC_ADJUST */
	u64 clock_base_tsc;   /* host TSC at which the VM's kvmclock was 0 */
	u8 *apic_access_page; /* mapped at the guest's APIC base, content not used */
};

#endif
