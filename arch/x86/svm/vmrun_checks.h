/* SPDX-License-Identifier: MIT */
/* The checks that VMRUN makes, repeated in software to tell which one failed. */
#ifndef FIRN_SVM_VMRUN_CHECKS_H
#define FIRN_SVM_VMRUN_CHECKS_H

#include "arch/x86/svm/vmcb.h"

/*
 * Calls report(ctx, rule) for each violated rule of APM vol. 2, 15.5.1; returns how many were
 * violated. phys_bits: of physical addresses. Pure.
 */
unsigned svm_check_vmcb(const struct vmcb *vmcb, unsigned phys_bits,
			void (*report)(void *ctx, const char *rule), void *ctx);

#endif
