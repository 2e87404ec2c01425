/* SPDX-License-Identifier: MIT */
/* What the files of the SVM backend share. */
#ifndef FIRN_SVM_SVM_H
#define FIRN_SVM_SVM_H

#include "arch/x86/msr.h"
#include "arch/x86/svm/lifecycle.h"
#include "arch/x86/svm/vmcb.h"
#include "arch/x86/virt.h"

#define TPR_CLASS_SHIFT 4 /* CR8 is this part of the TPR */

extern struct svm_cpu svm_cpus[];

struct svm_cpu *svm_this_cpu(void);

static inline struct vmcb *vmcb_of(struct vcpu *vcpu)
{
	return vcpu->arch.svm.vmcb;
}

/* The CPU must read these parts of the VMCB (CLEAN_*) again. */
static inline void svm_changed(struct vmcb *vmcb, u64 parts)
{
	vmcb->clean &= ~parts;
}

void svm_single_step_trap(struct vcpu *vcpu);

/* svm_skip() for exits that come often. */
static inline void svm_skip_inline(struct vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	u64 next = vcpu->arch.svm.next_rip;

	/* Outside 64-bit mode RIP wraps at 4 GiB; only then can bit 32 change here. */
	if (unlikely((vmcb->rip ^ next) & BIT(32)) && !(vmcb->efer & EFER_LMA))
		next &= 0xffffffff;
	vmcb->rip = next;
	vmcb->int_state &= ~INT_STATE_SHADOW;
	/* The trap after a single step belongs to the instruction that we executed. */
	if (unlikely(vmcb->rflags & RFLAGS_TF))
		svm_single_step_trap(vcpu);
}

/* entry.S: runs the guest until it exits. RAX and RSP are in the VMCB. Interrupts are off. */
void svm_enter(u64 gpr[NR_GPRS], u64 vmcb_pa, u64 host_vmcb_pa);

/* vmcb_setup.c */
enum firn_err svm_maps_init(void);
void svm_init_vmcb(struct vcpu *vcpu);
static inline void svm_set_intercepts(struct vmcb *vmcb, u32 *field, u32 set, u32 clear)
{
	u32 intercepts = (*field | set) & ~clear;

	if (intercepts == *field)
		return;
	*field = intercepts;
	svm_changed(vmcb, CLEAN_INTERCEPTS);
}
static inline void svm_set_misc1(struct vmcb *vmcb, u32 set, u32 clear)
{
	svm_set_intercepts(vmcb, &vmcb->intercept_misc1, set, clear);
}
static inline void svm_set_cr_intercepts(struct vmcb *vmcb, u32 set, u32 clear)
{
	svm_set_intercepts(vmcb, &vmcb->intercept_cr, set, clear);
}

/* events.c */
/* How interrupts are given to guests; on a CPU either way is as good. Boot CPU, once. */
void svm_choose_injection(bool virtual);
void svm_requeue_event(struct vcpu *vcpu); /* exit_int_info is valid */
void svm_inject_pending(struct vcpu *vcpu);
/*
 * An interrupt that the guest did not take although it could, because of an exit before its first
 * instruction, becomes a queued event: nothing comes before it.
 */
void svm_settle_interrupt(struct vcpu *vcpu);
/* Reset and INIT: nothing of what was to be delivered is left. */
void svm_forget_events(struct vcpu *vcpu);
/* Before an entry, when lapic_needs_attention(): merges, injects, gives the TPR. */
void svm_prepare_interrupts(struct vcpu *vcpu);
/* After an exit: the guest may have written CR8. */
static inline void svm_take_tpr(struct vcpu *vcpu, const struct vmcb *vmcb)
{
	u8 tpr = vmcb->int_ctl & INT_CTL_V_TPR;

	if (unlikely(tpr != vcpu->arch.svm.tpr))
		lapic_set_cr8(&vcpu->arch.lapic, tpr);
}
/* Before an entry, after the TPR was written: the other way. */
static inline void svm_give_tpr(struct vcpu *vcpu, struct vmcb *vmcb)
{
	u8 tpr = vcpu->arch.lapic.page[APIC_TPR] >> TPR_CLASS_SHIFT;

	vcpu->arch.svm.tpr = tpr;
	if (likely((vmcb->int_ctl & INT_CTL_V_TPR) == tpr))
		return;
	vmcb->int_ctl = (vmcb->int_ctl & ~INT_CTL_V_TPR) | tpr;
	svm_changed(vmcb, CLEAN_TPR);
}
static inline void svm_queue(struct vcpu *vcpu, u64 event)
{
	vcpu->arch.svm.queued = event | EVENT_VALID;
}

/* nmi.c */
void svm_prepare_nmi(struct vcpu *vcpu);
void svm_set_nmi_blocked(struct vcpu *vcpu, bool blocked);
void svm_iret(struct vcpu *vcpu); /* the guest is about to execute IRET */
/* After an exit while stepping: ends the step. True: this exit's #DB was only that. */
bool svm_end_step(struct vcpu *vcpu);

/* instruction.c */
struct svm_instruction {
	u8 bytes[15];
	u8 count;  /* bytes that could be fetched */
	u8 prefix; /* bytes before the opcode */
	u8 rex;	   /* 0 = none */
	bool lock;
	u64 gpa; /* of the first byte */
};
/* Fetches the instruction at CS:RIP and looks at its prefixes. False: it is not there any more. */
bool svm_fetch(struct vcpu *vcpu, struct svm_instruction *insn);
static inline bool svm_in_64bit_code(const struct vmcb *vmcb)
{
	return (vmcb->efer & EFER_LMA) && (vmcb->cs.attrib & (SEG_AR_L >> SEG_ATTRIB_SHIFT));
}
/* The move at RIP whose operand is in memory, NULL: another instruction, or hard to say. */
struct svm_known *svm_find_mov(struct vcpu *vcpu);
static inline struct svm_known *svm_known_at(struct vcpu *vcpu, u64 rip)
{
	struct svm_known *k = &vcpu->arch.svm.known[(rip ^ rip >> 5) % SVM_KNOWN_INSTRUCTIONS];

	/* Or gcc computes the address again for each member. */
	__asm__("" : "+r"(k));
	return k;
}

/*
 * The instruction at RIP if it is known as this one, NULL = not. A guest that maps another page
 * there without loading CR3 has to put the same bytes at RIP, or they differ from those in the page
 * that is looked at. The kind of code needs no comparing: an opcode that has exited is one, whatever
 * its bytes mean elsewhere.
 */
static inline struct svm_known *svm_find_known(struct vcpu *vcpu, u32 opcode)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);
	struct svm_known *k = svm_known_at(vcpu, vmcb->rip);
	u64 low, high;
	if (k->rip != vmcb->rip || k->opcode != opcode || k->cr3 != vmcb->cr3 ||
	    k->cs_base != vmcb->cs.base)
		return NULL;
	__builtin_memcpy(&low, k->host, sizeof(low));
	__builtin_memcpy(&high, k->host + sizeof(low), sizeof(high));
	if ((low & k->mask[0]) != k->bytes[0] || (high & k->mask[1]) != k->bytes[1])
		return NULL;
	return k;
}
/* Remembers it; the caller adds what it found out. NULL: it is at a place where that can't be. */
struct svm_known *svm_remember(struct vcpu *vcpu, const struct svm_instruction *insn, u32 opcode,
			       unsigned length);
void svm_forget_instructions(struct vcpu *vcpu);

/* One to three opcode bytes; the first is the lowest. */
#define SVM_OPCODE1(a)	     (1u << 24 | (a))
#define SVM_OPCODE2(a, b)    (2u << 24 | (b) << 8 | (a))
#define SVM_OPCODE3(a, b, c) (3u << 24 | (c) << 16 | (b) << 8 | (a))
/* No opcodes, but kinds of instructions that are remembered decoded. */
#define SVM_MMIO_MOV_64 0xffffffffu
#define SVM_MMIO_MOV_32 0xfffffffeu
#define SVM_CR_ACCESS	0xfffffffdu
static inline u32 svm_mov_kind(const struct vmcb *vmcb)
{
	return svm_in_64bit_code(vmcb) ? SVM_MMIO_MOV_64 : SVM_MMIO_MOV_32;
}
static inline struct svm_known *svm_known_mov(struct vcpu *vcpu)
{
	return svm_find_known(vcpu, svm_mov_kind(vmcb_of(vcpu)));
}

/*
 * The exit was caused by the instruction with this opcode (SVM_OPCODE*), or by the other one of the
 * same length: finds its end for svm_skip(). False: other code is there by now, and the guest is to
 * execute that.
 */
bool svm_locate_slowly(struct vcpu *vcpu, u32 opcode, u32 other);
static inline bool svm_locate_either(struct vcpu *vcpu, u32 opcode, u32 other)
{
	struct svm_vcpu *v = &vcpu->arch.svm;
	const struct svm_known *known;

	if (v->vmcb->next_rip) { /* stays 0 without next-RIP save */
		v->next_rip = v->vmcb->next_rip;
		return true;
	}
	known = svm_find_known(vcpu, opcode);
	if (unlikely(!known))
		return svm_locate_slowly(vcpu, opcode, other);
	v->next_rip = v->vmcb->rip + known->length;
	return true;
}
static inline bool svm_locate(struct vcpu *vcpu, u32 opcode)
{
	return svm_locate_either(vcpu, opcode, opcode);
}

/* cr_access.c: MOV to and from control registers, CLTS, LMSW, SMSW. */
void svm_cr_access(struct vcpu *vcpu);
/* Is a MOV to CR3 at RIP? */
bool svm_is_mov_to_cr3(struct vcpu *vcpu);

/* exits.c */
void svm_handle_exit(struct vcpu *vcpu);
/* vmrun_failure.c: VMRUN refused the VMCB; says why and crashes the VM. */
void svm_vmrun_failed(struct vcpu *vcpu);

/* What virt.c calls: the functions of virt.h on SVM. */
bool svm_preferred(void); /* over VMX, by CPUID; nothing more is known */
enum firn_err svm_virt_enable(void);
void svm_virt_disable(void);
void svm_virt_emergency_disable(void);
const char *svm_cpu_status(unsigned cpu);
bool svm_missing_features(void (*missing)(void *ctx, const char *name, bool required), void *ctx);
enum firn_err svm_vm_create(struct vm *vm);
void svm_vm_destroy(struct vm *vm);
enum firn_err svm_map(struct vm *vm, u64 gpa, u64 hpa, u64 size, bool writable);
void svm_unmap(struct vm *vm, u64 gpa, u64 size);
void svm_watch(struct vm *vm, u64 gpa, u64 size);
void svm_flush_nested(struct vm *vm);
enum firn_err svm_vcpu_create(struct vcpu *vcpu);
void svm_vcpu_destroy(struct vcpu *vcpu);
void svm_make_current(struct vcpu *vcpu);
void svm_forget(struct vcpu *vcpu);
void svm_save_resident(struct vcpu *vcpu);
void svm_load_resident(struct vcpu *vcpu);
void svm_reset(struct vcpu *vcpu);
u64 svm_get(struct vcpu *vcpu, enum vreg reg);
void svm_set(struct vcpu *vcpu, enum vreg reg, u64 value);
void svm_get_seg(struct vcpu *vcpu, enum x86_segment seg, struct x86_seg *out);
void svm_set_seg(struct vcpu *vcpu, enum x86_segment seg, const struct x86_seg *in);
void svm_inject(struct vcpu *vcpu, enum x86_vector vector, u32 error);
#define svm_inject_gp(vcpu) svm_inject(vcpu, VECTOR_GP, 0)
#define svm_inject_ud(vcpu) svm_inject(vcpu, VECTOR_UD, 0)
void svm_skip(struct vcpu *vcpu);
bool svm_event_queued(struct vcpu *vcpu);
void svm_update_tsc_offset(struct vcpu *vcpu);
void svm_flush_guest_tlb(struct vcpu *vcpu);
enum vcpu_stop svm_run(struct vcpu *vcpu, u64 slice_end);
const char *svm_exit_name(unsigned reason);

#endif
