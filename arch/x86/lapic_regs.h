/* SPDX-License-Identifier: MIT */
/* LAPIC registers by id, without what reading or writing them would do. For vcpu_regs.c. */
#ifndef FIRN_X86_LAPIC_REGS_H
#define FIRN_X86_LAPIC_REGS_H

#include "arch/x86/lapic.h"

/* What the guest would read; posted interrupts count as requested. No side effects. */
u64 lapic_reg_get(struct lapic *lapic, u32 offset);
/*
 * ERR_READONLY for what follows from other registers and for the IRR (posted interrupts are not
 * lost); ERR_INVALID: the register can't have this value in the present mode, it keeps its own.
 */
enum firn_err lapic_reg_set(struct lapic *lapic, u32 offset, u64 value);

#endif
