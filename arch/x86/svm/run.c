/* SPDX-License-Identifier: MIT */
/* The loop that runs a vCPU: prepare, enter, handle the exit, until something else wants the CPU. */
#include "arch/x86/guest_exits.h"
#include "arch/x86/svm/svm.h"
#include "core/arch.h"
#include "core/timer.h"

/* The ASID field and the TLB control hold for one VMRUN each. */
static inline void assign_asid(struct svm_cpu *cpu, struct svm_vcpu *v)
{
	if (likely(asid_current(&cpu->asids, &v->asid))) {
		v->vmcb->tlb_control = TLB_KEEP;
		return;
	}
	v->vmcb->tlb_control = asid_assign(&cpu->asids, &v->asid);
	v->vmcb->asid = v->asid.asid;
	svm_changed(v->vmcb, CLEAN_ASID);
}

static inline void enter(struct vcpu *vcpu, struct svm_cpu *cpu)
{
	struct svm_vcpu *v = &vcpu->arch.svm;

	assign_asid(cpu, v);
	v->vmcb->rax = vcpu->arch.gpr[REG_RAX];
	svm_enter(vcpu->arch.gpr, v->vmcb_pa, cpu->host_vmcb_pa);
	vcpu->arch.gpr[REG_RAX] = v->vmcb->rax;
	/* What nobody changes until the next VMRUN may come from the CPU's cache. */
	v->vmcb->clean = CLEAN_ALL;
	svm_take_tpr(vcpu, v->vmcb);
}

enum vcpu_stop svm_run(struct vcpu *vcpu, u64 slice_end)
{
	struct svm_cpu *cpu = svm_this_cpu();
	enum vcpu_stop stop = VCPU_STOP_PREEMPTED;
	u64 armed = 0; /* deadline that the LAPIC timer was set to */

	for (;;) {
		u64 now, next, until;

		irq_window();
		now = rdtsc();
		next = timer_next();
		if (unlikely(now >= next)) {
			timer_run(now);
			next = timer_next();
		}
		if (!guest_may_run(vcpu, &stop))
			return stop;
		if (unlikely(now >= slice_end))
			return VCPU_STOP_PREEMPTED;
		svm_prepare_events(vcpu);
		/* The timer's interrupt ends the guest's time for the next timer or at the slice's end. */
		until = MIN(next, slice_end);
		if (unlikely(until != armed)) {
			arch_set_wakeup(until);
			armed = until;
		}
		enter(vcpu, cpu);
		/* It may have been the timer, too early for a far deadline. */
		if ((u32)vmcb_of(vcpu)->exit_code == SVM_EXIT_INTR)
			armed = 0;
		svm_handle_exit(vcpu);
	}
}
