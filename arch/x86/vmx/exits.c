/* SPDX-License-Identifier: MIT */
/* VM exits: the table, the dispatch and the handlers that decode VMX's exit information. */
#include "arch/x86/vmx/exits.h"

#include <vmx_hw.h>

#include "arch/x86/emulate.h"
#include "arch/x86/force_emulation.h"
#include "arch/x86/guest_cr.h"
#include "arch/x86/guest_exits.h"
#include "arch/x86/hypercall.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/trace_io.h"
#include "arch/x86/vmx/vmx.h"
#include "core/sched.h"

/* Exit qualification of control-register accesses, SDM 3C table 27-3 */
#define CR_NUMBER(q)	 ((q)&0xf)
#define CR_ACCESS(q)	 (((q) >> 4) & 3)
#define CR_GPR(q)	 (((q) >> 8) & 0xf)
#define CR_LMSW_VALUE(q) ((u16)((q) >> 16))
enum {
	CR_MOV_TO,
	CR_MOV_FROM,
	CR_CLTS,
	CR_LMSW
};

/* Exit qualification of I/O instructions, SDM 3C table 27-5 */
#define IO_WIDTH(q) ((unsigned)((q)&7) + 1)
#define IO_IN	    BIT(3)
#define IO_STRING   BIT(4)
#define IO_PORT(q)  ((u16)((q) >> 16))

/* Of EPT violations and of a full page-modification log, SDM 3C table 27-7 and 27.2.1 */
#define QUALIFICATION_NMI_UNBLOCKED BIT(12)

#define APIC_OFFSET(q) ((u32)((q)&0xfff))
#define DR7_GD	       BIT(13)
#define DR6_B_BITS     0xfull
#define DR6_CAUSES     (DR6_B_BITS | BIT(13) | BIT(14))

static bool in_64bit_code(void)
{
	return (vmread(GUEST_EFER) & EFER_LMA) &&
	       (vmread((enum vmcs_field)(GUEST_ES_ACCESS_RIGHTS + 2 * SEG_CS)) & SEG_AR_L);
}

static void exit_ignored(struct vcpu *vcpu)
{
	(void)vcpu;
}

static void exit_skip(struct vcpu *vcpu)
{
	vmx_skip(vcpu);
}

static void exit_pause(struct vcpu *vcpu)
{
	vmx_skip(vcpu);
	sched_spin_exit(vcpu);
}

static void exit_ud(struct vcpu *vcpu)
{
	vmx_inject_ud(vcpu);
}

/* DR6 is not updated by an intercepted #DB, and DR7.GD not cleared (SDM 3C 27.1). */
static void complete_debug_exception(void)
{
	u64 causes = vmread(EXIT_QUALIFICATION) & DR6_CAUSES, dr6;

	__asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
	dr6 = (dr6 & ~DR6_B_BITS) | causes;
	__asm__ volatile("mov %0, %%dr6" : : "r"(dr6));
	vmwrite(GUEST_DR7, vmread(GUEST_DR7) & ~DR7_GD);
	/* SDM 3C 26.3.1.5: with TF and blocking by STI or MOV SS, BS must be pending. */
	if ((vmread(GUEST_RFLAGS) & RFLAGS_TF) &&
	    (vmread(GUEST_INTERRUPTIBILITY) & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)))
		vmwrite(GUEST_PENDING_DEBUG, PENDING_DEBUG_BS);
}

/* #DB and #AC are the guest's own: delivered as they came. */
static void reflect_exception(struct vcpu *vcpu, u32 info)
{
	struct vmx_vcpu *v = &vcpu->arch.vmx;

	if ((info & INTR_INFO_VECTOR) == VECTOR_DB)
		complete_debug_exception();
	if ((info & INTR_INFO_TYPE) == INTR_TYPE_HW_EXCEPTION) {
		vmx_inject(vcpu, info & INTR_INFO_VECTOR,
			   info & INTR_INFO_ERROR_CODE ? vmread(EXIT_INTERRUPTION_ERROR_CODE) : 0);
		return;
	}
	v->queued_info = info & ~INTR_INFO_NMI_UNBLOCKED;
	v->queued_length = (u32)vmread(EXIT_INSTRUCTION_LENGTH);
}

static void exit_exception(struct vcpu *vcpu)
{
	u32 info = (u32)vmread(EXIT_INTERRUPTION_INFO);

	if ((info & INTR_INFO_TYPE) == INTR_TYPE_NMI) {
		nmi_dispatch();
		return;
	}
	/* The exception hit an IRET that had already unblocked NMIs (SDM 3C 27.2.3). */
	if (info & INTR_INFO_NMI_UNBLOCKED)
		vmwrite(GUEST_INTERRUPTIBILITY,
			vmread(GUEST_INTERRUPTIBILITY) | INTERRUPTIBILITY_NMI);
	if ((info & INTR_INFO_VECTOR) == VECTOR_MC)
		__asm__ volatile("int $18" : : : "memory");
	else if ((info & INTR_INFO_VECTOR) == VECTOR_UD)
		guest_invalid_opcode(vcpu);
	else
		reflect_exception(vcpu, info);
}

static void exit_external_interrupt(struct vcpu *vcpu)
{
	u32 info = (u32)vmread(EXIT_INTERRUPTION_INFO);

	(void)vcpu;
	if (info & INTR_INFO_VALID)
		interrupt_dispatch(info & INTR_INFO_VECTOR);
}

static void exit_triple_fault(struct vcpu *vcpu)
{
	vm_triple_fault(vcpu->vm);
}

static void exit_task_switch(struct vcpu *vcpu)
{
	vm_crash(vcpu->vm, "hardware task switches are not supported (RIP 0x%llx)",
		 (unsigned long long)vmx_get(vcpu, VREG_RIP));
}

static void exit_cpuid(struct vcpu *vcpu)
{
	guest_cpuid(vcpu);
	vmx_skip(vcpu);
}

static void exit_hlt(struct vcpu *vcpu)
{
	vmx_skip(vcpu);
	vcpu->state = VCPU_HALTED;
}

static void exit_vmcall(struct vcpu *vcpu)
{
	guest_hypercall(vcpu);
	vmx_skip(vcpu);
}

static void mov_to_cr(struct vcpu *vcpu, u64 qual)
{
	u64 value = vcpu_gpr(vcpu, CR_GPR(qual));

	if (guest_cr_write(vcpu, CR_NUMBER(qual), in_64bit_code() ? value : (u32)value))
		vmx_skip(vcpu);
	else
		vmx_inject_gp(vcpu);
}

static void exit_cr(struct vcpu *vcpu)
{
	u64 qual = vmread(EXIT_QUALIFICATION);

	switch (CR_ACCESS(qual)) {
	case CR_MOV_TO:
		mov_to_cr(vcpu, qual);
		return;
	case CR_MOV_FROM:
		vcpu_set_gpr(vcpu, CR_GPR(qual), guest_cr_read(vcpu, CR_NUMBER(qual)));
		break;
	case CR_CLTS:
		guest_clts(vcpu);
		break;
	case CR_LMSW:
		if (!guest_lmsw(vcpu, CR_LMSW_VALUE(qual))) {
			vmx_inject_gp(vcpu);
			return;
		}
		break;
	}
	vmx_skip(vcpu);
}

static void exit_io(struct vcpu *vcpu)
{
	u64 qual = vmread(EXIT_QUALIFICATION);
	unsigned width = IO_WIDTH(qual);

	if (qual & IO_STRING) {
		vcpu_emulate_io_string(vcpu);
		return;
	}
	if (qual & IO_IN)
		guest_port_in(vcpu, IO_PORT(qual), width);
	else
		guest_port_out(vcpu, IO_PORT(qual), width);
	vmx_skip(vcpu);
}

static void skip_or_gp(struct vcpu *vcpu, bool done)
{
	if (done)
		vmx_skip(vcpu);
	else
		vmx_inject_gp(vcpu);
}

static void exit_rdmsr(struct vcpu *vcpu)
{
	skip_or_gp(vcpu, guest_rdmsr(vcpu));
}

static void exit_wrmsr(struct vcpu *vcpu)
{
	skip_or_gp(vcpu, guest_wrmsr(vcpu));
}

static void exit_rdpmc(struct vcpu *vcpu)
{
	skip_or_gp(vcpu, guest_rdpmc(vcpu));
}

static void exit_xsetbv(struct vcpu *vcpu)
{
	skip_or_gp(vcpu, guest_xsetbv(vcpu));
}

static void exit_entry_failed(struct vcpu *vcpu)
{
	vmx_entry_failed(vcpu);
}

/* The instruction at RIP is to blame only if no event was being delivered. */
static void emulate_access(struct vcpu *vcpu)
{
	if (vmread(IDT_VECTORING_INFO) & INTR_INFO_VALID)
		vm_crash(vcpu->vm, "event delivery needs device memory at 0x%llx",
			 (unsigned long long)vmread(GUEST_PHYSICAL_ADDRESS));
	else
		vcpu_emulate(vcpu);
}

/* Mapped for reading, but not for writing (SDM 3C table 27-7). */
static bool write_denied(void)
{
	u64 qual = vmread(EXIT_QUALIFICATION);

	return (qual & EPT_VIOLATION_WRITE) && (qual & EPT_VIOLATION_READABLE);
}

/* An IRET that caused the exit had already unblocked NMIs (SDM 3C 27.2.3). */
static void block_nmis_again(void)
{
	if ((vmread(EXIT_QUALIFICATION) & QUALIFICATION_NMI_UNBLOCKED) &&
	    !(vmread(IDT_VECTORING_INFO) & INTR_INFO_VALID))
		vmwrite(GUEST_INTERRUPTIBILITY,
			vmread(GUEST_INTERRUPTIBILITY) | INTERRUPTIBILITY_NMI);
}

static void exit_ept_violation(struct vcpu *vcpu)
{
	block_nmis_again();
	/* What is left is for a device, or a write to ROM, which the emulator loses. */
	if (!vm_fault_in(vcpu->vm, vmread(GUEST_PHYSICAL_ADDRESS), write_denied()))
		emulate_access(vcpu);
}

static void exit_pml_full(struct vcpu *vcpu)
{
	block_nmis_again();
	vmx_pml_drain(vcpu);
}

static void exit_ept_misconfig(struct vcpu *vcpu)
{
	vm_crash(vcpu->vm, "EPT misconfiguration at guest-physical 0x%llx",
		 (unsigned long long)vmread(GUEST_PHYSICAL_ADDRESS));
}

/* Accesses that the virtual-APIC page can't answer: other widths, the current count. */
static void exit_apic_access(struct vcpu *vcpu)
{
	emulate_access(vcpu);
	vmx_update_interrupt_status(vcpu);
}

static void exit_apic_write(struct vcpu *vcpu)
{
	lapic_written(&vcpu->arch.lapic, APIC_OFFSET(vmread(EXIT_QUALIFICATION)));
	vmx_update_interrupt_status(vcpu);
}

static void exit_eoi(struct vcpu *vcpu)
{
	lapic_eoi_induced(&vcpu->arch.lapic, (u8)vmread(EXIT_QUALIFICATION));
}

#define EXIT_NAME(reason, name, handler) [reason] = name,
static const char *const exit_names[] = { VMX_EXITS(EXIT_NAME) };
_Static_assert(ARRAY_SIZE(exit_names) <= ARRAY_SIZE(((struct arch_vcpu *)0)->exits), "a counter "
										     "for every "
										     "exit");

const char *vmx_exit_name(unsigned reason)
{
	return reason < ARRAY_SIZE(exit_names) ? exit_names[reason] : NULL;
}

#define EXIT_CASE(reason, name, handler) \
	case reason:                     \
		handler(vcpu);           \
		return;

/* Handles the exit by a second call, so that without a trace nothing is kept for its end. */
static __noinline void trace_exit(struct vcpu *vcpu)
{
	u32 reason = (u32)vmread(EXIT_REASON) & EXIT_REASON_BASIC;
	u64 qual = vmread(EXIT_QUALIFICATION);
	u32 number;

	lapic_trace_isr(&vcpu->arch.lapic);
	number = exit_trace_begin(vcpu, (u16)reason, vmread(GUEST_RIP), qual);
	vmx_handle_exit(vcpu);
	if (reason == VMX_EXIT_IO && !(qual & IO_STRING))
		trace_port(vcpu, IO_PORT(qual), IO_WIDTH(qual), !(qual & IO_IN),
			   vcpu->arch.gpr[REG_RAX]);
	lapic_trace_isr(&vcpu->arch.lapic);
	exit_trace_end(vcpu, number);
}

void vmx_handle_exit(struct vcpu *vcpu)
{
	u32 full, reason;

	if (exit_trace_is_on(vcpu) && !vcpu->trace->inside) {
		trace_exit(vcpu);
		return;
	}
	full = (u32)vmread(EXIT_REASON);
	reason = full & EXIT_REASON_BASIC;
	vcpu->arch.exits[reason < ARRAY_SIZE(vcpu->arch.exits) ? reason : 0]++;
	vmx_requeue_vectoring(vcpu);
	switch (reason) {
		VMX_EXITS(EXIT_CASE)
	default:
		vm_crash(vcpu->vm, "unexpected VM exit %u (qualification 0x%llx)", reason,
			 (unsigned long long)vmread(EXIT_QUALIFICATION));
	}
}
