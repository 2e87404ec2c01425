/* SPDX-License-Identifier: MIT */
/* Control transfers: near ones are executed, unless CET follows them; all others are refused. */
#include "arch/x86/emulate_internal.h"

#include "arch/x86/emulate_alu.h"

#define PREFIX_OPERAND_SIZE 0x66
#define CONDITION_MASK	    0xf /* of the opcodes 70..7F and 0F 80..8F */

/* In 64-bit code Intel ignores the prefix and AMD makes RIP 16 bits wide: nobody uses it. */
static bool vendors_differ(const struct exec *x)
{
	for (unsigned i = 0; x->emu->mode == 64 && i < x->insn->raw.prefix_count; i++) {
		if (x->insn->raw.prefixes[i].value == PREFIX_OPERAND_SIZE)
			return true;
	}
	return false;
}

static u64 next_instruction(const struct exec *x)
{
	return x->next.rip + x->insn->length;
}

/* The target is checked before anything is pushed (SDM vol. 2A "CALL"). */
static enum emu_result check_target(struct exec *x, u64 *target)
{
	u64 linear;

	if (x->emu->mode != 64)
		*target = emu_mask_address(x->insn->operand_width, *target);
	return emu_linear(x, SEG_CS, *target, 1, EMU_ACCESS_FETCH, &linear);
}

static enum emu_result jump(struct exec *x, u64 target)
{
	enum emu_result r = check_target(x, &target);

	if (r == EMU_OK)
		emu_complete_at(x, target);
	return r;
}

static enum emu_result read_target(struct exec *x, u64 *target)
{
	enum emu_result r = emu_operand_read(x, 0, target);

	if (r == EMU_OK && x->op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		*target += next_instruction(x);
	return r;
}

static enum emu_result op_jmp(struct exec *x)
{
	u64 target;
	enum emu_result r = read_target(x, &target);

	return r == EMU_OK ? jump(x, target) : r;
}

static enum emu_result op_call(struct exec *x)
{
	u64 target;
	enum emu_result r = read_target(x, &target);

	if (r == EMU_OK)
		r = check_target(x, &target);
	if (r == EMU_OK)
		r = emu_push(x, next_instruction(x));
	if (r == EMU_OK)
		emu_complete_at(x, target);
	return r;
}

static enum emu_result op_ret(struct exec *x)
{
	u64 target, release = 0;
	enum emu_result r = emu_pop(x, &target);

	if (r == EMU_OK && x->insn->operand_count_visible > 0)
		r = emu_operand_read(x, 0, &release);
	if (r != EMU_OK)
		return r;
	emu_move_stack_pointer(x, (u16)release);
	return jump(x, target);
}

/* LOOPcc counts first; flags play no part in the counting. */
static bool loops(struct exec *x)
{
	unsigned len = x->insn->address_width / 8;
	u64 count = alu_truncate(8 * len, x->next.gpr[REG_RCX] - 1);

	emu_set_gpr(&x->next, REG_RCX, len, false, count);
	if (x->insn->mnemonic == ZYDIS_MNEMONIC_LOOP)
		return count != 0;
	return count != 0 &&
	       !(x->next.rflags & RFLAGS_ZF) == (x->insn->mnemonic == ZYDIS_MNEMONIC_LOOPNE);
}

static bool is_taken(struct exec *x)
{
	switch (x->insn->mnemonic) {
	case ZYDIS_MNEMONIC_LOOP:
	case ZYDIS_MNEMONIC_LOOPE:
	case ZYDIS_MNEMONIC_LOOPNE:
		return loops(x);
	case ZYDIS_MNEMONIC_JCXZ:
	case ZYDIS_MNEMONIC_JECXZ:
	case ZYDIS_MNEMONIC_JRCXZ:
		return emu_mask_address(x->insn->address_width, x->next.gpr[REG_RCX]) == 0;
	default:
		return alu_condition(x->insn->opcode & CONDITION_MASK, x->next.rflags);
	}
}

static enum emu_result op_jcc(struct exec *x)
{
	if (is_taken(x))
		return op_jmp(x);
	emu_complete(x);
	return EMU_OK;
}

enum emu_result emu_branch(struct exec *x)
{
	if (emu_cet_forbids(x))
		return emu_unhandled(x->emu, "control transfer with CET enabled");
	if (emu_is_far(x) || vendors_differ(x) || x->insn->mnemonic == ZYDIS_MNEMONIC_XBEGIN)
		return emu_unhandled(x->emu, "control transfer");
	switch (x->insn->mnemonic) {
	case ZYDIS_MNEMONIC_JMP:
		return op_jmp(x);
	case ZYDIS_MNEMONIC_CALL:
		return op_call(x);
	case ZYDIS_MNEMONIC_RET:
		return op_ret(x);
	default:
		return op_jcc(x);
	}
}
