/* SPDX-License-Identifier: MIT */
/* Control-flow enforcement for Firn itself, turned on CPU by CPU (SDM 1 17; APM 2 18). */
#include "arch/x86/cet_host.h"

#include <stdio.h>

#include "arch/x86/cet_choice.h"
#include "arch/x86/cpu.h"
#include "arch/x86/cpuid_bits.h"
#include "arch/x86/shadow_stack.h"
#include "arch/x86/virt.h"
#include "arch/x86/x86.h"
#include "core/log.h"

/* cet_enter.S */
void cet_enter(u64 s_cet, void (*fn)(void)) __noreturn;

static struct cet_choice choice;
static const char *nothing; /* what to say if nothing is on */

bool cet_host_shadow_stacks(void)
{
	return choice.s_cet & CET_SH_STK_EN;
}

bool cet_host_branch_tracking(void)
{
	return choice.s_cet & CET_ENDBR_EN;
}

void cet_host_describe(char *text, size_t size)
{
	bool both = cet_host_shadow_stacks() && cet_host_branch_tracking();

	snprintf(text, size, "%s%s%s%s%s%s", choice.s_cet ? "" : nothing,
		 cet_host_shadow_stacks() ? "shadow stacks" : "", both ? ", " : "",
		 cet_host_branch_tracking() ? "branch tracking" : "", choice.without ? ": " : "",
		 choice.without ? choice.without : "");
}

void cet_host_init(bool wanted, bool virtualized, unsigned count)
{
	struct cet_facts facts = {
		.wanted = wanted,
		.shstk = cpu_has_feature(X86_FEATURE_SHSTK),
		.ibt = cpu_has_feature(X86_FEATURE_IBT),
		.sss = cpu_has_feature(X86_FEATURE_CET_SSS),
		.nested = cpu_features.hypervisor != NULL,
		.lacks = virtualized ? virt_host_cet_lacks() : NULL,
		.shadow_stacks = true,
	};
	char text[128];

	nothing = wanted ? "not available" : "not used";
	choice = cet_choose(&facts);
	if (cet_host_shadow_stacks() && shadow_stacks_init(count)) {
		facts.shadow_stacks = false;
		choice = cet_choose(&facts);
	}
	cet_host_describe(text, sizeof(text));
	log_info("CET: %s", text);
}

void cet_host_start(void (*fn)(void))
{
	if (choice.s_cet) {
		BUG_ON(choice.s_cet & ~CET_CHOICE_BITS);
		/* Else code could write the pages of shadow stacks; MOV CR4 checks it, too. */
		BUG_ON(!(read_cr0() & CR0_WP));
		if (cet_host_shadow_stacks()) {
			wrmsr(MSR_IA32_PL0_SSP, shadow_stack_token(cpu_index()));
			wrmsr(MSR_IA32_INT_SSP_TAB, shadow_stack_int_table(cpu_index()));
		}
		write_cr4(read_cr4() | CR4_CET);
		cet_enter(choice.s_cet, fn);
	}
	fn();
	__builtin_unreachable();
}

/* Its own return is not checked any more. The stack of NMIs stays in use, so no IRET frees it. */
void cet_host_no_return(void)
{
	if (cet_host_shadow_stacks() && (read_cr4() & CR4_CET))
		wrmsr(MSR_IA32_S_CET, choice.s_cet & ~CET_SH_STK_EN);
}
