/* SPDX-License-Identifier: MIT */
/* Which speculation attacks matter on a processor, and what is chosen against each of them. */
#include "arch/x86/mitigations.h"

#include <string.h>

#include "arch/x86/msr.h"

#define ISSUE_NAME(id, name) [ISSUE_##id] = name,
const char *const mitigation_issue_name[NR_ISSUES] = { MITIGATION_ISSUES(ISSUE_NAME) };

#define VERDICT_TEXT(id, level, text) [VERDICT_##id] = text,
const char *const mitigation_text[NR_VERDICTS] = { MITIGATION_VERDICTS(VERDICT_TEXT) };

#define VERDICT_LEVEL(id, level, text) [VERDICT_##id] = level,
static const u8 verdict_level[NR_VERDICTS] = { MITIGATION_VERDICTS(VERDICT_LEVEL) };

#define FLUSH_NAME(id, name) [FLUSH_##id] = name,
const char *const predictor_flush_name[NR_PREDICTOR_FLUSHES] = { PREDICTOR_FLUSHES(FLUSH_NAME) };

#define RSB_TEXT(id, text) [RSB_##id] = text,
const char *const rsb_measure_text[NR_RSB_MEASURES] = { RSB_MEASURES(RSB_TEXT) };

enum mitigation_level mitigation_level(enum mitigation_verdict verdict)
{
	return verdict_level[verdict];
}

static bool has(const struct mitigation_inputs *in, u32 feature)
{
	return in->has & feature;
}

static bool says(const struct mitigation_inputs *in, u64 arch_capability)
{
	return (in->arch_capabilities & arch_capability) == arch_capability;
}

static bool known_for(const struct mitigation_inputs *in, u32 flag)
{
	return mitigation_model(in) & flag;
}

static bool forced(const struct mitigation_inputs *in)
{
	return in->mitigations == CONFIG_MITIGATIONS_FORCE;
}

static bool has_eibrs(const struct mitigation_inputs *in)
{
	return has(in, HAS_IBRS) && says(in, ARCH_CAP_IBRS_ALL);
}

/*
 * Each of the functions below is for one issue: the first tells whether the processor is affected
 * (VERDICT_VULN) or why not, the second what is done when it is; it adds that to the plan. They run
 * in the order of the table, so that later ones see what earlier ones chose.
 */

static enum mitigation_verdict always_affected(const struct mitigation_inputs *in)
{
	(void)in;
	return VERDICT_VULN;
}

static enum mitigation_verdict retbleed_affects(const struct mitigation_inputs *in)
{
	return known_for(in, MODEL_RETBLEED) ? VERDICT_VULN : VERDICT_NA_MODEL;
}

/* On AMD returns are predicted by what other branches trained: only a barrier helps. */
static enum mitigation_verdict retbleed_mitigate(const struct mitigation_inputs *in,
						 struct mitigation_plan *plan)
{
	if (in->vendor == VENDOR_INTEL)
		return has(in, HAS_IBRS) ? VERDICT_MIT_HOST_IBRS : VERDICT_VULN_MICROCODE;
	if (!has(in, HAS_IBPB))
		return VERDICT_VULN_NO_IBPB;
	plan->exit_ibpb = true;
	return VERDICT_MIT_IBPB_EXIT;
}

static enum mitigation_verdict srso_affects(const struct mitigation_inputs *in)
{
	if (has(in, HAS_SRSO_NO))
		return VERDICT_NA_SAYS_CPU;
	return known_for(in, MODEL_SRSO) ? VERDICT_VULN : VERDICT_NA_MODEL;
}

#define FAMILY_ZEN3 0x19

/* Until Zen 3 an IBPB reached predictions of returns without new microcode. */
static enum mitigation_verdict srso_mitigate(const struct mitigation_inputs *in,
					     struct mitigation_plan *plan)
{
	if (has(in, HAS_BP_SPEC_REDUCE)) {
		plan->reduce_speculation = true;
		return VERDICT_MIT_REDUCED;
	}
	if (!has(in, HAS_IBPB))
		return VERDICT_VULN_NO_IBPB;
	if (in->family >= FAMILY_ZEN3 && !has(in, HAS_IBPB_BRTYPE))
		return VERDICT_VULN_MICROCODE;
	plan->exit_ibpb = true;
	return VERDICT_MIT_IBPB_EXIT;
}

static enum mitigation_verdict bhi_affects(const struct mitigation_inputs *in)
{
	if (in->vendor != VENDOR_INTEL)
		return VERDICT_NA_MODEL;
	if (says(in, ARCH_CAP_BHI_NO))
		return VERDICT_NA_SAYS_CPU;
	/* An outer hypervisor may hide it. */
	return has_eibrs(in) || in->hypervisor ? VERDICT_VULN : VERDICT_NA_NO_EIBRS;
}

/* Processors that need the long loop have BHI_DIS_S. */
static enum mitigation_verdict bhi_mitigate(const struct mitigation_inputs *in,
					    struct mitigation_plan *plan)
{
	if (has(in, HAS_BHI_CTRL)) {
		plan->host_spec_ctrl |= SPEC_CTRL_BHI_DIS_S;
		return VERDICT_MIT_BHI_DIS_S;
	}
	plan->exit_bhb = true;
	return VERDICT_MIT_BHB_EXIT;
}

static enum mitigation_verdict vmscape_affects(const struct mitigation_inputs *in)
{
	if (in->vmscape == CONFIG_VMSCAPE_FORCE)
		return VERDICT_VULN;
	if (in->hypervisor)
		return VERDICT_NA_OUTER;
	return known_for(in, MODEL_VMSCAPE) ? VERDICT_VULN : VERDICT_NA_MODEL;
}

static enum mitigation_verdict vmscape_ibpb(const struct mitigation_inputs *in,
					    struct mitigation_plan *plan)
{
	if (!has(in, HAS_IBPB))
		return VERDICT_VULN_NO_IBPB;
	plan->flush = FLUSH_IBPB;
	return VERDICT_MIT_VMSCAPE_IBPB;
}

/* Where the branch history is all that a guest could use, and the long loop overwrites it. */
static bool bhb_is_enough(const struct mitigation_inputs *in)
{
	return in->vendor == VENDOR_INTEL && has(in, HAS_BHI_CTRL);
}

static enum mitigation_verdict vmscape_bhb(const struct mitigation_inputs *in,
					   struct mitigation_plan *plan)
{
	plan->flush = bhb_is_enough(in) ? FLUSH_BHB_LONG : FLUSH_BHB_SHORT;
	return bhb_is_enough(in) ? VERDICT_MIT_VMSCAPE_BHB : VERDICT_VULN_BHB;
}

static enum mitigation_verdict vmscape_mitigate(const struct mitigation_inputs *in,
						struct mitigation_plan *plan)
{
	switch (in->vmscape) {
	case CONFIG_VMSCAPE_OFF:
		return VERDICT_VULN_OFF;
	case CONFIG_VMSCAPE_BHB:
		return vmscape_bhb(in, plan);
	case CONFIG_VMSCAPE_IBPB:
		return vmscape_ibpb(in, plan);
	default:
		break;
	}
	if (plan->exit_ibpb)
		return VERDICT_MIT_IBPB_EXIT;
	return bhb_is_enough(in) ? vmscape_bhb(in, plan) : vmscape_ibpb(in, plan);
}

/* Asked for on a processor that is not affected: done, but not claimed to be of use. */
static void vmscape_anyway(const struct mitigation_inputs *in, struct mitigation_plan *plan)
{
	enum mitigation_verdict *verdict = &plan->verdict[ISSUE_VMSCAPE];

	if (mitigation_level(*verdict) != NOT_AFFECTED)
		return;
	if (in->vmscape == CONFIG_VMSCAPE_BHB) {
		vmscape_bhb(in, plan);
		*verdict = VERDICT_NA_BHB;
	} else if (in->vmscape == CONFIG_VMSCAPE_IBPB) {
		*verdict = vmscape_ibpb(in, plan);
		if (mitigation_level(*verdict) == MITIGATED)
			*verdict = VERDICT_NA_IBPB;
	}
}

static enum mitigation_verdict spectre_v2_intel(const struct mitigation_inputs *in,
						struct mitigation_plan *plan)
{
	if (!has(in, HAS_IBRS))
		return has(in, HAS_IBPB) ? VERDICT_VULN_SWITCH_ONLY : VERDICT_VULN_MICROCODE;
	plan->host_spec_ctrl |= SPEC_CTRL_IBRS;
	if (has_eibrs(in))
		return has(in, HAS_IBPB) ? VERDICT_MIT_EIBRS : VERDICT_VULN_EIBRS_NO_IBPB;
	/* Without enhanced IBRS, the write after each entry into Firn is what counts. */
	plan->spec_ctrl_always = true;
	return has(in, HAS_IBPB) ? VERDICT_MIT_IBRS : VERDICT_VULN_IBRS_NO_IBPB;
}

static enum mitigation_verdict spectre_v2_amd(const struct mitigation_inputs *in,
					      struct mitigation_plan *plan)
{
	if (has(in, HAS_AUTO_IBRS)) {
		plan->auto_ibrs = true;
		return has(in, HAS_IBPB) ? VERDICT_MIT_AUTO_IBRS : VERDICT_VULN_AUTO_IBRS_NO_IBPB;
	}
	if (!has(in, HAS_IBPB))
		return VERDICT_VULN_NO_IBPB;
	if (plan->exit_ibpb)
		return VERDICT_MIT_IBPB_EXIT;
	if (in->vmscape == CONFIG_VMSCAPE_OFF || in->vmscape == CONFIG_VMSCAPE_BHB)
		return VERDICT_VULN_SWITCH_ONLY;
	plan->flush = FLUSH_IBPB;
	return VERDICT_MIT_IBPB_SHARED;
}

static enum mitigation_verdict spectre_v2_mitigate(const struct mitigation_inputs *in,
						   struct mitigation_plan *plan)
{
	plan->switch_ibpb = has(in, HAS_IBPB);
	if (in->vendor == VENDOR_INTEL)
		return spectre_v2_intel(in, plan);
	return spectre_v2_amd(in, plan);
}

static enum mitigation_verdict its_affects(const struct mitigation_inputs *in)
{
	if (in->vendor != VENDOR_INTEL)
		return VERDICT_NA_MODEL;
	if (says(in, ARCH_CAP_ITS_NO))
		return VERDICT_NA_SAYS_CPU;
	if (known_for(in, MODEL_ITS_OWN))
		return VERDICT_NA_OWN_MODE;
	if (known_for(in, MODEL_ITS))
		return VERDICT_VULN;
	/* An outer hypervisor may show another model; those with BHI_CTRL came later. */
	return in->hypervisor && !has(in, HAS_BHI_CTRL) ? VERDICT_VULN : VERDICT_NA_MODEL;
}

static enum mitigation_verdict its_mitigate(const struct mitigation_inputs *in,
					    struct mitigation_plan *plan)
{
	(void)in;
	plan->branch_thunks = true;
	return VERDICT_MIT_THUNKS;
}

static enum mitigation_verdict l1tf_affects(const struct mitigation_inputs *in)
{
	if (known_for(in, MODEL_NO_L1TF))
		return VERDICT_NA_MODEL;
	return says(in, ARCH_CAP_RDCL_NO) ? VERDICT_NA_SAYS_CPU : VERDICT_VULN;
}

static enum mitigation_verdict l1tf_mitigate(const struct mitigation_inputs *in,
					     struct mitigation_plan *plan)
{
	if (says(in, ARCH_CAP_SKIP_L1DFL))
		return VERDICT_MIT_L1D_OUTER;
	if (!has(in, HAS_L1D_FLUSH))
		return VERDICT_VULN_NO_FLUSH;
	plan->l1d_flush = true;
	return VERDICT_MIT_L1D_FLUSH;
}

static enum mitigation_verdict mds_affects(const struct mitigation_inputs *in)
{
	if (known_for(in, MODEL_NO_MDS))
		return VERDICT_NA_MODEL;
	return says(in, ARCH_CAP_MDS_NO) ? VERDICT_NA_SAYS_CPU : VERDICT_VULN;
}

static enum mitigation_verdict verw_if(bool clears, struct mitigation_plan *plan)
{
	if (!clears)
		return VERDICT_VULN_MICROCODE;
	plan->verw = true;
	return VERDICT_MIT_VERW;
}

static enum mitigation_verdict mds_mitigate(const struct mitigation_inputs *in,
					    struct mitigation_plan *plan)
{
	return verw_if(has(in, HAS_MD_CLEAR), plan);
}

static enum mitigation_verdict taa_affects(const struct mitigation_inputs *in)
{
	if (in->vendor != VENDOR_INTEL)
		return VERDICT_NA_MODEL;
	if (says(in, ARCH_CAP_TAA_NO))
		return VERDICT_NA_SAYS_CPU;
	return has(in, HAS_RTM) ? VERDICT_VULN : VERDICT_NA_NO_TSX;
}

static enum mitigation_verdict mmio_affects(const struct mitigation_inputs *in)
{
	if (says(in, ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO | ARCH_CAP_PSDP_NO))
		return VERDICT_NA_SAYS_CPU;
	return known_for(in, MODEL_MMIO) ? VERDICT_VULN : VERDICT_NA_MODEL;
}

/* VERW of MDS clears fill buffers too, unless the processor needs no help against MDS. */
static enum mitigation_verdict mmio_mitigate(const struct mitigation_inputs *in,
					     struct mitigation_plan *plan)
{
	bool by_mds = has(in, HAS_MD_CLEAR) && !says(in, ARCH_CAP_MDS_NO);

	return verw_if(says(in, ARCH_CAP_FB_CLEAR) || by_mds, plan);
}

static enum mitigation_verdict rfds_affects(const struct mitigation_inputs *in)
{
	if (says(in, ARCH_CAP_RFDS_NO))
		return VERDICT_NA_SAYS_CPU;
	return known_for(in, MODEL_RFDS) ? VERDICT_VULN : VERDICT_NA_MODEL;
}

static enum mitigation_verdict rfds_mitigate(const struct mitigation_inputs *in,
					     struct mitigation_plan *plan)
{
	return verw_if(says(in, ARCH_CAP_RFDS_CLEAR), plan);
}

/*
 * Enhanced IBRS keeps guests out of the RSB, but for one entry until a call has retired (Intel,
 * Post-barrier Return Stack Buffer Predictions). IA32_SPEC_CTRL is switched there at each exit, by
 * a call that an LFENCE follows. Automatic IBRS clears the RSB at #VMEXIT (APM 2 3.1.7).
 */
static enum rsb_measure rsb_measure(const struct mitigation_inputs *in,
				    const struct mitigation_plan *plan)
{
	if (in->mitigations == CONFIG_MITIGATIONS_OFF)
		return RSB_NONE;
	if (forced(in))
		return RSB_FILL;
	if (in->vendor == VENDOR_INTEL && has_eibrs(in))
		return says(in, ARCH_CAP_PBRSB_NO) || known_for(in, MODEL_NO_PBRSB) ? RSB_CPU
										    : RSB_CALL;
	if (plan->auto_ibrs)
		return RSB_CPU;
	return plan->exit_ibpb && has(in, HAS_IBPB_RET) ? RSB_IBPB : RSB_FILL;
}

static const struct {
	enum mitigation_issue issue;
	bool smt; /* a sibling can attack at any time */
	enum mitigation_verdict (*affects)(const struct mitigation_inputs *in);
	enum mitigation_verdict (*mitigate)(const struct mitigation_inputs *in,
					    struct mitigation_plan *plan);
} issues[] = {
	{ ISSUE_RETBLEED, false, retbleed_affects, retbleed_mitigate },
	{ ISSUE_SRSO, false, srso_affects, srso_mitigate },
	{ ISSUE_BHI, false, bhi_affects, bhi_mitigate },
	{ ISSUE_VMSCAPE, true, vmscape_affects, vmscape_mitigate },
	{ ISSUE_SPECTRE_V2, true, always_affected, spectre_v2_mitigate },
	{ ISSUE_ITS, false, its_affects, its_mitigate },
	{ ISSUE_L1TF, true, l1tf_affects, l1tf_mitigate },
	{ ISSUE_MDS, true, mds_affects, mds_mitigate },
	{ ISSUE_TAA, true, taa_affects, mds_mitigate },
	{ ISSUE_MMIO, true, mmio_affects, mmio_mitigate },
	{ ISSUE_RFDS, false, rfds_affects, rfds_mitigate },
};
_Static_assert(ARRAY_SIZE(issues) == NR_ISSUES, "a row for each issue");

/* With force, what the processor needs according to no table is done too, as far as it can. */
static void choose(const struct mitigation_inputs *in, struct mitigation_plan *plan, size_t i)
{
	enum mitigation_verdict *verdict = &plan->verdict[issues[i].issue];

	*verdict = issues[i].affects(in);
	if (*verdict != VERDICT_VULN && !forced(in))
		return;
	*verdict = in->mitigations == CONFIG_MITIGATIONS_OFF ? VERDICT_VULN_OFF
							     : issues[i].mitigate(in, plan);
	plan->smt_vulnerable[issues[i].issue] =
		issues[i].smt && in->smt && mitigation_level(*verdict) == MITIGATED;
}

void mitigations_choose(const struct mitigation_inputs *in, struct mitigation_plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	for (size_t i = 0; i < ARRAY_SIZE(issues); i++)
		choose(in, plan, i);
	if (in->mitigations != CONFIG_MITIGATIONS_OFF)
		vmscape_anyway(in, plan);
	plan->rsb = rsb_measure(in, plan);
	/* A guest's own value must not stay when Firn or another guest runs. */
	plan->spec_ctrl = has(in, HAS_SPEC_CTRL) || plan->host_spec_ctrl;
	/* The L1D flush is told by the mark whether shared code has run. */
	if (plan->l1d_flush && plan->flush == FLUSH_NONE)
		plan->flush = FLUSH_MARK;
}
