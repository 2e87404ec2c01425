/* SPDX-License-Identifier: MIT */
/* The real-mode code that a CPU starts in, copied to a page below 1 MiB. */
#ifndef FIRN_X86_TRAMPOLINE_H
#define FIRN_X86_TRAMPOLINE_H

#include "arch/x86/cpu.h"

/* At the label trampoline_data; trampoline.S uses these offsets. */
struct trampoline_data {
	u32 jump_offset; /* far pointer into 64-bit code */
	u16 jump_selector;
	u16 gdt_limit; /* operand of LGDT */
	u32 gdt_base;
	u32 cr3;
	u32 efer;
	u32 reserved;
	u64 stack;
	struct cpu *cpu;
	void (*entry)(struct cpu *cpu) __noreturn;
	u64 gdt[3];
};
_Static_assert(offsetof(struct trampoline_data, gdt_limit) == 6, "trampoline.S");
_Static_assert(offsetof(struct trampoline_data, gdt) == 48, "trampoline.S");
_Static_assert(sizeof(struct trampoline_data) == 72, "trampoline.S");

extern const char trampoline[], trampoline_data[], trampoline_64[], trampoline_end[];

#endif
