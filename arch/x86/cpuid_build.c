/* SPDX-License-Identifier: MIT */
/* Builds a VM's CPUID image from the policy tables and what the host has. */
#include <string.h>

#include "arch/x86/cpuid_policy.h"
#include "arch/x86/guest_xstate.h"
#include "arch/x86/kvm_para.h"
#include "arch/x86/pmu.h"
#include "arch/x86/regs.h"
#include "core/log.h"

#define BASIC_MAX_INTEL	       CPUID_TOPOLOGY2
#define BASIC_MAX_AMD	       CPUID_XSTATE
#define GUEST_PHYS_BITS	       48 /* what four levels of nested paging translate */
#define GUEST_LINEAR_BITS      48
#define MAX_CACHES	       8
#define CACHE_TYPE	       0x1fu   /* leaf 4 EAX; 0 = no more caches */
#define CACHE_FIXED	       0x3fffu /* EAX bits that don't describe sharing */
#define CACHE_LEVEL(eax)       ((eax) >> 5 & 7)
#define CACHE_SHARING_SHIFT    14
#define CACHE_CORES_SHIFT      26
#define LEVEL_SMT	       (1u << 8) /* leaf 0xb ECX: level type */
#define LEVEL_CORE	       (2u << 8)
#define FEATURES_MAX_SUBLEAF   1
#define VERSION_COUNT_SHIFT    16
#define ADDRESS_LINEAR_SHIFT   8	   /* leaf 0x80000008 EAX */
#define AMD_APIC_ID_BITS_SHIFT 12	   /* leaf 0x80000008 ECX */
#define AMD_EXT1_ALIASES       0x0183f3ffu /* leaf 0x80000001 EDX bits that repeat leaf 1 EDX */
#define PERFMON_VERSION	       2u	   /* leaf 0xa EAX */
#define PERFMON_VERSION_MASK   0xffu
#define PERFMON_COUNT(eax)     ((eax) >> 8 & 0xff)
#define PERFMON_COUNT_SHIFT    8
#define PERFMON_WIDTH	       0x00ff0000u
#define PERFMON_EVENTS(eax)    ((eax) >> 24)
#define PERFMON_EVENTS_SHIFT   24
#define PERFMON_MAX_EVENTS     8     /* those that version 2's counters count */
#define PERFMON_FIXED	       0x1fu /* leaf 0xa EDX */
#define PERFMON_FIXED_WIDTH    0x1fe0u
#define PERFMON_NO_ANYTHREAD   BIT(15)
#define PERFMON_EXT_UMASK2_EQ  3u /* leaf 0x23.0 EBX */
#define PERFMON_EXT_COUNTERS   1  /* sub-leaves of leaf 0x23 */
#define PERFMON_EXT_EVENTS     3
#define XCR0_LEGACY	       (XCR0_X87 | XCR0_SSE)
#define POLICY_XCR0	       (XCR0_LEGACY | XCR0_AVX | XCR0_AVX512)
#define XSTATE_COMPONENTS      64

struct builder {
	struct cpuid_image *image;
	cpuid_source host;
	u32 max_basic, max_extended; /* of the host */
	enum cpuid_vendor vendor;
	const struct cpuid_vm *vm;
	unsigned id_bits; /* of an APIC id that number a vCPU */
};

/* Leaves that the host does not have read zero. */
static void host_leaf(const struct builder *b, u32 leaf, u32 subleaf, u32 out[4])
{
	u32 max = leaf >= CPUID_EXTENDED ? b->max_extended : b->max_basic;

	memset(out, 0, 4 * sizeof(*out));
	if (leaf < CPUID_HYPERVISOR ? leaf <= max : leaf >= CPUID_EXTENDED && leaf <= max)
		b->host(leaf, subleaf, out);
}

static struct cpuid_leaf *add_leaf(struct builder *b, u32 leaf, u32 subleaf, bool indexed)
{
	struct cpuid_image *image = b->image;
	struct cpuid_leaf *p = &image->leaf[image->count];

	BUG_ON(image->count == CPUID_IMAGE_MAX);
	for (; p > image->leaf; p--) {
		if (p[-1].leaf < leaf || (p[-1].leaf == leaf && p[-1].subleaf < subleaf))
			break;
		p[0] = p[-1];
	}
	*p = (struct cpuid_leaf){ .leaf = leaf, .subleaf = subleaf, .indexed = indexed };
	image->count++;
	cpuid_image_index(image);
	return p;
}

static struct cpuid_leaf *entry(const struct builder *b, u32 leaf, u32 subleaf)
{
	return (struct cpuid_leaf *)cpuid_image_find(b->image, leaf, subleaf);
}

static void set_feature(struct builder *b, u32 feature, bool on)
{
	struct cpuid_leaf *e =
		entry(b, CPUID_FEATURE_LEAF(feature), CPUID_FEATURE_SUBLEAF(feature));
	u32 bit = CPUID_FEATURE_MASK(feature);

	if (!e)
		return;
	if (on)
		e->reg[CPUID_FEATURE_REG(feature)] |= bit;
	else
		e->reg[CPUID_FEATURE_REG(feature)] &= ~bit;
}

static bool host_has(const struct builder *b, u32 feature)
{
	u32 leaf = CPUID_FEATURE_LEAF(feature), subleaf = CPUID_FEATURE_SUBLEAF(feature), out[4];

	if (subleaf) {
		host_leaf(b, leaf, 0, out);
		/* Leaf 7 says in EAX how many sub-leaves there are; leaf 0xd always has sub-leaf 1. */
		if (leaf == CPUID_FEATURES && subleaf > out[CPUID_EAX])
			return false;
	}
	host_leaf(b, leaf, subleaf, out);
	return out[CPUID_FEATURE_REG(feature)] >> CPUID_FEATURE_BIT(feature) & 1;
}

static void add_host_leaves(struct builder *b)
{
	for (unsigned i = 0; i < cpuid_nr_leaves; i++) {
		const struct cpuid_leaf_policy *p = &cpuid_leaves[i];
		struct cpuid_leaf *e;
		u32 out[4];

		if (!(p->vendor & b->vendor))
			continue;
		host_leaf(b, p->leaf, p->subleaf, out);
		e = add_leaf(b, p->leaf, p->subleaf, p->indexed);
		for (unsigned r = 0; r < 4; r++)
			e->reg[r] = out[r] & p->copy[r];
	}
}

static void offer_host(struct builder *b, const u32 *features, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (host_has(b, features[i]))
			set_feature(b, features[i], true);
}

static void add_features(struct builder *b)
{
	offer_host(b, cpuid_host_features, cpuid_nr_host_features);
	if (b->vendor == CPUID_AMD)
		offer_host(b, cpuid_host_features_amd, cpuid_nr_host_features_amd);
	if (b->vm->cet)
		offer_host(b, cpuid_cet_features, cpuid_nr_cet_features);
	for (size_t i = 0; i < cpuid_nr_own_features; i++)
		set_feature(b, cpuid_own_features[i], true);
	for (size_t i = 0; i < cpuid_nr_kvm_features; i++)
		set_feature(b, cpuid_kvm_features[i].feature,
			    b->vm->paravirt & CPUID_FEATURE_MASK(cpuid_kvm_features[i].feature));
}

static bool offers(const struct builder *b, u32 feature)
{
	return cpuid_image_offers(b->image, feature);
}

static void drop_dependants(struct builder *b)
{
	for (size_t i = 0; i < cpuid_nr_dependencies; i++)
		if (!offers(b, cpuid_dependencies[i].needs))
			set_feature(b, cpuid_dependencies[i].feature, false);
}

/* Cache parameters (leaf 4): the last level is shared by all vCPUs, the others by none. */
static void add_caches(struct builder *b)
{
	u32 last = (1u << b->id_bits) - 1, out[4];

	for (u32 i = 0; i < MAX_CACHES && b->vendor == CPUID_INTEL; i++) {
		struct cpuid_leaf *e;

		host_leaf(b, CPUID_CACHE, i, out);
		if (!(out[CPUID_EAX] & CACHE_TYPE))
			break;
		e = add_leaf(b, CPUID_CACHE, i, true);
		memcpy(e->reg, out, sizeof(e->reg));
		e->eax &= CACHE_FIXED;
		e->eax |= last << CACHE_CORES_SHIFT;
		if (CACHE_LEVEL(e->eax) > 2)
			e->eax |= last << CACHE_SHARING_SHIFT;
	}
}

/* One thread a core, one package (leaves 0xb, 0x1f). The x2APIC id in EDX comes at the exit. */
static void add_topology(struct builder *b, u32 leaf)
{
	struct cpuid_leaf *e;

	e = add_leaf(b, leaf, 0, true);
	e->ebx = 1;
	e->ecx = LEVEL_SMT;
	e = add_leaf(b, leaf, 1, true);
	e->eax = b->id_bits;
	e->ebx = b->vm->nr_vcpus;
	e->ecx = LEVEL_CORE;
}

static u32 host_xstate_size(const struct builder *b, u32 component, u32 out[4])
{
	host_leaf(b, CPUID_XSTATE, component, out);
	return out[CPUID_EAX];
}

/* State components that are offered: all of a vector extension's or none. */
static u64 offered_xcr0(const struct builder *b)
{
	u32 out[4];
	u64 xcr0;

	host_leaf(b, CPUID_XSTATE, 0, out);
	xcr0 = POLICY_XCR0 & ((u64)out[CPUID_EDX] << 32 | out[CPUID_EAX]);
	for (u32 i = XSTATE_FIRST_EXTENDED; i < XSTATE_COMPONENTS; i++)
		if ((xcr0 & BIT(i)) && !host_xstate_size(b, i, out))
			xcr0 &= ~BIT(i);
	if (!offers(b, X86_FEATURE_XSAVE) || (xcr0 & XCR0_LEGACY) != XCR0_LEGACY)
		return 0;
	if (!offers(b, X86_FEATURE_AVX) || !(xcr0 & XCR0_AVX))
		return XCR0_LEGACY;
	if (!offers(b, X86_FEATURE_AVX512F) || (xcr0 & XCR0_AVX512) != XCR0_AVX512)
		xcr0 &= ~XCR0_AVX512;
	return xcr0;
}

/*
 * State that XSAVES keeps and XSAVE does not: CET's, all of it or none, for VMs with CET. Its MSRs
 * are switched one by one, so a host without it can offer CET just as well.
 */
static u64 offered_xss(const struct builder *b)
{
	u32 out[4];

	host_leaf(b, CPUID_XSTATE, 1, out);
	if (!b->vm->cet || !offers(b, X86_FEATURE_SHSTK) || !offers(b, X86_FEATURE_XSAVE) ||
	    !host_has(b, X86_FEATURE_XSAVES) || (out[CPUID_ECX] & XSS_CET) != XSS_CET)
		return 0;
	return XSS_CET;
}

static void add_supervisor_xstate(struct builder *b)
{
	u64 xss = offered_xss(b);

	for (u32 i = XSTATE_FIRST_EXTENDED; i < XSTATE_COMPONENTS; i++)
		if (xss & BIT(i))
			host_xstate_size(b, i, add_leaf(b, CPUID_XSTATE, i, true)->reg);
	entry(b, CPUID_XSTATE, 1)->ecx = (u32)xss;
	set_feature(b, X86_FEATURE_XSAVES, xss);
	set_feature(b, X86_FEATURE_XSAVEC, xss && host_has(b, X86_FEATURE_XSAVEC));
}

/* Leaf 0xd; extensions without state to keep them in are not offered. */
static void add_xstate(struct builder *b)
{
	u64 xcr0 = offered_xcr0(b);
	struct cpuid_leaf *e;

	for (u32 i = XSTATE_FIRST_EXTENDED; i < XSTATE_COMPONENTS; i++)
		if (xcr0 & BIT(i)) {
			e = add_leaf(b, CPUID_XSTATE, i, true);
			host_xstate_size(b, i, e->reg);
		}
	if (!xcr0)
		set_feature(b, X86_FEATURE_XSAVE, false);
	if (!(xcr0 & XCR0_AVX))
		set_feature(b, X86_FEATURE_AVX, false);
	if (!(xcr0 & XCR0_AVX512))
		set_feature(b, X86_FEATURE_AVX512F, false);
	e = entry(b, CPUID_XSTATE, 0);
	e->eax = (u32)xcr0;
	e->ecx = xcr0 ? guest_xstate_size(b->image, xcr0, false) : 0;
	add_supervisor_xstate(b);
}

static void fill_version(struct builder *b)
{
	entry(b, CPUID_FEATURES, 0)->eax = FEATURES_MAX_SUBLEAF;
	entry(b, CPUID_VERSION, 0)->ebx |= 1u << b->id_bits << VERSION_COUNT_SHIFT;
	set_feature(b, X86_FEATURE_HTT, b->vm->nr_vcpus > 1);
	if (b->vendor == CPUID_AMD) {
		set_feature(b, X86_FEATURE_CMP_LEGACY, b->vm->nr_vcpus > 1);
		entry(b, CPUID_EXT1, 0)->edx |= entry(b, CPUID_VERSION, 0)->edx & AMD_EXT1_ALIASES;
	}
}

static void fill_hypervisor(struct builder *b)
{
	struct cpuid_leaf *e = entry(b, CPUID_HYPERVISOR, 0);

	e->eax = CPUID_KVM_TIMING;
	e->ebx = KVM_SIGNATURE_EBX;
	e->ecx = KVM_SIGNATURE_ECX;
	e->edx = KVM_SIGNATURE_EDX;
	/* The local APIC timer counts TSC ticks, so its bus runs at the same frequency. */
	e = entry(b, CPUID_KVM_TIMING, 0);
	e->eax = (u32)b->vm->tsc_khz;
	e->ebx = (u32)b->vm->tsc_khz;
	entry(b, CPUID_KVM, 0)->edx = b->vm->hints;
}

/* Which counters and events there are, in the newer form (leaf 0x23). */
static void add_counters_ext(struct builder *b, unsigned gp, unsigned fixed)
{
	const struct cpuid_leaf *old = entry(b, CPUID_PERFMON, 0);
	u32 available = ~old->ebx & (u32)(BIT(PERFMON_EVENTS(old->eax)) - 1), out[4];
	struct cpuid_leaf *e;

	host_leaf(b, CPUID_PERFMON2, 0, out);
	e = add_leaf(b, CPUID_PERFMON2, 0, true);
	e->eax = BIT(0) | BIT(PERFMON_EXT_COUNTERS) | BIT(PERFMON_EXT_EVENTS);
	e->ebx = out[CPUID_EBX] & PERFMON_EXT_UMASK2_EQ;
	e = add_leaf(b, CPUID_PERFMON2, PERFMON_EXT_COUNTERS, true);
	e->eax = (u32)BIT(gp) - 1;
	e->ebx = (u32)BIT(fixed) - 1;
	e = add_leaf(b, CPUID_PERFMON2, PERFMON_EXT_EVENTS, true);
	e->eax = available;
	set_feature(b, X86_FEATURE_PERFMON2, true);
	entry(b, CPUID_BASIC, 0)->eax = CPUID_PERFMON2;
}

/* Performance counters, in version 2 whatever newer one the host has. */
static void add_counters(struct builder *b)
{
	struct cpuid_leaf *e;
	unsigned gp, fixed, events;
	u32 out[4];

	host_leaf(b, CPUID_PERFMON, 0, out);
	if (b->vendor != CPUID_INTEL || !b->vm->pmu || !b->vm->counters ||
	    (out[CPUID_EAX] & PERFMON_VERSION_MASK) < PERFMON_VERSION)
		return;
	gp = MIN(PERFMON_COUNT(out[CPUID_EAX]), PMU_MAX_GP);
	fixed = MIN(out[CPUID_EDX] & PERFMON_FIXED, PMU_MAX_FIXED);
	events = MIN(PERFMON_EVENTS(out[CPUID_EAX]), PERFMON_MAX_EVENTS);
	e = add_leaf(b, CPUID_PERFMON, 0, false);
	e->eax = PERFMON_VERSION | gp << PERFMON_COUNT_SHIFT | (out[CPUID_EAX] & PERFMON_WIDTH) |
		 events << PERFMON_EVENTS_SHIFT;
	e->ebx = out[CPUID_EBX] & ((u32)BIT(events) - 1);
	e->edx = fixed | (out[CPUID_EDX] & PERFMON_FIXED_WIDTH) | PERFMON_NO_ANYTHREAD;
	set_feature(b, X86_FEATURE_PDCM, true);
	if (host_has(b, X86_FEATURE_PERFMON2) && b->max_basic >= CPUID_PERFMON2)
		add_counters_ext(b, gp, fixed);
}

/* Leaves of Firn's own, in VMs that are given something by them. */
static void add_firn(struct builder *b)
{
	struct cpuid_leaf *e;

	if (!b->vm->pmu)
		return;
	e = add_leaf(b, CPUID_FIRN, 0, false);
	e->eax = CPUID_FIRN_INFO;
	e->ebx = e->ecx = e->edx = FIRN_SIGNATURE;
	add_leaf(b, CPUID_FIRN_INFO, 0, false);
	set_feature(b, FIRN_FEATURE_PMU_EVENT_INFO, true);
}

static void fill_address(struct builder *b)
{
	struct cpuid_leaf *e = entry(b, CPUID_ADDRESS, 0);
	u32 out[4];

	host_leaf(b, CPUID_ADDRESS, 0, out);
	e->eax = MIN(out[CPUID_EAX] & 0xff, GUEST_PHYS_BITS) | GUEST_LINEAR_BITS
								       << ADDRESS_LINEAR_SHIFT;
	if (b->vendor == CPUID_AMD)
		e->ecx = (b->vm->nr_vcpus - 1) | b->id_bits << AMD_APIC_ID_BITS_SHIFT;
}

static void probe(struct builder *b)
{
	u32 out[4];

	b->host(CPUID_BASIC, 0, out);
	b->max_basic = out[CPUID_EAX];
	b->image->leaf[0].ebx = out[CPUID_EBX];
	b->vendor = cpuid_image_is_amd(b->image) ? CPUID_AMD : CPUID_INTEL;
	b->host(CPUID_EXTENDED, 0, out);
	/* CPUs without extended leaves answer with something else. */
	b->max_extended = out[CPUID_EAX] >= CPUID_EXTENDED ? out[CPUID_EAX] : CPUID_EXTENDED;
	while (1u << b->id_bits < b->vm->nr_vcpus)
		b->id_bits++;
}

void cpuid_image_build(struct cpuid_image *image, cpuid_source host, const struct cpuid_vm *vm)
{
	struct builder b = { .image = image, .host = host, .vm = vm };

	memset(image, 0, sizeof(*image));
	probe(&b);
	add_host_leaves(&b);
	add_features(&b);
	add_xstate(&b);
	drop_dependants(&b);
	add_caches(&b);
	add_topology(&b, CPUID_TOPOLOGY);
	if (b.vendor == CPUID_INTEL)
		add_topology(&b, CPUID_TOPOLOGY2);
	fill_version(&b);
	fill_hypervisor(&b);
	fill_address(&b);
	entry(&b, CPUID_BASIC, 0)->eax = b.vendor == CPUID_AMD ? BASIC_MAX_AMD : BASIC_MAX_INTEL;
	entry(&b, CPUID_EXTENDED, 0)->eax = CPUID_ADDRESS;
	add_counters(&b);
	add_firn(&b);
}
