/* SPDX-License-Identifier: MIT */
/* The table of guest MSRs, and access through it. Rules for single MSRs: guest_msr_rules.c. */
#include "arch/x86/guest_msr.h"

#include <stdio.h>
#include <string.h>

#include "arch/x86/guest_msr_rules.h"
#include "arch/x86/kvm_para.h"
#include "arch/x86/msr.h"
#include "arch/x86/pmu.h"
#include "arch/x86/pv_eoi.h"
#include "arch/x86/pvclock.h"
#include "arch/x86/virt.h"
#include "core/guest_layout.h"
#include "core/log.h"

#define MSR_NAME_MAX 28

/* What makes an MSR exist: any of these features; nothing = it always exists. */
#define NEEDS(...)                \
	.features = (const u32[]) \
	{                         \
		__VA_ARGS__, 0    \
	}
#define FIELD(f) .where = offsetof(struct arch_vcpu, f), .read = msr_read_stored
/* Known not to exist: guests that try are not worth a log line. */
#define ABSENT	 .read = msr_none, .write = msr_refuse, .flags = MSR_ABSENT
#define CONSTANT .read = msr_read_reset, .flags = MSR_READONLY
#define COUNTERS .read = msr_read_pmu, .write = msr_write_pmu, .restore = msr_restore_pmu
/* Chipset and core settings of AMD CPUs: guests find them as firmware should leave them. */
#define AMD_CONSTANT .read = msr_read_reset, .write = msr_ignore, .flags = MSR_READONLY | MSR_AMD
/* XSAVES and XRSTORS reach most of them, so there is no use in intercepting MSR accesses. */
#define CET_FLAGS (MSR_RESET | MSR_RESET_BY_INIT | MSR_PASSTHROUGH_CET)
#define CET_SSP	  NEEDS(X86_FEATURE_SHSTK), .write = msr_write_ssp, .flags = CET_FLAGS
#define SPEC_CTRL_FEATURES                                                                \
	X86_FEATURE_IBRS_IBPB, X86_FEATURE_STIBP, X86_FEATURE_SSBD, X86_FEATURE_AMD_IBRS, \
		X86_FEATURE_AMD_STIBP, X86_FEATURE_AMD_SSBD

/* Ascending, without overlap. */
static const struct msr_row rows[] = {
	{ MSR_IA32_TSC, MSR_IA32_TSC, "TSC", .read = msr_read_tsc, .write = msr_write_tsc,
	  .flags = MSR_READONLY },
	{ MSR_KVM_WALL_CLOCK_OLD, MSR_KVM_SYSTEM_TIME_OLD, "KVM_CLOCK_OLD",
	  NEEDS(KVM_FEATURE_CLOCKSOURCE), .read = msr_read_pvclock, .write = msr_write_pvclock,
	  .flags = MSR_UNLISTED },
	{ MSR_IA32_PLATFORM_ID, MSR_IA32_PLATFORM_ID, "IA32_PLATFORM_ID", CONSTANT,
	  .write = msr_refuse },
	{ MSR_IA32_APIC_BASE, MSR_IA32_APIC_BASE, "IA32_APIC_BASE", FIELD(lapic.apic_base),
	  .write = msr_write_apic_base },
	{ MSR_SMI_COUNT, MSR_SMI_COUNT, "SMI_COUNT", ABSENT },
	/* Locked without VMX: VMX can't be turned on. */
	{ MSR_IA32_FEATURE_CONTROL, MSR_IA32_FEATURE_CONTROL, "IA32_FEATURE_CONTROL", CONSTANT,
	  .reset = FEATURE_CONTROL_LOCKED, .write = msr_refuse },
	{ MSR_IA32_TSC_ADJUST, MSR_IA32_TSC_ADJUST, "IA32_TSC_ADJUST",
	  NEEDS(X86_FEATURE_TSC_ADJUST), FIELD(tsc_adjust), .write = msr_write_tsc_adjust,
	  .flags = MSR_RESET },
	{ MSR_IA32_SPEC_CTRL, MSR_IA32_SPEC_CTRL, "IA32_SPEC_CTRL", NEEDS(SPEC_CTRL_FEATURES),
	  FIELD(spec_ctrl), .write = msr_write_spec_ctrl, .flags = MSR_RESET | MSR_RESET_BY_INIT },
	{ MSR_IA32_PRED_CMD, MSR_IA32_PRED_CMD, "IA32_PRED_CMD",
	  NEEDS(X86_FEATURE_IBRS_IBPB, X86_FEATURE_AMD_IBPB), .read = msr_none,
	  .write = msr_write_pred_cmd, .flags = MSR_UNLISTED },
	{ MSR_IA32_BIOS_UPDT_TRIG, MSR_IA32_BIOS_UPDT_TRIG, "IA32_BIOS_UPDT_TRIG", ABSENT },
	/* Linux writes 0, executes CPUID and reads the revision back. */
	{ MSR_IA32_BIOS_SIGN_ID, MSR_IA32_BIOS_SIGN_ID, "IA32_BIOS_SIGN_ID", CONSTANT,
	  .reset = MSR_MICROCODE_REVISION, .write = msr_ignore },
	{ MSR_IA32_PMC0, MSR_IA32_PMC7, "IA32_PMC", COUNTERS, .flags = MSR_PMU },
	{ MSR_PLATFORM_INFO, MSR_PLATFORM_INFO, "PLATFORM_INFO", ABSENT },
	{ MSR_IA32_MTRRCAP, MSR_IA32_MTRRCAP, "IA32_MTRRCAP", NEEDS(X86_FEATURE_MTRR), CONSTANT,
	  .reset = MTRRCAP_FIX | MTRRCAP_WC | MSR_MTRR_PAIRS, .write = msr_refuse },
	{ MSR_IA32_ARCH_CAPABILITIES, MSR_IA32_ARCH_CAPABILITIES, "IA32_ARCH_CAPABILITIES",
	  NEEDS(X86_FEATURE_ARCH_CAPABILITIES), .read = msr_read_arch_capabilities,
	  .write = msr_refuse, .flags = MSR_READONLY },
	{ MSR_MISC_FEATURES_ENABLES, MSR_MISC_FEATURES_ENABLES, "MISC_FEATURES_ENABLES", ABSENT },
	{ MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_CS, "IA32_SYSENTER_CS", NEEDS(X86_FEATURE_SEP),
	  .where = VREG_SYSENTER_CS, .read = msr_read_stored, .write = msr_write_low32,
	  .flags = MSR_VREG | MSR_RESET | MSR_PASSTHROUGH },
	{ MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_ESP, "IA32_SYSENTER_ESP", NEEDS(X86_FEATURE_SEP),
	  .where = VREG_SYSENTER_ESP, .read = msr_read_stored, .write = msr_write_canonical,
	  .flags = MSR_VREG | MSR_RESET | MSR_PASSTHROUGH },
	{ MSR_IA32_SYSENTER_EIP, MSR_IA32_SYSENTER_EIP, "IA32_SYSENTER_EIP", NEEDS(X86_FEATURE_SEP),
	  .where = VREG_SYSENTER_EIP, .read = msr_read_stored, .write = msr_write_canonical,
	  .flags = MSR_VREG | MSR_RESET | MSR_PASSTHROUGH },
	/* Machine checks are announced with no bank to read them from. */
	{ MSR_IA32_MCG_CAP, MSR_IA32_MCG_CAP, "IA32_MCG_CAP", NEEDS(X86_FEATURE_MCA), CONSTANT,
	  .write = msr_refuse },
	{ MSR_IA32_MCG_STATUS, MSR_IA32_MCG_STATUS, "IA32_MCG_STATUS", NEEDS(X86_FEATURE_MCA),
	  CONSTANT, .write = msr_write_zero },
	{ MSR_IA32_PERFEVTSEL0, MSR_IA32_PERFEVTSEL7, "IA32_PERFEVTSEL", COUNTERS,
	  .flags = MSR_PMU },
	{ MSR_IA32_MISC_ENABLE, MSR_IA32_MISC_ENABLE, "IA32_MISC_ENABLE", FIELD(misc_enable),
	  .reset = MISC_ENABLE_FAST_STRING | MSR_MISC_ENABLE_FIXED, .write = msr_write_misc_enable,
	  .flags = MSR_RESET },
	{ MSR_IA32_DEBUGCTL, MSR_IA32_DEBUGCTL, "IA32_DEBUGCTL", CONSTANT,
	  .write = msr_write_debugctl },
	{ MSR_IA32_MTRR_PHYSBASE0, MSR_IA32_MTRR_PHYSMASK7, "IA32_MTRR_PHYS",
	  NEEDS(X86_FEATURE_MTRR), FIELD(mtrr_phys), .write = msr_write_mtrr_phys,
	  .flags = MSR_RESET },
	{ MSR_IA32_MTRR_FIX64K, MSR_IA32_MTRR_FIX64K, "IA32_MTRR_FIX64K", NEEDS(X86_FEATURE_MTRR),
	  FIELD(mtrr_fixed[0]), .write = msr_write_mtrr_fixed, .flags = MSR_RESET },
	{ MSR_IA32_MTRR_FIX16K_80000, MSR_IA32_MTRR_FIX16K_A0000, "IA32_MTRR_FIX16K",
	  NEEDS(X86_FEATURE_MTRR), FIELD(mtrr_fixed[1]), .write = msr_write_mtrr_fixed,
	  .flags = MSR_RESET },
	{ MSR_IA32_MTRR_FIX4K_C0000, MSR_IA32_MTRR_FIX4K_F8000, "IA32_MTRR_FIX4K",
	  NEEDS(X86_FEATURE_MTRR), FIELD(mtrr_fixed[3]), .write = msr_write_mtrr_fixed,
	  .flags = MSR_RESET },
	{ MSR_IA32_PAT, MSR_IA32_PAT, "IA32_PAT", NEEDS(X86_FEATURE_PAT), .where = VREG_PAT,
	  .read = msr_read_stored, .write = msr_write_pat, .reset = PAT_RESET_VALUE,
	  .flags = MSR_VREG | MSR_RESET },
	{ MSR_IA32_MTRR_DEF_TYPE, MSR_IA32_MTRR_DEF_TYPE, "IA32_MTRR_DEF_TYPE",
	  NEEDS(X86_FEATURE_MTRR), FIELD(mtrr_def_type), .write = msr_write_mtrr_def_type,
	  .flags = MSR_RESET },
	{ MSR_IA32_FIXED_CTR0, MSR_IA32_FIXED_CTR2, "IA32_FIXED_CTR", COUNTERS, .flags = MSR_PMU },
	{ MSR_IA32_FIXED_CTR3, MSR_IA32_FIXED_CTR3, "IA32_FIXED_CTR3", ABSENT },
	{ MSR_IA32_PERF_CAPABILITIES, MSR_IA32_PERF_CAPABILITIES, "IA32_PERF_CAPABILITIES",
	  COUNTERS, .flags = MSR_PMU | MSR_READONLY },
	{ MSR_IA32_FIXED_CTR_CTRL, MSR_IA32_FIXED_CTR_CTRL, "IA32_FIXED_CTR_CTRL", COUNTERS,
	  .flags = MSR_PMU },
	{ MSR_PERF_GLOBAL_STATUS, MSR_PERF_GLOBAL_STATUS, "IA32_PERF_GLOBAL_STATUS", COUNTERS,
	  .flags = MSR_PMU },
	{ MSR_PERF_GLOBAL_CTRL, MSR_PERF_GLOBAL_CTRL, "IA32_PERF_GLOBAL_CTRL", COUNTERS,
	  .flags = MSR_PMU },
	{ MSR_PERF_GLOBAL_OVF_CTRL, MSR_PERF_GLOBAL_OVF_CTRL, "IA32_PERF_GLOBAL_OVF_CTRL", COUNTERS,
	  .flags = MSR_PMU | MSR_UNLISTED },
	{ MSR_PERF_GLOBAL_SET, MSR_IA32_PERF_GLOBAL_INUSE, "IA32_PERF_GLOBAL", ABSENT },
	{ MSR_IA32_VMX_BASIC, MSR_IA32_VMX_LAST, "IA32_VMX", ABSENT },
	/* The counters again, written with all their bits. */
	{ MSR_IA32_A_PMC0, MSR_IA32_A_PMC7, "IA32_A_PMC", COUNTERS,
	  .flags = MSR_PMU | MSR_UNLISTED },
	{ MSR_RAPL_POWER_UNIT, MSR_RAPL_LAST, "RAPL", ABSENT },
	{ MSR_IA32_U_CET, MSR_IA32_U_CET, "IA32_U_CET", NEEDS(X86_FEATURE_SHSTK, X86_FEATURE_IBT),
	  FIELD(u_cet), .write = msr_write_cet, .flags = CET_FLAGS },
	{ MSR_IA32_U_CET + 1, MSR_IA32_U_CET + 1, "CET", ABSENT },
	{ MSR_IA32_S_CET, MSR_IA32_S_CET, "IA32_S_CET", NEEDS(X86_FEATURE_SHSTK, X86_FEATURE_IBT),
	  .where = VREG_S_CET, .read = msr_read_stored, .write = msr_write_cet,
	  .flags = MSR_VREG | CET_FLAGS },
	{ MSR_IA32_S_CET + 1, MSR_IA32_S_CET + 1, "CET", ABSENT },
	{ MSR_IA32_PL0_SSP, MSR_IA32_PL0_SSP, "IA32_PL0_SSP", CET_SSP, FIELD(pl_ssp[0]) },
	{ MSR_IA32_PL1_SSP, MSR_IA32_PL1_SSP, "IA32_PL1_SSP", CET_SSP, FIELD(pl_ssp[1]) },
	{ MSR_IA32_PL2_SSP, MSR_IA32_PL2_SSP, "IA32_PL2_SSP", CET_SSP, FIELD(pl_ssp[2]) },
	{ MSR_IA32_PL3_SSP, MSR_IA32_PL3_SSP, "IA32_PL3_SSP", CET_SSP, FIELD(pl_ssp[3]) },
	{ MSR_IA32_INT_SSP_TAB, MSR_IA32_INT_SSP_TAB, "IA32_INT_SSP_TAB", NEEDS(X86_FEATURE_SHSTK),
	  .where = VREG_INT_SSP_TABLE, .read = msr_read_stored, .write = msr_write_canonical,
	  .flags = MSR_VREG | MSR_RESET | MSR_RESET_BY_INIT },
	{ MSR_IA32_TSC_DEADLINE, MSR_IA32_TSC_DEADLINE, "IA32_TSC_DEADLINE",
	  NEEDS(X86_FEATURE_TSC_DEADLINE), .read = msr_read_tsc_deadline,
	  .write = msr_write_tsc_deadline },
	{ MSR_X2APIC_FIRST, MSR_X2APIC_LAST, "X2APIC", NEEDS(X86_FEATURE_X2APIC),
	  .read = msr_read_x2apic, .write = msr_write_x2apic, .flags = MSR_UNLISTED },
	{ MSR_IA32_XSS, MSR_IA32_XSS, "IA32_XSS", NEEDS(X86_FEATURE_XSAVES), FIELD(xss),
	  .write = msr_write_xss, .flags = MSR_RESET },
	{ MSR_KVM_WALL_CLOCK, MSR_KVM_WALL_CLOCK, "KVM_WALL_CLOCK", NEEDS(KVM_FEATURE_CLOCKSOURCE2),
	  .read = msr_read_pvclock, .write = msr_write_pvclock },
	{ MSR_KVM_SYSTEM_TIME, MSR_KVM_SYSTEM_TIME, "KVM_SYSTEM_TIME",
	  NEEDS(KVM_FEATURE_CLOCKSOURCE2), .read = msr_read_pvclock, .write = msr_write_pvclock,
	  .flags = MSR_RESET | MSR_RESET_BY_INIT | MSR_RESET_BY_WRITE },
	{ MSR_KVM_SYSTEM_TIME + 1, MSR_KVM_STEAL_TIME - 1, "KVM", ABSENT },
	{ MSR_KVM_STEAL_TIME, MSR_KVM_STEAL_TIME, "KVM_STEAL_TIME", NEEDS(KVM_FEATURE_STEAL_TIME),
	  FIELD(steal.msr), .write = msr_write_steal_time,
	  .flags = MSR_RESET | MSR_RESET_BY_INIT | MSR_RESET_BY_WRITE },
	{ MSR_KVM_PV_EOI, MSR_KVM_PV_EOI, "KVM_PV_EOI", NEEDS(KVM_FEATURE_PV_EOI),
	  FIELD(pv_eoi.msr), .write = msr_write_pv_eoi,
	  .flags = MSR_RESET | MSR_RESET_BY_INIT | MSR_RESET_BY_WRITE },
	{ MSR_KVM_POLL_CONTROL, MSR_KVM_POLL_CONTROL, "KVM_POLL_CONTROL",
	  NEEDS(KVM_FEATURE_POLL_CONTROL), FIELD(poll_control), .reset = POLL_CONTROL_HOST_POLLS,
	  .write = msr_write_poll_control, .flags = MSR_RESET },
	{ MSR_KVM_POLL_CONTROL + 1, MSR_KVM_LAST, "KVM", ABSENT },
	{ MSR_EFER, MSR_EFER, "EFER", .where = VREG_EFER, .read = msr_read_stored,
	  .write = msr_write_efer, .restore = msr_restore_efer,
	  .flags = MSR_VREG | MSR_RESET | MSR_RESET_BY_INIT },
	{ MSR_STAR, MSR_STAR, "STAR", NEEDS(X86_FEATURE_SYSCALL), FIELD(star),
	  .write = msr_write_any, .flags = MSR_RESET | MSR_PASSTHROUGH },
	{ MSR_LSTAR, MSR_LSTAR, "LSTAR", NEEDS(X86_FEATURE_LM), FIELD(lstar),
	  .write = msr_write_canonical, .flags = MSR_RESET | MSR_PASSTHROUGH },
	{ MSR_CSTAR, MSR_CSTAR, "CSTAR", NEEDS(X86_FEATURE_LM), FIELD(cstar),
	  .write = msr_write_canonical, .flags = MSR_RESET | MSR_PASSTHROUGH },
	{ MSR_SFMASK, MSR_SFMASK, "SFMASK", NEEDS(X86_FEATURE_SYSCALL), FIELD(sfmask),
	  .write = msr_write_u32, .flags = MSR_RESET | MSR_PASSTHROUGH },
	{ MSR_FS_BASE, MSR_GS_BASE, "SEGMENT_BASE", NEEDS(X86_FEATURE_LM),
	  .read = msr_read_segment_base, .write = msr_write_segment_base,
	  .flags = MSR_PASSTHROUGH | MSR_UNLISTED },
	{ MSR_KERNEL_GS_BASE, MSR_KERNEL_GS_BASE, "KERNEL_GS_BASE", NEEDS(X86_FEATURE_LM),
	  FIELD(kernel_gs_base), .write = msr_write_canonical,
	  .flags = MSR_RESET | MSR_PASSTHROUGH },
	{ MSR_TSC_AUX, MSR_TSC_AUX, "TSC_AUX", NEEDS(X86_FEATURE_RDTSCP, X86_FEATURE_RDPID),
	  FIELD(tsc_aux), .write = msr_write_u32, .flags = MSR_RESET | MSR_PASSTHROUGH },
	{ MSR_K7_EVNTSEL0, MSR_K7_PERFCTR3, "K7_PERF", ABSENT },
	{ MSR_SYSCFG, MSR_SYSCFG, "SYSCFG", AMD_CONSTANT },
	{ MSR_HWCR, MSR_HWCR, "HWCR", AMD_CONSTANT, .reset = HWCR_TSC_FREQ_SEL },
	{ MSR_TOP_MEM, MSR_TOP_MEM, "TOP_MEM", AMD_CONSTANT, .reset = GUEST_HOLE_START },
	{ MSR_TOP_MEM2, MSR_TOP_MEM2, "TOP_MEM2", AMD_CONSTANT },
	{ MSR_NB_CFG, MSR_NB_CFG, "NB_CFG", AMD_CONSTANT },
	{ MSR_PATCH_LOADER, MSR_PATCH_LOADER, "PATCH_LOADER", ABSENT },
	{ MSR_PSTATE_LIMIT, MSR_PSTATE7, "PSTATE", ABSENT },
	{ MSR_VM_CR, MSR_VM_HSAVE_PA, "SVM", ABSENT },
	{ MSR_PERF_CTL0, MSR_PERF_CTR5, "PERF", ABSENT },
	{ MSR_LS_CFG, MSR_LS_CFG, "LS_CFG", ABSENT },
	{ MSR_FP_CFG, MSR_FP_CFG, "FP_CFG", ABSENT },
	/* Firn sees to it on each CPU (svm/vcpu.c). */
	{ MSR_DE_CFG, MSR_DE_CFG, "DE_CFG", AMD_CONSTANT, .reset = DE_CFG_LFENCE_SERIALIZE },
};

static const struct msr_row *find(u32 msr)
{
	size_t low = 0, high = ARRAY_SIZE(rows);

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (msr > rows[middle].last)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ARRAY_SIZE(rows) && msr >= rows[low].first ? &rows[low] : NULL;
}

static bool is_counter(const struct vcpu *vcpu, u32 msr)
{
	const struct pmu_layout layout = pmu_layout(&vcpu->vm->arch.cpuid);
	enum pmu_reg reg;
	unsigned index;

	return pmu_find_msr(&layout, msr, &reg, &index);
}

/* Those whose existence depends on something else than features. */
static bool special_exists(const struct vcpu *vcpu, const struct msr_row *row, u32 msr)
{
	if (row->flags & MSR_PMU)
		return is_counter(vcpu, msr);
	return (row->flags & MSR_AMD) && cpuid_image_is_amd(&vcpu->vm->arch.cpuid);
}

static bool exists(const struct vcpu *vcpu, const struct msr_row *row, u32 msr)
{
	if (row->flags & (MSR_ABSENT | MSR_AMD | MSR_PMU))
		return special_exists(vcpu, row, msr);
	if (!row->features)
		return true;
	for (const u32 *feature = row->features; *feature; feature++)
		if (cpuid_image_offers(&vcpu->vm->arch.cpuid, *feature))
			return true;
	return false;
}

bool guest_msr_read(struct vcpu *vcpu, u32 msr, u64 *value)
{
	const struct msr_row *row = find(msr);

	if (!row) {
		log_ratelimited(LOG_WARN, "vm %s: vcpu %u: RDMSR of unknown MSR 0x%x at RIP 0x%llx",
				vcpu->vm->config->name, vcpu->id, (unsigned)msr,
				(unsigned long long)virt_get(vcpu, VREG_RIP));
		return false;
	}
	return exists(vcpu, row, msr) && row->read(vcpu, row, msr, value);
}

bool guest_msr_write(struct vcpu *vcpu, u32 msr, u64 value)
{
	const struct msr_row *row = find(msr);

	if (!row) {
		log_ratelimited(LOG_WARN,
				"vm %s: vcpu %u: WRMSR of 0x%llx to unknown MSR 0x%x at RIP 0x%llx",
				vcpu->vm->config->name, vcpu->id, (unsigned long long)value,
				(unsigned)msr, (unsigned long long)virt_get(vcpu, VREG_RIP));
		return false;
	}
	return exists(vcpu, row, msr) && row->write(vcpu, row, msr, value);
}

size_t guest_msr_passthrough(bool cet, u32 *msrs, size_t max)
{
	u32 wanted = MSR_PASSTHROUGH | (cet ? MSR_PASSTHROUGH_CET : 0);
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!(rows[i].flags & wanted))
			continue;
		for (u32 msr = rows[i].first; msr <= rows[i].last; msr++, n++)
			if (n < max)
				msrs[n] = msr;
	}
	return n;
}

static void reset_row(struct vcpu *vcpu, const struct msr_row *row)
{
	for (u32 msr = row->first; msr <= row->last; msr++) {
		if (row->flags & MSR_RESET_BY_WRITE)
			row->write(vcpu, row, msr, row->reset);
		else
			msr_store(vcpu, row, msr, row->reset);
	}
}

void guest_msr_reset(struct vcpu *vcpu, bool init)
{
	u32 wanted = init ? MSR_RESET_BY_INIT : MSR_RESET;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if ((rows[i].flags & wanted) && exists(vcpu, &rows[i], rows[i].first))
			reset_row(vcpu, &rows[i]);
}

size_t guest_msr_list(const struct vcpu *vcpu, u32 *msrs, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].flags & MSR_UNLISTED)
			continue;
		for (u32 msr = rows[i].first; msr <= rows[i].last; msr++) {
			if (!exists(vcpu, &rows[i], msr))
				continue;
			if (n < max)
				msrs[n] = msr;
			n++;
		}
	}
	return n;
}

static bool format_name(const struct msr_row *row, u32 msr, char *buf, size_t len)
{
	if (row->flags & (MSR_ABSENT | MSR_UNLISTED))
		return false;
	if (row->first == row->last)
		snprintf(buf, len, "%s", row->name);
	else
		snprintf(buf, len, "%s+%u", row->name, (unsigned)(msr - row->first));
	return true;
}

bool guest_msr_name(u32 msr, char *buf, size_t len)
{
	const struct msr_row *row = find(msr);

	return row && format_name(row, msr, buf, len);
}

bool guest_msr_by_name(const char *name, u32 *msr)
{
	char buf[MSR_NAME_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (*msr = rows[i].first; *msr <= rows[i].last; (*msr)++)
			if (format_name(&rows[i], *msr, buf, sizeof(buf)) && !strcmp(buf, name))
				return true;
	return false;
}

/* The row of an MSR that is in guest_msr_list. */
static const struct msr_row *find_listed(const struct vcpu *vcpu, u32 msr)
{
	const struct msr_row *row = find(msr);

	return row && !(row->flags & MSR_UNLISTED) && exists(vcpu, row, msr) ? row : NULL;
}

enum firn_err guest_msr_get(struct vcpu *vcpu, u32 msr, u64 *value)
{
	const struct msr_row *row = find_listed(vcpu, msr);

	return row && row->read(vcpu, row, msr, value) ? FIRN_OK : ERR_NOENT;
}

enum firn_err guest_msr_set(struct vcpu *vcpu, u32 msr, u64 value)
{
	const struct msr_row *row = find_listed(vcpu, msr);
	bool done;

	if (!row)
		return ERR_NOENT;
	if (row->flags & MSR_READONLY)
		return ERR_READONLY;
	done = row->restore ? row->restore(vcpu, row, msr, value)
			    : row->write(vcpu, row, msr, value);
	return done ? FIRN_OK : ERR_INVALID;
}
