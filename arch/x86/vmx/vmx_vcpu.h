/* SPDX-License-Identifier: MIT */
/* Per-vCPU state of the VMX backend. Touched by the CPU that runs the vCPU only. */
#ifndef FIRN_VMX_VCPU_H
#define FIRN_VMX_VCPU_H

#include "core/types.h"

/* What vmx_enter() wrote into HOST_RSP and HOST_SSP. */
struct vmx_host_stack {
	u64 rsp, ssp;
};

struct vmx_vcpu {
	void *vmcs;	/* one page */
	int active_cpu; /* CPU on which the VMCS is active, -1 = clear */
	bool launched;
	bool initialised; /* control fields written since VMCLEAR of a new VMCS */
	struct vmx_host_stack host_stack;
	u32 proc_controls; /* value in PROC_BASED_CONTROLS */
	/* Event for the next entry in the layout of the VM-entry interruption information. */
	u32 queued_info;
	u32 queued_error;
	u32 queued_length;
	bool nmi_given; /* since the last reset: without one nothing blocks NMIs */
	u64 *pml;	/* one page: addresses that the guest wrote to; NULL = was never needed */
	bool pml_used;	/* the VMCS has it */
	u32 ioapic_generation;	      /* that the EOI-exit bitmap was made from */
	struct vmx_vcpu *next_active; /* VMCSs active on one CPU */
	struct vmx_vcpu **prev_active;
};

#endif
