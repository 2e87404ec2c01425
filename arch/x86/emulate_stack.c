/* SPDX-License-Identifier: MIT */
/* The guest's stack: slots of the width that an instruction implies. */
#include "arch/x86/emulate_internal.h"

/* Size of a stack slot: that of the hidden operand on the stack. */
static unsigned slot_len(const struct exec *x)
{
	for (unsigned i = 0; i < x->insn->operand_count; i++) {
		if (x->op[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    x->op[i].visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN)
			return x->op[i].size / 8;
	}
	return 0;
}

static u64 stack_pointer(const struct exec *x)
{
	return emu_mask_address(x->insn->stack_width, x->next.gpr[REG_RSP]);
}

void emu_move_stack_pointer(struct exec *x, s64 by)
{
	emu_set_gpr(&x->next, REG_RSP, x->insn->stack_width / 8, false, x->next.gpr[REG_RSP] + by);
}

enum emu_result emu_push(struct exec *x, u64 value)
{
	unsigned len = slot_len(x);
	enum emu_result r;
	u64 linear;

	emu_move_stack_pointer(x, -(s64)len);
	r = emu_linear(x, SEG_SS, stack_pointer(x), len, EMU_ACCESS_WRITE, &linear);
	return r == EMU_OK ? emu_write(x, linear, len, value) : r;
}

enum emu_result emu_pop(struct exec *x, u64 *value)
{
	unsigned len = slot_len(x);
	u64 linear;
	enum emu_result r = emu_linear(x, SEG_SS, stack_pointer(x), len, 0, &linear);

	if (r == EMU_OK)
		r = emu_read(x, linear, len, 0, value);
	if (r == EMU_OK)
		emu_move_stack_pointer(x, len);
	return r;
}
