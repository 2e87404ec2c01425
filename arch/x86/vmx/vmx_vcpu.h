/* SPDX-License-Identifier: MIT */
/* Per-vCPU state of the VMX backend. */
#ifndef FIRN_VMX_VCPU_H
#define FIRN_VMX_VCPU_H

#include "core/types.h"

struct vmx_vcpu {
	void *vmcs;	 /* one page */
	int active_cpu;	 /* CPU on which the VMCS is active, -1 = clear */
	bool launched;
	bool nmi_pending;
	u64 tsc_offset;
	u32 queued_info; /* event for the next entry, VM-entry interruption format; bit 31 valid */
	u32 queued_error;
	u32 queued_length;
	struct vmx_vcpu *next_active; /* list of VMCSs active on one CPU */
	struct vmx_vcpu **prev_active;
};

#endif
