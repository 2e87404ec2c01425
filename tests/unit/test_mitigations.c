/* SPDX-License-Identifier: MIT */
/* Which processors are affected by what, what is chosen against it, and the words for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/mitigations.h"
#include "arch/x86/msr.h"

#define EIBRS_CAPS (ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL)
#define INTEL_BITS (HAS_IBRS | HAS_IBPB | HAS_SPEC_CTRL | HAS_MD_CLEAR)
#define AMD_BITS   (HAS_IBPB | HAS_SPEC_CTRL)

static struct mitigation_plan choose(enum cpu_vendor vendor, unsigned family, unsigned model,
				     unsigned stepping, u32 has, u64 caps, bool hypervisor,
				     enum config_mitigations mitigations,
				     enum config_vmscape vmscape)
{
	const struct mitigation_inputs in = {
		.vendor = vendor,
		.family = family,
		.model = model,
		.stepping = stepping,
		.has = has,
		.arch_capabilities = caps,
		.hypervisor = hypervisor,
		.mitigations = mitigations,
		.vmscape = vmscape,
	};
	struct mitigation_plan plan;

	memset(&plan, 0xa5, sizeof(plan));
	mitigations_choose(&in, &plan);
	return plan;
}

/* Every name and text is there, once, and begins as its level says. */
static void test_names(void **state)
{
	static const char *const begin[NR_MITIGATION_LEVELS] = {
		[NOT_AFFECTED] = "Not affected",
		[VULNERABLE] = "Vulnerable",
		[MITIGATED] = "Mitigation: ",
	};

	(void)state;
	for (unsigned i = 0; i < NR_ISSUES; i++) {
		assert_non_null(mitigation_issue_name[i]);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(mitigation_issue_name[i], mitigation_issue_name[k]);
	}
	for (unsigned i = 0; i < NR_PREDICTOR_FLUSHES; i++) {
		assert_non_null(predictor_flush_name[i]);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(predictor_flush_name[i], predictor_flush_name[k]);
	}
	for (unsigned i = 0; i < NR_VERDICTS; i++) {
		const char *prefix = begin[mitigation_level(i)];

		assert_non_null(mitigation_text[i]);
		assert_memory_equal(mitigation_text[i], prefix, strlen(prefix));
		assert_null(strpbrk(mitigation_text[i], "\"\\"));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(mitigation_text[i], mitigation_text[k]);
	}
}

/* Reference: the list of models as it was published, apart from the table under test. */
static bool listed(unsigned model)
{
	static const u8 models[] = {
		0x2a, 0x2d, 0x3a, 0x3e, 0x3c, 0x45, 0x46, 0x3f, 0x3d, 0x47, 0x4f, 0x56,
		0x4e, 0x5e, 0x55, 0x8e, 0x9e, 0x66, 0xa5, 0xa6, 0x97, 0x9a, 0xb7, 0xba,
		0xbf, 0xaa, 0xc5, 0xc6, 0xb5, 0xbd, 0x8f, 0xcf, 0xad, 0xbe, 0xaf,
	};

	return memchr(models, (int)model, sizeof(models));
}

static void test_vmscape_models(void **state)
{
	(void)state;
	for (unsigned model = 0; model < 0x100; model++)
		for (unsigned stepping = 0; stepping < 16; stepping++) {
			struct mitigation_inputs in = { .vendor = VENDOR_INTEL,
							.family = 6,
							.model = model,
							.stepping = stepping };

			assert_int_equal(!!(mitigation_model(&in) & MODEL_VMSCAPE), listed(model));
			in.family = 0xf;
			assert_false(mitigation_model(&in) & MODEL_VMSCAPE);
		}
	for (unsigned vendor = VENDOR_OTHER; vendor <= VENDOR_HYGON; vendor++)
		for (unsigned family = 0; family < 0x20; family++) {
			struct mitigation_inputs in = { .vendor = vendor, .family = family };
			bool amd = family == 0x17 || family == 0x19 || family == 0x1a;

			if (vendor == VENDOR_INTEL)
				continue;
			assert_int_equal(!!(mitigation_model(&in) & MODEL_VMSCAPE),
					 vendor == VENDOR_AMD
						 ? amd
						 : vendor == VENDOR_HYGON && family == 0x18);
		}
}

#define SKYLAKE	   VENDOR_INTEL, 6, 0x5e
#define ICE_LAKE   VENDOR_INTEL, 6, 0x6a
#define TIGER_LAKE VENDOR_INTEL, 6, 0x8c
#define GRACEMONT  VENDOR_INTEL, 6, 0xbe
#define SIERRA	   VENDOR_INTEL, 6, 0xaf
#define COMET_LAKE VENDOR_INTEL, 6, 0xa5
#define TREMONT	   VENDOR_INTEL, 6, 0x86
#define ALDER_LAKE VENDOR_INTEL, 6, 0x97
#define EMERALD	   VENDOR_INTEL, 6, 0xcf
#define ZEN1	   VENDOR_AMD, 0x17, 1
#define ZEN4	   VENDOR_AMD, 0x19, 0x11
#define ZEN5	   VENDOR_AMD, 0x1a, 2
#define BHI	   (INTEL_BITS | HAS_BHI_CTRL)

static const struct {
	enum cpu_vendor vendor;
	unsigned family, model;
	u32 has;
	bool hypervisor;
	enum config_vmscape option;
	enum mitigation_verdict verdict;
	enum predictor_flush flush;
} vmscape_cases[] = {
	{ SKYLAKE, INTEL_BITS, 0, CONFIG_VMSCAPE_AUTO, VERDICT_MIT_VMSCAPE_IBPB, FLUSH_IBPB },
	{ SKYLAKE, 0, 0, CONFIG_VMSCAPE_AUTO, VERDICT_VULN_NO_IBPB, FLUSH_NONE },
	{ SKYLAKE, 0, 0, CONFIG_VMSCAPE_IBPB, VERDICT_VULN_NO_IBPB, FLUSH_NONE },
	{ SKYLAKE, INTEL_BITS, 0, CONFIG_VMSCAPE_OFF, VERDICT_VULN_OFF, FLUSH_NONE },
	/* The loop is chosen without BHI_CTRL only when asked for, and not said to help. */
	{ SKYLAKE, INTEL_BITS, 0, CONFIG_VMSCAPE_BHB, VERDICT_VULN_BHB, FLUSH_BHB_SHORT },
	{ SKYLAKE, INTEL_BITS, 0, CONFIG_VMSCAPE_FORCE, VERDICT_MIT_VMSCAPE_IBPB, FLUSH_IBPB },
	{ SKYLAKE, INTEL_BITS, 1, CONFIG_VMSCAPE_AUTO, VERDICT_NA_OUTER, FLUSH_NONE },
	{ SKYLAKE, INTEL_BITS, 1, CONFIG_VMSCAPE_OFF, VERDICT_NA_OUTER, FLUSH_NONE },
	{ SKYLAKE, INTEL_BITS, 1, CONFIG_VMSCAPE_FORCE, VERDICT_MIT_VMSCAPE_IBPB, FLUSH_IBPB },
	{ SKYLAKE, INTEL_BITS, 1, CONFIG_VMSCAPE_IBPB, VERDICT_NA_IBPB, FLUSH_IBPB },
	{ SKYLAKE, 0, 1, CONFIG_VMSCAPE_IBPB, VERDICT_VULN_NO_IBPB, FLUSH_NONE },
	{ ICE_LAKE, INTEL_BITS, 0, CONFIG_VMSCAPE_AUTO, VERDICT_NA_MODEL, FLUSH_NONE },
	{ ICE_LAKE, INTEL_BITS, 0, CONFIG_VMSCAPE_FORCE, VERDICT_MIT_VMSCAPE_IBPB, FLUSH_IBPB },
	{ TIGER_LAKE, INTEL_BITS, 0, CONFIG_VMSCAPE_BHB, VERDICT_NA_BHB, FLUSH_BHB_SHORT },
	{ GRACEMONT, BHI, 0, CONFIG_VMSCAPE_AUTO, VERDICT_MIT_VMSCAPE_BHB, FLUSH_BHB_LONG },
	{ SIERRA, BHI, 0, CONFIG_VMSCAPE_AUTO, VERDICT_MIT_VMSCAPE_BHB, FLUSH_BHB_LONG },
	{ SIERRA, INTEL_BITS, 0, CONFIG_VMSCAPE_AUTO, VERDICT_MIT_VMSCAPE_IBPB, FLUSH_IBPB },
	{ EMERALD, BHI, 0, CONFIG_VMSCAPE_AUTO, VERDICT_MIT_VMSCAPE_BHB, FLUSH_BHB_LONG },
	{ EMERALD, BHI, 0, CONFIG_VMSCAPE_IBPB, VERDICT_MIT_VMSCAPE_IBPB, FLUSH_IBPB },
	{ EMERALD, BHI, 0, CONFIG_VMSCAPE_BHB, VERDICT_MIT_VMSCAPE_BHB, FLUSH_BHB_LONG },
	{ EMERALD, BHI, 0, CONFIG_VMSCAPE_FORCE, VERDICT_MIT_VMSCAPE_BHB, FLUSH_BHB_LONG },
	{ EMERALD, BHI, 0, CONFIG_VMSCAPE_OFF, VERDICT_VULN_OFF, FLUSH_NONE },
	{ EMERALD, BHI, 1, CONFIG_VMSCAPE_AUTO, VERDICT_NA_OUTER, FLUSH_NONE },
	/* A barrier at each exit is more than one before shared code. */
	{ ZEN1, AMD_BITS, 0, CONFIG_VMSCAPE_AUTO, VERDICT_MIT_IBPB_EXIT, FLUSH_NONE },
	{ ZEN4, AMD_BITS | HAS_IBPB_BRTYPE, 0, CONFIG_VMSCAPE_AUTO, VERDICT_MIT_IBPB_EXIT,
	  FLUSH_NONE },
	/* Without that microcode, IBPB is all there is, for Spectre v2 as well. */
	{ ZEN4, AMD_BITS, 0, CONFIG_VMSCAPE_AUTO, VERDICT_MIT_VMSCAPE_IBPB, FLUSH_IBPB },
	{ ZEN5, AMD_BITS | HAS_SRSO_NO | HAS_AUTO_IBRS, 0, CONFIG_VMSCAPE_AUTO,
	  VERDICT_MIT_VMSCAPE_IBPB, FLUSH_IBPB },
	{ ZEN5, HAS_SRSO_NO, 0, CONFIG_VMSCAPE_AUTO, VERDICT_VULN_NO_IBPB, FLUSH_NONE },
	{ ZEN5, AMD_BITS | HAS_SRSO_NO, 0, CONFIG_VMSCAPE_BHB, VERDICT_VULN_BHB, FLUSH_BHB_SHORT },
	{ VENDOR_AMD, 0x15, 2, HAS_SRSO_NO, 0, CONFIG_VMSCAPE_AUTO, VERDICT_NA_MODEL, FLUSH_NONE },
	{ VENDOR_OTHER, 6, 0x5e, 0, 0, CONFIG_VMSCAPE_AUTO, VERDICT_NA_MODEL, FLUSH_NONE },
};

static void test_vmscape(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(vmscape_cases); i++) {
		struct mitigation_plan plan =
			choose(vmscape_cases[i].vendor, vmscape_cases[i].family,
			       vmscape_cases[i].model, 0, vmscape_cases[i].has, EIBRS_CAPS,
			       vmscape_cases[i].hypervisor, CONFIG_MITIGATIONS_AUTO,
			       vmscape_cases[i].option);

		if (plan.verdict[ISSUE_VMSCAPE] != vmscape_cases[i].verdict ||
		    plan.flush != vmscape_cases[i].flush)
			fail_msg("case %u: %s, %s", i, mitigation_text[plan.verdict[ISSUE_VMSCAPE]],
				 predictor_flush_name[plan.flush]);
	}
}

static const struct {
	enum cpu_vendor vendor;
	unsigned family, model, stepping;
	u32 has;
	u64 caps;
	enum mitigation_issue issue;
	enum mitigation_verdict verdict;
} issue_cases[] = {
	/* Spectre v2 */
	{ ALDER_LAKE, 2, BHI, EIBRS_CAPS, ISSUE_SPECTRE_V2, VERDICT_MIT_EIBRS },
	{ ALDER_LAKE, 2, HAS_IBRS, EIBRS_CAPS, ISSUE_SPECTRE_V2, VERDICT_VULN_EIBRS_NO_IBPB },
	{ SKYLAKE, 3, INTEL_BITS, 0, ISSUE_SPECTRE_V2, VERDICT_MIT_IBRS },
	{ SKYLAKE, 3, HAS_IBRS, 0, ISSUE_SPECTRE_V2, VERDICT_VULN_IBRS_NO_IBPB },
	{ SKYLAKE, 3, 0, 0, ISSUE_SPECTRE_V2, VERDICT_VULN_MICROCODE },
	{ SKYLAKE, 3, HAS_IBPB, 0, ISSUE_SPECTRE_V2, VERDICT_VULN_SWITCH_ONLY },
	{ ZEN4, 1, AMD_BITS | HAS_AUTO_IBRS, 0, ISSUE_SPECTRE_V2, VERDICT_MIT_AUTO_IBRS },
	{ ZEN4, 1, HAS_AUTO_IBRS, 0, ISSUE_SPECTRE_V2, VERDICT_VULN_AUTO_IBRS_NO_IBPB },
	{ ZEN4, 1, AMD_BITS, 0, ISSUE_SPECTRE_V2, VERDICT_MIT_IBPB_SHARED },
	{ ZEN1, 1, AMD_BITS, 0, ISSUE_SPECTRE_V2, VERDICT_MIT_IBPB_EXIT },
	{ ZEN1, 1, 0, 0, ISSUE_SPECTRE_V2, VERDICT_VULN_NO_IBPB },
	/* BHI */
	{ ALDER_LAKE, 2, BHI, EIBRS_CAPS, ISSUE_BHI, VERDICT_MIT_BHI_DIS_S },
	{ ICE_LAKE, 6, INTEL_BITS, EIBRS_CAPS, ISSUE_BHI, VERDICT_MIT_BHB_EXIT },
	{ ICE_LAKE, 6, INTEL_BITS, EIBRS_CAPS | ARCH_CAP_BHI_NO, ISSUE_BHI, VERDICT_NA_SAYS_CPU },
	{ SKYLAKE, 3, INTEL_BITS, 0, ISSUE_BHI, VERDICT_NA_NO_EIBRS },
	{ ZEN4, 1, AMD_BITS, 0, ISSUE_BHI, VERDICT_NA_MODEL },
	/* Retbleed, SRSO */
	{ ZEN1, 1, AMD_BITS, 0, ISSUE_RETBLEED, VERDICT_MIT_IBPB_EXIT },
	{ ZEN1, 1, 0, 0, ISSUE_RETBLEED, VERDICT_VULN_NO_IBPB },
	{ ZEN4, 1, AMD_BITS, 0, ISSUE_RETBLEED, VERDICT_NA_MODEL },
	{ SKYLAKE, 3, INTEL_BITS, 0, ISSUE_RETBLEED, VERDICT_MIT_HOST_IBRS },
	{ SKYLAKE, 3, 0, 0, ISSUE_RETBLEED, VERDICT_VULN_MICROCODE },
	{ ZEN4, 1, AMD_BITS, 0, ISSUE_SRSO, VERDICT_VULN_MICROCODE },
	{ ZEN4, 1, AMD_BITS | HAS_IBPB_BRTYPE, 0, ISSUE_SRSO, VERDICT_MIT_IBPB_EXIT },
	{ ZEN4, 1, AMD_BITS | HAS_SRSO_NO, 0, ISSUE_SRSO, VERDICT_NA_SAYS_CPU },
	{ ZEN5, 1, AMD_BITS | HAS_BP_SPEC_REDUCE, 0, ISSUE_SRSO, VERDICT_MIT_REDUCED },
	{ VENDOR_HYGON, 0x18, 0, 0, AMD_BITS, 0, ISSUE_SRSO, VERDICT_MIT_IBPB_EXIT },
	{ ALDER_LAKE, 2, BHI, EIBRS_CAPS, ISSUE_SRSO, VERDICT_NA_MODEL },
	/* ITS */
	{ VENDOR_INTEL, 6, 0x55, 5, INTEL_BITS, 0, ISSUE_ITS, VERDICT_NA_MODEL },
	{ VENDOR_INTEL, 6, 0x55, 7, INTEL_BITS, EIBRS_CAPS, ISSUE_ITS, VERDICT_MIT_THUNKS },
	{ TIGER_LAKE, 1, INTEL_BITS, ARCH_CAP_ITS_NO, ISSUE_ITS, VERDICT_NA_SAYS_CPU },
	{ ALDER_LAKE, 2, BHI, EIBRS_CAPS, ISSUE_ITS, VERDICT_NA_MODEL },
	{ TIGER_LAKE, 1, INTEL_BITS, EIBRS_CAPS, ISSUE_ITS, VERDICT_NA_OWN_MODE },
	{ ICE_LAKE, 6, INTEL_BITS, EIBRS_CAPS, ISSUE_ITS, VERDICT_NA_OWN_MODE },
	{ COMET_LAKE, 2, INTEL_BITS, EIBRS_CAPS, ISSUE_ITS, VERDICT_MIT_THUNKS },
	{ ZEN4, 1, AMD_BITS, 0, ISSUE_ITS, VERDICT_NA_MODEL },
	/* L1TF */
	{ SKYLAKE, 3, INTEL_BITS | HAS_L1D_FLUSH, 0, ISSUE_L1TF, VERDICT_MIT_L1D_FLUSH },
	{ SKYLAKE, 3, INTEL_BITS, 0, ISSUE_L1TF, VERDICT_VULN_NO_FLUSH },
	{ SKYLAKE, 3, INTEL_BITS | HAS_L1D_FLUSH, ARCH_CAP_SKIP_L1DFL, ISSUE_L1TF,
	  VERDICT_MIT_L1D_OUTER },
	{ VENDOR_INTEL, 6, 0x55, 7, INTEL_BITS, ARCH_CAP_RDCL_NO, ISSUE_L1TF, VERDICT_NA_SAYS_CPU },
	{ ZEN1, 1, AMD_BITS, 0, ISSUE_L1TF, VERDICT_NA_MODEL },
	{ VENDOR_INTEL, 6, 0x5c, 1, INTEL_BITS, 0, ISSUE_L1TF, VERDICT_NA_MODEL },
	/* Buffers */
	{ SKYLAKE, 3, INTEL_BITS, 0, ISSUE_MDS, VERDICT_MIT_VERW },
	{ SKYLAKE, 3, HAS_IBRS, 0, ISSUE_MDS, VERDICT_VULN_MICROCODE },
	{ ICE_LAKE, 6, INTEL_BITS, ARCH_CAP_MDS_NO, ISSUE_MDS, VERDICT_NA_SAYS_CPU },
	{ ZEN1, 1, AMD_BITS, 0, ISSUE_MDS, VERDICT_NA_MODEL },
	{ SKYLAKE, 3, INTEL_BITS, 0, ISSUE_TAA, VERDICT_NA_NO_TSX },
	{ SKYLAKE, 3, INTEL_BITS | HAS_RTM, 0, ISSUE_TAA, VERDICT_MIT_VERW },
	{ SKYLAKE, 3, HAS_RTM, 0, ISSUE_TAA, VERDICT_VULN_MICROCODE },
	{ SKYLAKE, 3, HAS_RTM, ARCH_CAP_TAA_NO, ISSUE_TAA, VERDICT_NA_SAYS_CPU },
	{ ZEN1, 1, HAS_RTM, 0, ISSUE_TAA, VERDICT_NA_MODEL },
	{ ICE_LAKE, 6, INTEL_BITS, ARCH_CAP_MDS_NO, ISSUE_MMIO, VERDICT_VULN_MICROCODE },
	{ ICE_LAKE, 6, INTEL_BITS, ARCH_CAP_MDS_NO | ARCH_CAP_FB_CLEAR, ISSUE_MMIO,
	  VERDICT_MIT_VERW },
	{ SKYLAKE, 3, INTEL_BITS, 0, ISSUE_MMIO, VERDICT_MIT_VERW },
	{ SKYLAKE, 3, INTEL_BITS, ARCH_CAP_FBSDP_NO | ARCH_CAP_PSDP_NO | ARCH_CAP_SBDR_SSDP_NO,
	  ISSUE_MMIO, VERDICT_NA_SAYS_CPU },
	{ SKYLAKE, 3, INTEL_BITS, ARCH_CAP_FBSDP_NO | ARCH_CAP_PSDP_NO, ISSUE_MMIO,
	  VERDICT_MIT_VERW },
	{ ALDER_LAKE, 2, BHI, EIBRS_CAPS, ISSUE_MMIO, VERDICT_NA_MODEL },
	{ ALDER_LAKE, 2, BHI, EIBRS_CAPS, ISSUE_RFDS, VERDICT_VULN_MICROCODE },
	{ ALDER_LAKE, 2, BHI, EIBRS_CAPS | ARCH_CAP_RFDS_CLEAR, ISSUE_RFDS, VERDICT_MIT_VERW },
	{ ALDER_LAKE, 2, BHI, EIBRS_CAPS | ARCH_CAP_RFDS_NO, ISSUE_RFDS, VERDICT_NA_SAYS_CPU },
	{ EMERALD, 2, BHI, EIBRS_CAPS, ISSUE_RFDS, VERDICT_NA_MODEL },
};

static void test_issues(void **state)
{
	bool seen[NR_VERDICTS] = { false };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(issue_cases); i++) {
		struct mitigation_plan plan =
			choose(issue_cases[i].vendor, issue_cases[i].family, issue_cases[i].model,
			       issue_cases[i].stepping, issue_cases[i].has, issue_cases[i].caps,
			       false, CONFIG_MITIGATIONS_AUTO, CONFIG_VMSCAPE_AUTO);

		seen[issue_cases[i].verdict] = true;
		if (plan.verdict[issue_cases[i].issue] != issue_cases[i].verdict)
			fail_msg("case %u, %s: %s", i, mitigation_issue_name[issue_cases[i].issue],
				 mitigation_text[plan.verdict[issue_cases[i].issue]]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(vmscape_cases); i++)
		seen[vmscape_cases[i].verdict] = true;
	/* VULN stays with no issue: it stands for "affected" until something is chosen. */
	for (unsigned i = 0; i < NR_VERDICTS; i++)
		if (seen[i] == (i == VERDICT_VULN))
			fail_msg("in no case: %s", mitigation_text[i]);
}

static const struct {
	enum cpu_vendor vendor;
	unsigned family, model;
	u32 has;
	u64 caps;
	enum config_mitigations mitigations;
	enum rsb_measure rsb;
} rsb_cases[] = {
	/* Enhanced IBRS but for one entry; without it, and without IBRS, all of them. */
	{ TIGER_LAKE, INTEL_BITS, EIBRS_CAPS, CONFIG_MITIGATIONS_AUTO, RSB_CALL },
	{ EMERALD, BHI, EIBRS_CAPS, CONFIG_MITIGATIONS_AUTO, RSB_CALL },
	{ EMERALD, BHI, EIBRS_CAPS | ARCH_CAP_PBRSB_NO, CONFIG_MITIGATIONS_AUTO, RSB_CPU },
	{ TREMONT, INTEL_BITS, EIBRS_CAPS, CONFIG_MITIGATIONS_AUTO, RSB_CPU },
	{ TREMONT, INTEL_BITS, 0, CONFIG_MITIGATIONS_AUTO, RSB_FILL },
	{ SKYLAKE, INTEL_BITS, 0, CONFIG_MITIGATIONS_AUTO, RSB_FILL },
	{ SKYLAKE, INTEL_BITS, ARCH_CAP_PBRSB_NO, CONFIG_MITIGATIONS_AUTO, RSB_FILL },
	{ SKYLAKE, 0, 0, CONFIG_MITIGATIONS_AUTO, RSB_FILL },
	/* The capability without the bits that turn it on is none. */
	{ SKYLAKE, 0, EIBRS_CAPS, CONFIG_MITIGATIONS_AUTO, RSB_FILL },
	{ ZEN1, AMD_BITS, 0, CONFIG_MITIGATIONS_AUTO, RSB_FILL },
	{ ZEN1, 0, 0, CONFIG_MITIGATIONS_AUTO, RSB_FILL },
	{ ZEN4, AMD_BITS | HAS_IBPB_BRTYPE | HAS_IBPB_RET, 0, CONFIG_MITIGATIONS_AUTO, RSB_IBPB },
	{ ZEN4, AMD_BITS | HAS_IBPB_BRTYPE, 0, CONFIG_MITIGATIONS_AUTO, RSB_FILL },
	{ ZEN4, AMD_BITS | HAS_IBPB_RET, 0, CONFIG_MITIGATIONS_AUTO, RSB_FILL },
	{ ZEN5, AMD_BITS | HAS_SRSO_NO | HAS_AUTO_IBRS, 0, CONFIG_MITIGATIONS_AUTO, RSB_CPU },
	{ VENDOR_OTHER, 7, 1, 0, 0, CONFIG_MITIGATIONS_AUTO, RSB_FILL },
	{ EMERALD, BHI, EIBRS_CAPS, CONFIG_MITIGATIONS_FORCE, RSB_FILL },
	{ ZEN5, AMD_BITS | HAS_AUTO_IBRS, 0, CONFIG_MITIGATIONS_FORCE, RSB_FILL },
	{ SKYLAKE, INTEL_BITS, 0, CONFIG_MITIGATIONS_OFF, RSB_NONE },
	{ EMERALD, BHI, EIBRS_CAPS, CONFIG_MITIGATIONS_OFF, RSB_NONE },
};

static void test_rsb(void **state)
{
	bool seen[NR_RSB_MEASURES] = { false };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rsb_cases); i++) {
		struct mitigation_plan plan =
			choose(rsb_cases[i].vendor, rsb_cases[i].family, rsb_cases[i].model, 3,
			       rsb_cases[i].has, rsb_cases[i].caps, false, rsb_cases[i].mitigations,
			       CONFIG_VMSCAPE_AUTO);

		seen[rsb_cases[i].rsb] = true;
		if (plan.rsb != rsb_cases[i].rsb)
			fail_msg("case %u: \"%s\"", i, rsb_measure_text[plan.rsb]);
	}
	for (unsigned i = 0; i < NR_RSB_MEASURES; i++) {
		assert_true(seen[i]);
		assert_true(i == RSB_NONE || rsb_measure_text[i][0] == ';');
		assert_null(strpbrk(rsb_measure_text[i], "\"\\"));
	}
}

/* Under another hypervisor the model says little. */
static void test_its_nested(void **state)
{
	static const struct {
		unsigned model;
		u32 has;
		u64 caps;
		enum mitigation_verdict verdict;
	} cases[] = {
		{ 0x5e, INTEL_BITS, 0, VERDICT_MIT_THUNKS },
		{ 0x5e, INTEL_BITS, ARCH_CAP_ITS_NO, VERDICT_NA_SAYS_CPU },
		{ 0xcf, BHI, EIBRS_CAPS, VERDICT_NA_MODEL },
		{ 0x6a, INTEL_BITS, EIBRS_CAPS, VERDICT_NA_OWN_MODE },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mitigation_plan plan =
			choose(VENDOR_INTEL, 6, cases[i].model, 3, cases[i].has, cases[i].caps,
			       true, CONFIG_MITIGATIONS_AUTO, CONFIG_VMSCAPE_AUTO);

		assert_int_equal(plan.verdict[ISSUE_ITS], cases[i].verdict);
	}
}

/* What verdicts claim is what the plan does, for any processor and any option. */
static void check_consistent(const struct mitigation_plan *plan, u32 has)
{
	const enum mitigation_verdict *v = plan->verdict;

	assert_int_equal(plan->verw, v[ISSUE_MDS] == VERDICT_MIT_VERW ||
					     v[ISSUE_TAA] == VERDICT_MIT_VERW ||
					     v[ISSUE_MMIO] == VERDICT_MIT_VERW ||
					     v[ISSUE_RFDS] == VERDICT_MIT_VERW);
	assert_int_equal(plan->l1d_flush, v[ISSUE_L1TF] == VERDICT_MIT_L1D_FLUSH);
	assert_true(!plan->l1d_flush || plan->flush != FLUSH_NONE);
	assert_int_equal(plan->exit_bhb, v[ISSUE_BHI] == VERDICT_MIT_BHB_EXIT);
	assert_int_equal(!!(plan->host_spec_ctrl & SPEC_CTRL_BHI_DIS_S),
			 v[ISSUE_BHI] == VERDICT_MIT_BHI_DIS_S);
	assert_int_equal(plan->exit_ibpb, v[ISSUE_RETBLEED] == VERDICT_MIT_IBPB_EXIT ||
						  v[ISSUE_SRSO] == VERDICT_MIT_IBPB_EXIT);
	assert_int_equal(plan->branch_thunks, v[ISSUE_ITS] == VERDICT_MIT_THUNKS);
	assert_int_equal(plan->reduce_speculation, v[ISSUE_SRSO] == VERDICT_MIT_REDUCED);
	if (v[ISSUE_VMSCAPE] == VERDICT_MIT_VMSCAPE_IBPB || v[ISSUE_VMSCAPE] == VERDICT_NA_IBPB)
		assert_int_equal(plan->flush, FLUSH_IBPB);
	if (v[ISSUE_VMSCAPE] == VERDICT_MIT_VMSCAPE_BHB)
		assert_int_equal(plan->flush, FLUSH_BHB_LONG);
	if (v[ISSUE_SPECTRE_V2] == VERDICT_MIT_IBPB_SHARED)
		assert_int_equal(plan->flush, FLUSH_IBPB);
	if (v[ISSUE_RETBLEED] == VERDICT_MIT_HOST_IBRS)
		assert_true(plan->host_spec_ctrl & SPEC_CTRL_IBRS);
	if (mitigation_level(v[ISSUE_SPECTRE_V2]) == MITIGATED)
		assert_true(plan->switch_ibpb);
	/* The call that counts is there, and nothing is left to a measure that is not taken. */
	if (plan->rsb == RSB_CALL)
		assert_true(plan->spec_ctrl && (plan->host_spec_ctrl & SPEC_CTRL_IBRS));
	if (plan->rsb == RSB_IBPB)
		assert_true(plan->exit_ibpb && (has & HAS_IBPB_RET));
	assert_int_not_equal(plan->rsb, RSB_NONE);
	/* Nothing that the processor lacks. */
	if (!(has & HAS_IBPB))
		assert_true(!plan->switch_ibpb && !plan->exit_ibpb && plan->flush != FLUSH_IBPB);
	if (!(has & HAS_BHI_CTRL))
		assert_true(!(plan->host_spec_ctrl & SPEC_CTRL_BHI_DIS_S) &&
			    plan->flush != FLUSH_BHB_LONG);
	if (!(has & HAS_L1D_FLUSH))
		assert_false(plan->l1d_flush);
	if (!(has & HAS_AUTO_IBRS))
		assert_false(plan->auto_ibrs);
	for (unsigned i = 0; i < NR_ISSUES; i++) {
		assert_in_range(v[i], 0, NR_VERDICTS - 1);
		assert_int_not_equal(v[i], VERDICT_VULN);
		assert_false(plan->smt_vulnerable[i]);
	}
}

static void test_consistency(void **state)
{
	static const struct {
		enum cpu_vendor vendor;
		unsigned family, model;
	} cpu[] = { { SKYLAKE }, { ICE_LAKE }, { ALDER_LAKE },	      { ZEN1 },
		    { ZEN4 },	 { ZEN5 },     { VENDOR_OTHER, 7, 1 } };
	unsigned random = 1;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		const unsigned c = i % ARRAY_SIZE(cpu);
		struct mitigation_plan plan;
		u32 has;
		u64 caps;

		random = random * 1103515245 + 12345;
		has = random >> 8 & 0xfff;
		random = random * 1103515245 + 12345;
		caps = random;
		plan = choose(cpu[c].vendor, cpu[c].family, cpu[c].model, i & 0xf, has, caps,
			      random & BIT(31),
			      random >> 8 & 1 ? CONFIG_MITIGATIONS_AUTO : CONFIG_MITIGATIONS_FORCE,
			      (random >> 9) % (CONFIG_VMSCAPE_FORCE + 1));
		check_consistent(&plan, has);
	}
}

/* off: affected processors are Vulnerable, the others still Not affected; nothing is done. */
static void test_off(void **state)
{
	struct mitigation_plan plan = choose(SKYLAKE, 3, INTEL_BITS | HAS_RTM | HAS_L1D_FLUSH, 0,
					     false, CONFIG_MITIGATIONS_OFF, CONFIG_VMSCAPE_IBPB);

	(void)state;
	assert_int_equal(plan.verdict[ISSUE_SPECTRE_V2], VERDICT_VULN_OFF);
	assert_int_equal(plan.verdict[ISSUE_VMSCAPE], VERDICT_VULN_OFF);
	assert_int_equal(plan.verdict[ISSUE_MDS], VERDICT_VULN_OFF);
	assert_int_equal(plan.verdict[ISSUE_SRSO], VERDICT_NA_MODEL);
	assert_int_equal(plan.flush, FLUSH_NONE);
	assert_int_equal(plan.host_spec_ctrl, 0);
	assert_false(plan.switch_ibpb || plan.exit_ibpb || plan.exit_bhb || plan.verw ||
		     plan.branch_thunks || plan.l1d_flush || plan.auto_ibrs ||
		     plan.spec_ctrl_always);
	/* Guests' values are still kept apart. */
	assert_true(plan.spec_ctrl);
}

static void test_force(void **state)
{
	struct mitigation_plan plan =
		choose(EMERALD, 2, BHI | HAS_L1D_FLUSH, EIBRS_CAPS | ARCH_CAP_MDS_NO, true,
		       CONFIG_MITIGATIONS_FORCE, CONFIG_VMSCAPE_AUTO);

	(void)state;
	assert_int_equal(plan.verdict[ISSUE_VMSCAPE], VERDICT_MIT_IBPB_EXIT);
	assert_true(plan.exit_ibpb && plan.verw && plan.l1d_flush && plan.switch_ibpb);
	assert_int_equal(plan.host_spec_ctrl, SPEC_CTRL_IBRS | SPEC_CTRL_BHI_DIS_S);
}

/* Siblings: said of what is mitigated for one thread only, of nothing else. */
static void test_smt(void **state)
{
	struct mitigation_inputs in = { .vendor = VENDOR_INTEL,
					.family = 6,
					.model = 0x5e,
					.stepping = 3,
					.has = INTEL_BITS,
					.smt = true };
	struct mitigation_plan plan;

	(void)state;
	mitigations_choose(&in, &plan);
	assert_true(plan.smt_vulnerable[ISSUE_MDS]);
	assert_true(plan.smt_vulnerable[ISSUE_VMSCAPE]);
	assert_false(plan.smt_vulnerable[ISSUE_TAA]);
	assert_false(plan.smt_vulnerable[ISSUE_L1TF]);
	in.mitigations = CONFIG_MITIGATIONS_OFF;
	mitigations_choose(&in, &plan);
	assert_false(plan.smt_vulnerable[ISSUE_MDS]);
}

/* A write at each exit only where the write itself protects. */
static void test_spec_ctrl(void **state)
{
	struct mitigation_plan old = choose(SKYLAKE, 3, INTEL_BITS, 0, false,
					    CONFIG_MITIGATIONS_AUTO, CONFIG_VMSCAPE_AUTO);
	struct mitigation_plan enhanced = choose(ALDER_LAKE, 3, BHI, EIBRS_CAPS, false,
						 CONFIG_MITIGATIONS_AUTO, CONFIG_VMSCAPE_AUTO);
	struct mitigation_plan none =
		choose(ZEN1, 1, HAS_IBPB, 0, false, CONFIG_MITIGATIONS_AUTO, CONFIG_VMSCAPE_AUTO);

	(void)state;
	assert_true(old.spec_ctrl && old.spec_ctrl_always);
	assert_int_equal(old.host_spec_ctrl, SPEC_CTRL_IBRS);
	assert_true(enhanced.spec_ctrl && !enhanced.spec_ctrl_always);
	assert_int_equal(enhanced.host_spec_ctrl, SPEC_CTRL_IBRS | SPEC_CTRL_BHI_DIS_S);
	assert_false(none.spec_ctrl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	    cmocka_unit_test(test_vmscape_models),
		cmocka_unit_test(test_vmscape),	    cmocka_unit_test(test_issues),
		cmocka_unit_test(test_consistency), cmocka_unit_test(test_off),
		cmocka_unit_test(test_force),	    cmocka_unit_test(test_smt),
		cmocka_unit_test(test_spec_ctrl),   cmocka_unit_test(test_rsb),
		cmocka_unit_test(test_its_nested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
