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
	if (exception_sets_rf(vector))
		vmcb_of(vcpu)->rflags |= RFLAGS_RF;
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

/*
 * QEMU 7.2 with -icount delivers an injected interrupt again when a timer comes due before the next
 * exit. There the interrupt goes as a virtual one, which the guest takes right after VMRUN; only an
 * exit before its first instruction leaves it there, for the next VMRUN. QEMU without -icount can
 * lose a virtual interrupt: it changes its requests without a lock while other CPUs send theirs.
 */
static bool gives_virtual; /* boot CPU, before vCPUs run */

void svm_choose_injection(bool virtual)
{
	gives_virtual = virtual;
}

static bool giving_interrupt(struct vcpu *vcpu)
{
	return (vmcb_of(vcpu)->int_ctl & INT_CTL_V_IRQ) && !vcpu->arch.svm.window;
}

static void set_request(struct vmcb *vmcb, u64 vector)
{
	vmcb->int_ctl = (vmcb->int_ctl & ~INT_CTL_V_VECTOR) | INT_CTL_REQUEST |
			vector << INT_CTL_V_VECTOR_SHIFT;
	svm_changed(vmcb, CLEAN_TPR);
}

static u64 requested_vector(const struct vmcb *vmcb)
{
	return (vmcb->int_ctl & INT_CTL_V_VECTOR) >> INT_CTL_V_VECTOR_SHIFT;
}

static void clear_request(struct vmcb *vmcb)
{
	vmcb->int_ctl &= ~INT_CTL_REQUEST;
	svm_changed(vmcb, CLEAN_TPR);
}

bool svm_event_queued(struct vcpu *vcpu)
{
	return queued(vcpu) || giving_interrupt(vcpu);
}

static bool interrupts_open(const struct vmcb *vmcb)
{
	return (vmcb->rflags & RFLAGS_IF) && !(vmcb->int_state & INT_STATE_SHADOW);
}

void svm_settle_interrupt(struct vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	if (!giving_interrupt(vcpu) || queued(vcpu) || !interrupts_open(vmcb))
		return;
	clear_request(vmcb);
	svm_queue(vcpu, requested_vector(vmcb) | EVENT_INTR);
}

/*
 * An event whose delivery was interrupted by the exit must be delivered again (15.7.2). Software
 * interrupts, INT3 and INTO leave RIP on the instruction, which raises them again.
 */
void svm_requeue_event(struct vcpu *vcpu)
{
	u64 info = vmcb_of(vcpu)->exit_int_info;
	unsigned vector = info & EVENT_VECTOR;

	/* A virtual interrupt; QEMU 7.2 calls it an exception. */
	if (giving_interrupt(vcpu) && vector == requested_vector(vmcb_of(vcpu)))
		info = EVENT_VALID | EVENT_INTR | vector;
	switch (info & EVENT_TYPE) {
	case EVENT_SOFTWARE:
		return;
	case EVENT_EXCEPTION:
		if (vector == VECTOR_BP || vector == VECTOR_OF)
			return;
		break;
	case EVENT_INTR:
		if (giving_interrupt(vcpu))
			clear_request(vmcb_of(vcpu));
		break;
	}
	svm_queue(vcpu, info);
}

/*
 * A virtual interrupt that is never taken: it exits as soon as the guest would take it. While one
 * waits, writes of CR8 exit too, since they decide whether an interrupt may come.
 */
static void open_window(struct vcpu *vcpu)
{
	set_request(vmcb_of(vcpu), 0);
	svm_set_misc1(vmcb_of(vcpu), INTERCEPT_VINTR, 0);
	vcpu->arch.svm.window = true;
}

static void close_window(struct vcpu *vcpu)
{
	clear_request(vmcb_of(vcpu));
	svm_set_misc1(vmcb_of(vcpu), 0, INTERCEPT_VINTR);
	vcpu->arch.svm.window = false;
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
	struct vmcb *vmcb = vmcb_of(vcpu);
	int vector = lapic_pending(lapic);
	bool window = vcpu->arch.svm.window;

	if (unlikely(giving_interrupt(vcpu)))
		svm_settle_interrupt(vcpu);
	if (vector < 0) {
		if (window)
			close_window(vcpu);
	} else if (queued(vcpu) || !interrupts_open(vmcb)) {
		if (!(vmcb->int_ctl & INT_CTL_V_IRQ))
			open_window(vcpu);
	} else {
		if (window)
			close_window(vcpu);
		lapic_accept(lapic, (u8)vector);
		if (gives_virtual)
			set_request(vmcb, (u64)vector);
		else
			svm_queue(vcpu, (u64)vector | EVENT_INTR);
		pv_eoi_offer(vcpu);
	}
	watch_cr8(vcpu, lapic_attended(lapic));
}

void svm_forget_events(struct vcpu *vcpu)
{
	vcpu->arch.svm.queued = 0;
	vcpu->arch.svm.stepping = false;
	close_window(vcpu);
}

void svm_prepare_interrupts(struct vcpu *vcpu)
{
	lapic_sync_pir(&vcpu->arch.lapic);
	svm_inject_pending(vcpu);
	svm_give_tpr(vcpu, vmcb_of(vcpu));
}
