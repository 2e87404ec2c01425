/* SPDX-License-Identifier: MIT */
/*
 * The instruction that exited: its bytes and its length, for CPUs that don't save the next RIP.
 * Those that exit have fixed opcodes, so that only their prefixes have to be counted. What was
 * found out is kept, since loops and drivers exit at the same places again and again.
 */
#include "arch/x86/guest_walk.h"
#include "arch/x86/msr.h"
#include "arch/x86/svm/svm.h"
#include "core/guest_memory.h"

#include <string.h>

#define OPCODE_COUNT(o)	     ((o) >> 24)
#define OPCODE_BYTE(o, i)    ((u8)((o) >> 8 * (i)))
#define REX_MASK	     0xf0
#define REX		     0x40
#define LOCK_PREFIX	     0xf0
#define MISMATCHES_MAX	     100
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

static u64 linear_rip(const struct vmcb *vmcb)
{
	return svm_in_64bit_code(vmcb) ? vmcb->rip : LINEAR_32(vmcb->rip + vmcb->cs.base);
}

void svm_forget_instructions(struct vcpu *vcpu)
{
	memset(vcpu->arch.svm.known, 0, sizeof(vcpu->arch.svm.known));
}

static bool translate(struct vcpu *vcpu, u64 linear, u64 *gpa)
{
	u32 pfec;

	return guest_walk(vcpu, linear, WALK_FETCH, vmcb_of(vcpu)->cpl == 3, gpa, &pfec) == WALK_OK;
}

/*
 * Slots don't change while a VM runs, so that the place stays valid until the vCPU is unloaded. What
 * is looked at lies in one page, also for an instruction at its end.
 */
struct svm_known *svm_remember(struct vcpu *vcpu, const struct svm_instruction *insn, u32 opcode,
			       unsigned length)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);
	struct svm_known *k = svm_known_at(vcpu, vmcb->rip);
	u64 place = MIN(insn->gpa, (insn->gpa & PAGE_MASK) + PAGE_SIZE - sizeof(k->bytes));
	u64 before = insn->gpa - place;

	k->opcode = 0;
	if (before + length > sizeof(k->bytes))
		return NULL;
	k->host = guest_map(&vcpu->vm->memory, place, sizeof(k->bytes), GUEST_READ);
	if (!k->host)
		return NULL;
	k->rip = vmcb->rip;
	k->cr3 = vmcb->cr3;
	k->cs_base = vmcb->cs.base;
	k->opcode = opcode;
	k->length = (u8)length;
	k->device = 0;
	memset(k->mask, 0, sizeof(k->mask));
	memset(k->bytes, 0, sizeof(k->bytes));
	memset((u8 *)k->mask + before, 0xff, length);
	memcpy((u8 *)k->bytes + before, insn->bytes, length);
	return k;
}

/* The part of an instruction that is in the second page, if it is there. */
static unsigned fetch_second_page(struct vcpu *vcpu, u64 linear, u8 *to, unsigned len)
{
	u64 gpa;

	if (!svm_in_64bit_code(vmcb_of(vcpu)))
		linear = LINEAR_32(linear);
	if (!translate(vcpu, linear, &gpa) ||
	    guest_read(&vcpu->vm->memory, gpa, to, len) != FIRN_OK)
		return 0;
	return len;
}

static bool fetch_bytes(struct vcpu *vcpu, struct svm_instruction *insn)
{
	u64 linear = linear_rip(vmcb_of(vcpu));
	unsigned first = MIN(INSTRUCTION_MAX, PAGE_SIZE - PAGE_OFFSET(linear));

	if (!translate(vcpu, linear, &insn->gpa) ||
	    guest_read(&vcpu->vm->memory, insn->gpa, insn->bytes, first) != FIRN_OK)
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
	count_prefixes(insn, svm_in_64bit_code(vmcb_of(vcpu)));
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

	if (++v->mismatches > MISMATCHES_MAX)
		vm_crash(vcpu->vm, "vCPU %u: #VMEXIT 0x%x at RIP 0x%llx is not what is there",
			 vcpu->id, (unsigned)v->vmcb->exit_code, (unsigned long long)v->vmcb->rip);
	return false;
}

bool svm_locate_slowly(struct vcpu *vcpu, u32 opcode, u32 other)
{
	struct svm_vcpu *v = &vcpu->arch.svm;
	struct svm_instruction insn;
	const u8 *bytes = insn.bytes;
	unsigned left;

	if (!svm_fetch(vcpu, &insn))
		return mismatch(vcpu);
	bytes += insn.prefix;
	left = insn.count - insn.prefix;
	if (!has_opcode(bytes, left, opcode) && !has_opcode(bytes, left, other))
		return mismatch(vcpu);
	v->mismatches = 0;
	v->next_rip = v->vmcb->rip + insn.prefix + OPCODE_COUNT(opcode);
	svm_remember(vcpu, &insn, opcode, insn.prefix + OPCODE_COUNT(opcode));
	return true;
}

static struct svm_known *learn_mov(struct vcpu *vcpu)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);
	bool code64 = svm_in_64bit_code(vmcb);
	struct svm_instruction insn;
	struct svm_known *known;
	struct mmio_mov mov;

	if (!code64 && !(vmcb->cs.attrib & (SEG_AR_DB >> SEG_ATTRIB_SHIFT)))
		return NULL;
	if (!svm_fetch(vcpu, &insn) || !mmio_mov_decode(insn.bytes, insn.count, code64, &mov))
		return NULL;
	known = svm_remember(vcpu, &insn, svm_mov_kind(vmcb), mov.length);
	if (known)
		known->mov = mov;
	return known;
}

struct svm_known *svm_find_mov(struct vcpu *vcpu)
{
	struct svm_known *known = svm_known_mov(vcpu);

	if (unlikely(!known))
		known = learn_mov(vcpu);
	if (!known)
		return NULL;
	vcpu->arch.svm.next_rip = vmcb_of(vcpu)->rip + known->length;
	return known;
}
