/* SPDX-License-Identifier: MIT */
/*
 * Control-flow enforcement for guests (SDM 1 chapter 17): which values its registers take, whether
 * it can be offered, and the MSRs that are switched with the vCPU. S_CET, SSP and the interrupt SSP
 * table are in the VMCS or VMCB.
 *
 * Shadow-stack accesses are ordinary writes to the nested page tables, whose control for supervisor
 * shadow stacks stays off (SDM 3C 28.3.3.2).
 */
#ifndef FIRN_X86_GUEST_CET_H
#define FIRN_X86_GUEST_CET_H

#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "core/types.h"

struct vcpu;

#define CET_RESERVED	 0x3c0ull /* bits 9:6 */
#define CET_SHSTK_BITS	 (CET_SH_STK_EN | CET_WR_SHSTK_EN)
#define SSP_MISALIGNMENT 3ull

/* IA32_U_CET and IA32_S_CET of a CPU with shadow stacks, with branch tracking (SDM 1 17.2.3). */
static inline bool cet_control_valid(u64 value, bool shstk, bool ibt)
{
	if ((value & CET_RESERVED) || !is_canonical(value))
		return false;
	if (!shstk && (value & CET_SHSTK_BITS))
		return false;
	if (!ibt && (value & ~CET_SHSTK_BITS))
		return false;
	return (value & (CET_SUPPRESS | CET_TRACKER)) != (CET_SUPPRESS | CET_TRACKER);
}

/* SSP and IA32_PLx_SSP. */
static inline bool cet_ssp_valid(u64 value)
{
	return !(value & SSP_MISALIGNMENT) && is_canonical(value);
}

/* Why VMs can't have CET on this machine, for people; NULL: they can. Any CPU, once one is on. */
const char *guest_cet_lacks(void);
/* The same as a line of the log. */
void guest_cet_report(void);

/* U_CET, PL0_SSP to PL3_SSP and XSS: for vcpu_state.c only, on the CPU that owns the vCPU. */
void guest_cet_save(struct vcpu *vcpu);
void guest_cet_load(struct vcpu *vcpu);

#endif
