/* SPDX-License-Identifier: MIT */
/* Per-vCPU state of the SVM backend. Touched by the CPU that runs the vCPU only. */
#ifndef FIRN_SVM_VCPU_H
#define FIRN_SVM_VCPU_H

#include "arch/x86/mmio_mov.h"
#include "arch/x86/svm/asid.h"
#include "core/types.h"

struct vmcb;

/*
 * An instruction that exited before: where it is, in the guest's view and in memory, and what was
 * found out about it. It is used again while all of that, its bytes included, is the same.
 */
#define SVM_KNOWN_INSTRUCTIONS 32
struct svm_cr_instruction {
	u8 opcode; /* of the 0F map */
	u8 modrm;
	u8 cr, gpr;
	bool wide;  /* REX.W */
	bool small; /* operand-size prefix */
};
struct svm_known {
	u64 rip, cr3, cs_base;
	u32 opcode;	/* SVM_OPCODE*, SVM_MMIO_MOV_*, SVM_CR_ACCESS */
	const u8 *host; /* guest memory, 16 bytes */
	u64 bytes[2], mask[2];
	u8 length;
	union {
		struct mmio_mov mov;
		struct svm_cr_instruction cr;
	};
	u64 device; /* moves: page of device memory that it accessed; 0 = none, page 0 is memory */
	u64 unused[3];
};
_Static_assert(sizeof(struct svm_known) == 128, "a power of two is found without multiplying");

struct svm_vcpu {
	struct vmcb *vmcb; /* one page */
	u64 vmcb_pa;
	int cpu; /* CPU that may cache parts of the VMCB, -1 = none */
	struct asid_tag asid;
	u64 queued;	/* event for the next entry in the layout of EVENTINJ */
	u64 next_rip;	/* behind the instruction that exited */
	u64 cr0_hidden; /* bits of the guest's CR0 that the real one does not have */
	u64 cr4_forced; /* bits of the real CR4 that the guest's does not have */
	u64 pat;	/* the guest's, which has no effect */
	bool window;	/* V_IRQ waits for the guest to accept interrupts */
	u8 tpr;		/* V_TPR of the last entry */
	/* NMIs (nmi.c) */
	bool nmi_blocked; /* until the guest's IRET */
	bool stepping;	  /* TF is ours, until one instruction is over */
	bool step_iret;	  /* and that is the IRET that ends the blocking */
	bool step_tf;	  /* the guest's own TF */
	u64 step_rip;
	unsigned mismatches; /* exits in a row whose instruction was not at RIP */
	struct svm_known known[SVM_KNOWN_INSTRUCTIONS];
};

#endif
