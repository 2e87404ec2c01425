/* SPDX-License-Identifier: MIT */
/* What CPUID says about the machine's CPUs (SDM 2A CPUID; APM 3 appendix E). */
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/cpuid_bits.h"
#include "arch/x86/outer_hypervisor.h"
#include "arch/x86/x86.h"

#define DEFAULT_PHYSICAL_BITS 36

struct cpu_features cpu_features;

static void detect_names(struct cpu_features *f)
{
	struct cpuid_regs r = cpuid(0, 0);
	char *brand = f->brand;

	f->max_leaf = r.eax;
	memcpy(f->vendor, &r.ebx, 4);
	memcpy(f->vendor + 4, &r.edx, 4);
	memcpy(f->vendor + 8, &r.ecx, 4);
	f->max_extended_leaf = cpuid(CPUID_EXTENDED, 0).eax;
	if (f->max_extended_leaf < CPUID_BRAND2)
		return;
	for (unsigned i = 0; i < 3; i++) {
		r = cpuid(CPUID_BRAND0 + i, 0);
		memcpy(brand + 16 * i, &r, sizeof(r));
	}
	while (*brand == ' ')
		brand++;
	memmove(f->brand, brand, strlen(brand) + 1);
}

static void detect_physical_bits(struct cpu_features *f)
{
	f->phys_bits = DEFAULT_PHYSICAL_BITS;
	if (f->max_extended_leaf >= CPUID_ADDRESS)
		f->phys_bits = MIN(cpuid(CPUID_ADDRESS, 0).eax & 0xff, 52u);
}

static void read_cpuid(u32 leaf, u32 out[4])
{
	struct cpuid_regs r = cpuid(leaf, 0);

	memcpy(out, &r, sizeof(r));
}

bool cpu_has_feature(u32 feature)
{
	u32 leaf = CPUID_FEATURE_LEAF(feature);
	u32 max = leaf >= CPUID_EXTENDED ? cpu_features.max_extended_leaf : cpu_features.max_leaf;
	struct cpuid_regs r;
	u32 reg[4];

	if (leaf > max)
		return false;
	r = cpuid(leaf, CPUID_FEATURE_SUBLEAF(feature));
	memcpy(reg, &r, sizeof(reg));
	return reg[CPUID_FEATURE_REG(feature)] & CPUID_FEATURE_MASK(feature);
}

void cpu_detect_features(void)
{
	struct cpu_features *f = &cpu_features;

	detect_names(f);
	detect_physical_bits(f);
	f->x2apic = cpu_has_feature(X86_FEATURE_X2APIC);
	f->tsc_deadline = cpu_has_feature(X86_FEATURE_TSC_DEADLINE);
	f->xsave = cpu_has_feature(X86_FEATURE_XSAVE);
	f->mce = cpu_has_feature(X86_FEATURE_MCE);
	f->pge = cpu_has_feature(X86_FEATURE_PGE);
	f->pat = cpu_has_feature(X86_FEATURE_PAT);
	f->tsc_adjust = cpu_has_feature(X86_FEATURE_TSC_ADJUST);
	f->smep = cpu_has_feature(X86_FEATURE_SMEP);
	f->smap = cpu_has_feature(X86_FEATURE_SMAP);
	f->umip = cpu_has_feature(X86_FEATURE_UMIP);
	f->nx = cpu_has_feature(X86_FEATURE_NX);
	f->gib_pages = cpu_has_feature(X86_FEATURE_PAGE1GB);
	f->invariant_tsc = cpu_has_feature(X86_FEATURE_INVARIANT_TSC);
	if (cpu_has_feature(X86_FEATURE_HYPERVISOR))
		f->hypervisor = outer_hypervisor_name(read_cpuid);
}
