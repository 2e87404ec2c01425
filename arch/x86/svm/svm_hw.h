/* SPDX-License-Identifier: MIT */
/* The SVM instructions (APM vol. 3). Unit tests replace this file by a model of the CPU. */
#ifndef FIRN_SVM_HW_H
#define FIRN_SVM_HW_H

#include "arch/x86/probe.h"
#include "arch/x86/x86.h"

static inline void stgi(void)
{
	__asm__ volatile("stgi" : : : "memory");
}

/* FS, GS, TR, LDTR with their hidden parts, KERNEL_GS_BASE, STAR.., SYSENTER_..: to a VMCB. */
static inline void vmsave(u64 vmcb_pa)
{
	__asm__ volatile("vmsave %%rax" : : "a"(vmcb_pa) : "memory");
}

#endif
