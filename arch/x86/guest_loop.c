/* SPDX-License-Identifier: MIT */
/* What ends a vCPU's time on its CPU, besides its own exits. */
#include "arch/x86/guest_exits.h"

#include "arch/x86/virt.h"
#include "core/arch.h"

/* Longer than posting takes, shorter than what anybody notices who waits for work. */
#define GRACE_NS (50 * 1000)

struct work *const guest_loop_no_work = NULL;

u64 guest_loop_grace(u64 slice_end)
{
	return MIN(slice_end, clock_tsc() + clock_ns_to_tsc(GRACE_NS));
}

/* It executed HLT: does that end at once? */
static bool halt_is_over(struct vcpu *vcpu)
{
	u64 rflags = virt_get(vcpu, VREG_RFLAGS);

	/* Kept, because who posts to it later finds it not loaded. */
	vcpu->arch.halt_masked = !(rflags & RFLAGS_IF);
	vcpu->arch.halt_nmi_blocked = virt_nmi_blocked(vcpu);
	/* The trap of a single step is due, and ends it like an interrupt. */
	return (rflags & RFLAGS_TF) || vcpu_can_wake(vcpu);
}

bool guest_may_run(struct vcpu *vcpu, const struct guest_loop *loop, enum vcpu_stop *stop)
{
	if (__atomic_load_n(&vcpu->events, __ATOMIC_ACQUIRE) & VCPU_EVENTS_STOPPING) {
		*stop = VCPU_STOP_EVENT;
		return false;
	}
	if (__atomic_load_n(loop->work, __ATOMIC_RELAXED)) {
		*stop = VCPU_STOP_PREEMPTED;
		return false;
	}
	if (vcpu->state == VCPU_HALTED) {
		if (!halt_is_over(vcpu)) {
			*stop = VCPU_STOP_HALTED;
			return false;
		}
		vcpu_end_halt(vcpu);
	}
	return true;
}

bool guest_loop_time(struct vcpu *vcpu, const struct guest_loop *loop, u64 now,
		     enum vcpu_stop *stop)
{
	if (now >= *loop->next_timer)
		timer_run(now);
	if (now < loop->slice_end)
		return true;
	*stop = VCPU_STOP_PREEMPTED;
	/* Its stop or halt is the better reason. */
	guest_may_run(vcpu, loop, stop);
	return false;
}
