/* SPDX-License-Identifier: MIT */
/* The part of a vCPU that names x86 registers. Written only by the CPU that runs the vCPU. */
#ifndef FIRN_X86_ARCH_VCPU_H
#define FIRN_X86_ARCH_VCPU_H

#include "arch/x86/guest_walk.h"
#include "arch/x86/lapic.h"
#include "arch/x86/pmu.h"
#include "arch/x86/regs.h"
#include "arch/x86/steal_time.h"
#include "arch/x86/svm/svm_vcpu.h"
#include "arch/x86/vmx/vmx_vcpu.h"

/* KVM paravirt MSRs of one vCPU (pvclock.c). */
struct pvclock {
	u64 system_time_msr; /* last value written; bit 0 = enabled */
};

/* KVM paravirtual EOI (pv_eoi.c). */
struct pv_eoi {
	u64 msr;    /* last value written; bit 0 = enabled */
	bool armed; /* the bit in guest memory was set, and not looked at since */
};

struct arch_vcpu {
	/* enum x86_gpr order; RSP's slot is not used: hardware holds it: use virt_get(VREG_RSP). */
	u64 gpr[NR_GPRS];
	u64 cr2;
	u64 dr[4], dr6; /* DR7 is in the VMCS or VMCB */
	u64 xcr0, xss;
	void *xsave; /* guest's XSAVE area, 64-byte aligned */

	/* MSRs that VMX does not switch; SVM switches those up to kernel_gs_base */
	u64 star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux;
	u64 misc_enable, spec_ctrl, tsc_adjust;
	u64 u_cet, pl_ssp[4]; /* in VMs with CET: switched by guest_cet_state.c */
	u64 mtrr_def_type, mtrr_phys[16], mtrr_fixed[11];

	struct lapic lapic;
	struct pvclock pvclock;
	struct steal_time steal;
	struct pv_eoi pv_eoi;
	u64 poll_control; /* KVM MSR; bit 0: the host may poll instead of sleeping when it halts */
	bool halt_masked; /* it halted with interrupts off; of a halted vCPU only, like the next */
	bool halt_nmi_blocked;		  /* it halted in an NMI's handler */
	struct emu_decode_cache *decoded; /* emulate.h */
	struct walk_memo walks[WALK_MEMOS];
	union {
		struct vmx_vcpu vmx;
		struct svm_vcpu svm;
	};
	u64 exits[160]; /* by exit reason of the vendor */
	struct pmu pmu;
};

#endif
