/* SPDX-License-Identifier: MIT */
/* VMX capability discovery by table (SDM 3D appendix A). */
#include "arch/x86/vmx/caps.h"

#include "arch/x86/cpuid_bits.h"
#include "arch/x86/regs.h"
#include "arch/x86/vmx/vmcs.h"

struct vmx_caps vmx_caps;

enum {
	MSR_VMX_BASIC = 0x480,
	MSR_VMX_PIN = 0x481,
	MSR_VMX_PROC = 0x482,
	MSR_VMX_EXIT = 0x483,
	MSR_VMX_ENTRY = 0x484,
	MSR_VMX_MISC = 0x485,
	MSR_VMX_CR0_FIXED0 = 0x486,
	MSR_VMX_CR0_FIXED1 = 0x487,
	MSR_VMX_CR4_FIXED0 = 0x488,
	MSR_VMX_CR4_FIXED1 = 0x489,
	MSR_VMX_PROC2 = 0x48b,
	MSR_VMX_EPT_VPID = 0x48c,
	MSR_VMX_TRUE_PIN = 0x48d,
	MSR_VMX_TRUE_PROC = 0x48e,
	MSR_VMX_TRUE_EXIT = 0x48f,
	MSR_VMX_TRUE_ENTRY = 0x490,
};

static bool always(const struct vmx_caps *c)
{
	(void)c;
	return true;
}
static bool has_true_controls(const struct vmx_caps *c)
{
	return c->basic & VMX_BASIC_TRUE_CTLS;
}
static bool no_true_controls(const struct vmx_caps *c)
{
	return !has_true_controls(c);
}
static bool has_secondary(const struct vmx_caps *c)
{
	return vmx_caps_may(c, CTL_PROC, PROC_SECONDARY);
}
static bool has_ept_or_vpid(const struct vmx_caps *c)
{
	return vmx_caps_may(c, CTL_PROC2, PROC2_EPT | PROC2_VPID);
}

#define FIELD(member) offsetof(struct vmx_caps, member), sizeof(((struct vmx_caps *)0)->member)

/* In reading order: a predicate uses only what stands above it. */
static const struct {
	u32 msr;
	u16 offset, size;
	bool (*present)(const struct vmx_caps *caps);
} cap_msrs[] = {
	{ MSR_VMX_BASIC, FIELD(basic), always },
	{ MSR_VMX_MISC, FIELD(misc), always },
	{ MSR_VMX_CR0_FIXED0, FIELD(cr0_fixed0), always },
	{ MSR_VMX_CR0_FIXED1, FIELD(cr0_fixed1), always },
	{ MSR_VMX_CR4_FIXED0, FIELD(cr4_fixed0), always },
	{ MSR_VMX_CR4_FIXED1, FIELD(cr4_fixed1), always },
	{ MSR_VMX_PIN, FIELD(control[CTL_PIN]), no_true_controls },
	{ MSR_VMX_TRUE_PIN, FIELD(control[CTL_PIN]), has_true_controls },
	{ MSR_VMX_PROC, FIELD(control[CTL_PROC]), no_true_controls },
	{ MSR_VMX_TRUE_PROC, FIELD(control[CTL_PROC]), has_true_controls },
	{ MSR_VMX_EXIT, FIELD(control[CTL_EXIT]), no_true_controls },
	{ MSR_VMX_TRUE_EXIT, FIELD(control[CTL_EXIT]), has_true_controls },
	{ MSR_VMX_ENTRY, FIELD(control[CTL_ENTRY]), no_true_controls },
	{ MSR_VMX_TRUE_ENTRY, FIELD(control[CTL_ENTRY]), has_true_controls },
	{ MSR_VMX_PROC2, FIELD(control[CTL_PROC2]), has_secondary },
	{ MSR_VMX_EPT_VPID, FIELD(ept_vpid), has_ept_or_vpid },
};

enum firn_err vmx_caps_read(struct vmx_caps *caps, msr_source read)
{
	*caps = (struct vmx_caps){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(cap_msrs); i++) {
		u64 *field = (u64 *)((char *)caps + cap_msrs[i].offset);

		if (cap_msrs[i].present(caps) && !read(cap_msrs[i].msr, field))
			return ERR_UNSUPPORTED;
	}
	return FIRN_OK;
}

bool vmx_caps_may(const struct vmx_caps *caps, enum vmx_control ctl, u64 bit)
{
	return (caps->control[ctl] >> 32) & bit;
}

u32 vmx_caps_adjust(const struct vmx_caps *caps, enum vmx_control ctl, u64 wanted)
{
	return (u32)((wanted | (u32)caps->control[ctl]) & (caps->control[ctl] >> 32));
}

enum need {
	REQUIRED,
	OPTIONAL
};

#define EPT_VPID NR_VMX_CONTROLS /* pseudo control: a bit of IA32_VMX_EPT_VPID_CAP */

static const struct {
	unsigned ctl;
	u64 bit;
	enum need need;
	const char *name;
} features[] = {
	{ CTL_PIN, PIN_EXTERNAL_INTERRUPT, REQUIRED, "external-interrupt exiting" },
	{ CTL_PIN, PIN_NMI, REQUIRED, "NMI exiting" },
	{ CTL_PIN, PIN_VIRTUAL_NMI, REQUIRED, "virtual NMIs" },
	{ CTL_PIN, PIN_PREEMPTION_TIMER, REQUIRED, "VMX-preemption timer" },
	{ CTL_PROC, PROC_TSC_OFFSET, REQUIRED, "TSC offsetting" },
	{ CTL_PROC, PROC_HLT, REQUIRED, "HLT exiting" },
	{ CTL_PROC, PROC_IO_BITMAPS, REQUIRED, "I/O bitmaps" },
	{ CTL_PROC, PROC_MSR_BITMAPS, REQUIRED, "MSR bitmaps" },
	{ CTL_PROC, PROC_SECONDARY, REQUIRED, "secondary processor-based controls" },
	{ CTL_PROC2, PROC2_EPT, REQUIRED, "extended page tables" },
	{ CTL_PROC2, PROC2_VPID, REQUIRED, "virtual-processor identifiers" },
	{ CTL_PROC2, PROC2_UNRESTRICTED, REQUIRED, "unrestricted guest" },
	{ CTL_EXIT, EXIT_HOST_64, REQUIRED, "64-bit host" },
	{ CTL_EXIT, EXIT_ACK_INTERRUPT, REQUIRED, "acknowledge interrupt on exit" },
	{ CTL_EXIT, EXIT_SAVE_PAT, REQUIRED, "save IA32_PAT on exit" },
	{ CTL_EXIT, EXIT_LOAD_PAT, REQUIRED, "load IA32_PAT on exit" },
	{ CTL_EXIT, EXIT_SAVE_EFER, REQUIRED, "save IA32_EFER on exit" },
	{ CTL_EXIT, EXIT_LOAD_EFER, REQUIRED, "load IA32_EFER on exit" },
	{ CTL_ENTRY, ENTRY_IA32E, REQUIRED, "IA-32e mode guest" },
	{ CTL_ENTRY, ENTRY_LOAD_PAT, REQUIRED, "load IA32_PAT on entry" },
	{ CTL_ENTRY, ENTRY_LOAD_EFER, REQUIRED, "load IA32_EFER on entry" },
	{ EPT_VPID, EPT_CAP_WALK4, REQUIRED, "4-level EPT" },
	{ EPT_VPID, EPT_CAP_WB, REQUIRED, "write-back EPT structures" },
	{ EPT_VPID, EPT_CAP_2M, REQUIRED, "2 MiB EPT pages" },
	{ EPT_VPID, EPT_CAP_INVEPT, REQUIRED, "INVEPT" },
	{ EPT_VPID, EPT_CAP_INVEPT_ONE, REQUIRED, "INVEPT single-context" },
	{ EPT_VPID, EPT_CAP_INVVPID, REQUIRED, "INVVPID" },
	{ EPT_VPID, EPT_CAP_INVVPID_ONE, REQUIRED, "INVVPID single-context" },
	{ EPT_VPID, EPT_CAP_1G, OPTIONAL, "1 GiB EPT pages" },
	{ EPT_VPID, EPT_CAP_AD, OPTIONAL, "EPT accessed and dirty flags" },
	{ CTL_PROC2, PROC2_PML, OPTIONAL, "page-modification logging" },
	{ CTL_PROC, PROC_MONITOR_TRAP, OPTIONAL, "monitor trap flag" },
	{ CTL_PROC, PROC_TPR_SHADOW, OPTIONAL, "TPR shadow" },
	{ CTL_PROC2, PROC2_APIC_ACCESSES, OPTIONAL, "virtualize APIC accesses" },
	{ CTL_PROC2, PROC2_X2APIC, OPTIONAL, "virtualize x2APIC mode" },
	{ CTL_PROC2, PROC2_APIC_REGISTERS, OPTIONAL, "APIC-register virtualization" },
	{ CTL_PROC2, PROC2_VIRTUAL_INTERRUPT, OPTIONAL, "virtual-interrupt delivery" },
	{ CTL_PROC2, PROC2_RDTSCP, OPTIONAL, "RDTSCP in guests" },
	{ CTL_PROC2, PROC2_PAUSE_LOOP, OPTIONAL, "PAUSE-loop exiting" },
	{ CTL_PROC2, PROC2_INVPCID, OPTIONAL, "INVPCID in guests" },
	{ CTL_PROC2, PROC2_WBINVD, OPTIONAL, "WBINVD exiting" },
	{ CTL_PROC2, PROC2_XSAVES, OPTIONAL, "XSAVES in guests" },
	{ CTL_EXIT, EXIT_LOAD_CET, OPTIONAL, "load CET state on exit" },
	{ CTL_ENTRY, ENTRY_LOAD_CET, OPTIONAL, "load CET state on entry" },
	{ CTL_EXIT, EXIT_LOAD_PERF, OPTIONAL, "load IA32_PERF_GLOBAL_CTRL on exit" },
	{ CTL_ENTRY, ENTRY_LOAD_PERF, OPTIONAL, "load IA32_PERF_GLOBAL_CTRL on entry" },
};

static bool has_feature(const struct vmx_caps *caps, size_t i)
{
	if (features[i].ctl == EPT_VPID)
		return caps->ept_vpid & features[i].bit;
	return vmx_caps_may(caps, features[i].ctl, features[i].bit);
}

enum firn_err vmx_caps_check(const struct vmx_caps *caps,
			     void (*missing)(void *ctx, const char *name, bool required), void *ctx)
{
	enum firn_err err = FIRN_OK;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		bool required = features[i].need == REQUIRED;

		if (has_feature(caps, i))
			continue;
		missing(ctx, features[i].name, required);
		if (required)
			err = ERR_UNSUPPORTED;
	}
	return err;
}

bool vmx_caps_pml(const struct vmx_caps *caps)
{
	return vmx_caps_may(caps, CTL_PROC2, PROC2_PML) && (caps->ept_vpid & EPT_CAP_AD);
}

bool vmx_caps_counters(const struct vmx_caps *caps)
{
	return vmx_caps_may(caps, CTL_EXIT, EXIT_LOAD_PERF) &&
	       vmx_caps_may(caps, CTL_ENTRY, ENTRY_LOAD_PERF);
}

bool vmx_caps_apicv(const struct vmx_caps *caps)
{
	return vmx_caps_may(caps, CTL_PROC, PROC_TPR_SHADOW) &&
	       vmx_caps_may(caps, CTL_PROC2, PROC2_APIC_ACCESSES) &&
	       vmx_caps_may(caps, CTL_PROC2, PROC2_X2APIC) &&
	       vmx_caps_may(caps, CTL_PROC2, PROC2_APIC_REGISTERS) &&
	       vmx_caps_may(caps, CTL_PROC2, PROC2_VIRTUAL_INTERRUPT);
}

void vmx_caps_mask_cpuid(const struct vmx_caps *caps, u32 leaf, u32 subleaf, u32 out[4])
{
	/* Instructions that are #UD in guests without a control (SDM 3C 25.3). */
	static const struct {
		u32 feature, control;
	} controlled[] = {
		{ X86_FEATURE_RDTSCP, PROC2_RDTSCP },
		{ X86_FEATURE_RDPID, PROC2_RDTSCP },
		{ X86_FEATURE_INVPCID, PROC2_INVPCID },
		{ X86_FEATURE_XSAVES, PROC2_XSAVES },
	};

	for (size_t i = 0; i < ARRAY_SIZE(controlled); i++) {
		const u32 f = controlled[i].feature;

		if (leaf == CPUID_FEATURE_LEAF(f) && subleaf == CPUID_FEATURE_SUBLEAF(f) &&
		    !vmx_caps_may(caps, CTL_PROC2, controlled[i].control))
			out[CPUID_FEATURE_REG(f)] &= ~CPUID_FEATURE_MASK(f);
	}
}

bool vmx_caps_load_cet(const struct vmx_caps *caps)
{
	return vmx_caps_may(caps, CTL_EXIT, EXIT_LOAD_CET) &&
	       vmx_caps_may(caps, CTL_ENTRY, ENTRY_LOAD_CET);
}

const char *vmx_host_cet_lacks(const struct vmx_caps *caps)
{
	if (!vmx_caps_load_cet(caps))
		return "VM entries and exits do not load CET state";
	if (!(caps->cr4_fixed1 & CR4_CET))
		return "CR4.CET can't be set in VMX operation";
	return NULL;
}

const char *vmx_cet_lacks(const struct vmx_caps *caps)
{
	if (!vmx_caps_load_cet(caps))
		return "VM entries and exits do not load CET state";
	if (!vmx_caps_may(caps, CTL_PROC2, PROC2_UNRESTRICTED))
		return "there is no unrestricted guest";
	/* #CP is newer than the list of vectors with an error code in SDM 3C 26.2.1.3. */
	if (!(caps->basic & VMX_BASIC_ANY_ERROR_CODE))
		return "#CP can't be injected with its error code (IA32_VMX_BASIC bit 56)";
	return NULL;
}
