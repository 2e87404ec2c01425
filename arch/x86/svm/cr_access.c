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

/* An instruction of the 0F map with a ModRM byte. */
struct cr_instruction {
	u8 opcode, modrm;
	unsigned cr, gpr;
	bool wide;  /* REX.W */
	bool small; /* operand-size prefix */
};

static bool decode(struct vcpu *vcpu, struct cr_instruction *out)
{
	struct svm_instruction insn;
	const u8 *p = insn.bytes;
	unsigned length;

	if (!svm_fetch(vcpu, &insn) || insn.count < insn.prefix + 2u)
		return false;
	for (unsigned i = 0; i < insn.prefix; i++)
		out->small |= p[i] == OPERAND_SIZE;
	p += insn.prefix;
	out->opcode = p[1];
	length = out->opcode == OPCODE_CLTS ? 2 : 3;
	if (p[0] != OPCODE_ESCAPE || insn.count < insn.prefix + length)
		return false;
	out->modrm = length > 2 ? p[2] : 0;
	out->cr = MODRM_REG(out->modrm) | (insn.rex & REX_R ? EXTENDED : 0);
	/* LOCK makes CR8 reachable outside 64-bit mode (CPUID AltMovCr8). */
	if (insn.lock)
		out->cr |= EXTENDED;
	out->gpr = MODRM_RM(out->modrm) | (insn.rex & REX_B ? EXTENDED : 0);
	out->wide = insn.rex & REX_W;
	vcpu->arch.svm.next_rip = vmcb_of(vcpu)->rip + insn.prefix + length;
	return true;
}

static bool in_64bit_code(const struct vmcb *vmcb)
{
	return (vmcb->efer & EFER_LMA) && (vmcb->cs.attrib & (SEG_AR_L >> SEG_ATTRIB_SHIFT));
}

static void skip_or_gp(struct vcpu *vcpu, bool done)
{
	if (done)
		svm_skip(vcpu);
	else
		svm_inject_gp(vcpu);
}

static void mov_to_cr(struct vcpu *vcpu, const struct cr_instruction *i)
{
	u64 value = vcpu_gpr(vcpu, i->gpr);

	if (!in_64bit_code(vmcb_of(vcpu)))
		value = (u32)value;
	skip_or_gp(vcpu, guest_cr_write(vcpu, i->cr, value));
}

static void mov_from_cr(struct vcpu *vcpu, const struct cr_instruction *i)
{
	u64 value = guest_cr_read(vcpu, i->cr);

	vcpu_set_gpr(vcpu, i->gpr, in_64bit_code(vmcb_of(vcpu)) ? value : (u32)value);
	svm_skip(vcpu);
}

/* A 16-bit destination keeps what is above. */
static void smsw(struct vcpu *vcpu, const struct cr_instruction *i)
{
	u64 cr0 = svm_get(vcpu, VREG_CR0), old = vcpu_gpr(vcpu, i->gpr);
	bool default16 = !in_64bit_code(vmcb_of(vcpu)) &&
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

static void group7(struct vcpu *vcpu, const struct cr_instruction *i)
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
	struct cr_instruction i = { 0 };

	if (!decode(vcpu, &i)) {
		svm_forget_fetched(vcpu);
		return;
	}
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
	default: /* other code is there by now: the guest executes it */
		svm_forget_fetched(vcpu);
	}
}

bool svm_is_mov_to_cr3(struct vcpu *vcpu)
{
	struct cr_instruction i = { 0 };

	return decode(vcpu, &i) && i.opcode == OPCODE_MOV_TO_CR && i.cr == 3;
}
