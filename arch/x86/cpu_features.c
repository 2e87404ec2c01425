/* SPDX-License-Identifier: MIT */
/* What CPUID says about the machine's CPUs (SDM 2A CPUID; APM 3 appendix E). */
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"

#define CPUID_EXTENDED	   0x80000000u
#define CPUID_FEATURES	   1
#define CPUID_FEATURES7	   7
#define CPUID_EXT_FEATURES (CPUID_EXTENDED + 1)
#define CPUID_BRAND	   (CPUID_EXTENDED + 2)
#define CPUID_POWER	   (CPUID_EXTENDED + 7)
#define CPUID_ADDRESSES	   (CPUID_EXTENDED + 8)

#define ECX1_X2APIC	      BIT(21)
#define ECX1_TSC_DEADLINE     BIT(24)
#define ECX1_XSAVE	      BIT(26)
#define ECX1_HYPERVISOR	      BIT(31)
#define EDX1_MCE	      BIT(7)
#define EDX1_PGE	      BIT(13)
#define EDX1_PAT	      BIT(16)
#define EBX7_TSC_ADJUST	      BIT(1)
#define EBX7_SMEP	      BIT(7)
#define EBX7_SMAP	      BIT(20)
#define ECX7_UMIP	      BIT(2)
#define EXT_EDX_NX	      BIT(20)
#define EXT_EDX_1G_PAGES      BIT(26)
#define POWER_EDX_INVARIANT   BIT(8)
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
	if (f->max_extended_leaf < CPUID_BRAND + 2)
		return;
	for (unsigned i = 0; i < 3; i++) {
		r = cpuid(CPUID_BRAND + i, 0);
		memcpy(brand + 16 * i, &r, sizeof(r));
	}
	while (*brand == ' ')
		brand++;
	memmove(f->brand, brand, strlen(brand) + 1);
}

static void detect_extended(struct cpu_features *f)
{
	struct cpuid_regs r;

	f->phys_bits = DEFAULT_PHYSICAL_BITS;
	if (f->max_extended_leaf < CPUID_EXTENDED)
		return;
	r = cpuid(CPUID_EXT_FEATURES, 0);
	f->nx = r.edx & EXT_EDX_NX;
	f->gib_pages = r.edx & EXT_EDX_1G_PAGES;
	if (f->max_extended_leaf >= CPUID_POWER)
		f->invariant_tsc = cpuid(CPUID_POWER, 0).edx & POWER_EDX_INVARIANT;
	if (f->max_extended_leaf >= CPUID_ADDRESSES)
		f->phys_bits = MIN(cpuid(CPUID_ADDRESSES, 0).eax & 0xff, 52u);
}

void cpu_detect_features(void)
{
	struct cpu_features *f = &cpu_features;
	struct cpuid_regs r;

	detect_names(f);
	r = cpuid(CPUID_FEATURES, 0);
	f->x2apic = r.ecx & ECX1_X2APIC;
	f->tsc_deadline = r.ecx & ECX1_TSC_DEADLINE;
	f->xsave = r.ecx & ECX1_XSAVE;
	f->hypervisor = r.ecx & ECX1_HYPERVISOR;
	f->mce = r.edx & EDX1_MCE;
	f->pge = r.edx & EDX1_PGE;
	f->pat = r.edx & EDX1_PAT;
	if (f->max_leaf >= CPUID_FEATURES7) {
		r = cpuid(CPUID_FEATURES7, 0);
		f->tsc_adjust = r.ebx & EBX7_TSC_ADJUST;
		f->smep = r.ebx & EBX7_SMEP;
		f->smap = r.ebx & EBX7_SMAP;
		f->umip = r.ecx & ECX7_UMIP;
	}
	detect_extended(f);
}
