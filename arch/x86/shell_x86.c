/* SPDX-License-Identifier: MIT */
/* What commands of the prompt ask of x86: capabilities, CPUs, exits, registers. */
#include <string.h>

#include "arch/x86/cet_host.h"
#include "arch/x86/cpu.h"
#include "arch/x86/cpuid_bits.h"
#include "arch/x86/guest_cet.h"
#include "arch/x86/msr.h"
#include "arch/x86/probe.h"
#include "arch/x86/vcpu_regs.h"
#include "arch/x86/virt.h"
#include "arch/x86/x86.h"
#include "core/shell.h"

_Static_assert(REG_NAME_MAX >= VCPU_REG_NAME_MAX, "names of registers fit");

/*
 * caps
 */

struct named_feature {
	u32 feature; /* X86_FEATURE_* */
	const char *name;
};

static const struct named_feature host_features[] = {
	{ X86_FEATURE_VMX, "VMX" },
	{ X86_FEATURE_SVM, "SVM" },
	{ X86_FEATURE_X2APIC, "x2APIC" },
	{ X86_FEATURE_TSC_DEADLINE, "TSC-deadline timer" },
	{ X86_FEATURE_INVARIANT_TSC, "invariant TSC" },
	{ X86_FEATURE_TSC_ADJUST, "TSC_ADJUST" },
	{ X86_FEATURE_XSAVE, "XSAVE" },
	{ X86_FEATURE_AVX, "AVX" },
	{ X86_FEATURE_AVX2, "AVX2" },
	{ X86_FEATURE_AVX512F, "AVX-512" },
	{ X86_FEATURE_NX, "NX" },
	{ X86_FEATURE_PAGE1GB, "1 GiB pages" },
	{ X86_FEATURE_SMEP, "SMEP" },
	{ X86_FEATURE_SMAP, "SMAP" },
	{ X86_FEATURE_UMIP, "UMIP" },
	{ X86_FEATURE_SHSTK, "CET shadow stacks" },
	{ X86_FEATURE_IBT, "CET branch tracking" },
};

static const struct named_feature speculation_controls[] = {
	{ X86_FEATURE_IBRS_IBPB, "IBRS and IBPB" },
	{ X86_FEATURE_STIBP, "STIBP" },
	{ X86_FEATURE_SSBD, "SSBD" },
	{ X86_FEATURE_MD_CLEAR, "MD_CLEAR" },
	{ X86_FEATURE_AMD_IBRS, "AMD IBRS" },
	{ X86_FEATURE_AMD_IBPB, "AMD IBPB" },
	{ X86_FEATURE_AMD_STIBP, "AMD STIBP" },
	{ X86_FEATURE_AMD_SSBD, "AMD SSBD" },
};

static const struct {
	u64 bit;
	const char *name;
} arch_capabilities[] = {
	{ ARCH_CAP_RDCL_NO, "Meltdown" }, { ARCH_CAP_SSB_NO, "speculative store bypass" },
	{ ARCH_CAP_MDS_NO, "MDS" },	  { ARCH_CAP_PSCHANGE_MC_NO, "iTLB multihit" },
	{ ARCH_CAP_TAA_NO, "TAA" },	  { ARCH_CAP_SBDR_SSDP_NO, "SBDR and SSDP" },
	{ ARCH_CAP_FBSDP_NO, "FBSDP" },	  { ARCH_CAP_PSDP_NO, "PSDP" },
	{ ARCH_CAP_BHI_NO, "BHI" },	  { ARCH_CAP_PBRSB_NO, "PBRSB" },
	{ ARCH_CAP_GDS_NO, "GDS" },	  { ARCH_CAP_RFDS_NO, "RFDS" },
	{ ARCH_CAP_ITS_NO, "ITS" },
};

/* A list that is broken into lines; print_item() adds to it. */
#define LIST_INDENT 17
#define LIST_WIDTH  78
static unsigned list_column, list_items;

static void start_list(const char *title)
{
	shell_print("%-*s", LIST_INDENT, title);
	list_column = LIST_INDENT;
	list_items = 0;
}

static void print_item(const char *name)
{
	unsigned len = (unsigned)strlen(name) + 2;

	if (list_items++)
		shell_print(",");
	if (list_column + len > LIST_WIDTH) {
		shell_print("\n%-*s", LIST_INDENT, "");
		list_column = LIST_INDENT;
	} else if (list_items > 1) {
		shell_print(" ");
	}
	shell_print("%s", name);
	list_column += len;
}

static void end_list(void)
{
	shell_print("%s\n", list_items ? "" : "none");
}

static void print_features(const char *title, const struct named_feature *f, size_t count)
{
	start_list(title);
	for (size_t i = 0; i < count; i++)
		if (cpu_has_feature(f[i].feature))
			print_item(f[i].name);
	end_list();
}

static void print_arch_capabilities(void)
{
	u64 value = 0;

	start_list("not affected by");
	if (cpu_has_feature(X86_FEATURE_ARCH_CAPABILITIES) &&
	    rdmsr_safe(MSR_IA32_ARCH_CAPABILITIES, &value))
		for (size_t i = 0; i < ARRAY_SIZE(arch_capabilities); i++)
			if (value & arch_capabilities[i].bit)
				print_item(arch_capabilities[i].name);
	end_list();
}

static void missing_feature(void *ctx, const char *name, bool required)
{
	if (*(const bool *)ctx == required)
		print_item(name);
}

static void print_missing(const char *title, bool required)
{
	start_list(title);
	if (!virt_missing_features(missing_feature, &required))
		print_item(required ? "VMX or SVM" : "not known");
	end_list();
}

void arch_shell_caps(void)
{
	const struct cpu_features *f = &cpu_features;
	const char *lacks;
	char text[128];

	shell_print("%-*s%s%s%s\n", LIST_INDENT, "processor", f->vendor, f->brand[0] ? ", " : "",
		    f->brand);
	shell_print("%-*s%u bits\n", LIST_INDENT, "physical address", f->phys_bits);
	if (f->hypervisor)
		shell_print("%-*s%s\n", LIST_INDENT, "runs under", f->hypervisor);
	print_features("features", host_features, ARRAY_SIZE(host_features));
	shell_print("%-*s%s\n", LIST_INDENT, "virtualization", virt_cpu_status(0));
	print_missing("required, lacks", true);
	print_missing("optional, lacks", false);
	lacks = guest_cet_lacks();
	shell_print("%-*s%s%s\n", LIST_INDENT, "CET for guests", lacks ? "no: " : "yes",
		    lacks ? lacks : "");
	cet_host_describe(text, sizeof(text));
	shell_print("%-*s%s\n", LIST_INDENT, "CET for Firn", text);
	print_features("spec. controls", speculation_controls, ARRAY_SIZE(speculation_controls));
	print_arch_capabilities();
	shell_print("The command mitigations tells what is done about speculation attacks.\n");
}

/*
 * cpus and exits
 */

u32 arch_cpu_hardware_id(unsigned cpu)
{
	return cpus[cpu].apic_id;
}

const char *arch_cpu_status(unsigned cpu)
{
	return virt_cpu_status(cpu);
}

unsigned arch_nr_exits(void)
{
	return ARRAY_SIZE(((struct arch_vcpu *)0)->exits);
}

const char *arch_exit_name(unsigned reason)
{
	const char *name = virt_exit_name(reason);

	return name ? name : "unknown";
}

u64 arch_exit_count(const struct vcpu *vcpu, unsigned reason)
{
	return __atomic_load_n(&vcpu->arch.exits[reason], __ATOMIC_RELAXED);
}

/*
 * regs and set
 */

size_t arch_reg_list(struct vcpu *vcpu, u64 *ids, size_t max)
{
	return vcpu_reg_list(vcpu, ids, max);
}

const char *arch_reg_name(u64 id, char buf[REG_NAME_MAX])
{
	return vcpu_reg_name(id, buf);
}

u64 arch_reg_by_name(const char *name)
{
	return vcpu_reg_by_name(name);
}

/* RFLAGS is never 0 once a vCPU was reset (SDM 1 3.4.3: bit 1 is always set). */
enum firn_err arch_reg_begin(struct vcpu *vcpu)
{
	virt_vcpu_sync(vcpu);
	if (virt_get(vcpu, VREG_RFLAGS) != 0)
		return FIRN_OK;
	arch_reg_end(vcpu);
	return ERR_STATE;
}

enum firn_err arch_reg_get(struct vcpu *vcpu, u64 id, u64 *value)
{
	return vcpu_reg_peek(vcpu, id, value);
}

enum firn_err arch_reg_set(struct vcpu *vcpu, u64 id, u64 value)
{
	enum firn_err err = vcpu_reg_set(vcpu, id, value);

	virt_vcpu_reload(vcpu);
	return err;
}

/* The vCPU of a VM that does not run is held by no CPU, as it was before. */
void arch_reg_end(struct vcpu *vcpu)
{
	u32 vm_state = __atomic_load_n(&vcpu->vm->state, __ATOMIC_RELAXED);

	if (vcpu->state == VCPU_STOPPED || vm_state != VM_RUNNING)
		virt_vcpu_unload(vcpu);
}

const char *arch_regs_inconsistent(struct vcpu *vcpu)
{
	return vcpu_regs_inconsistent(vcpu);
}
