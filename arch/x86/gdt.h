/* SPDX-License-Identifier: MIT */
/* Host segment descriptors and task state segment (SDM 3A 3.4.5, 7.2.3, 7.7). */
#ifndef FIRN_X86_GDT_H
#define FIRN_X86_GDT_H

#include "core/types.h"

/* Selectors. CS, SS/DS/ES and TR are also the VMCS host selectors. */
#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_TSS	 0x18

struct gdt {
	u64 entry[5]; /* null, code, data, TSS (two entries) */
};

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7]; /* ist[0] is IST 1 */
	u64 reserved2;
	u16 reserved3;
	u16 iomap_base;
} __packed;
_Static_assert(sizeof(struct tss) == 104, "64-bit TSS, SDM 3A figure 7-11");

struct descriptor_table {
	u16 limit;
	u64 base;
} __packed;

/* Exceptions that must work on a broken or unknown stack have their own (IST numbers). */
enum ist {
	IST_NONE,
	IST_NMI,
	IST_DOUBLE_FAULT,
	IST_MACHINE_CHECK,
	IST_STACKS = 3
};

struct cpu;
/* Fills the CPU's GDT and TSS from its IST stacks, loads them and all segment registers. */
void gdt_load(struct cpu *cpu);

#endif
