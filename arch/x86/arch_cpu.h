/* SPDX-License-Identifier: MIT */
/* Which CPU is this: asked at every VM exit and by every lock, so it is one instruction. */
#ifndef FIRN_X86_ARCH_CPU_H
#define FIRN_X86_ARCH_CPU_H

/* Offset of index in struct cpu, which is at GS:0 (arch/x86/cpu.h). */
#define CPU_INDEX_OFFSET 8

static inline unsigned cpu_index(void)
{
	unsigned index;

	__asm__("mov %%gs:%c1, %0" : "=r"(index) : "i"(CPU_INDEX_OFFSET));
	return index;
}

#endif
