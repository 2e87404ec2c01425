/* SPDX-License-Identifier: MIT */
/* One interrupt to the vCPUs of a bitmap. */
#include "arch/x86/pv_ipi.h"

#include "arch/x86/kvm_para.h"
#include "arch/x86/lapic_internal.h"
#include "core/vcpu.h"

#define ICR_NOT_ALLOWED (ICR_LOGICAL | (u64)ICR_SHORTHAND_MASK << ICR_SHORTHAND_SHIFT)

/* A de-assert message reaches nobody (SDM 3A 10.6.1). */
static bool icr_sends(u64 icr)
{
	switch (icr >> ICR_DELIVERY_SHIFT & ICR_DELIVERY_MASK) {
	case DELIVERY_FIXED:
	case DELIVERY_LOWEST:
	case DELIVERY_NMI:
	case DELIVERY_SIPI:
		return true;
	case DELIVERY_INIT:
		return (icr & ICR_ASSERT) || !(icr & ICR_LEVEL);
	default:
		return false;
	}
}

/* bits: first .. first + 63 */
static unsigned send_word(struct vm *vm, u64 bits, u64 first, u64 icr)
{
	enum lapic_delivery mode = icr >> ICR_DELIVERY_SHIFT & ICR_DELIVERY_MASK;
	unsigned taken = 0;

	while (bits) {
		u64 id = first + (u64)__builtin_ctzll(bits);

		bits &= bits - 1;
		if (id >= vm->nr_vcpus)
			break;
		if (vm_has_vcpu(vm, (unsigned)id))
			taken += lapic_accept_ipi(&vm->vcpu[id]->arch.lapic, mode,
						  icr & APIC_VECTOR_MASK);
	}
	return taken;
}

s64 pv_send_ipi(struct vcpu *vcpu, u64 low, u64 high, u64 first, u64 icr, unsigned word_bits)
{
	struct vm *vm = vcpu->vm;

	if (icr & ICR_NOT_ALLOWED)
		return -KVM_EINVAL;
	if (first >= vm->nr_vcpus || !icr_sends(icr))
		return 0;
	return send_word(vm, low, first, icr) + send_word(vm, high, first + word_bits, icr);
}
