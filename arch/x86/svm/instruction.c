/* SPDX-License-Identifier: MIT */
/*
 * The instruction that exited: its bytes and its length, for CPUs that don't save the next RIP.
 * Those that exit have fixed opcodes, so that only their prefixes have to be counted.
 */
#include "arch/x86/guest_walk.h"
#include "arch/x86/msr.h"
#include "arch/x86/svm/caps.h"
#include "arch/x86/svm/svm.h"
#include "core/guest_memory.h"

#include <string.h>

#define OPCODE_COUNT(o)	     ((o) >> 24)
#define OPCODE_BYTE(o, i)    ((u8)((o) >> 8 * (i)))
#define REX_MASK	     0xf0
#define REX		     0x40
#define LOCK_PREFIX	     0xf0
#define MISMATCHES_MAX	     100
#define FETCH_SHIFT	     4 /* neighbouring instructions share an entry rather than a place */
#define INSTRUCTION_MAX	     sizeof(((struct svm_instruction *)0)->bytes)
#define LINEAR_32(linear)    ((linear)&0xffffffff)
#define PAGE_OFFSET(address) ((address) & ~PAGE_MASK)

static bool is_legacy_prefix(u8 byte)
{
	switch (byte) {
	case LOCK_PREFIX:
	case 0xf2: /* REPNE */
	case 0xf3: /* REP */
	case 0x26: /* segments */
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65:
	case 0x66: /* operand size */
	case 0x67: /* address size */
		return true;
	default:
		return false;
	}
}

static bool in_64bit_code(const struct vmcb *vmcb)
{
	return (vmcb->efer & EFER_LMA) && (vmcb->cs.attrib & (SEG_AR_L >> SEG_ATTRIB_SHIFT));
}

static u64 linear_rip(const struct vmcb *vmcb)
{
	return in_64bit_code(vmcb) ? vmcb->rip : LINEAR_32(vmcb->rip + vmcb->cs.base);
}

static struct svm_fetch_entry *entry_of(struct vcpu *vcpu, u64 linear)
{
	return &vcpu->arch.svm.fetched[(linear >> FETCH_SHIFT) % SVM_FETCH_ENTRIES];
}

void svm_forget_fetched(struct vcpu *vcpu)
{
	memset(vcpu->arch.svm.fetched, 0, sizeof(vcpu->arch.svm.fetched));
}

static bool translate(struct vcpu *vcpu, u64 linear, u64 *gpa)
{
	u32 pfec;

	return guest_walk(vcpu, linear, WALK_FETCH, vmcb_of(vcpu)->cpl == 3, gpa, &pfec) == WALK_OK;
}

/*
 * A translation is remembered with the CR3 under which it was found. A guest that maps another page
 * there meanwhile has to put the same instruction at the same address, or its bytes don't match.
 */
static bool translate_rip(struct vcpu *vcpu, u64 linear, u64 *gpa)
{
	struct svm_fetch_entry *e = entry_of(vcpu, linear);
	u64 cr3 = vmcb_of(vcpu)->cr3;

	if (!e->valid || e->linear != linear || e->cr3 != cr3) {
		if (!translate(vcpu, linear, &e->gpa)) {
			e->valid = false;
			return false;
		}
		*e = (struct svm_fetch_entry){ linear, cr3, e->gpa, true };
	}
	*gpa = e->gpa;
	return true;
}

/* The part of an instruction that is in the second page, if it is there. */
static unsigned fetch_second_page(struct vcpu *vcpu, u64 linear, u8 *to, unsigned len)
{
	u64 gpa;

	if (!in_64bit_code(vmcb_of(vcpu)))
		linear = LINEAR_32(linear);
	if (!translate(vcpu, linear, &gpa) ||
	    guest_read(&vcpu->vm->memory, gpa, to, len) != FIRN_OK)
		return 0;
	return len;
}

static bool fetch_bytes(struct vcpu *vcpu, struct svm_instruction *insn)
{
	u64 linear = linear_rip(vmcb_of(vcpu)), gpa;
	unsigned first = MIN(INSTRUCTION_MAX, PAGE_SIZE - PAGE_OFFSET(linear));

	if (!translate_rip(vcpu, linear, &gpa) ||
	    guest_read(&vcpu->vm->memory, gpa, insn->bytes, first) != FIRN_OK)
		return false;
	insn->count = first;
	if (first < INSTRUCTION_MAX)
		insn->count += fetch_second_page(vcpu, linear + first, insn->bytes + first,
						 INSTRUCTION_MAX - first);
	return true;
}

static void count_prefixes(struct svm_instruction *insn, bool long_mode)
{
	for (; insn->prefix < insn->count; insn->prefix++) {
		u8 byte = insn->bytes[insn->prefix];

		if (is_legacy_prefix(byte)) {
			insn->rex = 0; /* counts only right before the opcode */
			insn->lock |= byte == LOCK_PREFIX;
		} else if (long_mode && (byte & REX_MASK) == REX) {
			insn->rex = byte;
		} else {
			return;
		}
	}
}

bool svm_fetch(struct vcpu *vcpu, struct svm_instruction *insn)
{
	*insn = (struct svm_instruction){ 0 };
	if (!fetch_bytes(vcpu, insn))
		return false;
	count_prefixes(insn, in_64bit_code(vmcb_of(vcpu)));
	return true;
}

static bool has_opcode(const u8 *bytes, unsigned count, u32 opcode)
{
	if (count < OPCODE_COUNT(opcode))
		return false;
	for (unsigned i = 0; i < OPCODE_COUNT(opcode); i++)
		if (bytes[i] != OPCODE_BYTE(opcode, i))
			return false;
	return true;
}

/*
 * Other code is there by now: the guest executes that. It can't go on like this for long, unless
 * the CPU exits for another reason than it says.
 */
static bool mismatch(struct vcpu *vcpu)
{
	struct svm_vcpu *v = &vcpu->arch.svm;

	svm_forget_fetched(vcpu);
	if (++v->mismatches > MISMATCHES_MAX)
		vm_crash(vcpu->vm, "vCPU %u: #VMEXIT 0x%x at RIP 0x%llx is not what is there",
			 vcpu->id, (unsigned)v->vmcb->exit_code, (unsigned long long)v->vmcb->rip);
	return false;
}

bool svm_locate_either(struct vcpu *vcpu, u32 opcode, u32 other)
{
	struct svm_vcpu *v = &vcpu->arch.svm;
	struct svm_instruction insn;
	const u8 *bytes = insn.bytes;
	unsigned left;

	if (svm_has(SVM_CAP_NRIPS) && v->vmcb->next_rip) {
		v->next_rip = v->vmcb->next_rip;
		return true;
	}
	if (!svm_fetch(vcpu, &insn))
		return mismatch(vcpu);
	bytes += insn.prefix;
	left = insn.count - insn.prefix;
	if (!has_opcode(bytes, left, opcode) && !has_opcode(bytes, left, other))
		return mismatch(vcpu);
	v->mismatches = 0;
	v->next_rip = v->vmcb->rip + insn.prefix + OPCODE_COUNT(opcode);
	return true;
}

bool svm_locate(struct vcpu *vcpu, u32 opcode)
{
	return svm_locate_either(vcpu, opcode, opcode);
}
