/* SPDX-License-Identifier: MIT */
/* What each guest MSR accepts and does (SDM vol. 4 chapter 2). */
#include "arch/x86/guest_msr_rules.h"

#include <string.h>

#include "arch/x86/guest_cet.h"
#include "arch/x86/guest_msr.h"
#include "arch/x86/kvm_para.h"
#include "arch/x86/pmu.h"
#include "arch/x86/pv_eoi.h"
#include "arch/x86/pvclock.h"
#include "arch/x86/virt.h"
#include "core/guest_layout.h"

#define MTRR_TYPES \
	(BIT(MEMTYPE_UC) | BIT(MEMTYPE_WC) | BIT(MEMTYPE_WT) | BIT(MEMTYPE_WP) | BIT(MEMTYPE_WB))
#define PAT_TYPES	  (MTRR_TYPES | BIT(MEMTYPE_UC_MINUS))
#define TYPE_MASK	  0xffull
#define EIGHT_TYPES(type) ((type)*0x0101010101010101ull)
#define MTRR_FIX16K_VIDEO 2 /* index of the range 0xa0000-0xbffff in mtrr_fixed */

#define ARCH_CAPABILITIES_OFFERED                                                        \
	(ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL | ARCH_CAP_RSBA | ARCH_CAP_SSB_NO |        \
	 ARCH_CAP_MDS_NO | ARCH_CAP_TAA_NO | ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO | \
	 ARCH_CAP_PSDP_NO | ARCH_CAP_FB_CLEAR | ARCH_CAP_RRSBA | ARCH_CAP_BHI_NO |       \
	 ARCH_CAP_PBRSB_NO | ARCH_CAP_GDS_NO | ARCH_CAP_RFDS_NO | ARCH_CAP_RFDS_CLEAR |  \
	 ARCH_CAP_ITS_NO)

static bool offers(const struct vcpu *vcpu, u32 feature)
{
	return cpuid_image_offers(&vcpu->vm->arch.cpuid, feature);
}

static u64 *field(struct vcpu *vcpu, const struct msr_row *row, u32 msr)
{
	return (u64 *)((char *)&vcpu->arch + row->where) + (msr - row->first);
}

void msr_store(struct vcpu *vcpu, const struct msr_row *row, u32 msr, u64 value)
{
	if (row->flags & MSR_VREG)
		virt_set(vcpu, row->where, value);
	else
		*field(vcpu, row, msr) = value;
}

/* The same parameter list for every rule, whether it needs all of it or not. */
#define UNUSED_ARGS ((void)vcpu, (void)row, (void)msr, (void)value)

MSR_READER(msr_none)
{
	UNUSED_ARGS;
	return false;
}

MSR_READER(msr_read_stored)
{
	if (row->flags & MSR_VREG)
		*value = virt_get(vcpu, row->where);
	else
		*value = *field(vcpu, row, msr);
	return true;
}

MSR_READER(msr_read_reset)
{
	UNUSED_ARGS;
	*value = row->reset;
	return true;
}

MSR_READER(msr_read_tsc)
{
	UNUSED_ARGS;
	*value = virt_guest_tsc(vcpu);
	return true;
}

MSR_READER(msr_read_tsc_deadline)
{
	UNUSED_ARGS;
	*value = lapic_get_tsc_deadline(&vcpu->arch.lapic);
	return true;
}

MSR_READER(msr_read_x2apic)
{
	UNUSED_ARGS;
	return lapic_msr_read(&vcpu->arch.lapic, msr, value);
}

MSR_READER(msr_read_pvclock)
{
	UNUSED_ARGS;
	return pvclock_msr_read(vcpu, msr, value);
}

MSR_READER(msr_read_arch_capabilities)
{
	UNUSED_ARGS;
	*value = vcpu->vm->arch.arch_capabilities;
	return true;
}

static enum x86_segment base_segment(u32 msr)
{
	return msr == MSR_FS_BASE ? SEG_FS : SEG_GS;
}

MSR_READER(msr_read_segment_base)
{
	struct x86_seg seg;

	UNUSED_ARGS;
	virt_get_seg(vcpu, base_segment(msr), &seg);
	*value = seg.base;
	return true;
}

MSR_READER(msr_read_pmu)
{
	UNUSED_ARGS;
	return pmu_msr_read(vcpu, msr, value);
}

MSR_WRITER(msr_refuse)
{
	UNUSED_ARGS;
	return false;
}

MSR_WRITER(msr_ignore)
{
	UNUSED_ARGS;
	return true;
}

MSR_WRITER(msr_write_any)
{
	msr_store(vcpu, row, msr, value);
	return true;
}

MSR_WRITER(msr_write_u32)
{
	if (value != (u32)value)
		return false;
	msr_store(vcpu, row, msr, value);
	return true;
}

MSR_WRITER(msr_write_low32)
{
	msr_store(vcpu, row, msr, (u32)value);
	return true;
}

MSR_WRITER(msr_write_canonical)
{
	if (!is_canonical(value))
		return false;
	msr_store(vcpu, row, msr, value);
	return true;
}

MSR_WRITER(msr_write_zero)
{
	UNUSED_ARGS;
	return value == 0;
}

/* The guest's TSC jumps: its deadline and its kvmclock are in TSC ticks and follow. */
static void set_tsc_adjust(struct vcpu *vcpu, u64 adjust)
{
	vcpu->arch.tsc_adjust = adjust;
	virt_update_tsc_offset(vcpu);
	lapic_tsc_changed(&vcpu->arch.lapic);
	pvclock_update(vcpu);
}

/* SDM 3B 17.17.3: what a write adds to the TSC is added to IA32_TSC_ADJUST too. */
MSR_WRITER(msr_write_tsc)
{
	UNUSED_ARGS;
	set_tsc_adjust(vcpu, vcpu->arch.tsc_adjust + (value - virt_guest_tsc(vcpu)));
	return true;
}

MSR_WRITER(msr_write_tsc_adjust)
{
	UNUSED_ARGS;
	set_tsc_adjust(vcpu, value);
	return true;
}

MSR_WRITER(msr_write_tsc_deadline)
{
	UNUSED_ARGS;
	return lapic_set_tsc_deadline(&vcpu->arch.lapic, value);
}

MSR_WRITER(msr_write_apic_base)
{
	UNUSED_ARGS;
	if (!lapic_set_base(&vcpu->arch.lapic, value))
		return false;
	virt_update_apic_mode(vcpu);
	return true;
}

MSR_WRITER(msr_write_x2apic)
{
	UNUSED_ARGS;
	return lapic_msr_write(&vcpu->arch.lapic, msr, value);
}

MSR_WRITER(msr_write_pvclock)
{
	UNUSED_ARGS;
	return pvclock_msr_write(vcpu, msr, value);
}

MSR_WRITER(msr_write_steal_time)
{
	UNUSED_ARGS;
	return steal_time_msr_write(vcpu, value);
}

MSR_WRITER(msr_write_pv_eoi)
{
	UNUSED_ARGS;
	return pv_eoi_msr_write(vcpu, value);
}

MSR_WRITER(msr_write_poll_control)
{
	if (value & ~POLL_CONTROL_HOST_POLLS)
		return false;
	msr_store(vcpu, row, msr, value);
	return true;
}

/* IBRS and STIBP: a CPU with one of them ignores the other bit, it does not refuse it. */
static u64 spec_ctrl_bits(const struct vcpu *vcpu)
{
	u64 bits = 0;

	if (offers(vcpu, X86_FEATURE_IBRS_IBPB) || offers(vcpu, X86_FEATURE_STIBP) ||
	    offers(vcpu, X86_FEATURE_AMD_IBRS) || offers(vcpu, X86_FEATURE_AMD_STIBP))
		bits |= SPEC_CTRL_IBRS | SPEC_CTRL_STIBP;
	if (offers(vcpu, X86_FEATURE_SSBD) || offers(vcpu, X86_FEATURE_AMD_SSBD))
		bits |= SPEC_CTRL_SSBD;
	return bits;
}

MSR_WRITER(msr_write_spec_ctrl)
{
	if (value & ~spec_ctrl_bits(vcpu))
		return false;
	msr_store(vcpu, row, msr, value);
	return true;
}

MSR_WRITER(msr_write_pred_cmd)
{
	UNUSED_ARGS;
	if (value & ~PRED_CMD_IBPB)
		return false;
	if (value & PRED_CMD_IBPB)
		virt_predictor_barrier();
	return true;
}

static u64 misc_enable_fixed(const struct vcpu *vcpu)
{
	return MSR_MISC_ENABLE_FIXED |
	       (offers(vcpu, X86_FEATURE_PERFMON_V2) ? MISC_ENABLE_PERFMON : 0);
}

MSR_WRITER(msr_write_misc_enable)
{
	u64 writable = MISC_ENABLE_FAST_STRING, fixed = misc_enable_fixed(vcpu);

	if (offers(vcpu, X86_FEATURE_MONITOR))
		writable |= MISC_ENABLE_MONITOR;
	if (value & ~(writable | fixed))
		return false;
	msr_store(vcpu, row, msr, value | fixed);
	return true;
}

/* Branch records and branch stepping are not there; guests that ask for them get neither. */
MSR_WRITER(msr_write_debugctl)
{
	UNUSED_ARGS;
	return !(value & ~(DEBUGCTL_LBR | DEBUGCTL_BTF));
}

/* Are all eight bytes memory types out of this set? */
static bool types_valid(u64 value, u64 types)
{
	for (unsigned i = 0; i < 8; i++, value >>= 8)
		if ((value & TYPE_MASK) > MEMTYPE_UC_MINUS || !(types & BIT(value & TYPE_MASK)))
			return false;
	return true;
}

static u64 phys_mask(const struct vcpu *vcpu)
{
	return BIT(cpuid_image_phys_bits(&vcpu->vm->arch.cpuid)) - 1;
}

/* SDM 3A 11.11.2.3: base = type and page frame, mask = valid bit and page frame. */
MSR_WRITER(msr_write_mtrr_phys)
{
	u64 frame = phys_mask(vcpu) & PAGE_MASK;
	bool is_mask = (msr - row->first) & 1;

	if (value & ~(frame | (is_mask ? MTRR_PHYSMASK_VALID : TYPE_MASK)))
		return false;
	if (!is_mask && !types_valid(value & TYPE_MASK, MTRR_TYPES))
		return false;
	msr_store(vcpu, row, msr, value);
	return true;
}

MSR_WRITER(msr_write_mtrr_fixed)
{
	if (!types_valid(value, MTRR_TYPES))
		return false;
	msr_store(vcpu, row, msr, value);
	return true;
}

MSR_WRITER(msr_write_mtrr_def_type)
{
	if (value & ~(TYPE_MASK | MTRR_DEF_TYPE_FE | MTRR_DEF_TYPE_E))
		return false;
	if (!types_valid(value & TYPE_MASK, MTRR_TYPES))
		return false;
	msr_store(vcpu, row, msr, value);
	return true;
}

MSR_WRITER(msr_write_pat)
{
	if (!types_valid(value, PAT_TYPES))
		return false;
	msr_store(vcpu, row, msr, value);
	return true;
}

MSR_WRITER(msr_write_xss)
{
	const struct cpuid_leaf *leaf = cpuid_image_find(&vcpu->vm->arch.cpuid, CPUID_XSTATE, 1);

	if (!leaf || (value & ~((u64)leaf->edx << 32 | leaf->ecx)))
		return false;
	msr_store(vcpu, row, msr, value);
	virt_xss_changed(vcpu);
	return true;
}

MSR_WRITER(msr_write_cet)
{
	if (!cet_control_valid(value, offers(vcpu, X86_FEATURE_SHSTK),
			       offers(vcpu, X86_FEATURE_IBT)))
		return false;
	msr_store(vcpu, row, msr, value);
	return true;
}

MSR_WRITER(msr_write_ssp)
{
	if (!cet_ssp_valid(value))
		return false;
	msr_store(vcpu, row, msr, value);
	return true;
}

static bool efer_reserved(const struct vcpu *vcpu, u64 value)
{
	u64 allowed = 0;

	if (offers(vcpu, X86_FEATURE_SYSCALL))
		allowed |= EFER_SCE;
	if (offers(vcpu, X86_FEATURE_LM))
		allowed |= EFER_LME | EFER_LMA;
	if (offers(vcpu, X86_FEATURE_NX))
		allowed |= EFER_NXE;
	return value & ~allowed;
}

MSR_WRITER(msr_restore_efer)
{
	u64 old = virt_get(vcpu, row->where);

	if (efer_reserved(vcpu, value))
		return false;
	msr_store(vcpu, row, msr, value);
	if ((old ^ value) & EFER_NXE)
		virt_flush_guest_tlb(vcpu);
	return true;
}

/* SDM 3A 4.1.1: LME is fixed while paging is on; LMA follows CR0.PG and ignores writes. */
MSR_WRITER(msr_write_efer)
{
	u64 old = virt_get(vcpu, row->where);

	if (((old ^ value) & EFER_LME) && (virt_get(vcpu, VREG_CR0) & CR0_PG))
		return false;
	if (efer_reserved(vcpu, value))
		return false;
	return msr_restore_efer(vcpu, row, msr, (value & ~EFER_LMA) | (old & EFER_LMA));
}

MSR_WRITER(msr_write_segment_base)
{
	struct x86_seg seg;

	UNUSED_ARGS;
	if (!is_canonical(value))
		return false;
	virt_get_seg(vcpu, base_segment(msr), &seg);
	seg.base = value;
	virt_set_seg(vcpu, base_segment(msr), &seg);
	return true;
}

MSR_WRITER(msr_write_pmu)
{
	UNUSED_ARGS;
	return pmu_msr_write(vcpu, msr, value);
}

MSR_WRITER(msr_restore_pmu)
{
	UNUSED_ARGS;
	return pmu_msr_restore(vcpu, msr, value);
}

void guest_msr_firmware_setup(struct vcpu *vcpu)
{
	struct arch_vcpu *arch = &vcpu->arch;

	for (unsigned i = 0; i < ARRAY_SIZE(arch->mtrr_fixed); i++)
		arch->mtrr_fixed[i] = EIGHT_TYPES(MEMTYPE_WB);
	arch->mtrr_fixed[MTRR_FIX16K_VIDEO] = EIGHT_TYPES(MEMTYPE_UC);
	arch->mtrr_phys[0] = GUEST_HOLE_START | MEMTYPE_UC;
	arch->mtrr_phys[1] =
		(phys_mask(vcpu) & ~(GUEST_HOLE_END - GUEST_HOLE_START - 1)) | MTRR_PHYSMASK_VALID;
	arch->mtrr_def_type = MTRR_DEF_TYPE_E | MTRR_DEF_TYPE_FE | MEMTYPE_WB;
}

/* Nested paging does not let guests reach the page-size-change machine check. */
u64 guest_msr_arch_capabilities(u64 host)
{
	return (host & ARCH_CAPABILITIES_OFFERED) | ARCH_CAP_PSCHANGE_MC_NO;
}
