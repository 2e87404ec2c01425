/* SPDX-License-Identifier: MIT */
/*
 * KVM paravirtual EOI: while a bit in guest memory is set, the guest ends its interrupt by clearing
 * it, without an exit (Linux Documentation/virt/kvm/x86/msr.rst, MSR_KVM_PV_EOI_EN). For LAPICs that
 * Firn emulates. Whatever looks at the ISR asks first, so that exits that don't cost nothing.
 */
#ifndef FIRN_X86_PV_EOI_H
#define FIRN_X86_PV_EOI_H

#include "core/vcpu.h"

#define MSR_KVM_PV_EOI	  0x4b564d04
#define PV_EOI_MSR_ENABLE BIT(0)

/*
 * False = #GP: the reserved bit is set. An address that is no RAM is accepted and never written.
 * Reset and INIT write 0, which ends the registration. All functions: owner CPU.
 */
bool pv_eoi_msr_write(struct vcpu *vcpu, u64 value);

/* The rest of pv_eoi_offer() and pv_eoi_sync(). */
void pv_eoi_arm(struct vcpu *vcpu);
void pv_eoi_take_back(struct vcpu *vcpu);

/* An interrupt is being delivered: the guest may end it by the bit, if that is exactly the same. */
static inline void pv_eoi_offer(struct vcpu *vcpu)
{
	if (vcpu->arch.pv_eoi.msr & PV_EOI_MSR_ENABLE)
		pv_eoi_arm(vcpu);
}

/* Does the EOI that the guest has asked for; from here on it has to write the register. */
static inline void pv_eoi_sync(struct vcpu *vcpu)
{
	if (unlikely(vcpu->arch.pv_eoi.armed))
		pv_eoi_take_back(vcpu);
}

#endif
