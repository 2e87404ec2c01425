/* SPDX-License-Identifier: MIT */
/* Control-register instructions that exited, decoded from their bytes (APM vol. 3). */
#include "arch/x86/guest_cr.h"
#include "arch/x86/msr.h"
#include "arch/x86/svm/svm.h"

#define OPCODE_ESCAPE	   0x0f
#define OPCODE_GROUP7	   0x01 /* SMSW is /4, LMSW /6 */
#define OPCODE_CLTS	   0x06
#define OPCODE_MOV_FROM_CR 0x20
#define OPCODE_MOV_TO_CR   0x22
#define GROUP7_SMSW	   4
#define GROUP7_LMSW	   6
#define MODRM_MOD(m)	   ((m) >> 6)
#define MODRM_REG(m)	   ((m) >> 3 & 7u)
#define MODRM_RM(m)	   ((m)&7u)
#define MODRM_REGISTER	   3 /* mod: the operand is a register */
#define REX_B		   BIT(0)
#define REX_R		   BIT(2)
#define REX_W		   BIT(3)
#define EXTENDED	   8u /* what REX.R and REX.B add */
#define OPERAND_SIZE	   0x66

static bool decode(const struct svm_instruction *insn, struct svm_cr_instruction *out,
		   unsigned *length)
{
	const u8 *p = insn->bytes + insn->prefix;
	unsigned left = insn->count - insn->prefix, opcode_length;

	*out = (struct svm_cr_instruction){ 0 };
	if (left < 2 || p[0] != OPCODE_ESCAPE)
		return false;
	for (unsigned i = 0; i < insn->prefix; i++)
		out->small |= insn->bytes[i] == OPERAND_SIZE;
	out->opcode = p[1];
	opcode_length = out->opcode == OPCODE_CLTS ? 2 : 3;
	if (left < opcode_length)
		return false;
	out->modrm = opcode_length > 2 ? p[2] : 0;
	out->cr = MODRM_REG(out->modrm) | (insn->rex & REX_R ? EXTENDED : 0);
	/* LOCK makes CR8 reachable outside 64-bit mode (CPUID AltMovCr8). */
	if (insn->lock)
		out->cr |= EXTENDED;
	out->gpr = MODRM_RM(out->modrm) | (insn->rex & REX_B ? EXTENDED : 0);
	out->wide = insn->rex & REX_W;
	*length = insn->prefix + opcode_length;
	return true;
}

/* False: it is not there any more. */
static bool find(struct vcpu *vcpu, struct svm_cr_instruction *out)
{
	const struct svm_known *known = svm_find_known(vcpu, SVM_CR_ACCESS);
	struct svm_instruction insn;
	struct svm_known *entry;
	unsigned length;

	if (likely(known)) {
		*out = known->cr;
		length = known->length;
	} else {
		if (!svm_fetch(vcpu, &insn) || !decode(&insn, out, &length))
			return false;
		entry = svm_remember(vcpu, &insn, SVM_CR_ACCESS, length);
		if (entry)
			entry->cr = *out;
	}
	vcpu->arch.svm.next_rip = vmcb_of(vcpu)->rip + length;
	return true;
}

static void skip_or_gp(struct vcpu *vcpu, bool done)
{
	if (done)
		svm_skip(vcpu);
	else
		svm_inject_gp(vcpu);
}

static void mov_to_cr(struct vcpu *vcpu, const struct svm_cr_instruction *i)
{
	u64 value = vcpu_gpr(vcpu, i->gpr);

	if (!svm_in_64bit_code(vmcb_of(vcpu)))
		value = (u32)value;
	skip_or_gp(vcpu, guest_cr_write(vcpu, i->cr, value));
}

static void mov_from_cr(struct vcpu *vcpu, const struct svm_cr_instruction *i)
{
	u64 value = guest_cr_read(vcpu, i->cr);

	vcpu_set_gpr(vcpu, i->gpr, svm_in_64bit_code(vmcb_of(vcpu)) ? value : (u32)value);
	svm_skip(vcpu);
}

/* A 16-bit destination keeps what is above. */
static void smsw(struct vcpu *vcpu, const struct svm_cr_instruction *i)
{
	u64 cr0 = svm_get(vcpu, VREG_CR0), old = vcpu_gpr(vcpu, i->gpr);
	bool default16 = !svm_in_64bit_code(vmcb_of(vcpu)) &&
			 !(vmcb_of(vcpu)->cs.attrib & (SEG_AR_DB >> SEG_ATTRIB_SHIFT));

	if (i->wide)
		vcpu_set_gpr(vcpu, i->gpr, cr0);
	else if (default16 != i->small)
		vcpu_set_gpr(vcpu, i->gpr, (old & ~0xffffull) | (u16)cr0);
	else
		vcpu_set_gpr(vcpu, i->gpr, (u32)cr0);
	svm_skip(vcpu);
}

/* LMSW and SMSW with an operand in memory are nothing that a system written for the 386 uses. */
static void refuse_memory(struct vcpu *vcpu)
{
	if (vmcb_of(vcpu)->cpl > 0)
		svm_inject_ud(vcpu);
	else
		vm_crash(vcpu->vm, "vCPU %u: LMSW or SMSW with memory at RIP 0x%llx", vcpu->id,
			 (unsigned long long)vmcb_of(vcpu)->rip);
}

static void group7(struct vcpu *vcpu, const struct svm_cr_instruction *i)
{
	unsigned operation = MODRM_REG(i->modrm);

	if (operation != GROUP7_SMSW && operation != GROUP7_LMSW)
		return; /* other code is there by now */
	if (MODRM_MOD(i->modrm) != MODRM_REGISTER)
		refuse_memory(vcpu);
	else if (operation == GROUP7_SMSW)
		smsw(vcpu, i);
	else
		skip_or_gp(vcpu, guest_lmsw(vcpu, (u16)vcpu_gpr(vcpu, i->gpr)));
}

void svm_cr_access(struct vcpu *vcpu)
{
	struct svm_cr_instruction i;

	if (!find(vcpu, &i))
		return; /* not there any more: the guest executes what is */
	switch (i.opcode) {
	case OPCODE_MOV_TO_CR:
		mov_to_cr(vcpu, &i);
		break;
	case OPCODE_MOV_FROM_CR:
		mov_from_cr(vcpu, &i);
		break;
	case OPCODE_CLTS:
		guest_clts(vcpu);
		svm_skip(vcpu);
		break;
	case OPCODE_GROUP7:
		group7(vcpu, &i);
		break;
	}
}

bool svm_is_mov_to_cr3(struct vcpu *vcpu)
{
	struct svm_cr_instruction i;

	return find(vcpu, &i) && i.opcode == OPCODE_MOV_TO_CR && i.cr == 3;
}
