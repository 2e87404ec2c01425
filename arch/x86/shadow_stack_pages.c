/* SPDX-License-Identifier: MIT */
/* Memory and mappings of the shadow stacks. */
#include "arch/x86/shadow_stack.h"

#include <string.h>

#include "arch/x86/paging.h"
#include "core/arch.h"
#include "core/pmem.h"

/* Each stack has an unmapped page below it; the next CPU's first one is above the last. */
#define PAGES_PER_STACK 2
#define CPU_PAGES	(PAGES_PER_STACK * SHADOW_STACKS_PER_CPU)
_Static_assert(MAX_CPUS *CPU_PAGES *PAGE_SIZE < SHADOW_STACKS_WINDOW, "all CPUs have a place");

const struct shadow_stack *shadow_stack_at(unsigned cpu, unsigned ist)
{
	u64 page = cpu * CPU_PAGES + ist * PAGES_PER_STACK + 1;

	return (const struct shadow_stack *)(SHADOW_STACKS_BASE + page * PAGE_SIZE);
}

bool shadow_stack_guard(u64 address)
{
	u64 page = (address - SHADOW_STACKS_BASE) / PAGE_SIZE;

	return address >= SHADOW_STACKS_BASE && page < MAX_CPUS * CPU_PAGES &&
	       page % PAGES_PER_STACK == 0;
}

u64 shadow_stack_token(unsigned cpu)
{
	return (u64)&shadow_stack_at(cpu, IST_NONE)->token;
}

u64 shadow_stack_int_table(unsigned cpu)
{
	return (u64)shadow_stack_at(cpu, IST_NONE)->int_ssp_table;
}

static enum firn_err make_cpu(unsigned cpu, struct shadow_stack *memory)
{
	const struct shadow_stack *at[SHADOW_STACKS_PER_CPU];
	struct shadow_stack *stack[SHADOW_STACKS_PER_CPU];
	enum firn_err err = FIRN_OK;

	for (unsigned i = 0; i < SHADOW_STACKS_PER_CPU; i++) {
		stack[i] = &memory[i];
		at[i] = shadow_stack_at(cpu, i);
	}
	shadow_stack_fill(stack, at);
	for (unsigned i = 0; i < SHADOW_STACKS_PER_CPU && !err; i++)
		err = paging_map_shadow_stack((u64)at[i], virt_to_phys(stack[i]));
	return err;
}

enum firn_err shadow_stacks_init(unsigned count)
{
	u64 size = (u64)count * SHADOW_STACKS_PER_CPU * PAGE_SIZE;
	u64 pa = pmem_alloc(size, PAGE_SIZE, PMEM_ANY, PMEM_CPU);
	struct shadow_stack *memory = phys_to_virt(pa);
	enum firn_err err = pa ? FIRN_OK : ERR_NOMEM;

	if (!err)
		memset(memory, 0, size);
	for (unsigned i = 0; i < count && !err; i++)
		err = make_cpu(i, &memory[i * SHADOW_STACKS_PER_CPU]);
	return err ? err : paging_hide(pa, size);
}
