/* SPDX-License-Identifier: MIT */
/* virt_get and virt_set: registers that live in the VMCS. */
#include <vmx_hw.h>

#include "arch/x86/vmx/vmx.h"
#include "core/log.h"

static const u16 vreg_field[NR_VREGS] = {
	[VREG_RSP] = GUEST_RSP,
	[VREG_RIP] = GUEST_RIP,
	[VREG_RFLAGS] = GUEST_RFLAGS,
	[VREG_CR0] = GUEST_CR0,
	[VREG_CR3] = GUEST_CR3,
	[VREG_CR4] = GUEST_CR4,
	[VREG_EFER] = GUEST_EFER,
	[VREG_DR7] = GUEST_DR7,
	[VREG_GDTR_BASE] = GUEST_GDTR_BASE,
	[VREG_GDTR_LIMIT] = GUEST_GDTR_LIMIT,
	[VREG_IDTR_BASE] = GUEST_IDTR_BASE,
	[VREG_IDTR_LIMIT] = GUEST_IDTR_LIMIT,
	[VREG_SYSENTER_CS] = GUEST_SYSENTER_CS,
	[VREG_SYSENTER_ESP] = GUEST_SYSENTER_ESP,
	[VREG_SYSENTER_EIP] = GUEST_SYSENTER_EIP,
	[VREG_PAT] = GUEST_PAT,
	[VREG_S_CET] = GUEST_S_CET,
	[VREG_SSP] = GUEST_SSP,
	[VREG_INT_SSP_TABLE] = GUEST_INT_SSP_TABLE,
	[VREG_INTERRUPTIBILITY] = GUEST_INTERRUPTIBILITY,
};

/* What must be set in the real registers whatever the guest thinks of them. */
#define CR0_ALWAYS CR0_NE
#define CR4_ALWAYS (CR4_VMXE | CR4_MCE)
/* Guests can't switch caches off: they would only slow themselves and us down. */
#define CR0_NEVER (CR0_CD | CR0_NW)

static u64 shadowed(enum vmcs_field value, enum vmcs_field mask, enum vmcs_field shadow)
{
	u64 host_owned = vmread(mask);

	return (vmread(value) & ~host_owned) | (vmread(shadow) & host_owned);
}

static void set_efer(u64 value)
{
	u64 entry = vmread(ENTRY_CONTROLS) & ~ENTRY_IA32E;

	vmwrite(GUEST_EFER, value);
	vmwrite(ENTRY_CONTROLS, value & EFER_LMA ? entry | ENTRY_IA32E : entry);
}

u64 vmx_get(struct vcpu *vcpu, enum vreg reg)
{
	(void)vcpu;
	if (reg == VREG_CR0)
		return shadowed(GUEST_CR0, CR0_MASK, CR0_READ_SHADOW);
	if (reg == VREG_CR4)
		return shadowed(GUEST_CR4, CR4_MASK, CR4_READ_SHADOW);
	return vmread(vreg_field[reg]);
}

void vmx_set(struct vcpu *vcpu, enum vreg reg, u64 value)
{
	(void)vcpu;
	switch (reg) {
	case VREG_CR0:
		vmwrite(CR0_READ_SHADOW, value);
		vmwrite(GUEST_CR0, (value | CR0_ALWAYS) & ~CR0_NEVER);
		return;
	case VREG_CR4:
		vmwrite(CR4_READ_SHADOW, value);
		vmwrite(GUEST_CR4, value | CR4_ALWAYS);
		return;
	case VREG_EFER:
		set_efer(value);
		return;
	default:
		vmwrite(vreg_field[reg], value);
	}
}

/* Fields of consecutive segments are two apart (SDM 3D appendix B). */
#define SEG_FIELD(base, seg) ((enum vmcs_field)((base) + 2 * (seg)))

void vmx_get_seg(struct vcpu *vcpu, enum x86_segment seg, struct x86_seg *out)
{
	(void)vcpu;
	out->selector = (u16)vmread(SEG_FIELD(GUEST_ES_SELECTOR, seg));
	out->limit = (u32)vmread(SEG_FIELD(GUEST_ES_LIMIT, seg));
	out->ar = (u32)vmread(SEG_FIELD(GUEST_ES_ACCESS_RIGHTS, seg));
	out->base = vmread(SEG_FIELD(GUEST_ES_BASE, seg));
}

void vmx_set_seg(struct vcpu *vcpu, enum x86_segment seg, const struct x86_seg *in)
{
	(void)vcpu;
	vmwrite(SEG_FIELD(GUEST_ES_SELECTOR, seg), in->selector);
	vmwrite(SEG_FIELD(GUEST_ES_LIMIT, seg), in->limit);
	vmwrite(SEG_FIELD(GUEST_ES_ACCESS_RIGHTS, seg), in->ar);
	vmwrite(SEG_FIELD(GUEST_ES_BASE, seg), in->base);
}

void vmx_set_pdptes(struct vcpu *vcpu, const u64 pdpte[4])
{
	(void)vcpu;
	for (unsigned i = 0; i < 4; i++)
		vmwrite((enum vmcs_field)(GUEST_PDPTE0 + 2 * i), pdpte[i]);
}

void vmx_skip(struct vcpu *vcpu)
{
	u64 rip = vmread(GUEST_RIP), next = rip + vmread(EXIT_INSTRUCTION_LENGTH);
	u64 blocking = vmread(GUEST_INTERRUPTIBILITY);

	/* Outside 64-bit mode RIP wraps at 4 GiB; only then can bit 32 change here. */
	if (unlikely((rip ^ next) & BIT(32)) && !(vmread(GUEST_EFER) & EFER_LMA))
		next &= 0xffffffff;
	vmwrite(GUEST_RIP, next);
	if (unlikely(blocking & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)))
		vmwrite(GUEST_INTERRUPTIBILITY,
			blocking & ~(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
	/* The trap after a single step belongs to the instruction that we executed. */
	if (unlikely(vmread(GUEST_RFLAGS) & RFLAGS_TF))
		vmx_single_step_trap(vcpu);
}

void vmx_update_tsc_offset(struct vcpu *vcpu)
{
	vmwrite(TSC_OFFSET, (u64)vcpu->vm->arch.tsc_offset + vcpu->arch.tsc_adjust);
}

void vmx_counters_changed(struct vcpu *vcpu)
{
	vmwrite(GUEST_PERF_GLOBAL_CTRL, vcpu->arch.pmu.global_ctrl);
}

void vmx_flush_guest_tlb(struct vcpu *vcpu)
{
	invvpid(INV_SINGLE, vmx_vpid(vcpu));
}
