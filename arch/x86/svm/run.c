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

static inline void enter(struct vcpu *vcpu, struct svm_cpu *cpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	assign_asid(cpu, &vcpu->arch.svm, vmcb);
	vmcb->rax = vcpu->arch.gpr[REG_RAX];
	svm_enter(vcpu->arch.gpr, vcpu->arch.svm.vmcb_pa, cpu->host_vmcb_pa);
	vcpu->arch.gpr[REG_RAX] = vmcb->rax;
	/* What nobody changes until the next VMRUN may come from the CPU's cache. */
	vmcb->clean = CLEAN_ALL;
	svm_take_tpr(vcpu, vmcb);
}

/* Decides what the entry injects. On the path of every exit: what is rarely needed is out of line. */
static inline void prepare_events(struct vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	if (unlikely(__atomic_load_n(&vcpu->events, __ATOMIC_ACQUIRE) & VCPU_EVENT_NMI))
		svm_prepare_nmi(vcpu);
	lapic_sync_pir(&vcpu->arch.lapic);
	if (unlikely(!lapic_irr_empty(&vcpu->arch.lapic) ||
		     (vmcb->intercept_cr & INTERCEPT_CR_WRITE(8))))
		svm_inject_pending(vcpu);
	svm_give_tpr(vcpu, vmcb);
	vmcb->event_inj = vcpu->arch.svm.queued;
	vcpu->arch.svm.queued = 0;
}

enum vcpu_stop svm_run(struct vcpu *vcpu, u64 slice_end)
{
	struct svm_cpu *cpu = svm_this_cpu();
	enum vcpu_stop stop = VCPU_STOP_PREEMPTED;
	const u64 *armed = apic_timer_armed();

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
		prepare_events(vcpu);
		/* The timer's interrupt ends the guest's time for the next timer or at the slice's end. */
		until = MIN(next, slice_end);
		if (unlikely(until != *armed))
			arch_set_wakeup(until);
		enter(vcpu, cpu);
		svm_handle_exit(vcpu);
	}
}
