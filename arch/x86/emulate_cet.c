/* SPDX-License-Identifier: MIT */
/*
 * Control-flow enforcement (SDM vol. 1, 17). The emulator moves no shadow stack and sets no tracker,
 * and leaving that out would let a guest program around them: what they follow is refused while
 * they are on. A transfer within a privilege level follows the MSR of that level; one through a gate
 * or an MSR may begin and end at different levels, so either MSR counts.
 */
#include "arch/x86/emulate_internal.h"

#include "arch/x86/msr.h"

#define BOTH (CET_SH_STK_EN | CET_ENDBR_EN)

static bool is_indirect(const struct exec *x)
{
	return x->op[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE;
}

/* What follows the instruction: CET_SH_STK_EN, CET_ENDBR_EN. Returns are no places to land at. */
static u64 followers(const struct exec *x)
{
	u64 tracked = emu_is_far(x) || is_indirect(x) ? CET_ENDBR_EN : 0;

	switch (x->insn->mnemonic) {
	case ZYDIS_MNEMONIC_JMP:
		return tracked;
	case ZYDIS_MNEMONIC_CALL:
		return CET_SH_STK_EN | tracked;
	case ZYDIS_MNEMONIC_RET:
	case ZYDIS_MNEMONIC_IRET:
	case ZYDIS_MNEMONIC_IRETD:
	case ZYDIS_MNEMONIC_IRETQ:
	case ZYDIS_MNEMONIC_SYSEXIT:
	case ZYDIS_MNEMONIC_SYSRET:
		return CET_SH_STK_EN;
	case ZYDIS_MNEMONIC_INT:
	case ZYDIS_MNEMONIC_INT1:
	case ZYDIS_MNEMONIC_INT3:
	case ZYDIS_MNEMONIC_INTO:
	case ZYDIS_MNEMONIC_SYSCALL:
	case ZYDIS_MNEMONIC_SYSENTER:
		return BOTH;
	default:
		return 0;
	}
}

bool emu_is_far(const struct exec *x)
{
	switch (x->insn->mnemonic) {
	case ZYDIS_MNEMONIC_JMP:
	case ZYDIS_MNEMONIC_CALL:
	case ZYDIS_MNEMONIC_RET:
		return x->insn->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
	default:
		return x->insn->meta.category != ZYDIS_CATEGORY_COND_BR;
	}
}

bool emu_cet_forbids(struct exec *x)
{
	struct emu *emu = x->emu;
	u64 enabled;

	if (!(emu->cr4 & CR4_CET))
		return false;
	if (emu_is_far(x))
		enabled = emu->ops->get_cet(emu, false) | emu->ops->get_cet(emu, true);
	else
		enabled = emu->ops->get_cet(emu, emu->cpl == 3);
	return enabled & followers(x);
}
