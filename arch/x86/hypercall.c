/* SPDX-License-Identifier: MIT */
/* Hypercalls: one table, and the calling convention around it. */
#include "arch/x86/hypercall.h"

#include "arch/x86/kvm_para.h"
#include "arch/x86/msr.h"
#include "arch/x86/pmu.h"
#include "arch/x86/pv_ipi.h"
#include "arch/x86/virt.h"
#include "core/sched.h"

#define WORD_BITS_WIDE	 64
#define WORD_BITS_NARROW 32

/*
 * The same parameter list for every call, whether it needs all of it or not. arg: RBX, RCX, RDX, RSI;
 * wide: the caller is in 64-bit mode. Returns what goes to RAX: >= 0, or a negative KVM_E* code.
 */
#define UNUSED_ARGS ((void)vcpu, (void)arg, (void)wide)

/* Only makes the vCPU exit, so that pending interrupts are looked at. */
static s64 vapic_poll_irq(struct vcpu *vcpu, const u64 arg[4], bool wide)
{
	UNUSED_ARGS;
	return 0;
}

/* NULL: there is none with that APIC id. */
static struct vcpu *find_vcpu(struct vcpu *caller, u64 apic_id)
{
	struct vm *vm = caller->vm;

	return apic_id < vm->nr_vcpus && vm_has_vcpu(vm, (unsigned)apic_id) ? vm->vcpu[apic_id]
									    : NULL;
}

/* A lock's owner wakes the next waiter: arg[0] has no meaning, arg[1] is its APIC id. */
static s64 kick_cpu(struct vcpu *vcpu, const u64 arg[4], bool wide)
{
	struct vcpu *target = find_vcpu(vcpu, arg[1]);

	UNUSED_ARGS;
	if (target) {
		vcpu_unhalt(target);
		if (target != vcpu)
			sched_yield_to(target);
	}
	return 0;
}

/*
 * What the guest would get is an exact pair of its TSC and the wall clock, and the host's wall clock
 * has whole seconds only: the answer is KVM's for clocks that can't be paired.
 */
static s64 clock_pairing(struct vcpu *vcpu, const u64 arg[4], bool wide)
{
	UNUSED_ARGS;
	return -KVM_EOPNOTSUPP;
}

static s64 send_ipi(struct vcpu *vcpu, const u64 arg[4], bool wide)
{
	return pv_send_ipi(vcpu, arg[0], arg[1], arg[2], arg[3],
			   wide ? WORD_BITS_WIDE : WORD_BITS_NARROW);
}

/* The caller waits for an answer of that vCPU. */
static s64 sched_yield(struct vcpu *vcpu, const u64 arg[4], bool wide)
{
	struct vcpu *target = find_vcpu(vcpu, arg[0]);

	UNUSED_ARGS;
	if (target && target != vcpu)
		sched_yield_to(target);
	return 0;
}

static s64 event_info(struct vcpu *vcpu, const u64 arg[4], bool wide)
{
	UNUSED_ARGS;
	return pmu_event_info(vcpu, arg[0], arg[1], arg[2]);
}

/* X(number, feature, name, function); direct calls: the exit path has no indirect branch. */
#define HYPERCALLS(X)                                                                 \
	X(KVM_HC_VAPIC_POLL_IRQ, 0, "VAPIC_POLL_IRQ", vapic_poll_irq)                 \
	X(KVM_HC_KICK_CPU, KVM_FEATURE_PV_UNHALT, "KICK_CPU", kick_cpu)               \
	X(KVM_HC_CLOCK_PAIRING, 0, "CLOCK_PAIRING", clock_pairing)                    \
	X(KVM_HC_SEND_IPI, KVM_FEATURE_PV_SEND_IPI, "SEND_IPI", send_ipi)             \
	X(KVM_HC_SCHED_YIELD, KVM_FEATURE_PV_SCHED_YIELD, "SCHED_YIELD", sched_yield) \
	X(FIRN_HC_PMU_EVENT_INFO, FIRN_FEATURE_PMU_EVENT_INFO, "PMU_EVENT_INFO", event_info)

#define HYPERCALL_ROW(number, feature, name, fn) { number, feature, name },
const struct hypercall hypercalls[] = { HYPERCALLS(HYPERCALL_ROW) };
const size_t nr_hypercalls = ARRAY_SIZE(hypercalls);

#define HYPERCALL_CASE(number, feature, name, fn)                     \
	case number:                                                  \
		if ((feature) && !cpuid_image_offers(image, feature)) \
			return -KVM_ENOSYS;                           \
		return fn(vcpu, arg, wide);

static s64 dispatch(struct vcpu *vcpu, u64 number, const u64 arg[4], bool wide)
{
	const struct cpuid_image *image = &vcpu->vm->arch.cpuid;

	switch (number) {
		HYPERCALLS(HYPERCALL_CASE)
	default:
		return -KVM_ENOSYS;
	}
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
		result = dispatch(vcpu, number, arg, wide);
	vcpu->arch.gpr[REG_RAX] = wide ? (u64)result : (u32)result;
}
