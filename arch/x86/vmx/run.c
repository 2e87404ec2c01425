/* SPDX-License-Identifier: MIT */
/* The loop that runs a vCPU: prepare, enter, handle the exit, until something else wants the CPU. */
#include <vmx_hw.h>

#include "arch/x86/guest_exits.h"
#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/vmx.h"
#include "core/arch.h"
#include "core/timer.h"

#define VMX_MISC_TIMER_SHIFT(misc) ((misc)&0x1f)

/*
 * The preemption timer ends the guest's time in time for the next host timer and the end of the
 * slice; host timers need no LAPIC interrupt while a guest runs. Rounded up: never early.
 */
static void arm_preemption_timer(u64 now, u64 until)
{
	unsigned shift = VMX_MISC_TIMER_SHIFT(vmx_caps.misc);
	u64 ticks = until > now ? ((until - now) >> shift) + 1 : 0;

	vmwrite(PREEMPTION_TIMER, MIN(ticks, 0xffffffffull));
}

enum vcpu_stop vmx_run(struct vcpu *vcpu, u64 slice_end)
{
	struct vmx_vcpu *v = &vcpu->arch.vmx;
	const struct guest_loop loop = guest_loop_begin(slice_end);
	enum vcpu_stop stop = VCPU_STOP_PREEMPTED;

	for (;;) {
		u64 now, until;

		irq_window();
		now = rdtsc();
		until = guest_loop_until(&loop);
		if (unlikely(now >= until)) {
			if (!guest_loop_time(vcpu, &loop, now, &stop))
				return stop;
			until = guest_loop_until(&loop);
		}
		if (unlikely(guest_needs_service(vcpu, &loop))) {
			if (!guest_may_run(vcpu, &loop, &stop))
				return stop;
			if (guest_nmi_pending(vcpu))
				vmx_prepare_nmi(vcpu);
		}
		vmx_prepare_events(vcpu);
		arm_preemption_timer(now, until);
		if (unlikely(!vmx_enter(vcpu->arch.gpr, &v->host_stack, v->launched))) {
			vmx_entry_failed(vcpu);
			continue;
		}
		v->launched = true;
		vmx_handle_exit(vcpu);
	}
}
