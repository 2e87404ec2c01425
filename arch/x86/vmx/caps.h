/* SPDX-License-Identifier: MIT */
/* VMX capability discovery by table: what the CPU has, what Firn needs, what it can do without. */
#ifndef FIRN_VMX_CAPS_H
#define FIRN_VMX_CAPS_H

#include "core/err.h"

enum vmx_control {
	CTL_PIN,
	CTL_PROC,
	CTL_PROC2,
	CTL_EXIT,
	CTL_ENTRY,
	NR_VMX_CONTROLS
};

struct vmx_caps {
	u64 basic, misc, ept_vpid;
	u64 cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	u64 control[NR_VMX_CONTROLS]; /* allowed-0 in 31:0, allowed-1 in 63:32; 0 = no such MSR */
};

/* Reads an MSR that the table says exists; false = #GP, which makes the CPU inconsistent. */
typedef bool (*msr_source)(u32 msr, u64 *value);

/* Reads every capability MSR whose predicate holds, and no other. ERR_UNSUPPORTED on #GP. */
enum firn_err vmx_caps_read(struct vmx_caps *caps, msr_source read);

/* May the control bit be 1? */
bool vmx_caps_may(const struct vmx_caps *caps, enum vmx_control ctl, u64 bit);

/* wanted plus the bits that must be 1, minus those that can't be 1. */
u32 vmx_caps_adjust(const struct vmx_caps *caps, enum vmx_control ctl, u64 wanted);

/*
 * Calls missing(name, required) for each feature of the table that the CPU lacks.
 * ERR_UNSUPPORTED when a required one is among them.
 */
enum firn_err vmx_caps_check(const struct vmx_caps *caps,
			     void (*missing)(void *ctx, const char *name, bool required),
			     void *ctx);

/* Page-modification logging, with the dirty flags that it needs. */
bool vmx_caps_pml(const struct vmx_caps *caps);
/* IA32_PERF_GLOBAL_CTRL is switched at entry and at exit. */
bool vmx_caps_counters(const struct vmx_caps *caps);
/* All of TPR shadow, APIC accesses, register virtualization, virtual-interrupt delivery. */
bool vmx_caps_apicv(const struct vmx_caps *caps);

/* Takes from a CPUID leaf what is #UD in guests on this CPU; out: EAX, EBX, ECX, EDX. */
void vmx_caps_mask_cpuid(const struct vmx_caps *caps, u32 leaf, u32 subleaf, u32 out[4]);

/* Entries and exits switch S_CET, SSP and the interrupt SSP table. */
bool vmx_caps_load_cet(const struct vmx_caps *caps);
/* Why guests can't have CET, NULL: they can, if the CPU has it. */
const char *vmx_cet_lacks(const struct vmx_caps *caps);
/* Why Firn can't use it for itself. NULL: it can. */
const char *vmx_host_cet_lacks(const struct vmx_caps *caps);

/* The boot CPU's capabilities; every CPU must offer the same (checked by virt_cpu_enable). */
extern struct vmx_caps vmx_caps;

#endif
