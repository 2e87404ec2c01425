/* SPDX-License-Identifier: MIT */
/* KVM steal time: the structure in guest memory, and the byte through which vCPUs ask for a flush. */
#include "arch/x86/steal_time.h"

#include "arch/x86/kvm_para.h"
#include "arch/x86/virt.h"
#include "core/arch.h"
#include "core/guest_memory.h"

#define STEAL_ENABLE   BIT(0)
#define STEAL_RESERVED 0x3eull

/* Bits of the byte "preempted". The second one is set by other vCPUs, together with the first. */
#define VCPU_PREEMPTED BIT(0)
#define VCPU_FLUSH_TLB BIT(1)

struct steal_area {
	u64 steal;   /* ns */
	u32 version; /* odd while steal changes */
	u32 flags;
	u8 preempted;
	u8 pad[47];
};
_Static_assert(sizeof(struct steal_area) == 64, "guest ABI");
_Static_assert(offsetof(struct steal_area, version) == 8, "guest ABI");
_Static_assert(offsetof(struct steal_area, preempted) == 16, "guest ABI");

/* NULL: not registered, or no RAM. Its alignment keeps it in one page. Marks the page dirty. */
static struct steal_area *map(struct vcpu *vcpu)
{
	u64 msr = vcpu->arch.steal.msr;

	if (!(msr & STEAL_ENABLE))
		return NULL;
	return guest_map(&vcpu->vm->memory, msr & ~STEAL_ENABLE, sizeof(struct steal_area),
			 GUEST_WRITE);
}

/* Adds to what is there: the sum is the guest's, and survives that it registers again. */
static void add_steal(struct vcpu *vcpu, struct steal_area *area)
{
	struct steal_time *st = &vcpu->arch.steal;
	u64 ns = clock_tsc_to_ns(vcpu->steal_tsc - st->reported_tsc);
	u32 version = (__atomic_load_n(&area->version, __ATOMIC_RELAXED) + 1) | 1;

	__atomic_store_n(&area->version, version, __ATOMIC_RELAXED);
	__atomic_store_n(&area->steal, __atomic_load_n(&area->steal, __ATOMIC_RELAXED) + ns,
			 __ATOMIC_RELEASE);
	__atomic_store_n(&area->version, version + 1, __ATOMIC_RELEASE);
	st->reported_tsc = vcpu->steal_tsc;
}

/*
 * From the exchange on other vCPUs send an IPI when they want a flush. What they asked for until
 * then is done before the vCPU runs guest code again.
 */
static void clear_preempted(struct vcpu *vcpu, struct steal_area *area)
{
	u8 old = __atomic_exchange_n(&area->preempted, 0, __ATOMIC_SEQ_CST);

	if ((old & VCPU_FLUSH_TLB) &&
	    cpuid_image_offers(&vcpu->vm->arch.cpuid, KVM_FEATURE_PV_TLB_FLUSH))
		virt_flush_guest_tlb(vcpu);
	vcpu->arch.steal.preempted_told = false;
}

void arch_vcpu_scheduled_in(struct vcpu *vcpu)
{
	struct steal_area *area = map(vcpu);

	if (!area)
		return;
	clear_preempted(vcpu, area);
	add_steal(vcpu, area);
}

void arch_vcpu_preempted(struct vcpu *vcpu)
{
	struct steal_area *area;

	if (vcpu->arch.steal.preempted_told)
		return;
	area = map(vcpu);
	if (!area)
		return;
	__atomic_store_n(&area->preempted, VCPU_PREEMPTED, __ATOMIC_RELEASE);
	vcpu->arch.steal.preempted_told = true;
}

bool steal_time_msr_write(struct vcpu *vcpu, u64 value)
{
	if (value & STEAL_RESERVED)
		return false;
	vcpu->arch.steal = (struct steal_time){ .msr = value, .reported_tsc = vcpu->steal_tsc };
	arch_vcpu_scheduled_in(vcpu);
	return true;
}
