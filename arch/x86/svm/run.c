/* SPDX-License-Identifier: MIT */
/* The loop that runs a vCPU: prepare, enter, handle the exit, until something else wants the CPU. */
#include "arch/x86/apic_timer.h"
#include "arch/x86/guest_exits.h"
#include "arch/x86/svm/svm.h"
#include "core/arch.h"
#include "core/timer.h"

/* The ASID field and the TLB control hold for one VMRUN each. */
static inline void assign_asid(struct svm_cpu *cpu, struct svm_vcpu *v, struct vmcb *vmcb)
{
	vmcb->tlb_control = TLB_KEEP;
	if (likely(asid_current(&cpu->asids, &v->asid)))
		return;
	vmcb->tlb_control = asid_assign(&cpu->asids, &v->asid);
	vmcb->asid = v->asid.asid;
	svm_changed(vmcb, CLEAN_ASID);
}

static inline void enter(struct vcpu *vcpu, struct svm_cpu *cpu, struct vmcb *vmcb)
{
	assign_asid(cpu, &vcpu->arch.svm, vmcb);
	vmcb->rax = vcpu->arch.gpr[REG_RAX];
	svm_enter(vcpu->arch.gpr, vcpu->arch.svm.vmcb_pa, cpu->host_vmcb_pa);
	vcpu->arch.gpr[REG_RAX] = vmcb->rax;
	/* What nobody changes until the next VMRUN may come from the CPU's cache. */
	vmcb->clean = CLEAN_ALL;
	svm_take_tpr(vcpu, vmcb);
}

/* Decides what the entry injects. On the path of every exit: what is rarely needed is out of line. */
static inline void prepare_events(struct vcpu *vcpu, struct vmcb *vmcb)
{
	if (unlikely(lapic_needs_attention(&vcpu->arch.lapic)))
		svm_prepare_interrupts(vcpu);
	vmcb->event_inj = vcpu->arch.svm.queued;
	vcpu->arch.svm.queued = 0;
}

enum vcpu_stop svm_run(struct vcpu *vcpu, u64 slice_end)
{
	struct svm_cpu *cpu = svm_this_cpu();
	struct vmcb *vmcb = vmcb_of(vcpu);
	const struct guest_loop loop = guest_loop_begin(slice_end);
	const u64 *armed = apic_timer_armed();
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
				svm_prepare_nmi(vcpu);
		}
		prepare_events(vcpu, vmcb);
		/* The timer's interrupt ends the guest's time for the next timer or at the slice's end. */
		if (unlikely(until != *armed))
			arch_set_wakeup(until);
		enter(vcpu, cpu, vmcb);
		svm_handle_exit(vcpu);
	}
}
