/* SPDX-License-Identifier: MIT */
/*
 * SVM in a CPU's life: on at bring-up, off at shutdown. One owner (the CPU itself), one state
 * machine, no reference count. A CPU with GIF = 0 holds INIT back, so every way down must come
 * through here.
 */
#ifndef FIRN_SVM_LIFECYCLE_H
#define FIRN_SVM_LIFECYCLE_H

#include "arch/x86/svm/asid.h"
#include "core/err.h"

enum svm_cpu_state {
	SVM_OFFLINE, /* CPU not brought up */
	SVM_NONE,    /* CPU up, SVM could not be turned on */
	SVM_ON,	     /* EFER.SVME set, host save area given */
	SVM_OFF,     /* both taken back */
};

struct svm_cpu {
	enum svm_cpu_state state;
	void *host_save; /* one page, used by VMRUN alone */
	void *host_vmcb; /* one page: what VMLOAD brings back after an exit */
	u64 host_vmcb_pa;
	struct asid_pool asids;
	char why[64]; /* why SVM is not on */
};

/*
 * On the CPU itself, once. ERR_UNSUPPORTED (no SVM, or features missing: all are logged),
 * ERR_DISABLED (by firmware), ERR_STATE (already on), ERR_NOMEM.
 */
enum firn_err svm_cpu_enable(struct svm_cpu *cpu);
/* GIF = 1, EFER.SVME = 0, no host save area. ERR_STATE when SVM is not on. */
enum firn_err svm_cpu_disable(struct svm_cpu *cpu);
/* The same from NMI or panic: no log, no lock, any state, may come twice; frees nothing. */
void svm_cpu_emergency_disable(struct svm_cpu *cpu);

const char *svm_cpu_state_name(enum svm_cpu_state state);

#endif
