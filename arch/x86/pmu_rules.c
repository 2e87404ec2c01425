/* SPDX-License-Identifier: MIT */
/* Registers of the performance counters: which there are and what they accept (SDM 3B 19.2). */
#include "arch/x86/pmu.h"

#include "arch/x86/msr.h"

/* Leaf 0xa */
#define COUNT_SHIFT	  8
#define WIDTH_SHIFT	  16
#define EVENTS_SHIFT	  24
#define FIXED_COUNT	  0x1fu
#define FIXED_WIDTH_SHIFT 5
#define BYTE		  0xffu

/* Of each fixed counter: ring 0, ring 3, interrupt. AnyThread (bit 2) came with version 3. */
#define FIXED_CTRL_BITS 0xbull

static u64 width_mask(unsigned bits)
{
	return bits >= 64 ? ~0ull : BIT(bits) - 1;
}

static u64 event_select_bits(const struct cpuid_image *image)
{
	u64 bits = EVTSEL_EVENT | EVTSEL_UMASK | EVTSEL_USR | EVTSEL_OS | EVTSEL_EDGE | EVTSEL_INT |
		   EVTSEL_ENABLE | EVTSEL_INVERT | EVTSEL_CMASK;

	if (cpuid_image_offers(image, X86_FEATURE_PERFMON_UMASK2))
		bits |= EVTSEL_UMASK2;
	if (cpuid_image_offers(image, X86_FEATURE_PERFMON_EQ))
		bits |= EVTSEL_EQ;
	return bits;
}

struct pmu_layout pmu_layout(const struct cpuid_image *image)
{
	const struct cpuid_leaf *leaf = cpuid_image_find(image, CPUID_PERFMON, 0);
	struct pmu_layout layout = { .nr_events = 0 };
	unsigned gp, fixed;
	u64 global;

	if (!leaf || !leaf->eax)
		return layout;
	gp = MIN(leaf->eax >> COUNT_SHIFT & BYTE, PMU_MAX_GP);
	fixed = MIN(leaf->edx & FIXED_COUNT, PMU_MAX_FIXED);
	global = (BIT(gp) - 1) | (BIT(fixed) - 1) << 32;
	layout = (struct pmu_layout){
		.count = { gp, gp, gp, fixed, 1, 1, 1, 1, 1 },
		.writable = {
			[PMU_COUNTER] = ~0ull,
			[PMU_COUNTER_FULL] = width_mask(leaf->eax >> WIDTH_SHIFT & BYTE),
			[PMU_EVENT_SELECT] = event_select_bits(image),
			[PMU_FIXED] = width_mask(leaf->edx >> FIXED_WIDTH_SHIFT & BYTE),
			[PMU_GLOBAL_CTRL] = global,
			[PMU_OVERFLOW_CTRL] = global | GLOBAL_STATUS_DS | GLOBAL_STATUS_CONDITION,
		},
		.nr_events = leaf->eax >> EVENTS_SHIFT,
		.absent_events = leaf->ebx,
	};
	for (unsigned i = 0; i < fixed; i++)
		layout.writable[PMU_FIXED_CTRL] |= FIXED_CTRL_BITS << i * FIXED_CTRL_STRIDE;
	return layout;
}

bool pmu_find_msr(const struct pmu_layout *layout, u32 msr, enum pmu_reg *reg, unsigned *index)
{
	static const u32 first[NR_PMU_REGS] = {
		[PMU_COUNTER] = MSR_IA32_PMC0,
		[PMU_COUNTER_FULL] = MSR_IA32_A_PMC0,
		[PMU_EVENT_SELECT] = MSR_IA32_PERFEVTSEL0,
		[PMU_FIXED] = MSR_IA32_FIXED_CTR0,
		[PMU_CAPABILITIES] = MSR_IA32_PERF_CAPABILITIES,
		[PMU_FIXED_CTRL] = MSR_IA32_FIXED_CTR_CTRL,
		[PMU_STATUS] = MSR_PERF_GLOBAL_STATUS,
		[PMU_GLOBAL_CTRL] = MSR_PERF_GLOBAL_CTRL,
		[PMU_OVERFLOW_CTRL] = MSR_PERF_GLOBAL_OVF_CTRL,
	};

	for (enum pmu_reg r = 0; r < NR_PMU_REGS; r++)
		if (msr - first[r] < layout->count[r]) {
			*reg = r;
			*index = msr - first[r];
			return true;
		}
	return false;
}
