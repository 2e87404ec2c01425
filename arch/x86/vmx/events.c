/* SPDX-License-Identifier: MIT */
/* Events for the guest: exceptions, NMIs and interrupts at the next VM entry (SDM 3C 26.6, 24.8.3). */
#include <vmx_hw.h>

#include "arch/x86/exception.h"
#include "arch/x86/pv_eoi.h"
#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/vmx.h"

#define NMI_WAITS (PROC_NMI_WINDOW | PROC_MONITOR_TRAP)

static void queue(struct vcpu *vcpu, u32 info, u32 error)
{
	vcpu->arch.vmx.queued_info = info | INTR_INFO_VALID;
	vcpu->arch.vmx.queued_error = error;
	vcpu->arch.vmx.queued_length = 0;
}

/* Real mode pushes no error codes (SDM 3C 24.8.3). */
static bool pushes_error(struct vcpu *vcpu, unsigned vector)
{
	return (VECTORS_WITH_ERROR_CODE & BIT(vector)) && (vmx_get(vcpu, VREG_CR0) & CR0_PE);
}

void vmx_inject(struct vcpu *vcpu, enum x86_vector vector, u32 error)
{
	u32 first = vcpu->arch.vmx.queued_info, info;

	if ((first & INTR_INFO_VALID) && (first & INTR_INFO_TYPE) == INTR_TYPE_HW_EXCEPTION) {
		enum exception_pair pair = exception_combine(first & INTR_INFO_VECTOR, vector);

		if (pair == EXCEPTION_SHUTDOWN) {
			vcpu->arch.vmx.queued_info = 0;
			vm_triple_fault(vcpu->vm);
			return;
		}
		if (pair == EXCEPTION_DOUBLE_FAULT) {
			vector = VECTOR_DF;
			error = 0;
		}
	}
	if (vector == VECTOR_PF)
		write_cr2(vcpu->arch.cr2);
	if (exception_sets_rf(vector))
		vmwrite(GUEST_RFLAGS, vmread(GUEST_RFLAGS) | RFLAGS_RF);
	info = vector | INTR_TYPE_HW_EXCEPTION;
	if (pushes_error(vcpu, vector))
		info |= INTR_INFO_ERROR_CODE;
	queue(vcpu, info, error);
}

void vmx_single_step_trap(struct vcpu *vcpu)
{
	(void)vcpu;
	vmwrite(GUEST_PENDING_DEBUG, vmread(GUEST_PENDING_DEBUG) | PENDING_DEBUG_BS);
}

/* An event whose delivery was interrupted by the exit must be delivered again (SDM 3C 27.2.4). */
void vmx_requeue_vectoring(struct vcpu *vcpu)
{
	u32 info = (u32)vmread(IDT_VECTORING_INFO);

	if (likely(!(info & INTR_INFO_VALID)))
		return;
	queue(vcpu, info & ~INTR_INFO_NMI_UNBLOCKED, (u32)vmread(IDT_VECTORING_ERROR_CODE));
	if ((info & INTR_INFO_TYPE) >= INTR_TYPE_SW_INTERRUPT)
		vcpu->arch.vmx.queued_length = (u32)vmread(EXIT_INSTRUCTION_LENGTH);
	if ((info & INTR_INFO_TYPE) == INTR_TYPE_NMI)
		vmwrite(GUEST_INTERRUPTIBILITY,
			vmread(GUEST_INTERRUPTIBILITY) & ~INTERRUPTIBILITY_NMI);
}

static __noinline void write_queued(struct vmx_vcpu *v)
{
	if (v->queued_info & INTR_INFO_ERROR_CODE)
		vmwrite(ENTRY_EXCEPTION_ERROR_CODE, v->queued_error);
	if ((v->queued_info & INTR_INFO_TYPE) >= INTR_TYPE_SW_INTERRUPT)
		vmwrite(ENTRY_INSTRUCTION_LENGTH, v->queued_length);
	vmwrite(ENTRY_INTERRUPTION_INFO, v->queued_info);
	v->queued_info = 0;
}

static bool interrupts_open(void)
{
	return (vmread(GUEST_RFLAGS) & RFLAGS_IF) &&
	       !(vmread(GUEST_INTERRUPTIBILITY) & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
}

/* RVI and SVI follow the page (SDM 3C 29.1.1); hardware evaluates them at entry. */
void vmx_update_interrupt_status(struct vcpu *vcpu)
{
	int irr = lapic_highest_irr(&vcpu->arch.lapic), isr = lapic_highest_isr(&vcpu->arch.lapic);

	vmwrite(GUEST_INTERRUPT_STATUS, (u64)(MAX(irr, 0) | MAX(isr, 0) << 8));
}

/* Level-triggered vectors must exit at EOI, so that the IOAPIC hears of it. */
static __noinline void update_eoi_exits(struct vcpu *vcpu, u32 generation)
{
	u64 bitmap[4];

	vcpu->arch.vmx.ioapic_generation = generation;
	lapic_eoi_exit_bitmap(vcpu->vm, bitmap);
	for (unsigned i = 0; i < ARRAY_SIZE(bitmap); i++)
		vmwrite((enum vmcs_field)(EOI_EXIT_BITMAP0 + 2 * i), bitmap[i]);
}

static void prepare_virtual_delivery(struct vcpu *vcpu)
{
	u32 generation = __atomic_load_n(&vcpu->vm->arch.ioapic.generation, __ATOMIC_ACQUIRE);

	if (unlikely(generation != vcpu->arch.vmx.ioapic_generation))
		update_eoi_exits(vcpu, generation);
	if (unlikely(lapic_sync_pir(&vcpu->arch.lapic)))
		vmx_update_interrupt_status(vcpu);
}

static __noinline void inject_pending(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->arch.vmx;
	int vector;

	lapic_sync_pir(&vcpu->arch.lapic);
	vector = lapic_pending(&vcpu->arch.lapic);
	if (vector >= 0 && !(v->queued_info & INTR_INFO_VALID) && interrupts_open()) {
		lapic_accept(&vcpu->arch.lapic, (u8)vector);
		queue(vcpu, (u32)vector | INTR_TYPE_EXTERNAL, 0);
		vector = lapic_pending(&vcpu->arch.lapic);
		pv_eoi_offer(vcpu);
	}
	vmx_set_proc_controls(vcpu, vector >= 0 ? PROC_INTERRUPT_WINDOW : 0,
			      vector >= 0 ? 0 : PROC_INTERRUPT_WINDOW);
	lapic_attended(&vcpu->arch.lapic);
}

/* Without virtual-interrupt delivery: inject one, and come back for the next through the window. */
static void prepare_interrupt(struct vcpu *vcpu)
{
	if (unlikely(lapic_needs_attention(&vcpu->arch.lapic)))
		inject_pending(vcpu);
}

/*
 * What tells that the guest may take an NMI. In the shadow of STI some CPUs exit for an open window
 * at once (SDM 3C 25.2), again and again, and the guest would never get out of it; then it is one
 * instruction.
 */
static u32 nmi_wait(u64 blocking)
{
	bool step = (blocking & INTERRUPTIBILITY_STI) && !(blocking & INTERRUPTIBILITY_NMI) &&
		    vmx_caps_may(&vmx_caps, CTL_PROC, PROC_MONITOR_TRAP);

	return step ? PROC_MONITOR_TRAP : PROC_NMI_WINDOW;
}

void vmx_prepare_nmi(struct vcpu *vcpu)
{
	const u64 closed = INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS | INTERRUPTIBILITY_NMI;
	u64 blocking = vmread(GUEST_INTERRUPTIBILITY);
	u32 wait = nmi_wait(blocking);

	if (!(vcpu->arch.vmx.queued_info & INTR_INFO_VALID) && !(blocking & closed)) {
		__atomic_and_fetch(&vcpu->events, ~(u32)VCPU_EVENT_NMI, __ATOMIC_ACQ_REL);
		queue(vcpu, VECTOR_NMI | INTR_TYPE_NMI, 0);
		vcpu->arch.vmx.nmi_given = true;
		wait = 0;
	}
	vmx_set_proc_controls(vcpu, wait, NMI_WAITS & ~wait);
}

/* Bochs 2.7 keeps the blocking of the VMCS that was current before, and saves it in the next one. */
bool vmx_nmi_blocked(struct vcpu *vcpu)
{
	return vcpu->arch.vmx.nmi_given && (vmread(GUEST_INTERRUPTIBILITY) & INTERRUPTIBILITY_NMI);
}

void vmx_forget_events(struct vcpu *vcpu)
{
	vcpu->arch.vmx.queued_info = 0;
	vcpu->arch.vmx.nmi_given = false;
	vmx_set_proc_controls(vcpu, 0, NMI_WAITS);
}

/* On the path of every exit: what is rarely needed is out of line, so that little has to be saved. */
void vmx_prepare_events(struct vcpu *vcpu)
{
	if (vmx_apicv)
		prepare_virtual_delivery(vcpu);
	else
		prepare_interrupt(vcpu);
	if (unlikely(vcpu->arch.vmx.queued_info & INTR_INFO_VALID))
		write_queued(&vcpu->arch.vmx);
}
