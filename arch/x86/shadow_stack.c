/* SPDX-License-Identifier: MIT */
/* What is in a shadow stack: tokens, the table of the interrupts' stacks, return addresses. */
#include "arch/x86/shadow_stack.h"

void shadow_stack_fill(struct shadow_stack *stack[SHADOW_STACKS_PER_CPU],
		       const struct shadow_stack *at[SHADOW_STACKS_PER_CPU])
{
	for (unsigned i = 0; i < SHADOW_STACKS_PER_CPU; i++) {
		stack[i]->token = (u64)&at[i]->token;
		if (i != IST_NONE)
			stack[IST_NONE]->int_ssp_table[i] = (u64)&at[i]->token;
	}
}

static bool holds(const struct shadow_stack *stack, u64 address)
{
	return address >= (u64)stack && address <= (u64)&stack->token;
}

static bool on_a_stack(const struct shadow_stack *const stack[], u64 address)
{
	for (unsigned i = 0; i < SHADOW_STACKS_PER_CPU; i++)
		if (holds(stack[i], address))
			return true;
	return false;
}

static bool read_entry(const struct shadow_stack *const stack[], u64 ssp, u64 *value)
{
	if (ssp % sizeof(u64) || !on_a_stack(stack, ssp))
		return false;
	*value = *(const u64 *)ssp;
	return true;
}

unsigned shadow_stack_trace(const struct shadow_stack *const stack[SHADOW_STACKS_PER_CPU], u64 ssp,
			    u64 *rip, unsigned max)
{
	unsigned n = 0;
	u64 value;

	while (n < max && read_entry(stack, ssp, &value)) {
		u64 next = ssp + sizeof(u64);

		if ((value & ~SHADOW_TOKEN_BUSY) == ssp)
			break;
		/* An interrupt's frame begins with the SSP to go on at. */
		if (on_a_stack(stack, value)) {
			next = value;
			if (!read_entry(stack, ssp + offsetof(struct shadow_frame, lip), &value))
				break;
		}
		rip[n++] = value;
		ssp = next;
	}
	return n;
}
