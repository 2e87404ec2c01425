/* SPDX-License-Identifier: MIT */
/* Events for the guest: exceptions and interrupts at the next VMRUN (APM vol. 2, 15.20, 15.21). */
#include "arch/x86/exception.h"
#include "arch/x86/pv_eoi.h"
#include "arch/x86/svm/svm.h"

#define DR6_BS BIT(14)

static u64 queued(struct vcpu *vcpu)
{
	return vcpu->arch.svm.queued & EVENT_VALID ? vcpu->arch.svm.queued : 0;
}

/* Real mode pushes no error codes. */
static bool pushes_error(struct vcpu *vcpu, unsigned vector)
{
	return (VECTORS_WITH_ERROR_CODE & BIT(vector)) && (vmcb_of(vcpu)->cr0 & CR0_PE);
}

void svm_inject(struct vcpu *vcpu, enum x86_vector vector, u32 error)
{
	u64 first = queued(vcpu), event;

	if ((first & EVENT_VALID) && (first & EVENT_TYPE) == EVENT_EXCEPTION) {
		enum exception_pair pair = exception_combine(first & EVENT_VECTOR, vector);

		if (pair == EXCEPTION_SHUTDOWN) {
			vcpu->arch.svm.queued = 0;
			vm_triple_fault(vcpu->vm);
			return;
		}
		if (pair == EXCEPTION_DOUBLE_FAULT) {
			vector = VECTOR_DF;
			error = 0;
		}
	}
	if (vector == VECTOR_PF) {
		vmcb_of(vcpu)->cr2 = vcpu->arch.cr2;
		svm_changed(vmcb_of(vcpu), CLEAN_CR2);
	}
	event = vector | EVENT_EXCEPTION;
	if (pushes_error(vcpu, vector))
		event |= EVENT_ERROR_CODE | (u64)error << 32;
	svm_queue(vcpu, event);
}

void svm_single_step_trap(struct vcpu *vcpu)
{
	vmcb_of(vcpu)->dr6 |= DR6_BS;
	svm_changed(vmcb_of(vcpu), CLEAN_DR);
	svm_inject(vcpu, VECTOR_DB, 0);
}

bool svm_event_queued(struct vcpu *vcpu)
{
	return queued(vcpu);
}

/*
 * An event whose delivery was interrupted by the exit must be delivered again (15.7.2). Software
 * interrupts, INT3 and INTO leave RIP on the instruction, which raises them again.
 */
void svm_requeue_event(struct vcpu *vcpu)
{
	u64 info = vmcb_of(vcpu)->exit_int_info;
	unsigned vector = info & EVENT_VECTOR;

	switch (info & EVENT_TYPE) {
	case EVENT_SOFTWARE:
		return;
	case EVENT_EXCEPTION:
		if (vector == VECTOR_BP || vector == VECTOR_OF)
			return;
		break;
	case EVENT_NMI:
		svm_set_nmi_blocked(vcpu, false);
		break;
	}
	svm_queue(vcpu, info);
}

static bool interrupts_open(const struct vmcb *vmcb)
{
	return (vmcb->rflags & RFLAGS_IF) && !(vmcb->int_state & INT_STATE_SHADOW);
}

/*
 * A virtual interrupt that is never taken: it exits as soon as the guest would take it. While one
 * waits, writes of CR8 exit too, since they decide whether an interrupt may come.
 */
static void set_window(struct vcpu *vcpu, bool on)
{
	const u64 request = INT_CTL_V_IRQ | INT_CTL_V_IGN_TPR | INT_CTL_V_INTR_PRIO;
	struct vmcb *vmcb = vmcb_of(vcpu);

	vmcb->int_ctl = on ? vmcb->int_ctl | request : vmcb->int_ctl & ~request;
	svm_changed(vmcb, CLEAN_TPR);
	svm_set_misc1(vmcb, on ? INTERCEPT_VINTR : 0, on ? 0 : INTERCEPT_VINTR);
	vcpu->arch.svm.window = on;
}

static void watch_cr8(struct vcpu *vcpu, bool on)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	if (!(vmcb->intercept_cr & INTERCEPT_CR_WRITE(8)) == on)
		svm_set_cr_intercepts(vmcb, on ? INTERCEPT_CR_WRITE(8) : 0,
				      on ? 0 : INTERCEPT_CR_WRITE(8));
}

void svm_inject_pending(struct vcpu *vcpu)
{
	struct lapic *lapic = &vcpu->arch.lapic;
	int vector = lapic_pending(lapic);

	if (vector >= 0 && !queued(vcpu) && interrupts_open(vmcb_of(vcpu))) {
		lapic_accept(lapic, (u8)vector);
		svm_queue(vcpu, (u64)vector | EVENT_INTR);
		vector = lapic_pending(lapic);
		pv_eoi_offer(vcpu);
	}
	if (vcpu->arch.svm.window != (vector >= 0))
		set_window(vcpu, vector >= 0);
	watch_cr8(vcpu, lapic_attended(lapic));
}

void svm_prepare_interrupts(struct vcpu *vcpu)
{
	lapic_sync_pir(&vcpu->arch.lapic);
	svm_inject_pending(vcpu);
	svm_give_tpr(vcpu, vmcb_of(vcpu));
}
