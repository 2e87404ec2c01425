/* SPDX-License-Identifier: MIT */
/* Which CPU is this: asked at every VM exit and by every lock, so it is one instruction. */
#ifndef FIRN_X86_ARCH_CPU_H
#define FIRN_X86_ARCH_CPU_H

#include "arch/x86/patch_site.h"

/* Offset of index in struct cpu, which is at GS:0 (arch/x86/cpu.h). */
#define CPU_INDEX_OFFSET 8

/*
 * Before code that VMs share, after a guest may have run: what the guest taught the branch
 * predictors is made harmless, as mitigations.c chose. No registers change. Any CPU, interrupts off.
 */
static inline void arch_enter_shared(void)
{
	__asm__ volatile(PATCH_SITE_TEXT(PATCH_SHARED) : : : "memory", "cc");
}

static inline unsigned cpu_index(void)
{
	unsigned index;

	__asm__("mov %%gs:%c1, %0" : "=r"(index) : "i"(CPU_INDEX_OFFSET));
	return index;
}

#endif
