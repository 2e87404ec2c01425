/* SPDX-License-Identifier: MIT */
/* Hypercalls: one table, and the calling convention around it. */
#include "arch/x86/hypercall.h"

#include "arch/x86/kvm_para.h"
#include "arch/x86/msr.h"
#include "arch/x86/virt.h"

/* Only makes the vCPU exit, so that pending interrupts are looked at. */
static s64 vapic_poll_irq(struct vcpu *vcpu, const u64 arg[4])
{
	(void)vcpu;
	(void)arg;
	return 0;
}

/*
 * Clock pairing (9) is not here: the host's wall clock has whole seconds only, and what the guest
 * would get is an exact time.
 */
const struct hypercall hypercalls[] = {
	{ KVM_HC_VAPIC_POLL_IRQ, 0, "VAPIC_POLL_IRQ", vapic_poll_irq },
};
const size_t nr_hypercalls = ARRAY_SIZE(hypercalls);

static s64 dispatch(struct vcpu *vcpu, u64 number, const u64 arg[4])
{
	const struct cpuid_image *image = &vcpu->vm->arch.cpuid;

	for (size_t i = 0; i < nr_hypercalls; i++) {
		const struct hypercall *call = &hypercalls[i];

		if (call->number != number)
			continue;
		if (call->feature && !cpuid_image_offers(image, call->feature))
			break;
		return call->fn(vcpu, arg);
	}
	return -KVM_ENOSYS;
}

/* Is the caller in 64-bit mode? *cpl: its privilege level. */
static bool caller_mode(struct vcpu *vcpu, unsigned *cpl)
{
	struct x86_seg seg;

	virt_get_seg(vcpu, SEG_CS, &seg);
	if ((virt_get(vcpu, VREG_EFER) & EFER_LMA) && (seg.ar & SEG_AR_L)) {
		*cpl = seg.selector & SEG_SELECTOR_RPL;
		return true;
	}
	/* Real and virtual-8086 mode have no RPL in CS, but SS.DPL is right in all modes. */
	virt_get_seg(vcpu, SEG_SS, &seg);
	*cpl = seg.ar >> SEG_AR_DPL_SHIFT & SEG_SELECTOR_RPL;
	return false;
}

void guest_hypercall(struct vcpu *vcpu)
{
	const u64 *gpr = vcpu->arch.gpr;
	u64 number = gpr[REG_RAX];
	u64 arg[4] = { gpr[REG_RBX], gpr[REG_RCX], gpr[REG_RDX], gpr[REG_RSI] };
	unsigned cpl;
	bool wide = caller_mode(vcpu, &cpl);
	s64 result = -KVM_EPERM;

	if (!wide) {
		number = (u32)number;
		for (unsigned i = 0; i < ARRAY_SIZE(arg); i++)
			arg[i] = (u32)arg[i];
	}
	if (cpl == 0)
		result = dispatch(vcpu, number, arg);
	vcpu->arch.gpr[REG_RAX] = wide ? (u64)result : (u32)result;
}
