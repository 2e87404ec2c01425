/* SPDX-License-Identifier: MIT */
/* Registers by id: how each type but MSRs is read and set, and which values it can have. */
#include "arch/x86/vcpu_regs_access.h"

#include "arch/x86/guest_cet.h"
#include "arch/x86/guest_cr.h"
#include "arch/x86/guest_msr.h"
#include "arch/x86/guest_xstate.h"
#include "arch/x86/lapic_regs.h"
#include "arch/x86/virt.h"

#define RFLAGS_DEFINED                                                                         \
	(RFLAGS_CF | RFLAGS_ONE | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_TF |  \
	 RFLAGS_IF | RFLAGS_DF | RFLAGS_OF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM | \
	 RFLAGS_AC | RFLAGS_VIF | RFLAGS_VIP | RFLAGS_ID)
/* Debug registers: bits that always read 1, and bits that may be 1 (SDM 3B 17.2). */
#define DR6_ONES    0xffff0ff0ull
#define DR6_DEFINED 0xffffefffull
#define DR7_ONES    0x400ull
#define DR7_DEFINED 0xffff27ffull
#define SEG_AR_DEFINED                                                                        \
	(SEG_AR_TYPE | SEG_AR_S | 3ull << SEG_AR_DPL_SHIFT | SEG_AR_P | 0x1000ull /* AVL */ | \
	 SEG_AR_L | SEG_AR_DB | SEG_AR_G | SEG_AR_UNUSABLE)
#define STI_BLOCKING	BIT(0) /* SDM 3C table 24-3 */
#define MOV_SS_BLOCKING BIT(1)

static u64 gpr_get(struct vcpu *vcpu, unsigned index)
{
	if (index == REG_GPR_RIP)
		return virt_get(vcpu, VREG_RIP);
	if (index == REG_GPR_RFLAGS)
		return virt_get(vcpu, VREG_RFLAGS);
	return vcpu_gpr(vcpu, index);
}

static enum firn_err gpr_set(struct vcpu *vcpu, unsigned index, u64 value)
{
	if (index == REG_GPR_RIP) {
		if (!is_canonical(value))
			return ERR_INVALID;
		virt_set(vcpu, VREG_RIP, value);
	} else if (index == REG_GPR_RFLAGS) {
		if ((value & ~RFLAGS_DEFINED) || !(value & RFLAGS_ONE))
			return ERR_INVALID;
		virt_set(vcpu, VREG_RFLAGS, value);
	} else {
		vcpu_set_gpr(vcpu, index, value);
	}
	return FIRN_OK;
}

static u64 segment_get(struct vcpu *vcpu, unsigned index)
{
	struct x86_seg seg;

	virt_get_seg(vcpu, index / NR_REG_SEG, &seg);
	switch (index % NR_REG_SEG) {
	case REG_SEG_SELECTOR:
		return seg.selector;
	case REG_SEG_BASE:
		return seg.base;
	case REG_SEG_LIMIT:
		return seg.limit;
	default:
		return seg.ar;
	}
}

/* SDM 3C 26.3.1.2: FS, GS, LDTR and TR have 64-bit bases, the others 32. */
static bool segment_base_valid(enum x86_segment seg, u64 base)
{
	return seg >= SEG_FS ? is_canonical(base) : base == (u32)base;
}

static enum firn_err segment_set(struct vcpu *vcpu, unsigned index, u64 value)
{
	enum x86_segment number = index / NR_REG_SEG;
	struct x86_seg seg;
	bool valid;

	virt_get_seg(vcpu, number, &seg);
	switch (index % NR_REG_SEG) {
	case REG_SEG_SELECTOR:
		valid = value == (u16)value;
		seg.selector = (u16)value;
		break;
	case REG_SEG_BASE:
		valid = segment_base_valid(number, value);
		seg.base = value;
		break;
	case REG_SEG_LIMIT:
		valid = value == (u32)value;
		seg.limit = (u32)value;
		break;
	default:
		valid = !(value & ~SEG_AR_DEFINED);
		seg.ar = (u32)value;
		break;
	}
	if (!valid)
		return ERR_INVALID;
	virt_set_seg(vcpu, number, &seg);
	return FIRN_OK;
}

static const enum vreg table_vreg[] = {
	[REG_GDTR_BASE] = VREG_GDTR_BASE,
	[REG_GDTR_LIMIT] = VREG_GDTR_LIMIT,
	[REG_IDTR_BASE] = VREG_IDTR_BASE,
	[REG_IDTR_LIMIT] = VREG_IDTR_LIMIT,
};

static enum firn_err table_set(struct vcpu *vcpu, unsigned index, u64 value)
{
	bool limit = index == REG_GDTR_LIMIT || index == REG_IDTR_LIMIT;

	if (limit ? value != (u16)value : !is_canonical(value))
		return ERR_INVALID;
	virt_set(vcpu, table_vreg[index], value);
	return FIRN_OK;
}

static u64 dr_get(struct vcpu *vcpu, unsigned index)
{
	if (index == 7)
		return virt_get(vcpu, VREG_DR7);
	return index == 6 ? vcpu->arch.dr6 : vcpu->arch.dr[index];
}

static enum firn_err dr_set(struct vcpu *vcpu, unsigned index, u64 value)
{
	if (index == 6) {
		if ((value & ~DR6_DEFINED) || (value & DR6_ONES) != DR6_ONES)
			return ERR_INVALID;
		vcpu->arch.dr6 = value;
	} else if (index == 7) {
		if ((value & ~DR7_DEFINED) || (value & DR7_ONES) != DR7_ONES)
			return ERR_INVALID;
		virt_set(vcpu, VREG_DR7, value);
	} else {
		vcpu->arch.dr[index] = value;
	}
	return FIRN_OK;
}

static enum firn_err ssp_set(struct vcpu *vcpu, u64 value)
{
	if (!cet_ssp_valid(value))
		return ERR_INVALID;
	virt_set(vcpu, VREG_SSP, value);
	return FIRN_OK;
}

/* What a vCPU does, or will do again when its VM goes on. */
static u32 *run_state(struct vcpu *vcpu)
{
	return vcpu->state == VCPU_STOPPED ? &vcpu->resume_state : &vcpu->state;
}

static u64 state_get(struct vcpu *vcpu, unsigned index)
{
	return index == REG_STATE_RUN ? *run_state(vcpu) : virt_get(vcpu, VREG_INTERRUPTIBILITY);
}

static enum firn_err state_set(struct vcpu *vcpu, unsigned index, u64 value)
{
	if (index == REG_STATE_RUN) {
		if (value > VCPU_HALTED)
			return ERR_INVALID;
		*run_state(vcpu) = (u32)value;
		return FIRN_OK;
	}
	if ((value & ~(STI_BLOCKING | MOV_SS_BLOCKING | VREG_NMI_BLOCKING)) ||
	    (value & (STI_BLOCKING | MOV_SS_BLOCKING)) == (STI_BLOCKING | MOV_SS_BLOCKING))
		return ERR_INVALID;
	virt_set(vcpu, VREG_INTERRUPTIBILITY, value);
	return FIRN_OK;
}

u64 reg_get(struct vcpu *vcpu, enum reg_type type, u32 index)
{
	switch (type) {
	case REG_TYPE_GPR:
		return gpr_get(vcpu, index);
	case REG_TYPE_SEGMENT:
		return segment_get(vcpu, index);
	case REG_TYPE_TABLE:
		return virt_get(vcpu, table_vreg[index]);
	case REG_TYPE_CR:
		return guest_cr_read(vcpu, index);
	case REG_TYPE_DR:
		return dr_get(vcpu, index);
	case REG_TYPE_XCR:
		return vcpu->arch.xcr0;
	case REG_TYPE_KVM:
		return virt_get(vcpu, VREG_SSP);
	case REG_TYPE_LAPIC:
		return lapic_reg_get(&vcpu->arch.lapic, index);
	default:
		return state_get(vcpu, index);
	}
}

enum firn_err reg_set(struct vcpu *vcpu, enum reg_type type, u32 index, u64 value)
{
	switch (type) {
	case REG_TYPE_GPR:
		return gpr_set(vcpu, index, value);
	case REG_TYPE_SEGMENT:
		return segment_set(vcpu, index, value);
	case REG_TYPE_TABLE:
		return table_set(vcpu, index, value);
	case REG_TYPE_CR:
		return guest_cr_restore(vcpu, index, value) ? FIRN_OK : ERR_INVALID;
	case REG_TYPE_DR:
		return dr_set(vcpu, index, value);
	case REG_TYPE_XCR:
		return guest_xcr0_set(vcpu, index, value) ? FIRN_OK : ERR_INVALID;
	case REG_TYPE_KVM:
		return ssp_set(vcpu, value);
	case REG_TYPE_LAPIC:
		return lapic_reg_set(&vcpu->arch.lapic, index, value);
	default:
		return state_set(vcpu, index, value);
	}
}
