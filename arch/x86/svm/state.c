/* SPDX-License-Identifier: MIT */
/* virt_get and virt_set: registers that live in the VMCB. */
#include "arch/x86/msr.h"
#include "arch/x86/svm/svm.h"

#define AT(field) offsetof(struct vmcb, field)

/* Where a register is, and what the CPU may have cached of it (0 = nothing: read at every VMRUN). */
static const struct {
	u16 offset, clean;
} vreg_place[NR_VREGS] = {
	[VREG_RSP] = { AT(rsp), 0 },
	[VREG_RIP] = { AT(rip), 0 },
	[VREG_RFLAGS] = { AT(rflags), 0 },
	[VREG_CR0] = { AT(cr0), CLEAN_CR },
	[VREG_CR3] = { AT(cr3), CLEAN_CR },
	[VREG_CR4] = { AT(cr4), CLEAN_CR },
	[VREG_EFER] = { AT(efer), CLEAN_CR },
	[VREG_DR7] = { AT(dr7), CLEAN_DR },
	[VREG_GDTR_BASE] = { AT(gdtr.base), CLEAN_DT },
	[VREG_GDTR_LIMIT] = { AT(gdtr.limit), CLEAN_DT },
	[VREG_IDTR_BASE] = { AT(idtr.base), CLEAN_DT },
	[VREG_IDTR_LIMIT] = { AT(idtr.limit), CLEAN_DT },
	[VREG_SYSENTER_CS] = { AT(sysenter_cs), 0 },
	[VREG_SYSENTER_ESP] = { AT(sysenter_esp), 0 },
	[VREG_SYSENTER_EIP] = { AT(sysenter_eip), 0 },
	[VREG_S_CET] = { AT(s_cet), 0 },
	[VREG_SSP] = { AT(ssp), 0 },
	[VREG_INT_SSP_TABLE] = { AT(isst_addr), 0 },
	[VREG_INTERRUPTIBILITY] = { AT(int_state), 0 },
};

/* VREG_INTERRUPTIBILITY. SVM has one shadow for STI and MOV SS, and none for NMIs. */
#define INTERRUPTIBILITY_SHADOW (BIT(0) | BIT(1))
#define INTERRUPTIBILITY_NMI	BIT(3)

/* Guests can't switch caches off: they would only slow themselves and us down. */
#define CR0_NEVER (CR0_CD | CR0_NW)
/* A machine check without MCE would be the CPU's shutdown. */
#define CR4_ALWAYS CR4_MCE

static u64 *place(struct vmcb *vmcb, enum vreg reg)
{
	return (u64 *)((char *)vmcb + vreg_place[reg].offset);
}

static bool is_limit(enum vreg reg)
{
	return reg == VREG_GDTR_LIMIT || reg == VREG_IDTR_LIMIT;
}

static u64 get_interruptibility(struct vcpu *vcpu)
{
	u64 shadow = vmcb_of(vcpu)->int_state & INT_STATE_SHADOW;

	return shadow | (vcpu->arch.svm.nmi_blocked ? INTERRUPTIBILITY_NMI : 0);
}

u64 svm_get(struct vcpu *vcpu, enum vreg reg)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	switch (reg) {
	case VREG_CR0:
		return vmcb->cr0 | vcpu->arch.svm.cr0_hidden;
	case VREG_CR4:
		return vmcb->cr4 & ~vcpu->arch.svm.cr4_forced;
	case VREG_EFER:
		return vmcb->efer & ~EFER_SVME;
	case VREG_PAT:
		return vcpu->arch.svm.pat;
	case VREG_INTERRUPTIBILITY:
		return get_interruptibility(vcpu);
	case VREG_GDTR_LIMIT:
		return vmcb->gdtr.limit;
	case VREG_IDTR_LIMIT:
		return vmcb->idtr.limit;
	default:
		return *place(vmcb, reg);
	}
}

/*
 * Without read shadows, reads exit as long as the guest must not see the real value. So does each
 * write, since the selective intercept compares with the real value.
 */
static void set_cr0(struct vcpu *vcpu, u64 value)
{
	const u32 accesses = INTERCEPT_CR_READ(0) | INTERCEPT_CR_WRITE(0);
	struct vmcb *vmcb = vmcb_of(vcpu);
	u64 hidden = value & CR0_NEVER;

	vcpu->arch.svm.cr0_hidden = hidden;
	vmcb->cr0 = value & ~CR0_NEVER;
	svm_set_cr_intercepts(vmcb, hidden ? accesses : 0, hidden ? 0 : accesses);
}

static void set_cr4(struct vcpu *vcpu, u64 value)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	u64 forced = ~value & CR4_ALWAYS;

	vcpu->arch.svm.cr4_forced = forced;
	vmcb->cr4 = value | CR4_ALWAYS;
	svm_set_cr_intercepts(vmcb, forced ? INTERCEPT_CR_READ(4) : 0,
			      forced ? 0 : INTERCEPT_CR_READ(4));
}

static void set_interruptibility(struct vcpu *vcpu, u64 value)
{
	vmcb_of(vcpu)->int_state = value & INTERRUPTIBILITY_SHADOW ? INT_STATE_SHADOW : 0;
	svm_set_nmi_blocked(vcpu, value & INTERRUPTIBILITY_NMI);
}

void svm_set(struct vcpu *vcpu, enum vreg reg, u64 value)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	svm_changed(vmcb, vreg_place[reg].clean);
	if (reg == VREG_CR0)
		set_cr0(vcpu, value);
	else if (reg == VREG_CR4)
		set_cr4(vcpu, value);
	else if (reg == VREG_EFER)
		vmcb->efer = value | EFER_SVME;
	else if (reg == VREG_PAT)
		vcpu->arch.svm.pat = value; /* the real one: svm_init_vmcb() */
	else if (reg == VREG_INTERRUPTIBILITY)
		set_interruptibility(vcpu, value);
	else if (is_limit(reg))
		*(u32 *)place(vmcb, reg) = (u32)value;
	else
		*place(vmcb, reg) = value;
}

static struct vmcb_seg *segment(struct vmcb *vmcb, enum x86_segment seg)
{
	static const u16 place[NR_SEGS] = {
		[SEG_ES] = AT(es), [SEG_CS] = AT(cs), [SEG_SS] = AT(ss),     [SEG_DS] = AT(ds),
		[SEG_FS] = AT(fs), [SEG_GS] = AT(gs), [SEG_LDTR] = AT(ldtr), [SEG_TR] = AT(tr),
	};

	return (struct vmcb_seg *)((char *)vmcb + place[seg]);
}

void svm_get_seg(struct vcpu *vcpu, enum x86_segment seg, struct x86_seg *out)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	const struct vmcb_seg *s = segment(vmcb, seg);
	u32 ar = (s->attrib & SEG_ATTRIB_LOW) | (u32)(s->attrib & SEG_ATTRIB_HIGH)
							<< SEG_ATTRIB_SHIFT;

	if (!(ar & SEG_AR_P))
		ar |= SEG_AR_UNUSABLE;
	/* The CPL is where it belongs, also when SS is null. */
	if (seg == SEG_SS)
		ar = (ar & ~(3u << SEG_AR_DPL_SHIFT)) | (u32)vmcb->cpl << SEG_AR_DPL_SHIFT;
	/* LTR makes the TSS busy (APM vol. 3); QEMU 7.2 forgets that in what it keeps of it. */
	if (seg == SEG_TR && (ar & SEG_AR_P))
		ar |= SEG_TYPE_TSS_BUSY;
	out->selector = s->selector;
	out->ar = ar;
	out->limit = s->limit;
	out->base = s->base;
}

void svm_set_seg(struct vcpu *vcpu, enum x86_segment seg, const struct x86_seg *in)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	struct vmcb_seg *s = segment(vmcb, seg);

	s->selector = in->selector;
	s->limit = in->limit;
	s->base = in->base;
	s->attrib =
		(u16)((in->ar & SEG_ATTRIB_LOW) | (in->ar >> SEG_ATTRIB_SHIFT & SEG_ATTRIB_HIGH));
	if (in->ar & SEG_AR_UNUSABLE)
		s->attrib &= (u16)~SEG_AR_P;
	if (seg == SEG_SS)
		vmcb->cpl = in->ar >> SEG_AR_DPL_SHIFT & SEG_SELECTOR_RPL;
	svm_changed(vmcb, CLEAN_SEG);
}

void svm_skip(struct vcpu *vcpu)
{
	svm_skip_inline(vcpu);
}

void svm_update_tsc_offset(struct vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);

	vmcb->tsc_offset = (u64)vcpu->vm->arch.tsc_offset + vcpu->arch.tsc_adjust;
	svm_changed(vmcb, CLEAN_INTERCEPTS);
}

void svm_flush_guest_tlb(struct vcpu *vcpu)
{
	asid_flush(&vcpu->arch.svm.asid);
}
