/* SPDX-License-Identifier: MIT */
/* Which part of control-flow enforcement Firn uses for itself, and why not more. */
#ifndef FIRN_X86_CET_CHOICE_H
#define FIRN_X86_CET_CHOICE_H

#include "arch/x86/msr.h"
#include "core/types.h"

struct cet_facts {
	bool wanted;	    /* firn.conf */
	bool shstk, ibt;    /* CPUID */
	bool sss;	    /* CPUID.7.1:EDX bit 18 */
	bool nested;	    /* another hypervisor shows itself */
	const char *lacks;  /* why virtualization would not keep Firn's state, NULL: it does */
	bool shadow_stacks; /* there is memory for them */
};

struct cet_choice {
	u64 s_cet;	     /* IA32_S_CET of every CPU; 0: CET stays off */
	const char *without; /* why it is not all of it; NULL: it is */
};

/* Bits that Firn may set: no instruction of its own writes shadow stacks or skips the tracking. */
#define CET_CHOICE_BITS (CET_SH_STK_EN | CET_ENDBR_EN)
_Static_assert(!(CET_CHOICE_BITS & CET_WR_SHSTK_EN), "WRSS stays undefined");

/* Pure. */
struct cet_choice cet_choose(const struct cet_facts *facts);

#endif
