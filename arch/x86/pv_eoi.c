/* SPDX-License-Identifier: MIT */
/* KVM paravirtual EOI: the bit in guest memory, and when it may be set. */
#include "arch/x86/pv_eoi.h"

#include "core/guest_memory.h"

#define PV_EOI_RESERVED BIT(1)
#define PV_EOI_BIT	1u /* of the word's first byte */

/* NULL: no RAM. Only the vCPU itself uses the word, and it is not running. */
static u8 *map(struct vcpu *vcpu)
{
	return guest_map(&vcpu->vm->memory, vcpu->arch.pv_eoi.msr & ~PV_EOI_MSR_ENABLE, sizeof(u32),
			 GUEST_WRITE);
}

/*
 * A second interrupt, waiting or in service, would have to wait for the guest's next exit if it
 * did not write the register, and the IOAPIC has to hear of a level-triggered one.
 */
void pv_eoi_arm(struct vcpu *vcpu)
{
	u8 *byte;

	if (!lapic_irr_empty(&vcpu->arch.lapic) || !lapic_one_edge_in_service(&vcpu->arch.lapic))
		return;
	byte = map(vcpu);
	if (!byte)
		return;
	*byte |= PV_EOI_BIT;
	vcpu->arch.pv_eoi.armed = true;
}

void pv_eoi_take_back(struct vcpu *vcpu)
{
	u8 *byte = map(vcpu);

	vcpu->arch.pv_eoi.armed = false;
	if (!byte)
		return;
	if (*byte & PV_EOI_BIT)
		*byte &= ~PV_EOI_BIT;
	else
		lapic_eoi(&vcpu->arch.lapic);
}

bool pv_eoi_msr_write(struct vcpu *vcpu, u64 value)
{
	if (value & PV_EOI_RESERVED)
		return false;
	pv_eoi_sync(vcpu);
	vcpu->arch.pv_eoi.msr = value;
	return true;
}
