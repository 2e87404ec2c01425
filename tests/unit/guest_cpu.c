/* SPDX-License-Identifier: MIT */
/* See guest_cpu.h. */
#include "guest_cpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/guest_msr.h"
#include "arch/x86/regs.h"
#include "core/paravirt.h"
#include "fake.h"

struct host_cpu host;

void host_full(void)
{
	host = (struct host_cpu){
		.fill = ~0u,
		.max_basic = 0x20,
		.max_extended = 0x80000008,
		.phys_bits = 46,
		.xcr0 = 0x2ff,
		.xss = 0x1900,
	};
}

void host_bare(void)
{
	host_full();
	host.fill = 0;
}

void host_off(u32 feature)
{
	host.off[host.nr_off++] = feature;
}

static void vendor(u32 out[4], u32 max)
{
	const char *name = host.amd ? "AuthenticAMD" : "GenuineIntel";

	out[0] = max;
	memcpy(&out[1], name, 4);
	memcpy(&out[3], name + 4, 4);
	memcpy(&out[2], name + 8, 4);
}

/* Sizes and offsets of a CPU with AVX-512 and protection keys, standard form. */
static void component(u32 i, u32 out[4])
{
	static const struct {
		u32 size, offset, flags;
	} table[] = {
		[2] = { 256, 576, 0 },	[3] = { 64, 960, 0 },	[4] = { 64, 1024, 0 },
		[5] = { 64, 1088, 0 },	[6] = { 512, 1152, 0 }, [7] = { 1024, 1664, 0 },
		[9] = { 8, 2688, 0 },	[11] = { 16, 0, 1 },	[12] = { 24, 0, 1 },
		[17] = { 64, 2752, 2 },
	};

	if (i >= ARRAY_SIZE(table) || (host.no_size & BIT(i)))
		return;
	out[0] = table[i].size;
	out[1] = table[i].offset;
	out[2] = table[i].flags;
}

static void cache(u32 i, u32 out[4])
{
	/* L1D, L1I, L2, L3; each says that 2, 2, 2, 16 ids share it and that there are 8 cores */
	static const u32 eax[] = { 0x1c004121, 0x1c004122, 0x1c004143, 0x1c03c163 };

	if (i >= ARRAY_SIZE(eax))
		return;
	out[0] = eax[i];
	out[1] = 0x01c0003f;
	out[2] = 63;
	out[3] = 4;
}

static void leaf_values(u32 leaf, u32 subleaf, u32 out[4])
{
	memset(out, 0, 4 * sizeof(*out));
	switch (leaf) {
	case 0:
		vendor(out, host.max_basic);
		break;
	case 4:
		cache(subleaf, out);
		break;
	case 0xa:
		for (unsigned i = 0; i < 4; i++)
			out[i] = host.perfmon[0] ? host.perfmon[i] : host.fill;
		break;
	case 0xd:
		if (subleaf == 0)
			out[0] = (u32)host.xcr0;
		else if (subleaf == 1) {
			out[0] = host.fill;
			out[2] = (u32)host.xss;
		} else
			component(subleaf, out);
		break;
	case 0x80000000:
		vendor(out, host.max_extended);
		break;
	case 0x80000008:
		out[0] = host.phys_bits | 57 << 8;
		out[1] = out[2] = out[3] = host.fill;
		break;
	default:
		memset(out, host.fill & 0xff, 4 * sizeof(*out));
	}
}

void host_cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
	if (host.source) {
		host.source(leaf, subleaf, out);
		return;
	}
	leaf_values(leaf, subleaf, out);
	for (unsigned i = 0; i < host.nr_off; i++) {
		u32 f = host.off[i];

		if (CPUID_FEATURE_LEAF(f) == leaf && CPUID_FEATURE_SUBLEAF(f) == subleaf)
			out[CPUID_FEATURE_REG(f)] &= ~(1u << CPUID_FEATURE_BIT(f));
	}
}

void guest_image(struct cpuid_image *image, unsigned nr_vcpus)
{
	const struct cpuid_vm vm = { .nr_vcpus = nr_vcpus,
				     .tsc_khz = GUEST_TSC_KHZ,
				     .paravirt = PARAVIRT_ALL,
				     .pmu = host.pmu,
				     .counters = host.counters };

	cpuid_image_build(image, host_cpuid, &vm);
}

struct fake_vm *guest_create(unsigned nr_vcpus)
{
	struct fake_vm *fake = fake_vm_create(nr_vcpus);

	guest_image(&fake->vm.arch.cpuid, nr_vcpus);
	for (unsigned i = 0; i < nr_vcpus; i++) {
		struct vcpu *vcpu = &fake->vcpu[i]->vcpu;

		fake->vcpu[i]->reg[VREG_CR0] = CR0_ET | CR0_NW | CR0_CD;
		fake->vcpu[i]->reg[VREG_RFLAGS] = RFLAGS_ONE;
		fake->vcpu[i]->reg[VREG_DR7] = 0x400;
		vcpu->arch.dr6 = 0xffff0ff0;
		vcpu->arch.xcr0 = XCR0_X87;
		lapic_init(&vcpu->arch.lapic, vcpu, fake->vcpu[i]->apic_page);
		guest_msr_reset(vcpu, false);
	}
	return fake;
}

void guest_destroy(struct fake_vm *fake)
{
	fake_vm_destroy(fake);
	fake_reset();
}

void guest_feature(struct fake_vm *fake, u32 feature, bool on)
{
	struct cpuid_leaf *leaf = (struct cpuid_leaf *)cpuid_image_find(
		&fake->vm.arch.cpuid, CPUID_FEATURE_LEAF(feature), CPUID_FEATURE_SUBLEAF(feature));
	u32 bit = 1u << CPUID_FEATURE_BIT(feature);

	if (on)
		leaf->reg[CPUID_FEATURE_REG(feature)] |= bit;
	else
		leaf->reg[CPUID_FEATURE_REG(feature)] &= ~bit;
}

u64 rdmsr_ok(struct vcpu *vcpu, u32 msr)
{
	u64 value;

	if (!guest_msr_read(vcpu, msr, &value))
		fail_msg("RDMSR 0x%x: #GP", msr);
	return value;
}

void wrmsr_ok(struct vcpu *vcpu, u32 msr, u64 value)
{
	if (!guest_msr_write(vcpu, msr, value))
		fail_msg("WRMSR 0x%x = 0x%llx: #GP", msr, (unsigned long long)value);
}

void rdmsr_gp(struct vcpu *vcpu, u32 msr)
{
	u64 value = 0x1234;

	if (guest_msr_read(vcpu, msr, &value))
		fail_msg("RDMSR 0x%x: no #GP", msr);
	assert_int_equal(value, 0x1234);
}

void wrmsr_gp(struct vcpu *vcpu, u32 msr, u64 value)
{
	u64 before, after;
	bool there = guest_msr_get(vcpu, msr, &before) == FIRN_OK;

	if (guest_msr_write(vcpu, msr, value))
		fail_msg("WRMSR 0x%x = 0x%llx: no #GP", msr, (unsigned long long)value);
	if (there && guest_msr_get(vcpu, msr, &after) == FIRN_OK)
		assert_int_equal(before, after);
}
