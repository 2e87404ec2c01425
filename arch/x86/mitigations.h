/* SPDX-License-Identifier: MIT */
/*
 * Speculation attacks: which the processor is open to, what is done against each, in words. Pure
 * functions of what the processor says; docs/mitigations.md is the text to the tables.
 */
#ifndef FIRN_X86_MITIGATIONS_H
#define FIRN_X86_MITIGATIONS_H

#include "core/config.h"

enum cpu_vendor {
	VENDOR_OTHER,
	VENDOR_INTEL,
	VENDOR_AMD,
	VENDOR_HYGON,
};

/* X(identifier, name as in Linux' /sys/devices/system/cpu/vulnerabilities) */
#define MITIGATION_ISSUES(X)                \
	X(SPECTRE_V2, "spectre_v2")         \
	X(BHI, "bhi")                       \
	X(VMSCAPE, "vmscape")               \
	X(RETBLEED, "retbleed")             \
	X(SRSO, "spec_rstack_overflow")     \
	X(ITS, "indirect_target_selection") \
	X(L1TF, "l1tf")                     \
	X(MDS, "mds")                       \
	X(TAA, "tsx_async_abort")           \
	X(MMIO, "mmio_stale_data")          \
	X(RFDS, "reg_file_data_sampling")

enum mitigation_issue {
#define ISSUE_ENUM(id, name) ISSUE_##id,
	MITIGATION_ISSUES(ISSUE_ENUM)
#undef ISSUE_ENUM
	NR_ISSUES
};

enum mitigation_level {
	NOT_AFFECTED,
	VULNERABLE,
	MITIGATED,
	NR_MITIGATION_LEVELS
};

/* X(identifier, level, text) */
#define MITIGATION_VERDICTS(X)                                                                     \
	X(NA_MODEL, NOT_AFFECTED, "Not affected (other model or vendor)")                          \
	X(NA_SAYS_CPU, NOT_AFFECTED, "Not affected (the processor says so)")                       \
	X(NA_OUTER, NOT_AFFECTED, "Not affected (the outer hypervisor's job)")                     \
	X(NA_NO_EIBRS, NOT_AFFECTED, "Not affected (no Enhanced IBRS)")                            \
	X(NA_NO_TSX, NOT_AFFECTED, "Not affected (no TSX)")                                        \
	X(NA_OWN_MODE, NOT_AFFECTED, "Not affected (guests do not reach Firn's branches)")         \
	X(NA_IBPB, NOT_AFFECTED, "Not affected, but IBPB before shared code as asked for")         \
	X(NA_BHB, NOT_AFFECTED, "Not affected, but Clear BHB before shared code as asked for")     \
	X(VULN_OFF, VULNERABLE, "Vulnerable (switched off)")                                       \
	X(VULN, VULNERABLE, "Vulnerable")                                                          \
	X(VULN_NO_IBPB, VULNERABLE, "Vulnerable: no IBPB")                                         \
	X(VULN_EIBRS_NO_IBPB, VULNERABLE, "Vulnerable: Enhanced IBRS, but no IBPB between guests") \
	X(VULN_IBRS_NO_IBPB, VULNERABLE, "Vulnerable: IBRS, but no IBPB between guests")           \
	X(VULN_AUTO_IBRS_NO_IBPB, VULNERABLE,                                                      \
	  "Vulnerable: Automatic IBRS, but no IBPB between guests")                                \
	X(VULN_SWITCH_ONLY, VULNERABLE, "Vulnerable: IBPB between guests only")                    \
	X(VULN_BHB, VULNERABLE,                                                                    \
	  "Vulnerable: Clear BHB before shared code, which is not enough on this processor")       \
	X(VULN_MICROCODE, VULNERABLE, "Vulnerable: no microcode")                                  \
	X(VULN_NO_FLUSH, VULNERABLE, "Vulnerable: no command to flush the L1 data cache")          \
	X(MIT_EIBRS, MITIGATED, "Mitigation: Enhanced IBRS; IBPB between vCPUs")                   \
	X(MIT_IBRS, MITIGATED, "Mitigation: IBRS on VMEXIT; IBPB between vCPUs")                   \
	X(MIT_AUTO_IBRS, MITIGATED, "Mitigation: Automatic IBRS; IBPB between vCPUs")              \
	X(MIT_IBPB_SHARED, MITIGATED, "Mitigation: IBPB before shared code and between vCPUs")     \
	X(MIT_BHI_DIS_S, MITIGATED, "Mitigation: BHI_DIS_S")                                       \
	X(MIT_BHB_EXIT, MITIGATED, "Mitigation: Clear BHB on VMEXIT")                              \
	X(MIT_VMSCAPE_IBPB, MITIGATED, "Mitigation: IBPB before shared code")                      \
	X(MIT_VMSCAPE_BHB, MITIGATED, "Mitigation: Clear BHB before shared code")                  \
	X(MIT_IBPB_EXIT, MITIGATED, "Mitigation: IBPB on VMEXIT")                                  \
	X(MIT_HOST_IBRS, MITIGATED, "Mitigation: IBRS")                                            \
	X(MIT_REDUCED, MITIGATED, "Mitigation: Reduced Speculation")                               \
	X(MIT_L1D_FLUSH, MITIGATED, "Mitigation: L1D flush at VM entry after shared code")         \
	X(MIT_L1D_OUTER, MITIGATED,                                                                \
	  "Mitigation: flush not necessary (the outer hypervisor's job)")                          \
	X(MIT_THUNKS, MITIGATED, "Mitigation: Aligned branch/return thunks")                       \
	X(MIT_VERW, MITIGATED, "Mitigation: Clear CPU buffers at VM entry")

enum mitigation_verdict {
#define VERDICT_ENUM(id, level, text) VERDICT_##id,
	MITIGATION_VERDICTS(VERDICT_ENUM)
#undef VERDICT_ENUM
	NR_VERDICTS
};

extern const char *const mitigation_issue_name[NR_ISSUES];
extern const char *const mitigation_text[NR_VERDICTS];
enum mitigation_level mitigation_level(enum mitigation_verdict verdict);

/* What CPUID says: bits of mitigation_inputs.has. */
#define HAS_IBRS	   BIT(0) /* Intel's, with IA32_SPEC_CTRL */
#define HAS_IBPB	   BIT(1)
#define HAS_BHI_CTRL	   BIT(2)
#define HAS_MD_CLEAR	   BIT(3)
#define HAS_L1D_FLUSH	   BIT(4)
#define HAS_RTM		   BIT(5)
#define HAS_AUTO_IBRS	   BIT(6)
#define HAS_IBPB_BRTYPE	   BIT(7) /* AMD: IBPB flushes predictions of all branch types */
#define HAS_SRSO_NO	   BIT(8)
#define HAS_BP_SPEC_REDUCE BIT(9)
#define HAS_SPEC_CTRL	   BIT(10) /* the MSR is there, whoever's bits */
#define HAS_IBPB_RET	   BIT(11) /* AMD: IBPB flushes the return stack buffer */

struct mitigation_inputs {
	enum cpu_vendor vendor;
	unsigned family, model, stepping;
	bool hypervisor; /* CPUID says that Firn runs under one */
	bool smt;	 /* siblings share each core */
	u32 has;	 /* HAS_* */
	u64 arch_capabilities;
	enum config_mitigations mitigations;
	enum config_vmscape vmscape;
};

/* What happens before shared code after a guest ran. */
#define PREDICTOR_FLUSHES(X)      \
	X(NONE, "none")           \
	X(MARK, "mark only")      \
	X(IBPB, "IBPB")           \
	X(BHB_SHORT, "BHB short") \
	X(BHB_LONG, "BHB long")

enum predictor_flush {
#define FLUSH_ENUM(id, name) FLUSH_##id,
	PREDICTOR_FLUSHES(FLUSH_ENUM)
#undef FLUSH_ENUM
	NR_PREDICTOR_FLUSHES
};
extern const char *const predictor_flush_name[NR_PREDICTOR_FLUSHES];

/*
 * Returns after a VM exit that predict from the return stack buffer (RSB) what a guest's calls left
 * there. X(identifier, what spectre_v2's text ends in)
 */
#define RSB_MEASURES(X)                                                                 \
	X(NONE, "")                                                                     \
	X(CPU, "; RSB: cleared by the processor on VMEXIT")                             \
	X(CALL, "; PBRSB-eIBRS: SW sequence") /* one call, over before the first RET */ \
	X(IBPB, "; RSB: IBPB on VMEXIT")                                                \
	X(FILL, "; RSB filling on VMEXIT")

enum rsb_measure {
#define RSB_ENUM(id, text) RSB_##id,
	RSB_MEASURES(RSB_ENUM)
#undef RSB_ENUM
	NR_RSB_MEASURES
};
extern const char *const rsb_measure_text[NR_RSB_MEASURES];

struct mitigation_plan {
	enum mitigation_verdict verdict[NR_ISSUES];
	bool smt_vulnerable[NR_ISSUES]; /* what is done does not reach the sibling */
	enum predictor_flush flush;	/* at shared code */
	enum rsb_measure rsb;		/* at each VM exit */
	bool switch_ibpb;		/* IBPB between vCPUs */
	bool exit_ibpb;			/* IBPB at each VM exit */
	bool exit_bhb;			/* the short loop at each VM exit */
	bool spec_ctrl;			/* IA32_SPEC_CTRL has to be switched */
	bool spec_ctrl_always;		/* written at each exit, even when it does not change */
	u32 host_spec_ctrl;		/* its value while Firn runs */
	bool branch_thunks;		/* kept, not replaced by what they do */
	bool auto_ibrs;			/* EFER.AIBRSE */
	bool reduce_speculation;	/* BP_CFG.BP_SPEC_REDUCE */
	bool verw, l1d_flush;		/* at VM entry; the second when shared code ran */
};

void mitigations_choose(const struct mitigation_inputs *in, struct mitigation_plan *plan);

/* What a model is known for: MODEL_*. */
#define MODEL_VMSCAPE  BIT(0)
#define MODEL_NO_L1TF  BIT(1)
#define MODEL_NO_MDS   BIT(2)
#define MODEL_MMIO     BIT(3)
#define MODEL_RFDS     BIT(4)
#define MODEL_ITS      BIT(5)
#define MODEL_RETBLEED BIT(6)
#define MODEL_SRSO     BIT(7)
#define MODEL_NO_PBRSB BIT(8)
#define MODEL_ITS_OWN  BIT(9) /* ITS within VMX root operation only: guests are kept apart */
u32 mitigation_model(const struct mitigation_inputs *in);

#endif
