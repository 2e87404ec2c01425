/* SPDX-License-Identifier: MIT */
/* Per-vCPU state of the SVM backend. Touched by the CPU that runs the vCPU only. */
#ifndef FIRN_SVM_VCPU_H
#define FIRN_SVM_VCPU_H

#include "arch/x86/svm/asid.h"
#include "core/types.h"

struct vmcb;

/* Where instruction bytes were found last: saves the walk of the guest's page tables. */
#define SVM_FETCH_ENTRIES 16
struct svm_fetch_entry {
	u64 linear, cr3, gpa;
	bool valid;
};

struct svm_vcpu {
	struct vmcb *vmcb; /* one page */
	u64 vmcb_pa;
	int cpu; /* CPU that may cache parts of the VMCB, -1 = none */
	struct asid_tag asid;
	u64 queued;	/* event for the next entry in the layout of EVENTINJ */
	u64 next_rip;	/* behind the instruction that exited */
	u64 cr0_hidden; /* bits of the guest's CR0 that the real one does not have */
	u64 cr4_forced; /* bits of the real CR4 that the guest's does not have */
	bool window;	/* V_IRQ waits for the guest to accept interrupts */
	/* NMIs (nmi.c) */
	bool nmi_blocked; /* until the guest's IRET */
	bool stepping;	  /* TF is ours, until one instruction is over */
	bool step_iret;	  /* and that is the IRET that ends the blocking */
	bool step_tf;	  /* the guest's own TF */
	u64 step_rip;
	unsigned mismatches; /* exits in a row whose instruction was not at RIP */
	struct svm_fetch_entry fetched[SVM_FETCH_ENTRIES];
};

#endif
