/* SPDX-License-Identifier: MIT */
/*
 * Architectural performance counters of guests (SDM 3B 19.2), version 2, on the CPU's own counters.
 * They are in the CPU while the vCPU's other state is, and count in the guest only: entries load
 * the guest's IA32_PERF_GLOBAL_CTRL, exits load 0. Every access to their registers exits.
 *
 * What a VM has is what its CPUID leaf 0xa says. Functions that take a vCPU run on the CPU that
 * owns it.
 */
#ifndef FIRN_X86_PMU_H
#define FIRN_X86_PMU_H

#include "arch/x86/cpuid_image.h"

struct vcpu;

#define PMU_MAX_GP    8
#define PMU_MAX_FIXED 3 /* without TOPDOWN.SLOTS, which comes with PERF_METRICS */

/* Kinds of registers */
enum pmu_reg {
	PMU_COUNTER,	  /* IA32_PMCx: a write sets bits 31:0 and extends their sign */
	PMU_COUNTER_FULL, /* IA32_A_PMCx: the same counters, all of their bits */
	PMU_EVENT_SELECT,
	PMU_FIXED,
	PMU_CAPABILITIES,
	PMU_FIXED_CTRL,
	PMU_STATUS,
	PMU_GLOBAL_CTRL,
	PMU_OVERFLOW_CTRL,
	NR_PMU_REGS
};

/* What a VM's CPUID image offers, all zero without counters. */
struct pmu_layout {
	unsigned count[NR_PMU_REGS]; /* registers of each kind */
	u64 writable[NR_PMU_REGS];   /* bits that WRMSR may set in them; others raise #GP */
	unsigned nr_events;	     /* architectural events that CPUID says something about */
	u32 absent_events;	     /* bit = event */
};

struct pmu_layout pmu_layout(const struct cpuid_image *image);
/* False: the VM has no such register. index: which of its kind. */
bool pmu_find_msr(const struct pmu_layout *layout, u32 msr, enum pmu_reg *reg, unsigned *index);
/* Bits of GLOBAL_CTRL, GLOBAL_STATUS and GLOBAL_OVF_CTRL. */
#define PMU_GLOBAL_GP(index)	BIT(index)
#define PMU_GLOBAL_FIXED(index) BIT(32 + (index))

/* A vCPU's counters; counter and fixed are older than the CPU's while the vCPU is resident. */
struct pmu {
	u64 counter[PMU_MAX_GP], event_select[PMU_MAX_GP];
	u64 fixed[PMU_MAX_FIXED], fixed_ctrl;
	u64 global_ctrl;
	u64 status; /* overflows that were taken out of the CPU's IA32_PERF_GLOBAL_STATUS */
};

/* RDMSR, WRMSR and RDPMC (index: ECX) of the guest. False = #GP(0). */
bool pmu_msr_read(struct vcpu *vcpu, u32 msr, u64 *value);
bool pmu_msr_write(struct vcpu *vcpu, u32 msr, u64 value);
bool pmu_rdpmc(struct vcpu *vcpu, u32 index, u64 *value);
/* By id: like WRMSR, but counters get all their bits and the status can be set. */
bool pmu_msr_restore(struct vcpu *vcpu, u32 msr, u64 value);
/* Power-on values (SDM 3A table 9-1), after guest_msr_reset(); INIT changes none of them. */
void pmu_reset(struct vcpu *vcpu);

/* The vCPU becomes resident, or its state is copied back from the CPU: vcpu_state.c. */
void pmu_load(struct vcpu *vcpu);
void pmu_save(struct vcpu *vcpu);

/* Can guests have counters on this machine? After virtualization is on. Any CPU. */
bool pmu_host_usable(void);
/* Once, before the first vCPU. */
void pmu_init(void);
/* This CPU's counters have interrupted it. */
void pmu_interrupt(void);

/* The CPU's own registers, pmu_hw.c; unit tests have a model of them. */
u64 pmu_hw_read(u32 msr);
void pmu_hw_write(u32 msr, u64 value);
/* The CPU's counters interrupt it; the local APIC masks that at each interrupt (SDM 3A 10.5.1). */
void pmu_hw_unmask_interrupt(void);

/* The hypercall PMU_EVENT_INFO (docs/guest-abi.md): 0 or a negative KVM_E* code. */
s64 pmu_event_info(struct vcpu *vcpu, u64 gpa, u64 count, u64 flags);

#endif
