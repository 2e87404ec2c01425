/* SPDX-License-Identifier: MIT */
/*
 * NMIs. SVM does not know whether a guest's NMIs are blocked: an intercepted IRET tells when its
 * handler ends. The next NMI may come after that IRET has been executed, which a single step finds.
 */
#include "arch/x86/svm/svm.h"
#include "core/arch.h"

#define DR6_BS BIT(14)

void svm_set_nmi_blocked(struct vcpu *vcpu, bool blocked)
{
	vcpu->arch.svm.nmi_blocked = blocked;
	svm_set_misc1(vmcb_of(vcpu), blocked ? INTERCEPT_IRET : 0, blocked ? 0 : INTERCEPT_IRET);
}

/* One instruction, then #DB. Handlers see TF if it raises an exception itself; that is accepted. */
static void start_step(struct vcpu *vcpu, bool iret)
{
	struct svm_vcpu *v = &vcpu->arch.svm;
	struct vmcb *vmcb = vmcb_of(vcpu);

	v->stepping = true;
	v->step_iret = iret;
	v->step_tf = vmcb->rflags & RFLAGS_TF;
	v->step_rip = vmcb->rip;
	vmcb->rflags |= RFLAGS_TF;
}

void svm_iret(struct vcpu *vcpu)
{
	svm_set_nmi_blocked(vcpu, false);
	start_step(vcpu, true);
}

bool svm_end_step(struct vcpu *vcpu)
{
	struct svm_vcpu *v = &vcpu->arch.svm;
	struct vmcb *vmcb = vmcb_of(vcpu);
	bool ours = !v->step_tf && (u32)vmcb->exit_code == SVM_EXIT_EXCEPTION(VECTOR_DB) &&
		    (vmcb->dr6 & DR6_BS);
	bool executed = vmcb->rip != v->step_rip;

	v->stepping = false;
	/* IRET brings its own TF. */
	if (!v->step_tf && !(executed && v->step_iret))
		vmcb->rflags &= ~RFLAGS_TF;
	if (!executed && v->step_iret)
		svm_set_nmi_blocked(vcpu, true);
	if (ours) {
		vmcb->dr6 &= ~DR6_BS;
		svm_changed(vmcb, CLEAN_DR);
	}
	return ours;
}

void svm_prepare_nmi(struct vcpu *vcpu)
{
	struct svm_vcpu *v = &vcpu->arch.svm;

	/* Blocked: the intercepted IRET ends it. In a step: its end. */
	if (v->nmi_blocked || v->stepping)
		return;
	svm_settle_interrupt(vcpu);
	if (v->queued & EVENT_VALID) {
		/* The kick ends the guest right after the delivery of what is queued. */
		cpu_kick(cpu_index());
	} else if (vmcb_of(vcpu)->int_state & INT_STATE_SHADOW) {
		start_step(vcpu, false);
	} else {
		__atomic_and_fetch(&vcpu->events, ~(u32)VCPU_EVENT_NMI, __ATOMIC_ACQ_REL);
		svm_queue(vcpu, VECTOR_NMI | EVENT_NMI);
		svm_set_nmi_blocked(vcpu, true);
	}
}
