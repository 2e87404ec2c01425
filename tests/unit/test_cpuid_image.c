/* SPDX-License-Identifier: MIT */
/* CPUID: what is offered and hidden, bits that follow registers, lookup, comparison. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "core/paravirt.h"
#include "guest_cpu.h"

static struct cpuid_image image;

static void build(unsigned nr_vcpus)
{
	guest_image(&image, nr_vcpus);
}

static void assert_leaf(u32 leaf, u32 subleaf, u32 eax, u32 ebx, u32 ecx, u32 edx)
{
	const struct cpuid_leaf *e = cpuid_image_find(&image, leaf, subleaf);
	const u32 expected[4] = { eax, ebx, ecx, edx };

	if (!e)
		fail_msg("leaf 0x%x.%u is missing", leaf, subleaf);
	for (unsigned i = 0; i < 4; i++)
		if (e->reg[i] != expected[i])
			fail_msg("leaf 0x%x.%u register %u: 0x%x, expected 0x%x", leaf, subleaf, i,
				 e->reg[i], expected[i]);
}

/* Every feature register, bit by bit, when the host has everything there ever was. */
static void test_full_intel_host(void **state)
{
	(void)state;
	host_full();
	build(1);
	assert_leaf(0, 0, 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69);
	/* no MONITOR, DTES64, DS-CPL, VMX, SMX, EST, TM2, CNXT-ID, SDBG, xTPR, PDCM, DCA */
	assert_leaf(1, 0, 0x0fff3fff, 0x0001ff00, 0xf7fa3203, 0x0f8bfbff);
	assert_leaf(2, 0, ~0u, ~0u, ~0u, ~0u);
	assert_leaf(6, 0, 0x4, 0, 0, 0);
	/* no SGX, HLE, PQM, MPX, PQE, RTM, PT; WAITPKG, PKU, CET, LA57, FSRM, AMX and others */
	assert_leaf(7, 0, 1, 0xf1bf27eb, 0x1a405f46, 0xac804500);
	assert_leaf(7, 1, 0x30, 0, 0, 0);
	assert_leaf(0xd, 0, 0xe7, 0, 2688, 0);
	assert_leaf(0xd, 1, 0x5, 0, 0, 0);
	assert_leaf(0x40000000, 0, 0x40000010, 0x4b4d564b, 0x564b4d56, 0x4d);
	assert_leaf(0x40000001, 0, 0x01003aeb, 0, 0, 0);
	assert_leaf(0x40000010, 0, 2400000, 2400000, 0, 0);
	assert_leaf(0x80000000, 0, 0x80000008, 0x756e6547, 0x6c65746e, 0x49656e69);
	assert_leaf(0x80000001, 0, 0, 0, 0x121, 0x2c100800);
	assert_leaf(0x80000002, 0, ~0u, ~0u, ~0u, ~0u);
	assert_leaf(0x80000006, 0, 0, 0, ~0u, 0);
	assert_leaf(0x80000007, 0, 0, 0, 0, 0x100);
	assert_leaf(0x80000008, 0, 46 | 48 << 8, 0, 0, 0);
	assert_null(cpuid_image_find(&image, 3, 0));
	assert_null(cpuid_image_find(&image, 5, 0));
	assert_null(cpuid_image_find(&image, 0xa, 0));
	assert_null(cpuid_image_find(&image, 0x14, 0));
	assert_null(cpuid_image_find(&image, 0x15, 0));
	assert_null(cpuid_image_find(&image, 0x16, 0));
	assert_null(cpuid_image_find(&image, 0x80000005, 0));
	assert_null(cpuid_image_find(&image, 0xd, 9));
	assert_null(cpuid_image_find(&image, 0xd, 17));
}

static void test_full_amd_host(void **state)
{
	(void)state;
	host_full();
	host.amd = true;
	build(4);
	assert_leaf(0, 0, 0xd, 0x68747541, 0x444d4163, 0x69746e65);
	/* no SVM, EXTAPIC, OSVW, IBS, SKINIT, WDT, LWP, TCE, NODEID, TOPOEXT, PERFCTR */
	assert_leaf(0x80000001, 0, ~0u, ~0u, 0x2109f3, 0x2dd3fbff);
	assert_leaf(0x80000008, 0, 46 | 48 << 8, 0x0100d205, 3 | 2 << 12, 0);
	assert_null(cpuid_image_find(&image, 2, 0));
	assert_null(cpuid_image_find(&image, 4, 0));
	assert_null(cpuid_image_find(&image, 0x1f, 0));
	assert_true(cpuid_image_is_amd(&image));
}

/* Only what Firn emulates itself is left. */
static void test_bare_host(void **state)
{
	(void)state;
	host_bare();
	build(1);
	assert_leaf(1, 0, 0, 1 << 16, 0x81200000, 0x00005280);
	assert_leaf(7, 0, 1, 2, 0, 0);
	assert_leaf(7, 1, 0, 0, 0, 0);
	assert_leaf(0xd, 0, 0, 0, 0, 0);
	assert_leaf(0xd, 1, 0, 0, 0, 0);
	assert_leaf(0x40000001, 0, 0x01003aeb, 0, 0, 0);
	assert_leaf(0x80000001, 0, 0, 0, 0, 0);
	assert_leaf(0x80000007, 0, 0, 0, 0, 0);
}

/* Leaves above the host's maximum must not be read: CPUs answer them with another leaf's data. */
static void test_host_maximum(void **state)
{
	(void)state;
	host_full();
	host.max_basic = 1;
	host.max_extended = 0x80000001;
	build(1);
	assert_leaf(7, 0, 1, 2, 0, 0);
	assert_leaf(6, 0, 4, 0, 0, 0);
	assert_leaf(0x80000007, 0, 0, 0, 0, 0);
	assert_false(cpuid_image_offers(&image, X86_FEATURE_AVX));
	assert_false(cpuid_image_offers(&image, X86_FEATURE_XSAVE));
	assert_true(cpuid_image_offers(&image, X86_FEATURE_LM));
}

static void test_phys_bits(void **state)
{
	(void)state;
	host_full();
	host.phys_bits = 52;
	build(1);
	assert_int_equal(cpuid_image_phys_bits(&image), 48);
	host.phys_bits = 39;
	build(1);
	assert_int_equal(cpuid_image_phys_bits(&image), 39);
}

static const u32 avx_family[] = { X86_FEATURE_AVX,	 X86_FEATURE_F16C, X86_FEATURE_FMA,
				  X86_FEATURE_VAES,	 X86_FEATURE_AVX2, X86_FEATURE_AVX_VNNI,
				  X86_FEATURE_VPCLMULQDQ };
static const u32 avx512_family[] = { X86_FEATURE_AVX512F,	   X86_FEATURE_AVX512DQ,
				     X86_FEATURE_AVX512_IFMA,	   X86_FEATURE_AVX512CD,
				     X86_FEATURE_AVX512BW,	   X86_FEATURE_AVX512VL,
				     X86_FEATURE_AVX512_VBMI,	   X86_FEATURE_AVX512_VBMI2,
				     X86_FEATURE_AVX512_VNNI,	   X86_FEATURE_AVX512_BITALG,
				     X86_FEATURE_AVX512_VPOPCNTDQ, X86_FEATURE_AVX512_VP2INTERSECT,
				     X86_FEATURE_AVX512_FP16,	   X86_FEATURE_AVX512_BF16 };

static void assert_family(const u32 *features, size_t n, bool offered)
{
	for (size_t i = 0; i < n; i++)
		if (cpuid_image_offers(&image, features[i]) != offered)
			fail_msg("feature 0x%x: expected %d", features[i], offered);
}

/* Vector extensions without their state are hidden with everything that builds on them. */
static void test_state_dependencies(void **state)
{
	static const struct {
		u64 xcr0, no_size;
		u32 off, offered_xcr0;
		bool xsave, avx, avx512;
	} cases[] = {
		{ 0x2ff, 0, 0, 0xe7, true, true, true },
		{ 0x7, 0, 0, 0x7, true, true, false },
		{ 0x67, 0, 0, 0x7, true, true, false }, /* a part of AVX-512 is none of it */
		{ 0xe7, BIT(6), 0, 0x7, true, true, false },
		{ 0xe7, BIT(2), 0, 0x3, true, false, false },
		{ 0xe7, 0, X86_FEATURE_AVX512F, 0x7, true, true, false },
		{ 0xe7, 0, X86_FEATURE_AVX, 0x3, true, false, false },
		{ 0x3, 0, 0, 0x3, true, false, false },
		{ 0x1, 0, 0, 0, false, false, false },
		{ 0xe7, 0, X86_FEATURE_XSAVE, 0, false, false, false },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		host_full();
		host.xcr0 = cases[i].xcr0;
		host.no_size = cases[i].no_size;
		if (cases[i].off)
			host_off(cases[i].off);
		build(1);
		assert_int_equal(cpuid_image_find(&image, 0xd, 0)->eax, cases[i].offered_xcr0);
		assert_int_equal(cpuid_image_offers(&image, X86_FEATURE_XSAVE), cases[i].xsave);
		assert_int_equal(cpuid_image_offers(&image, X86_FEATURE_XSAVEOPT), cases[i].xsave);
		assert_false(cpuid_image_offers(&image, X86_FEATURE_XSAVEC));
		assert_family(avx_family, ARRAY_SIZE(avx_family), cases[i].avx);
		assert_family(avx512_family, ARRAY_SIZE(avx512_family), cases[i].avx512);
	}
	host_full();
	host_off(X86_FEATURE_PCID);
	build(1);
	assert_false(cpuid_image_offers(&image, X86_FEATURE_INVPCID));
}

static void test_topology(void **state)
{
	static const struct {
		unsigned vcpus, bits;
	} cases[] = { { 1, 0 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 5, 3 }, { 33, 6 }, { 64, 6 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		u32 ids = 1u << cases[i].bits, last = ids - 1;

		host_full();
		build(cases[i].vcpus);
		for (u32 leaf = 0xb; leaf <= 0x1f; leaf += 0x14) {
			assert_leaf(leaf, 0, 0, 1, 0x100, 0);
			assert_leaf(leaf, 1, cases[i].bits, cases[i].vcpus, 0x200, 0);
			assert_null(cpuid_image_find(&image, leaf, 2));
		}
		assert_int_equal(cpuid_image_find(&image, 1, 0)->ebx >> 16, ids);
		assert_int_equal(cpuid_image_offers(&image, X86_FEATURE_HTT), cases[i].vcpus > 1);
		/* L1 and L2 are private, L3 is shared by all. */
		assert_leaf(4, 0, 0x121 | last << 26, 0x01c0003f, 63, 4);
		assert_leaf(4, 2, 0x143 | last << 26, 0x01c0003f, 63, 4);
		assert_leaf(4, 3, 0x163 | last << 26 | last << 14, 0x01c0003f, 63, 4);
		assert_null(cpuid_image_find(&image, 4, 4));
	}
}

static void test_lookup(void **state)
{
	(void)state;
	host_full();
	build(8);
	assert_in_range(image.count, 30, CPUID_IMAGE_MAX);
	for (unsigned i = 0; i < image.count; i++) {
		const struct cpuid_leaf *e = &image.leaf[i];

		assert_ptr_equal(cpuid_image_find(&image, e->leaf, e->subleaf), e);
		if (!e->indexed)
			assert_ptr_equal(cpuid_image_find(&image, e->leaf, ~0u), e);
		if (i)
			assert_true(e[-1].leaf < e->leaf ||
				    (e[-1].leaf == e->leaf && e[-1].subleaf < e->subleaf));
	}
	assert_null(cpuid_image_find(&image, 7, 2));
	assert_null(cpuid_image_find(&image, 7, ~0u));
	assert_null(cpuid_image_find(&image, 0xffffffff, 0));
	memset(&image, 0, sizeof(image));
	assert_null(cpuid_image_find(&image, 0, 0));
	assert_false(cpuid_image_has(&image, 1, 0, 2, 31));
}

static void test_diff(void **state)
{
	struct cpuid_image other;
	char text[100] = "unset";

	(void)state;
	host_full();
	build(2);
	other = image;
	assert_false(cpuid_image_diff(&image, &other, text, sizeof(text)));
	assert_string_equal(text, "unset");
	((struct cpuid_leaf *)cpuid_image_find(&other, 7, 0))->ebx ^= BIT(19);
	assert_true(cpuid_image_diff(&image, &other, text, sizeof(text)));
	assert_string_equal(text, "leaf 0x7.0 EBX: 0xf1bf27eb != 0xf1b727eb (bit 19)");
	other = image;
	other.count--;
	assert_true(cpuid_image_diff(&image, &other, text, sizeof(text)));
	assert_string_equal(text, "leaf 0x80000008.0: only in the first image");
	assert_true(cpuid_image_diff(&other, &image, text, sizeof(text)));
	assert_string_equal(text, "leaf 0x80000008.0: only in the second image");
	other = image;
	other.leaf[3].leaf--;
	assert_true(cpuid_image_diff(&image, &other, text, sizeof(text)));
	assert_string_equal(text, "leaf 0x3.0: only in the second image");
}

static u32 guest_cpuid(struct vcpu *vcpu, u32 leaf, u32 subleaf, unsigned reg)
{
	u32 out[4];

	vcpu_cpuid(vcpu, leaf, subleaf, out);
	return out[reg];
}

static void assert_feature(struct vcpu *vcpu, u32 feature, bool on)
{
	u32 value = guest_cpuid(vcpu, CPUID_FEATURE_LEAF(feature), CPUID_FEATURE_SUBLEAF(feature),
				CPUID_FEATURE_REG(feature));

	assert_int_equal(value >> CPUID_FEATURE_BIT(feature) & 1, on);
}

/* A register bit shows in CPUID while it is set, if the VM has what is needed. */
static void check_source(struct fake_vm *fake, u64 *source, u64 bit, u32 feature, u32 needs)
{
	struct vcpu *vcpu = &fake->vcpu[0]->vcpu;

	for (int has = 0; has <= 1; has++) {
		guest_feature(fake, needs, has);
		for (int round = 0; round < 2; round++) {
			*source |= bit;
			assert_feature(vcpu, feature, has);
			*source &= ~bit;
			assert_feature(vcpu, feature, false);
		}
	}
}

static void test_dynamic_bits(void **state)
{
	struct fake_vm *fake;
	struct vcpu *vcpu;
	u64 *cr4;

	(void)state;
	host_full();
	fake = guest_create(3);
	vcpu = &fake->vcpu[0]->vcpu;
	cr4 = &fake->vcpu[0]->reg[VREG_CR4];
	check_source(fake, cr4, CR4_OSXSAVE, X86_FEATURE_OSXSAVE, X86_FEATURE_XSAVE);
	check_source(fake, cr4, CR4_PKE, X86_FEATURE_OSPKE, X86_FEATURE_PKU);
	check_source(fake, &vcpu->arch.misc_enable, MISC_ENABLE_MONITOR, X86_FEATURE_MONITOR,
		     X86_FEATURE_MONITOR);
	check_source(fake, &vcpu->arch.lapic.apic_base, APIC_BASE_ENABLE, X86_FEATURE_APIC,
		     X86_FEATURE_APIC);
	check_source(fake, &vcpu->arch.lapic.apic_base, APIC_BASE_ENABLE, X86_FEATURE_APIC_AMD,
		     X86_FEATURE_APIC_AMD);
	/* Every vCPU has its own id; the rest of EBX is static. */
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(guest_cpuid(&fake->vcpu[i]->vcpu, 1, 0, CPUID_EBX),
				 i << 24 | 4 << 16 | 0xff00);
		for (u32 leaf = 0xb; leaf <= 0x1f; leaf += 0x14)
			for (u32 subleaf = 0; subleaf < 300; subleaf += 23)
				assert_int_equal(guest_cpuid(&fake->vcpu[i]->vcpu, leaf, subleaf,
							     CPUID_EDX),
						 i);
	}
	assert_int_equal(guest_cpuid(vcpu, 0xb, 0, CPUID_ECX), 0x100);
	assert_int_equal(guest_cpuid(vcpu, 0xb, 1, CPUID_ECX), 0x201);
	assert_int_equal(guest_cpuid(vcpu, 0xb, 2, CPUID_ECX), 2);
	assert_int_equal(guest_cpuid(vcpu, 0xb, 0x123, CPUID_ECX), 0x23);
	assert_int_equal(guest_cpuid(vcpu, 0xb, 2, CPUID_EAX), 0);
	guest_destroy(fake);
}

/* Nothing that a guest does changes the image: it is what migration compares. */
static void test_static_image_is_static(void **state)
{
	struct fake_vm *fake;
	struct cpuid_image before;
	char text[100];

	(void)state;
	host_full();
	fake = guest_create(1);
	before = fake->vm.arch.cpuid;
	fake->vcpu[0]->reg[VREG_CR4] = ~0ull;
	fake->vcpu[0]->vcpu.arch.xcr0 = 0xe7;
	fake->vcpu[0]->vcpu.arch.lapic.apic_base = 0;
	for (unsigned i = 0; i < before.count; i++)
		guest_cpuid(&fake->vcpu[0]->vcpu, before.leaf[i].leaf, before.leaf[i].subleaf, 0);
	assert_false(cpuid_image_diff(&before, &fake->vm.arch.cpuid, text, sizeof(text)));
	guest_destroy(fake);
}

static void test_xstate_sizes(void **state)
{
	static const struct {
		u64 xcr0, xss;
		u32 standard, compacted;
	} cases[] = {
		{ 0x1, 0, 576, 576 },	 { 0x3, 0, 576, 576 },	     { 0x7, 0, 832, 832 },
		{ 0xe7, 0, 2688, 2432 }, { 0x7, BIT(11), 832, 832 },
	};
	struct fake_vm *fake;
	struct vcpu *vcpu;

	(void)state;
	host_full();
	fake = guest_create(1);
	vcpu = &fake->vcpu[0]->vcpu;
	guest_feature(fake, X86_FEATURE_XSAVEC, true);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		vcpu->arch.xcr0 = cases[i].xcr0;
		vcpu->arch.xss = cases[i].xss;
		assert_int_equal(guest_cpuid(vcpu, 0xd, 0, CPUID_EBX), cases[i].standard);
		assert_int_equal(guest_cpuid(vcpu, 0xd, 0, CPUID_ECX), 2688);
		assert_int_equal(guest_cpuid(vcpu, 0xd, 1, CPUID_EBX), cases[i].compacted);
	}
	guest_feature(fake, X86_FEATURE_XSAVEC, false);
	assert_int_equal(guest_cpuid(vcpu, 0xd, 1, CPUID_EBX), 0);
	/* XSAVES brings supervisor components into the compacted size. */
	guest_feature(fake, X86_FEATURE_XSAVES, true);
	((struct cpuid_leaf *)cpuid_image_find(&fake->vm.arch.cpuid, 0xd, 7))->subleaf = 11;
	vcpu->arch.xcr0 = 0x7;
	vcpu->arch.xss = 0;
	assert_int_equal(guest_cpuid(vcpu, 0xd, 1, CPUID_EBX), 832);
	vcpu->arch.xss = BIT(11);
	assert_int_equal(guest_cpuid(vcpu, 0xd, 1, CPUID_EBX), 832 + 1024);
	guest_destroy(fake);
	host_bare();
	fake = guest_create(1);
	assert_int_equal(guest_cpuid(&fake->vcpu[0]->vcpu, 0xd, 0, CPUID_EBX), 0);
	guest_destroy(fake);
}

static void test_out_of_range(void **state)
{
	static const u32 beyond[] = { 0x20,	  0x3fffffff, 0x40000011, 0x40000100,
				      0x7fffffff, 0x80000009, 0x8fffffff, 0xffffffff };
	static const u32 inside[] = { 3, 5, 0xa, 0x15, 0x16, 0x1e, 0x40000002, 0x4000000f };
	struct fake_vm *fake;
	u32 out[4], last[4], zero[4] = { 0 };

	(void)state;
	for (int amd = 0; amd <= 1; amd++) {
		host_full();
		host.amd = amd;
		fake = guest_create(2);
		for (unsigned i = 0; i < ARRAY_SIZE(beyond); i++) {
			vcpu_cpuid(&fake->vcpu[1]->vcpu, beyond[i], 1, out);
			vcpu_cpuid(&fake->vcpu[1]->vcpu, 0x1f, 1, last);
			assert_memory_equal(out, amd ? zero : last, sizeof(out));
		}
		assert_int_equal(last[1], amd ? 0 : 2);
		for (unsigned i = 0; i < ARRAY_SIZE(inside); i++) {
			vcpu_cpuid(&fake->vcpu[1]->vcpu, inside[i], 0, out);
			assert_memory_equal(out, zero, sizeof(out));
		}
		guest_destroy(fake);
	}
}

/* A VM's own choice of the paravirtual interface; what needs something goes with it. */
static void test_paravirt(void **state)
{
	static const struct {
		u32 wanted, hints, features;
	} cases[] = {
		{ PARAVIRT_ALL, 1, PARAVIRT_ALL },
		{ 0, 0, 0 },
		{ ~0u, 0, PARAVIRT_ALL },
		{ PARAVIRT_PV_EOI | PARAVIRT_CLOCKSOURCE, 0,
		  PARAVIRT_PV_EOI | PARAVIRT_CLOCKSOURCE },
		{ PARAVIRT_PV_TLB_FLUSH | PARAVIRT_PV_SCHED_YIELD | PARAVIRT_PV_UNHALT, 0,
		  PARAVIRT_PV_UNHALT },
		{ PARAVIRT_ALL & ~(u32)PARAVIRT_STEAL_TIME, 0,
		  PARAVIRT_ALL & ~(u32)(PARAVIRT_STEAL_TIME | PARAVIRT_PV_TLB_FLUSH |
					PARAVIRT_PV_SCHED_YIELD) },
	};

	(void)state;
	host_full();
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct cpuid_vm vm = { .nr_vcpus = 1,
					     .tsc_khz = GUEST_TSC_KHZ,
					     .paravirt = cases[i].wanted,
					     .hints = cases[i].hints };

		cpuid_image_build(&image, host_cpuid, &vm);
		assert_leaf(0x40000000, 0, 0x40000010, 0x4b4d564b, 0x564b4d56, 0x4d);
		assert_leaf(0x40000001, 0, cases[i].features, 0, 0, cases[i].hints);
	}
}

static void build_with_cet(void)
{
	const struct cpuid_vm vm = { .nr_vcpus = 1, .tsc_khz = GUEST_TSC_KHZ, .cet = true };

	cpuid_image_build(&image, host_cpuid, &vm);
}

static u32 xss_offered(void)
{
	return cpuid_image_find(&image, 0xd, 1)->ecx;
}

static bool offered(u32 feature)
{
	return cpuid_image_offers(&image, feature);
}

/* CET only for those who ask; XSAVES comes with it, and only with both of its components. */
static void test_cet(void **state)
{
	(void)state;
	host_full();
	guest_image(&image, 1);
	assert_false(offered(X86_FEATURE_SHSTK) || offered(X86_FEATURE_IBT));
	assert_false(offered(X86_FEATURE_XSAVES) || offered(X86_FEATURE_XSAVEC));
	assert_int_equal(xss_offered(), 0);
	assert_null(cpuid_image_find(&image, 0xd, 11));
	build_with_cet();
	assert_true(offered(X86_FEATURE_SHSTK) && offered(X86_FEATURE_IBT));
	assert_true(offered(X86_FEATURE_XSAVES) && offered(X86_FEATURE_XSAVEC));
	assert_int_equal(xss_offered(), 0x1800);
	assert_leaf(0xd, 11, 16, 0, 1, 0);
	assert_leaf(0xd, 12, 24, 0, 1, 0);
	host.xss = BIT(11);
	build_with_cet();
	assert_true(offered(X86_FEATURE_SHSTK));
	assert_false(offered(X86_FEATURE_XSAVES));
	assert_int_equal(xss_offered(), 0);
	host_full();
	host_off(X86_FEATURE_XSAVES);
	build_with_cet();
	assert_true(offered(X86_FEATURE_SHSTK));
	assert_false(offered(X86_FEATURE_XSAVES) || offered(X86_FEATURE_XSAVEC));
	assert_int_equal(xss_offered(), 0);
	host_full();
	host_off(X86_FEATURE_SHSTK);
	build_with_cet();
	assert_false(offered(X86_FEATURE_SHSTK) || offered(X86_FEATURE_XSAVES));
	assert_true(offered(X86_FEATURE_IBT));
	host_bare();
	build_with_cet();
	assert_false(offered(X86_FEATURE_SHSTK) || offered(X86_FEATURE_IBT));
}

/* Leaf 0xd.1 EBX follows XCR0 and XSS. */
static void test_cet_size(void **state)
{
	struct fake_vm *fake;
	struct vcpu *vcpu;

	(void)state;
	host_full();
	fake = guest_create(1);
	build_with_cet();
	fake->vm.arch.cpuid = image;
	vcpu = &fake->vcpu[0]->vcpu;
	vcpu->arch.xcr0 = 0x3;
	assert_int_equal(guest_cpuid(vcpu, 0xd, 1, CPUID_EBX), 576);
	vcpu->arch.xss = 0x800;
	assert_int_equal(guest_cpuid(vcpu, 0xd, 1, CPUID_EBX), 576 + 16);
	vcpu->arch.xss = 0x1800;
	assert_int_equal(guest_cpuid(vcpu, 0xd, 1, CPUID_EBX), 576 + 16 + 24);
	assert_int_equal(guest_cpuid(vcpu, 0xd, 0, CPUID_EBX), 576);
	guest_destroy(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_intel_host),
		cmocka_unit_test(test_full_amd_host),
		cmocka_unit_test(test_cet),
		cmocka_unit_test(test_cet_size),
		cmocka_unit_test(test_bare_host),
		cmocka_unit_test(test_host_maximum),
		cmocka_unit_test(test_phys_bits),
		cmocka_unit_test(test_state_dependencies),
		cmocka_unit_test(test_topology),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_dynamic_bits),
		cmocka_unit_test(test_static_image_is_static),
		cmocka_unit_test(test_xstate_sizes),
		cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_paravirt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
