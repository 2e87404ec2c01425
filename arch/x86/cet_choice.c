/* SPDX-License-Identifier: MIT */
/* The rules for Firn's own control-flow enforcement. */
#include "arch/x86/cet_choice.h"

/*
 * Without CPUID.7.1:EDX bit 18, an exit to an outer hypervisor in the middle of an interrupt's
 * delivery can leave a token busy that nobody uses (SDM 1 17.2.3): the next NMI would be fatal.
 */
static const char *shadow_stacks_lack(const struct cet_facts *f)
{
	if (!f->shstk)
		return "the CPU has no shadow stacks";
	if (f->nested && !f->sss)
		return "the outer hypervisor may disturb shadow stacks";
	if (!f->shadow_stacks)
		return "no memory for shadow stacks";
	return NULL;
}

struct cet_choice cet_choose(const struct cet_facts *f)
{
	struct cet_choice choice = { 0 };

	if (!f->wanted)
		choice.without = "cet-host = off";
	else if (!f->shstk && !f->ibt)
		choice.without = "the CPU has neither shadow stacks nor branch tracking";
	else
		choice.without = f->lacks;
	if (choice.without)
		return choice;
	choice.without = shadow_stacks_lack(f);
	if (!choice.without)
		choice.s_cet |= CET_SH_STK_EN;
	if (f->ibt)
		choice.s_cet |= CET_ENDBR_EN;
	else
		choice.without = "the CPU has no branch tracking";
	return choice;
}
