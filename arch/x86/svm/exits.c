/* SPDX-License-Identifier: MIT */
/* #VMEXITs: the table, the dispatch and the handlers that decode SVM's exit information. */
#include "arch/x86/svm/exits.h"

#include "arch/x86/cpuid_bits.h"
#include "arch/x86/emulate.h"
#include "arch/x86/force_emulation.h"
#include "arch/x86/guest_exits.h"
#include "arch/x86/hypercall.h"
#include "arch/x86/mmio_mov.h"
#include "arch/x86/trace_io.h"
#include "core/sched.h"

static void exit_ignored(struct vcpu *vcpu)
{
	(void)vcpu;
}

static void exit_pause(struct vcpu *vcpu)
{
	svm_skip(vcpu);
	sched_spin_exit(vcpu);
}

static void exit_ud(struct vcpu *vcpu)
{
	svm_inject_ud(vcpu);
}

static void exit_gp(struct vcpu *vcpu)
{
	svm_inject_gp(vcpu);
}

/* #DB and #AC are the guest's own. DR6 and DR7 were updated before the exit (15.12.2). */
static void exit_db(struct vcpu *vcpu)
{
	svm_inject(vcpu, VECTOR_DB, 0);
}

static void exit_ac(struct vcpu *vcpu)
{
	svm_inject(vcpu, VECTOR_AC, (u32)vmcb_of(vcpu)->exit_info_1);
}

static void exit_mc(struct vcpu *vcpu)
{
	(void)vcpu;
	__asm__ volatile("int $18" : : : "memory");
}

static void exit_shutdown(struct vcpu *vcpu)
{
	vm_triple_fault(vcpu->vm);
}

static void exit_task_switch(struct vcpu *vcpu)
{
	vm_crash(vcpu->vm, "hardware task switches are not supported (RIP 0x%llx)",
		 (unsigned long long)vmcb_of(vcpu)->rip);
}

static void exit_cpuid(struct vcpu *vcpu)
{
	/* Some CPUs don't let XSETBV exit: what leaf 0xd says follows the real XCR0. */
	if (unlikely((u32)vcpu->arch.gpr[REG_RAX] == CPUID_XSTATE))
		vcpu->arch.xcr0 = xgetbv(0);
	guest_cpuid(vcpu);
	svm_skip_inline(vcpu);
}

static void exit_hlt(struct vcpu *vcpu)
{
	svm_skip_inline(vcpu);
	vcpu->state = VCPU_HALTED;
}

static void exit_vmmcall(struct vcpu *vcpu)
{
	guest_hypercall(vcpu);
	svm_skip_inline(vcpu);
}

static void exit_io(struct vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	u64 info = vmcb->exit_info_1;

	if (info & IO_INFO_STRING) {
		vcpu_emulate_io_string(vcpu);
		return;
	}
	if (info & IO_INFO_IN)
		guest_port_in(vcpu, IO_INFO_PORT(info), IO_INFO_SIZE(info));
	else
		guest_port_out(vcpu, IO_INFO_PORT(info), IO_INFO_SIZE(info));
	vcpu->arch.svm.next_rip = vmcb->exit_info_2;
	svm_skip_inline(vcpu);
}

static void exit_msr(struct vcpu *vcpu)
{
	bool write = vmcb_of(vcpu)->exit_info_1 & MSR_INFO_WRITE;

	if (!svm_locate(vcpu, write ? SVM_OPCODE2(0x0f, 0x30) : SVM_OPCODE2(0x0f, 0x32)))
		return;
	if (write ? guest_wrmsr(vcpu) : guest_rdmsr(vcpu))
		svm_skip_inline(vcpu);
	else
		svm_inject_gp(vcpu);
}

/* INVD comes here too on QEMU 7.2. Caches are coherent without either. */
static void exit_wbinvd(struct vcpu *vcpu)
{
	if (svm_locate_either(vcpu, SVM_OPCODE2(0x0f, 0x09), SVM_OPCODE2(0x0f, 0x08)))
		svm_skip(vcpu);
}

static void exit_xsetbv(struct vcpu *vcpu)
{
	if (guest_xsetbv(vcpu))
		svm_skip(vcpu);
	else
		svm_inject_gp(vcpu);
}

/* Present, but not for writing. */
static bool write_denied(u64 info)
{
	return (info & NPF_WRITE) && (info & NPF_PRESENT);
}

/* The address of a fault at a page's first byte may be that of an access that began in the page before. */
static inline bool begins_at(struct vcpu *vcpu, const struct svm_known *known, u64 gpa)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);

	if (likely(!IS_ALIGNED(gpa, PAGE_SIZE)))
		return IS_ALIGNED(gpa, (u64)known->mov.width);
	return svm_in_64bit_code(vmcb) &&
	       mmio_mov_page_offset(vcpu, &known->mov, vmcb->rip + known->length) == 0;
}

/* A move that went to the same page of device memory before. */
static bool move_known_register(struct vcpu *vcpu, u64 gpa)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);
	const struct svm_known *known = svm_known_mov(vcpu);

	if (!known || known->device != (gpa & PAGE_MASK) || !begins_at(vcpu, known, gpa) ||
	    (vmcb->exit_info_1 & (NPF_FINAL | NPF_PRESENT)) != NPF_FINAL ||
	    (vmcb->exit_int_info & EVENT_VALID))
		return false;
	mmio_mov_execute(vcpu, &known->mov, gpa);
	vcpu->arch.svm.next_rip = vmcb->rip + known->length;
	svm_skip_inline(vcpu);
	return true;
}

/* Only when the access itself faulted, and its operand is at gpa. */
static bool move_device_register(struct vcpu *vcpu, u64 gpa)
{
	struct svm_known *known;

	if (!(vmcb_of(vcpu)->exit_info_1 & NPF_FINAL))
		return false;
	known = svm_find_mov(vcpu);
	if (!known || !begins_at(vcpu, known, gpa))
		return false;
	known->device = gpa & PAGE_MASK;
	mmio_mov_execute(vcpu, &known->mov, gpa);
	svm_skip(vcpu);
	return true;
}

/* Out of line: inlined, it makes all exits save more registers. */
static __noinline void exit_npf(struct vcpu *vcpu)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);
	u64 gpa = vmcb->exit_info_2;

	if (move_known_register(vcpu, gpa))
		return;
	if (vm_fault_in(vcpu->vm, gpa, write_denied(vmcb->exit_info_1)))
		return;
	/* The instruction at RIP is to blame only if no event was being delivered. */
	if (vmcb->exit_int_info & EVENT_VALID)
		vm_crash(vcpu->vm, "event delivery needs device memory at 0x%llx",
			 (unsigned long long)gpa);
	/* The emulator loses a write to ROM. */
	else if (write_denied(vmcb->exit_info_1) || !move_device_register(vcpu, gpa))
		vcpu_emulate(vcpu);
}

#define EXIT_NAME(index, name, handler, opcode) [index] = name,
static const char *const exit_names[SVM_NR_EXITS] = { SVM_EXITS(EXIT_NAME) };
_Static_assert(SVM_NR_EXITS < ARRAY_SIZE(((struct arch_vcpu *)0)->exits), "a counter each, and one "
									  "for what is not in the "
									  "table");

const char *svm_exit_name(unsigned reason)
{
	return reason < ARRAY_SIZE(exit_names) ? exit_names[reason] : NULL;
}

static unsigned exit_index(u32 code)
{
	if (likely(code < SVM_EXITS_LOW))
		return code;
	return code == SVM_EXIT_NPF ? SVM_EXIT_INDEX_NPF : SVM_NR_EXITS;
}

#define EXIT_IF(index_, name, handler, opcode)             \
	if (index == (index_)) {                           \
		if (!(opcode) || svm_locate(vcpu, opcode)) \
			handler(vcpu);                     \
		return;                                    \
	}
#define EXIT_CASE(index, name, handler, opcode)            \
	case index:                                        \
		if (!(opcode) || svm_locate(vcpu, opcode)) \
			handler(vcpu);                     \
		return;

/* Handles the exit by a second call, so that without a trace nothing is kept for its end. */
static __noinline void trace_exit(struct vcpu *vcpu)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);
	unsigned index = exit_index((u32)vmcb->exit_code);
	u64 info = vmcb->exit_info_1;
	u32 number;

	lapic_trace_isr(&vcpu->arch.lapic);
	number = exit_trace_begin(vcpu, (u16)index, vmcb->rip, info);
	svm_handle_exit(vcpu);
	if (vmcb->exit_code == SVM_EXIT_IOIO && !(info & IO_INFO_STRING))
		trace_port(vcpu, IO_INFO_PORT(info), IO_INFO_SIZE(info), !(info & IO_INFO_IN),
			   vcpu->arch.gpr[REG_RAX]);
	lapic_trace_isr(&vcpu->arch.lapic);
	exit_trace_end(vcpu, number);
}

void svm_handle_exit(struct vcpu *vcpu)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);
	unsigned index = exit_index((u32)vmcb->exit_code);

	if (exit_trace_is_on(vcpu) && !vcpu->trace->inside) {
		trace_exit(vcpu);
		return;
	}
	vcpu->arch.exits[index]++;
	if (unlikely(vmcb->exit_int_info & EVENT_VALID))
		svm_requeue_event(vcpu);
	if (unlikely(vcpu->arch.svm.stepping) && svm_end_step(vcpu))
		return;
	SVM_FREQUENT_EXITS(EXIT_IF)
	switch (index) {
		SVM_OTHER_EXITS(EXIT_CASE)
	default:
		svm_vmrun_failed(vcpu);
	}
}
