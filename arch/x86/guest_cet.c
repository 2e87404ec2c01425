/* SPDX-License-Identifier: MIT */
/*
 * Whether VMs can have control-flow enforcement, and its MSRs in the CPU's registers. They are
 * switched one by one: Firn saves guests' state without XSAVES, which not every CPU with CET has for
 * it.
 */
#include "arch/x86/guest_cet.h"

#include "arch/x86/cpu.h"
#include "arch/x86/cpuid_bits.h"
#include "arch/x86/virt.h"
#include "arch/x86/x86.h"
#include "core/arch.h"
#include "core/log.h"

const char *guest_cet_lacks(void)
{
	if (!cpu_has_feature(X86_FEATURE_SHSTK) && !cpu_has_feature(X86_FEATURE_IBT))
		return "the CPU has neither shadow stacks nor branch tracking";
	return virt_cet_lacks();
}

void guest_cet_report(void)
{
	const char *lacks = guest_cet_lacks();

	log_info("CET for guests: %s%s", lacks ? "no: " : "yes", lacks ? lacks : "");
}

static const struct {
	u32 msr;
	u16 offset;
	bool shstk; /* exists with shadow stacks only */
} switched_msrs[] = {
	{ MSR_IA32_U_CET, offsetof(struct arch_vcpu, u_cet), false },
	{ MSR_IA32_PL0_SSP, offsetof(struct arch_vcpu, pl_ssp[0]), true },
	{ MSR_IA32_PL1_SSP, offsetof(struct arch_vcpu, pl_ssp[1]), true },
	{ MSR_IA32_PL2_SSP, offsetof(struct arch_vcpu, pl_ssp[2]), true },
	{ MSR_IA32_PL3_SSP, offsetof(struct arch_vcpu, pl_ssp[3]), true },
};

/* CPUs whose registers hold values of a VM with CET; each CPU looks at its own. */
static bool in_use[MAX_CPUS];

static bool offers(const struct vcpu *vcpu, u32 feature)
{
	return cpuid_image_offers(&vcpu->vm->arch.cpuid, feature);
}

void guest_cet_save(struct vcpu *vcpu)
{
	bool shstk;

	if (!vcpu->vm->arch.cet)
		return;
	shstk = offers(vcpu, X86_FEATURE_SHSTK);
	for (unsigned i = 0; i < ARRAY_SIZE(switched_msrs); i++)
		if (shstk || !switched_msrs[i].shstk)
			*(u64 *)((char *)&vcpu->arch + switched_msrs[i].offset) =
				rdmsr(switched_msrs[i].msr);
}

/* XSAVES reads them all, and SVM can't keep it from guests that were not told of it. */
static void clear(void)
{
	bool shstk = cpu_has_feature(X86_FEATURE_SHSTK);

	for (unsigned i = 0; i < ARRAY_SIZE(switched_msrs); i++)
		if (shstk || !switched_msrs[i].shstk)
			wrmsr(switched_msrs[i].msr, 0);
	if (cpu_has_feature(X86_FEATURE_XSAVES))
		wrmsr(MSR_IA32_XSS, 0);
	in_use[cpu_index()] = false;
}

void guest_cet_load(struct vcpu *vcpu)
{
	bool shstk;

	if (!vcpu->vm->arch.cet) {
		if (unlikely(in_use[cpu_index()]))
			clear();
		return;
	}
	shstk = offers(vcpu, X86_FEATURE_SHSTK);
	for (unsigned i = 0; i < ARRAY_SIZE(switched_msrs); i++)
		if (shstk || !switched_msrs[i].shstk)
			wrmsr(switched_msrs[i].msr,
			      *(u64 *)((char *)&vcpu->arch + switched_msrs[i].offset));
	virt_xss_changed(vcpu);
	in_use[cpu_index()] = true;
}

void virt_xss_changed(struct vcpu *vcpu)
{
	if (offers(vcpu, X86_FEATURE_XSAVES))
		wrmsr(MSR_IA32_XSS, vcpu->arch.xss);
}
