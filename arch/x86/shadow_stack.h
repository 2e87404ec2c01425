/* SPDX-License-Identifier: MIT */
/*
 * Shadow stacks of Firn's own (SDM 1 17.2; APM 2 18): one page for each of a CPU's stacks, between
 * unmapped ones. Nothing but calls, returns and interrupts writes them: they are mapped read-only and
 * dirty, which makes them shadow stacks (SDM 3A 4.6), and nowhere else.
 */
#ifndef FIRN_X86_SHADOW_STACK_H
#define FIRN_X86_SHADOW_STACK_H

#include "arch/x86/gdt.h"
#include "core/err.h"

#define SHADOW_STACKS_PER_CPU (IST_STACKS + 1) /* [IST_NONE] is the main one */
#define INT_SSP_TABLE_ENTRIES 8		       /* by IST number, the first is unused */

#define SHADOW_TOKEN_BUSY BIT(0)

struct shadow_stack {
	u64 entry[PAGE_SIZE / sizeof(u64) - 1 - INT_SSP_TABLE_ENTRIES]; /* used from the end on */
	u64 token; /* its own address, and SHADOW_TOKEN_BUSY while a CPU uses the stack */
	/* Of the main stack only, here because no software can write it. */
	u64 int_ssp_table[INT_SSP_TABLE_ENTRIES];
};
_Static_assert(sizeof(struct shadow_stack) == PAGE_SIZE, "a page");
_Static_assert(offsetof(struct shadow_stack, token) % sizeof(u64) == 0, "SDM 1 17.2.3");
_Static_assert(IST_STACKS < INT_SSP_TABLE_ENTRIES, "SDM 3A 6.14.5");

/* What the CPU pushes on the shadow stack at an interrupt or exception in ring 0 (SDM 3A 6.14). */
struct shadow_frame {
	u64 ssp; /* before */
	u64 lip; /* of the interrupted instruction */
	u64 cs;
};

/* Makes those of CPUs 0..count-1. Boot CPU, before the others start. ERR_NOMEM. */
enum firn_err shadow_stacks_init(unsigned count);

/* For IA32_PL0_SSP and IA32_INTERRUPT_SSP_TABLE_ADDR. Any CPU, after shadow_stacks_init(). */
u64 shadow_stack_token(unsigned cpu);
u64 shadow_stack_int_table(unsigned cpu);

/* The stack where cpu and IST number say. It is not mapped if shadow_stacks_init() did not make it. */
const struct shadow_stack *shadow_stack_at(unsigned cpu, unsigned ist);

/* Is this where a push goes when a shadow stack is full? */
bool shadow_stack_guard(u64 address);

/* Fills in tokens and table; at: where CPUs will see each. */
void shadow_stack_fill(struct shadow_stack *stack[SHADOW_STACKS_PER_CPU],
		       const struct shadow_stack *at[SHADOW_STACKS_PER_CPU]);

/*
 * Finds up to max return addresses and interrupted instructions from ssp on, the last first, up to
 * the token. Reads from these stacks only. Returns how many. Any CPU.
 */
unsigned shadow_stack_trace(const struct shadow_stack *const stack[SHADOW_STACKS_PER_CPU], u64 ssp,
			    u64 *rip, unsigned max);

#endif
