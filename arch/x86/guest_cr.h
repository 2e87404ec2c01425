/* SPDX-License-Identifier: MIT */
/*
 * Control registers as a guest sees them (SDM 3A 2.5, 4.10.4.1). All functions run on the CPU
 * that owns the vCPU.
 */
#ifndef FIRN_X86_GUEST_CR_H
#define FIRN_X86_GUEST_CR_H

#include "core/vcpu.h"

/*
 * MOV to CR0, CR2, CR3, CR4 or CR8. value: as the instruction supplies it, so zero-extended from
 * 32 bits outside 64-bit mode. Updates EFER.LMA and PDPTEs, drops guest translations as the
 * architecture says. False = the caller injects #GP(0); then nothing has changed.
 */
bool guest_cr_write(struct vcpu *vcpu, unsigned cr, u64 value);
/* MOV from the same; 0 for other numbers. */
u64 guest_cr_read(struct vcpu *vcpu, unsigned cr);

/* CLTS can't fail. LMSW changes PE, MP, EM, TS and never clears PE; false = #GP. */
void guest_clts(struct vcpu *vcpu);
bool guest_lmsw(struct vcpu *vcpu, u16 value);

/*
 * For registers by id: sets a register whose value is possible in this VM, without the rules about
 * other registers, so that registers can be restored in any order. False: nothing has changed.
 */
bool guest_cr_restore(struct vcpu *vcpu, unsigned cr, u64 value);
/* Which rule across CR0, CR3, CR4 and EFER is broken, or NULL. */
const char *guest_cr_inconsistent(struct vcpu *vcpu);

/* Bits that CR4 may have in a VM with this CPUID image; the others are reserved. */
u64 guest_cr4_allowed(const struct cpuid_image *image);
/* Bits of CR3 that must be zero: above the physical-address width. */
u64 guest_cr3_reserved(const struct cpuid_image *image);

#endif
