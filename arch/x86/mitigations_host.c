/* SPDX-License-Identifier: MIT */
/* Mitigations on this machine: what its CPUs say, and what is turned on. */
#include "arch/x86/mitigations_host.h"

#include <string.h>

#include "arch/x86/arch_vcpu.h"
#include "arch/x86/branch_thunks.h"
#include "arch/x86/cpu.h"
#include "arch/x86/cpuid_bits.h"
#include "arch/x86/mitigations.h"
#include "arch/x86/probe.h"
#include "arch/x86/virt.h"
#include "arch/x86/x86.h"
#include "core/log.h"
#include "core/sched.h"
#include "core/shell.h"

_Static_assert(offsetof(struct cpu, predictor.pending) == PREDICTOR_PENDING &&
		       offsetof(struct cpu, predictor.unbarriered) == PREDICTOR_UNBARRIERED &&
		       offsetof(struct cpu, predictor.flush_needed) == PREDICTOR_NEEDED &&
		       offsetof(struct cpu, predictor.flush_done) == PREDICTOR_DONE,
	       "as assembly knows it");
_Static_assert(offsetof(struct arch_vcpu, spec_ctrl) - offsetof(struct arch_vcpu, gpr) ==
		       VCPU_SPEC_CTRL,
	       "as assembly knows it");

/* bhb.S and mitigations_sites.S; only patched calls lead there. */
void bhb_clear_short(void);
void shared_mark(void);
void shared_ibpb(void);
void shared_bhb_short(void);
void shared_bhb_long(void);
void mitigations_entry(void);
void mitigations_exit(void);
void mitigations_exit_rsb_fill(void);
void entry_l1d_flush(void);
void entry_spec_ctrl(void);
void exit_spec_ctrl(void);
void exit_spec_ctrl_always(void);
void exit_ibpb(void);

/* IA32_SPEC_CTRL while Firn runs, and what is set in it for every guest, its own choice or not. */
u32 spec_ctrl_host, spec_ctrl_forced;

static struct mitigation_plan plan;

static const struct {
	u32 feature; /* X86_FEATURE_* */
	u32 has;     /* HAS_* */
} features[] = {
	{ X86_FEATURE_IBRS_IBPB, HAS_IBRS | HAS_IBPB | HAS_SPEC_CTRL },
	{ X86_FEATURE_STIBP, HAS_SPEC_CTRL },
	{ X86_FEATURE_SSBD, HAS_SPEC_CTRL },
	{ X86_FEATURE_AMD_IBRS, HAS_SPEC_CTRL },
	{ X86_FEATURE_AMD_STIBP, HAS_SPEC_CTRL },
	{ X86_FEATURE_AMD_SSBD, HAS_SPEC_CTRL },
	{ X86_FEATURE_AMD_IBPB, HAS_IBPB },
	{ X86_FEATURE_IBPB_RET, HAS_IBPB_RET },
	{ X86_FEATURE_BHI_CTRL, HAS_BHI_CTRL | HAS_SPEC_CTRL },
	{ X86_FEATURE_MD_CLEAR, HAS_MD_CLEAR },
	{ X86_FEATURE_L1D_FLUSH, HAS_L1D_FLUSH },
	{ X86_FEATURE_RTM, HAS_RTM },
	{ X86_FEATURE_AUTO_IBRS, HAS_AUTO_IBRS },
	{ X86_FEATURE_IBPB_BRTYPE, HAS_IBPB_BRTYPE },
	{ X86_FEATURE_SRSO_NO, HAS_SRSO_NO },
	{ X86_FEATURE_BP_SPEC_REDUCE, HAS_BP_SPEC_REDUCE },
};

static enum cpu_vendor vendor(void)
{
	if (!strcmp(cpu_features.vendor, "GenuineIntel"))
		return VENDOR_INTEL;
	if (!strcmp(cpu_features.vendor, "AuthenticAMD"))
		return VENDOR_AMD;
	return strcmp(cpu_features.vendor, "HygonGenuine") ? VENDOR_OTHER : VENDOR_HYGON;
}

/* Family, model and stepping with their extensions (SDM 2A, CPUID, figure 3-6). */
static void read_signature(struct mitigation_inputs *in)
{
	u32 eax = cpuid(CPUID_VERSION, 0).eax;

	in->stepping = eax & 0xf;
	in->family = (eax >> 8) & 0xf;
	in->model = (eax >> 4) & 0xf;
	if (in->family == 0xf)
		in->family += (eax >> 20) & 0xff;
	if (in->family == 6 || in->family >= 0xf)
		in->model |= (eax >> 12) & 0xf0;
}

/* Logical processors below the first level of the topology: threads of a core. */
static bool has_siblings(void)
{
	return cpu_features.max_leaf >= CPUID_TOPOLOGY &&
	       (cpuid(CPUID_TOPOLOGY, 0).ebx & 0xffff) > 1;
}

static void read_inputs(struct mitigation_inputs *in)
{
	in->vendor = vendor();
	read_signature(in);
	in->hypervisor = cpu_has_feature(X86_FEATURE_HYPERVISOR);
	in->smt = has_siblings();
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (cpu_has_feature(features[i].feature))
			in->has |= features[i].has;
	if (cpu_has_feature(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsr_safe(MSR_IA32_ARCH_CAPABILITIES, &in->arch_capabilities);
}

static void patch_code(void)
{
	static void (*const shared[NR_PREDICTOR_FLUSHES])(void) = {
		[FLUSH_MARK] = shared_mark,
		[FLUSH_IBPB] = shared_ibpb,
		[FLUSH_BHB_SHORT] = shared_bhb_short,
		[FLUSH_BHB_LONG] = shared_bhb_long,
	};
	void (*target[NR_PATCHES])(void) = { [PATCH_SHARED] = shared[plan.flush] };

	if (plan.l1d_flush)
		target[PATCH_ENTRY_L1D] = entry_l1d_flush;
	if (plan.spec_ctrl) {
		target[PATCH_ENTRY_SPEC] = entry_spec_ctrl;
		target[PATCH_EXIT_SPEC] =
			plan.spec_ctrl_always ? exit_spec_ctrl_always : exit_spec_ctrl;
	}
	if (plan.exit_ibpb)
		target[PATCH_EXIT_IBPB] = exit_ibpb;
	if (plan.exit_bhb)
		target[PATCH_EXIT_BHB] = bhb_clear_short;
	if (target[PATCH_ENTRY_L1D] || target[PATCH_ENTRY_SPEC])
		target[PATCH_ENTRY] = mitigations_entry;
	if (target[PATCH_EXIT_SPEC] || target[PATCH_EXIT_IBPB] || target[PATCH_EXIT_BHB])
		target[PATCH_EXIT] = mitigations_exit;
	if (plan.rsb == RSB_FILL)
		target[PATCH_EXIT] = mitigations_exit_rsb_fill;
	BUG_ON(plan.rsb == RSB_CALL && !target[PATCH_EXIT]);
	patch_sites(target, plan.verw);
	if (!plan.branch_thunks)
		branch_thunks_remove();
}

static const char *smt_text(unsigned issue)
{
	return plan.smt_vulnerable[issue] ? "; SMT vulnerable" : "";
}

static const char *rsb_text(unsigned issue)
{
	return issue == ISSUE_SPECTRE_V2 ? rsb_measure_text[plan.rsb] : "";
}

/* What the processor is not open to is in the log, but consoles need not show it. */
static void log_plan(void)
{
	log_info("mitigations: guest registers are cleared at VM exit; before shared code: %s",
		 predictor_flush_name[plan.flush]);
	for (unsigned i = 0; i < NR_ISSUES; i++)
		log_printf(mitigation_level(plan.verdict[i]) == NOT_AFFECTED ? LOG_DEBUG : LOG_INFO,
			   "mitigations: %s: %s%s%s", mitigation_issue_name[i],
			   mitigation_text[plan.verdict[i]], rsb_text(i), smt_text(i));
}

void mitigations_init(enum config_mitigations mitigations, enum config_vmscape vmscape)
{
	struct mitigation_inputs in = { .mitigations = mitigations, .vmscape = vmscape };

	read_inputs(&in);
	mitigations_choose(&in, &plan);
	spec_ctrl_host = plan.host_spec_ctrl;
	/* No guest is offered it, and its own loop may be for processors before this one. */
	spec_ctrl_forced = plan.host_spec_ctrl & SPEC_CTRL_BHI_DIS_S;
	patch_code();
	log_plan();
}

static void set_msr_bits(u32 msr, u64 bits)
{
	u64 value;

	if (rdmsr_safe(msr, &value) && !wrmsr_safe(msr, value | bits))
		log_warn("CPU %u: MSR 0x%x does not take 0x%llx", cpu_index(), msr,
			 (unsigned long long)bits);
}

void mitigations_cpu_on(void)
{
	if (plan.spec_ctrl)
		wrmsr(MSR_IA32_SPEC_CTRL, spec_ctrl_host);
	if (plan.auto_ibrs)
		set_msr_bits(MSR_EFER, EFER_AIBRSE);
	if (plan.reduce_speculation)
		set_msr_bits(MSR_BP_CFG, BP_CFG_BP_SPEC_REDUCE);
}

void mitigations_cpu_off(void)
{
	if (plan.spec_ctrl)
		wrmsr(MSR_IA32_SPEC_CTRL, 0);
}

void predictor_switch(void)
{
	struct predictor *p = &this_cpu()->predictor;

	if (!plan.switch_ibpb || !p->unbarriered)
		return;
	virt_predictor_barrier();
	p->unbarriered = false;
	p->barriers++;
}

static void print_table(void)
{
	for (unsigned i = 0; i < NR_ISSUES; i++)
		shell_print("%-26s %s%s%s\n", mitigation_issue_name[i],
			    mitigation_text[plan.verdict[i]], rsb_text(i), smt_text(i));
	shell_print("%-26s %s\n", "before shared code", predictor_flush_name[plan.flush]);
}

static u64 counter(const u64 *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static void print_json(void)
{
	shell_print("{\"issues\":{");
	for (unsigned i = 0; i < NR_ISSUES; i++)
		shell_print("%s\n\"%s\":\"%s%s%s\"", i ? "," : "", mitigation_issue_name[i],
			    mitigation_text[plan.verdict[i]], rsb_text(i), smt_text(i));
	shell_print("\n},\"before_shared_code\":\"%s\",\"cpus\":[",
		    predictor_flush_name[plan.flush]);
	for (unsigned i = 0; i < nr_cpus(); i++) {
		const struct predictor *p = &cpus[i].predictor;
		const struct sched_stats stats = sched_get_stats(i);

		shell_print("%s\n{\"cpu\":%u,\"flush_needed\":%llu,\"flush_done\":%llu,"
			    "\"barriers\":%llu,\"switches\":%llu}",
			    i ? "," : "", i, (unsigned long long)counter(&p->flush_needed),
			    (unsigned long long)counter(&p->flush_done),
			    (unsigned long long)counter(&p->barriers),
			    (unsigned long long)stats.switches);
	}
	shell_print("\n]}\n");
}

void arch_shell_mitigations(bool json)
{
	if (json)
		print_json();
	else
		print_table();
}
