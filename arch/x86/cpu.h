/* SPDX-License-Identifier: MIT */
/* A physical CPU: its identity, descriptor tables and stacks; the features of the machine. */
#ifndef FIRN_X86_CPU_H
#define FIRN_X86_CPU_H

#include "arch/x86/gdt.h"
#include "arch/x86/predictor.h"
#include "core/arch.h"

enum cpu_state {
	CPU_OFFLINE,
	CPU_STARTING, /* SIPI sent, or under check */
	CPU_ONLINE,
	CPU_PARKED, /* left virtualization, halted for good with interrupts off */
};

struct cpu_stack {
	u64 bottom, top; /* virtual addresses, [bottom, top) */
};

struct cpu {
	struct cpu *self; /* at GS:0, so that this_cpu() is one load */
	unsigned index;	  /* 0 = boot CPU */
	u32 apic_id;
	u64 stack_guard; /* arch/x86/stack_guard.h */
	struct predictor predictor;
	u32 state; /* enum cpu_state, atomic */
	u64 nmi_count;
	struct cpu_stack stack;		      /* top 0: still on the boot stack */
	struct cpu_stack ist[IST_STACKS + 1]; /* by IST number, [0] unused */
	struct gdt gdt;
	struct tss tss;
} __aligned(64);

extern struct cpu cpus[MAX_CPUS]; /* 0..nr_cpus()-1 are online */

static inline struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	__asm__("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

/* What the boot CPU's CPUID says; all CPUs are taken to be alike. */
struct cpu_features {
	char vendor[13];
	char brand[49]; /* may be "" */
	u32 max_leaf, max_extended_leaf;
	u8 phys_bits;
	bool nx, gib_pages, pge, pat, smep, smap, umip, mce;
	bool xsave, x2apic, tsc_deadline, invariant_tsc, tsc_adjust;
	const char *hypervisor; /* that Firn runs under; NULL = none that shows itself */
};
extern struct cpu_features cpu_features;
void cpu_detect_features(void); /* by cpu_init_boot() */
/* Whether CPUID has a bit, X86_FEATURE_*. Any CPU, after cpu_detect_features(). */
bool cpu_has_feature(u32 feature);

/*
 * First call of all: descriptor tables, exception handling, GS base of the boot CPU, features.
 * From here on an exception ends in a readable panic. Boot CPU, on the boot stack.
 */
void cpu_init_boot(void);

/*
 * Sets CR0, CR4 (VMXE is kept), EFER and PAT to Firn's values and drops cached translations.
 * Each CPU, from paging_init() or the AP entry.
 */
void cpu_set_control_registers(void);

/* Loads descriptor tables and GS base of this CPU; again after its IST stacks changed. */
void cpu_load_tables(struct cpu *cpu);

/*
 * Continues in fn on this CPU's own stack (with guard pages); nothing of the old stack is kept.
 * Needs paging_init(). The boot CPU calls it when it enters its loop.
 */
void cpu_switch_stack(void (*fn)(void)) __noreturn;

/* Interrupts off, halted for good; only a reset or INIT gets the CPU back. */
void cpu_halt_forever(void) __noreturn;

#endif
