/* SPDX-License-Identifier: MIT */
/*
 * Performance counters of guests: what CPUID says, what each register accepts, that they follow the
 * vCPU from CPU to CPU, that overflows reach its LAPIC, and the hypercall about events.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/guest_msr.h"
#include "arch/x86/hypercall.h"
#include "arch/x86/kvm_para.h"
#include "arch/x86/lapic.h"
#include "arch/x86/msr.h"
#include "arch/x86/pmu.h"
#include "arch/x86/regs.h"
#include "core/guest_memory.h"
#include "fake.h"
#include "guest_cpu.h"
#include "lapic_fixture.h"

#define GP	   4
#define WIDTH	   48
#define FULL	   (BIT(WIDTH) - 1)
#define GLOBAL	   ((BIT(GP) - 1) | 7ull << 32)
#define PMI_VECTOR 0x55

/* One processor's counters: 8 of them and 4 fixed ones, more than the VM has. */
static struct {
	u64 counter[8], select[8], fixed[4], fixed_ctrl, status, global_ctrl;
	u64 guest_ctrl; /* what an entry would load */
	unsigned unmasked;
} cpu;

u64 pmu_hw_read(u32 msr)
{
	if (msr - 0xc1 < 8)
		return cpu.counter[msr - 0xc1];
	if (msr - 0x309 < 4)
		return cpu.fixed[msr - 0x309];
	assert_int_equal(msr, 0x38e);
	return cpu.status;
}

/* Faults as the processor does. */
void pmu_hw_write(u32 msr, u64 value)
{
	if (msr - 0x4c1 < 8) {
		assert_false(value & ~FULL);
		cpu.counter[msr - 0x4c1] = value;
	} else if (msr - 0x186 < 8) {
		assert_false(value >> 32 | (value & BIT(19)));
		cpu.select[msr - 0x186] = value;
	} else if (msr - 0x309 < 4) {
		assert_false(value & ~FULL);
		cpu.fixed[msr - 0x309] = value;
	} else if (msr == 0x38d) {
		cpu.fixed_ctrl = value;
	} else if (msr == 0x38f) {
		cpu.global_ctrl = value;
	} else {
		assert_int_equal(msr, 0x390);
		cpu.status &= ~value;
	}
}

void pmu_hw_unmask_interrupt(void)
{
	cpu.unmasked++;
}

void virt_counters_changed(struct vcpu *vcpu)
{
	cpu.guest_ctrl = vcpu->arch.pmu.global_ctrl;
}

static struct fake_vm *fake;
static struct vcpu *vcpu;

/* Version 5 with more than a guest gets; branch instructions and LLC misses can't be counted. */
static void wanted(void)
{
	host_full();
	host.perfmon[0] = 5 | GP << 8 | WIDTH << 16 | 7 << 24;
	host.perfmon[1] = BIT(4) | BIT(5);
	host.perfmon[2] = 0xf;
	host.perfmon[3] = 4 | WIDTH << 5;
	host_off(X86_FEATURE_PERFMON2);
	host.pmu = host.counters = true;
}

static void create(void)
{
	fake = guest_create(2);
	vcpu = &fake->vcpu[0]->vcpu;
	fake_vm_set_ram(fake, 1 * MiB);
	pmu_reset(vcpu);
}

static void resident(struct vcpu *next)
{
	if (fake_resident)
		pmu_save(fake_resident);
	if (next)
		pmu_load(next);
	fake_resident = next;
}

static int setup(void **state)
{
	(void)state;
	memset(&cpu, 0, sizeof(cpu));
	fake_resident = NULL;
	wanted();
	create();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_resident = NULL;
	guest_destroy(fake);
	return 0;
}

static void again(void)
{
	guest_destroy(fake);
	create();
}

static const struct cpuid_leaf *leaf(u32 number, u32 subleaf)
{
	return cpuid_image_find(&fake->vm.arch.cpuid, number, subleaf);
}

static void test_cpuid(void **state)
{
	const struct cpuid_leaf *l = leaf(0xa, 0);

	(void)state;
	assert_non_null(l);
	assert_int_equal(l->eax, 2 | GP << 8 | WIDTH << 16 | 7 << 24);
	assert_int_equal(l->ebx, BIT(4) | BIT(5));
	assert_int_equal(l->ecx, 0);
	assert_int_equal(l->edx, 3 | WIDTH << 5 | BIT(15));
	assert_true(cpuid_image_offers(&fake->vm.arch.cpuid, X86_FEATURE_PDCM));
	assert_null(leaf(0x23, 0));
	assert_int_equal(leaf(0, 0)->eax, 0x1f);
	l = leaf(0x40000100, 0);
	assert_int_equal(l->eax, 0x40000101);
	assert_memory_equal(&l->ebx, "FirnFirnFirn", 12);
	assert_int_equal(leaf(0x40000101, 0)->eax, 1);
	assert_null(leaf(0x40000102, 0));
}

/* The first bytes of EBX beyond the length, and counters that Firn does not know, are not shown. */
static void test_cpuid_limits(void **state)
{
	const struct cpuid_leaf *l;

	(void)state;
	host.perfmon[0] = 2 | 200 << 8 | 40 << 16 | 3u << 24;
	host.perfmon[1] = ~0u;
	host.perfmon[3] = 1 | 32 << 5;
	again();
	l = leaf(0xa, 0);
	assert_int_equal(l->eax, 2 | 8 << 8 | 40 << 16 | 3 << 24);
	assert_int_equal(l->ebx, 7);
	assert_int_equal(l->edx, 1 | 32 << 5 | BIT(15));
	host.perfmon[0] = 2 | 200 << 8 | 40 << 16 | 255u << 24;
	again();
	assert_int_equal(leaf(0xa, 0)->eax >> 24, 8);
	assert_int_equal(leaf(0xa, 0)->ebx, 0xff);
}

static void none_here(void)
{
	static const u32 msrs[] = { 0xc1,  0xc8,  0x186, 0x18d, 0x309, 0x30c, 0x345,
				    0x38d, 0x38e, 0x38f, 0x390, 0x391, 0x4c1, 0x4c8 };
	u64 value;

	assert_null(leaf(0xa, 0));
	assert_false(cpuid_image_offers(&fake->vm.arch.cpuid, X86_FEATURE_PDCM));
	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
		assert_false(guest_msr_read(vcpu, msrs[i], &value));
		assert_false(guest_msr_write(vcpu, msrs[i], 0));
	}
	assert_false(pmu_rdpmc(vcpu, 0, &value));
	assert_false(pmu_rdpmc(vcpu, BIT(30), &value));
	/* The CPU is left alone. */
	cpu.global_ctrl = 0x1234;
	cpu.status = 1;
	resident(vcpu);
	pmu_interrupt();
	resident(NULL);
	assert_int_equal(cpu.global_ctrl, 0x1234);
	assert_int_equal(cpu.status, 1);
	assert_int_equal(cpu.unmasked, 0);
}

static void test_not_there(void **state)
{
	(void)state;
	host.pmu = false; /* not asked for */
	again();
	none_here();
	assert_null(leaf(0x40000100, 0));
	assert_null(leaf(0x40000101, 0));
	host.pmu = true; /* hardware can't switch them */
	host.counters = false;
	again();
	none_here();
	assert_non_null(leaf(0x40000100, 0));
	host.counters = true;
	host.perfmon[0] = (host.perfmon[0] & ~0xffu) | 1; /* version 1 has no GLOBAL_CTRL */
	again();
	none_here();
	wanted();
	host.max_basic = 9;
	again();
	none_here();
	wanted();
	host.amd = true;
	again();
	none_here();
	assert_non_null(leaf(0x40000100, 0));
}

/* good is kept as it is, bad raises #GP; 0 in a list ends it. */
static const struct {
	u32 msr;
	u64 reset, good[6], bad[12];
} registers[] = {
	{ 0xc1, 0, { 1, 0x7fffffff }, { 0 } },
	{ 0x4c1, 0, { 1, FULL, 0x80000000 }, { BIT(WIDTH), BIT(63) } },
	{ 0x4c1 + GP - 1, 0, { FULL }, { BIT(WIDTH) } },
	{ 0x186,
	  0,
	  { 0x4300c0, 0xff, 0xff00, 0xffd7ffff },
	  { BIT(19), BIT(21), BIT(32), BIT(33), BIT(34), BIT(35), BIT(36), BIT(40), BIT(47),
	    BIT(48), BIT(63) } },
	{ 0x186 + GP - 1, 0, { 0x53003c }, { BIT(21) | 0x53003c } },
	{ 0x309, 0, { FULL, 5 }, { BIT(WIDTH), ~0ull } },
	{ 0x30b, 0, { FULL }, { BIT(WIDTH) } },
	{ 0x345, BIT(13), { 0 }, { BIT(13), 1 } },
	{ 0x38d, 0, { 0xbbb, 0x333, 1 }, { 4, 0x40, 0x400, 0x1000, BIT(63) } },
	{ 0x38e, 0, { 0 }, { 1, BIT(32) } },
	{ 0x38f,
	  BIT(GP) - 1,
	  { GLOBAL, 1, 7ull << 32 },
	  { BIT(GP), BIT(31), BIT(35), BIT(48), BIT(62), BIT(63) } },
	{ 0x390, 0, { 0 }, { BIT(GP), BIT(35), BIT(48), BIT(61) } },
};

static void try_registers(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(registers); i++) {
		u32 msr = registers[i].msr;

		assert_int_equal(rdmsr_ok(vcpu, msr), registers[i].reset);
		for (unsigned g = 0; registers[i].good[g]; g++) {
			wrmsr_ok(vcpu, msr, registers[i].good[g]);
			assert_int_equal(rdmsr_ok(vcpu, msr), registers[i].good[g]);
		}
		for (unsigned b = 0; registers[i].bad[b]; b++)
			wrmsr_gp(vcpu, msr, registers[i].bad[b]);
		if (msr != 0x345 && msr != 0x38e)
			wrmsr_ok(vcpu, msr, registers[i].reset);
	}
	wrmsr_ok(vcpu, 0x390, GLOBAL | BIT(62) | BIT(63));
	assert_int_equal(rdmsr_ok(vcpu, 0x390), 0);
}

static void test_registers(void **state)
{
	(void)state;
	try_registers();
	resident(vcpu);
	try_registers();
}

static void test_registers_that_are_not_there(void **state)
{
	static const u32 absent[] = { 0xc1 + GP, 0xc8,	0x186 + GP, 0x18d,	0x30c,
				      0x391,	 0x392, 0x4c0,	    0x4c1 + GP, 0x4c8 };
	u64 value;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(absent); i++) {
		assert_false(guest_msr_read(vcpu, absent[i], &value));
		assert_false(guest_msr_write(vcpu, absent[i], 0));
		assert_int_equal(guest_msr_set(vcpu, absent[i], 0), ERR_NOENT);
	}
}

/* A write of IA32_PMCx sets 32 bits and extends their sign; bits 63:32 are ignored. */
static void test_narrow_write(void **state)
{
	(void)state;
	wrmsr_ok(vcpu, 0xc2, 0x80000000);
	assert_int_equal(rdmsr_ok(vcpu, 0xc2), FULL & ~0x7fffffffull);
	assert_int_equal(rdmsr_ok(vcpu, 0x4c2), FULL & ~0x7fffffffull);
	wrmsr_ok(vcpu, 0xc2, 0xdeadbeef00000005);
	assert_int_equal(rdmsr_ok(vcpu, 0xc2), 5);
	wrmsr_ok(vcpu, 0x4c2, BIT(40));
	assert_int_equal(rdmsr_ok(vcpu, 0xc2), BIT(40));
}

/* EQ and UMASK2 become legal with their bits of leaf 0x23, each on its own. */
static void test_event_select_extensions(void **state)
{
	(void)state;
	wanted();
	host.nr_off = 0;
	host.max_basic = 0x23;
	again();
	assert_int_equal(leaf(0, 0)->eax, 0x23);
	assert_true(cpuid_image_offers(&fake->vm.arch.cpuid, X86_FEATURE_PERFMON2));
	assert_int_equal(leaf(0x23, 0)->eax, BIT(0) | BIT(1) | BIT(3));
	assert_int_equal(leaf(0x23, 0)->ebx, 3);
	assert_int_equal(leaf(0x23, 1)->eax, BIT(GP) - 1);
	assert_int_equal(leaf(0x23, 1)->ebx, 7);
	assert_int_equal(leaf(0x23, 3)->eax, 0x7f & ~(BIT(4) | BIT(5)));
	assert_null(leaf(0x23, 2));
	wrmsr_ok(vcpu, 0x186, BIT(36) | 0xff0000000000 | 0x4300c0);
	assert_int_equal(rdmsr_ok(vcpu, 0x186), BIT(36) | 0xff0000000000 | 0x4300c0);
	wrmsr_gp(vcpu, 0x186, BIT(37));
	wrmsr_gp(vcpu, 0x186, BIT(48));
	guest_feature(fake, X86_FEATURE_PERFMON_EQ, false);
	wrmsr_gp(vcpu, 0x186, BIT(36));
	wrmsr_ok(vcpu, 0x186, BIT(40));
	guest_feature(fake, X86_FEATURE_PERFMON_UMASK2, false);
	wrmsr_gp(vcpu, 0x186, BIT(40));
}

static void test_misc_enable(void **state)
{
	(void)state;
	assert_true(rdmsr_ok(vcpu, MSR_IA32_MISC_ENABLE) & BIT(7));
	wrmsr_ok(vcpu, MSR_IA32_MISC_ENABLE, rdmsr_ok(vcpu, MSR_IA32_MISC_ENABLE));
	wrmsr_ok(vcpu, MSR_IA32_MISC_ENABLE, rdmsr_ok(vcpu, MSR_IA32_MISC_ENABLE) & ~BIT(7));
	assert_true(rdmsr_ok(vcpu, MSR_IA32_MISC_ENABLE) & BIT(7));
	host.pmu = false;
	again();
	assert_false(rdmsr_ok(vcpu, MSR_IA32_MISC_ENABLE) & BIT(7));
	wrmsr_gp(vcpu, MSR_IA32_MISC_ENABLE, rdmsr_ok(vcpu, MSR_IA32_MISC_ENABLE) | BIT(7));
}

static void test_rdpmc(void **state)
{
	u64 value = 0;

	(void)state;
	resident(vcpu);
	cpu.counter[GP - 1] = 0x123456789abc;
	cpu.fixed[2] = 77;
	assert_true(pmu_rdpmc(vcpu, GP - 1, &value));
	assert_int_equal(value, 0x123456789abc);
	assert_true(pmu_rdpmc(vcpu, BIT(30) | 2, &value));
	assert_int_equal(value, 77);
	assert_false(pmu_rdpmc(vcpu, GP, &value));
	assert_false(pmu_rdpmc(vcpu, BIT(30) | 3, &value));
	assert_false(pmu_rdpmc(vcpu, BIT(29), &value)); /* PERF_METRICS */
	assert_false(pmu_rdpmc(vcpu, BIT(31), &value)); /* fast mode of the Pentium 4 */
	assert_false(pmu_rdpmc(vcpu, ~0u, &value));
}

static void program(void)
{
	wrmsr_ok(vcpu, 0x186, 0x5300c0); /* ring 0 and 3, interrupt, on */
	wrmsr_ok(vcpu, 0x187, 0x43003c); /* without interrupt */
	wrmsr_ok(vcpu, 0x38d, 0xb3);	 /* fixed counter 1 interrupts, 0 does not */
	wrmsr_ok(vcpu, 0x38f, GLOBAL);
	wrmsr_ok(vcpu, 0x4c1, FULL - 10);
}

/* Two vCPUs take turns; what the CPU counted in between is each one's own. */
static void test_switch(void **state)
{
	struct vcpu *first = vcpu, *second = &fake->vcpu[1]->vcpu;

	(void)state;
	cpu.global_ctrl = 0xff; /* as firmware left it */
	cpu.status = BIT(0) | BIT(33);
	resident(first);
	assert_int_equal(cpu.status, 0);
	assert_int_equal(rdmsr_ok(vcpu, 0x38e), 0);
	assert_int_equal(cpu.global_ctrl, 0);
	assert_int_equal(cpu.guest_ctrl, BIT(GP) - 1);
	assert_int_equal(cpu.unmasked, 1);
	program();
	assert_int_equal(cpu.select[0], 0x5300c0);
	assert_int_equal(cpu.fixed_ctrl, 0xb3);
	assert_int_equal(cpu.guest_ctrl, GLOBAL);
	assert_int_equal(cpu.global_ctrl, 0); /* only entries turn them on */
	cpu.counter[0] += 7;
	cpu.fixed[1] = 1000;
	assert_int_equal(rdmsr_ok(vcpu, 0xc1), FULL - 3);
	cpu.counter[0] += 1;

	vcpu = second;
	pmu_reset(second);
	resident(second);
	assert_int_equal(cpu.counter[0], 0);
	assert_int_equal(cpu.select[0], 0);
	assert_int_equal(cpu.fixed[1], 0);
	assert_int_equal(cpu.fixed_ctrl, 0);
	assert_int_equal(cpu.guest_ctrl, BIT(GP) - 1);
	cpu.counter[0] = 5;

	vcpu = first;
	memset(&cpu, 0, sizeof(cpu)); /* it goes on on another CPU */
	fake_resident = NULL;
	resident(first);
	assert_int_equal(cpu.counter[0], FULL - 2);
	assert_int_equal(cpu.fixed[1], 1000);
	assert_int_equal(cpu.select[0], 0x5300c0);
	assert_int_equal(cpu.select[1], 0x43003c);
	assert_int_equal(cpu.fixed_ctrl, 0xb3);
	assert_int_equal(cpu.guest_ctrl, GLOBAL);
	/* counters that this VM has not got stay as they are */
	assert_int_equal(cpu.counter[GP], 0);
}

static unsigned requested(void)
{
	struct lapic *lapic = &vcpu->arch.lapic;
	int vector;

	lapic_sync_pir(lapic);
	vector = lapic_highest_irr(lapic);
	if (vector < 0)
		return 0;
	lapic_accept(lapic, (u8)vector);
	lapic_eoi(lapic);
	return (unsigned)vector;
}

static void open_lvt(u32 lvt)
{
	lapic_write(&vcpu->arch.lapic, APIC_SVR, SVR_ON);
	lapic_write(&vcpu->arch.lapic, APIC_LVT_PERF, lvt);
}

static bool lvt_masked(void)
{
	return lapic_read(&vcpu->arch.lapic, APIC_LVT_PERF) & BIT(16);
}

static void test_overflow(void **state)
{
	(void)state;
	open_lvt(PMI_VECTOR);
	resident(vcpu);
	program();
	cpu.status = BIT(0);
	pmu_interrupt();
	assert_int_equal(requested(), PMI_VECTOR);
	assert_true(lvt_masked());
	assert_int_equal(cpu.status, 0);
	assert_int_equal(rdmsr_ok(vcpu, 0x38e), BIT(0));
	/* Masked by the first one, as in hardware. */
	cpu.status = BIT(0);
	pmu_interrupt();
	assert_int_equal(requested(), 0);
	open_lvt(PMI_VECTOR);
	wrmsr_ok(vcpu, 0x390, BIT(0));
	assert_int_equal(rdmsr_ok(vcpu, 0x38e), 0);
	/* An interrupt that comes late finds nothing. */
	pmu_interrupt();
	assert_int_equal(requested(), 0);
	assert_false(lvt_masked());
	/* Counters whose interrupt is off. */
	cpu.status = BIT(1) | BIT(32);
	pmu_interrupt();
	assert_int_equal(requested(), 0);
	assert_int_equal(rdmsr_ok(vcpu, 0x38e), BIT(1) | BIT(32));
	/* A fixed one, found when the guest looks. */
	cpu.status = BIT(33);
	assert_int_equal(rdmsr_ok(vcpu, 0x38e), BIT(1) | BIT(32) | BIT(33));
	assert_int_equal(requested(), PMI_VECTOR);
	/* What the VM has not got is not shown and not touched. */
	wrmsr_ok(vcpu, 0x390, GLOBAL);
	cpu.status = BIT(GP) | BIT(35) | BIT(62);
	assert_int_equal(rdmsr_ok(vcpu, 0x38e), 0);
	assert_int_equal(cpu.status, BIT(GP) | BIT(35) | BIT(62));
}

/* The vCPU leaves the CPU with an overflow whose interrupt has not come yet. */
static void test_overflow_at_switch(void **state)
{
	struct vcpu *second = &fake->vcpu[1]->vcpu;

	(void)state;
	open_lvt(PMI_VECTOR);
	pmu_reset(second);
	resident(vcpu);
	program();
	cpu.status = BIT(0);
	resident(second);
	assert_int_equal(cpu.status, 0);
	assert_int_equal(requested(), PMI_VECTOR);
	pmu_interrupt();
	assert_int_equal(second->arch.pmu.status, 0);
	resident(vcpu);
	assert_int_equal(cpu.status, 0);
	assert_int_equal(rdmsr_ok(vcpu, 0x38e), BIT(0));
	/* A write that turns the interrupt off comes too late for what has overflowed. */
	wrmsr_ok(vcpu, 0x390, BIT(0));
	open_lvt(PMI_VECTOR);
	cpu.status = BIT(0);
	wrmsr_ok(vcpu, 0x186, 0);
	assert_int_equal(requested(), PMI_VECTOR);
	fake_resident = NULL;
	pmu_interrupt();
}

static void test_overflow_as_nmi(void **state)
{
	(void)state;
	open_lvt(DELIVERY_NMI << 8);
	resident(vcpu);
	program();
	cpu.status = BIT(0);
	pmu_interrupt();
	assert_true(vcpu->events & VCPU_EVENT_NMI);
	assert_true(lvt_masked());
}

/* All of it can be read by id and set in another VM. */
static void test_by_id(void **state)
{
	static u32 ids[256];
	size_t n = guest_msr_list(vcpu, ids, ARRAY_SIZE(ids));
	unsigned counters = 0;
	u64 value;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(guest_msr_get(vcpu, ids[i], &value), FIRN_OK);
		counters += ids[i] - 0xc1 < 8 || ids[i] - 0x186 < 8 || ids[i] - 0x309 < 4 ||
			    (ids[i] >= 0x345 && ids[i] <= 0x392);
		assert_false(ids[i] - 0x4c1 < 8);
	}
	assert_int_equal(counters, GP + GP + 3 + 4);
	assert_in_range(n + 2 * (PMU_MAX_GP - GP), 1, MSR_LIST_MAX);
	assert_int_equal(guest_msr_set(vcpu, 0xc1, FULL - 1), FIRN_OK);
	assert_int_equal(rdmsr_ok(vcpu, 0xc1), FULL - 1);
	assert_int_equal(guest_msr_set(vcpu, 0xc1, BIT(WIDTH)), ERR_INVALID);
	assert_int_equal(guest_msr_set(vcpu, 0x38e, BIT(0) | BIT(34)), FIRN_OK);
	assert_int_equal(rdmsr_ok(vcpu, 0x38e), BIT(0) | BIT(34));
	assert_int_equal(guest_msr_set(vcpu, 0x38e, BIT(GP)), ERR_INVALID);
	assert_int_equal(guest_msr_set(vcpu, 0x186, BIT(36)), ERR_INVALID);
	assert_int_equal(guest_msr_set(vcpu, 0x345, 0), ERR_READONLY);
	assert_int_equal(guest_msr_set(vcpu, 0x390, 0), ERR_NOENT);
	resident(vcpu);
	assert_int_equal(cpu.counter[0], FULL - 1);
	assert_int_equal(guest_msr_get(vcpu, 0xc1, &value), FIRN_OK);
	assert_int_equal(value, FULL - 1);
}

static void test_reset(void **state)
{
	(void)state;
	resident(vcpu);
	program();
	pmu_reset(vcpu);
	pmu_load(vcpu);
	assert_int_equal(rdmsr_ok(vcpu, 0xc1), 0);
	assert_int_equal(rdmsr_ok(vcpu, 0x186), 0);
	assert_int_equal(rdmsr_ok(vcpu, 0x38d), 0);
	assert_int_equal(rdmsr_ok(vcpu, 0x38f), BIT(GP) - 1);
	assert_int_equal(cpu.select[0], 0);
	assert_int_equal(cpu.guest_ctrl, BIT(GP) - 1);
}

/* The hypercall */

#define CALL	   0x46000000
#define ARRAY	   0x2000ull
#define RAM_END	   (1 * MiB)
#define ROM	   0x200000ull
#define MAX_EVENTS 256
#define EINVAL	   ((u64)-22)
#define EFAULT	   ((u64)-14)
#define ENOSYS	   ((u64)-1000)
#define POISON	   0xa5

struct event {
	u32 idx, output;
	u64 data;
};

static u64 event_info(u64 gpa, u64 count, u64 flags)
{
	struct fake_vcpu *f = fake_of(vcpu);

	f->reg[VREG_EFER] = EFER_LMA | EFER_LME;
	f->seg[SEG_CS].ar = SEG_AR_L;
	f->seg[SEG_CS].selector = 8;
	vcpu->arch.gpr[REG_RAX] = CALL;
	vcpu->arch.gpr[REG_RBX] = gpa;
	vcpu->arch.gpr[REG_RCX] = count;
	vcpu->arch.gpr[REG_RDX] = flags;
	guest_hypercall(vcpu);
	return vcpu->arch.gpr[REG_RAX];
}

static void add_rom(void)
{
	struct memslots *ms = &fake->vm.memory;

	ms->slot[1] = ms->slot[2] = ms->slot[0];
	ms->slot[1].gpa = ROM - PAGE_SIZE;
	ms->slot[2].gpa = ROM;
	ms->slot[1].size = ms->slot[2].size = PAGE_SIZE;
	ms->slot[2].kind = MEMSLOT_ROM;
	ms->count = 3;
}

static void poison(u64 gpa, size_t len)
{
	u8 bytes[64];

	memset(bytes, POISON, sizeof(bytes));
	for (size_t i = 0; i < len; i += sizeof(bytes))
		assert_int_equal(guest_write(&fake->vm.memory, gpa + i, bytes, sizeof(bytes)),
				 FIRN_OK);
}

static void assert_poison(u64 gpa, size_t len)
{
	u8 byte;

	for (size_t i = 0; i < len; i++) {
		assert_int_equal(guest_read(&fake->vm.memory, gpa + i, &byte, 1), FIRN_OK);
		assert_int_equal(byte, POISON);
	}
}

static void test_call_errors(void **state)
{
	(void)state;
	add_rom();
	poison(ARRAY, PAGE_SIZE);
	poison(RAM_END - PAGE_SIZE, PAGE_SIZE);
	poison(ROM - PAGE_SIZE, PAGE_SIZE);
	for (unsigned bit = 0; bit < 64; bit++)
		assert_int_equal(event_info(ARRAY, 1, BIT(bit)), EINVAL);
	for (unsigned offset = 1; offset < 16; offset++)
		assert_int_equal(event_info(ARRAY + offset, 1, 0), EINVAL);
	assert_int_equal(event_info(ARRAY, 0, 0), EINVAL);
	assert_int_equal(event_info(ARRAY, MAX_EVENTS + 1, 0), EINVAL);
	for (unsigned bit = 9; bit < 64; bit++)
		assert_int_equal(event_info(ARRAY, BIT(bit), 0), EINVAL);
	assert_int_equal(event_info(ARRAY, BIT(60) + 1, 0), EINVAL);
	assert_int_equal(event_info(ARRAY, ~0ull, 0), EINVAL);
	/* ends behind RAM, lies behind it, wraps around */
	assert_int_equal(event_info(RAM_END - 16, 2, 0), EFAULT);
	assert_int_equal(event_info(RAM_END - 255 * 16, MAX_EVENTS, 0), EFAULT);
	assert_int_equal(event_info(RAM_END, 1, 0), EFAULT);
	assert_int_equal(event_info(~15ull, 1, 0), EFAULT);
	assert_int_equal(event_info(~15ull, 2, 0), EFAULT);
	assert_int_equal(event_info(BIT(52), MAX_EVENTS, 0), EFAULT);
	/* ROM, and RAM that ROM follows */
	assert_int_equal(event_info(ROM, 1, 0), EFAULT);
	assert_int_equal(event_info(ROM - 16, 2, 0), EFAULT);
	assert_int_equal(event_info(ROM - PAGE_SIZE - 16, 2, 0), EFAULT);
	assert_poison(ARRAY, PAGE_SIZE);
	assert_poison(RAM_END - PAGE_SIZE, PAGE_SIZE);
	assert_poison(ROM - PAGE_SIZE, PAGE_SIZE);
	/* up to the last bytes of RAM it works */
	assert_int_equal(event_info(RAM_END - MAX_EVENTS * 16, MAX_EVENTS, 0), 0);
	assert_int_equal(event_info(ROM - 16, 1, 0), 0);
}

static const struct {
	u32 idx;
	u64 data;
	bool countable;
} events[] = {
	{ 0x00000, 0, true },
	{ 0x00001, 0, true },
	{ 0x00003, 0x1234, true },
	{ 0x00004, 0, false }, /* absent in EBX */
	{ 0x00005, 0, false },
	{ 0x00006, 0, true },
	{ 0x00007, 0, false }, /* behind EBX's length */
	{ 0x0001f, 0, false },
	{ 0x00020, 0, false },
	{ 0x0ffff, 0, false },
	{ 0x10000, 0, true },
	{ 0x10002, 0, true },
	{ 0x10003, 0, false },
	{ 0x20000, 0x00c0, true },
	{ 0x20000, 0xff84ffff, true }, /* event, umask, edge, invert, counter mask */
	{ 0x20001, 0x00c0, false },
	{ 0x20000, BIT(16), false },
	{ 0x20000, BIT(20), false },
	{ 0x20000, BIT(22), false },
	{ 0x20000, BIT(36), false },
	{ 0x20000, BIT(40), false },
	{ 0x20000, BIT(63), false },
	{ 0x30000, 0, false },
	{ 0xffffffff, 0, false },
};

static void ask_all(bool any)
{
	struct event list[ARRAY_SIZE(events) + 1];

	memset(list, POISON, sizeof(list));
	for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
		list[i].idx = events[i].idx;
		list[i].data = events[i].data;
	}
	assert_int_equal(guest_write(&fake->vm.memory, ARRAY, list, sizeof(list)), FIRN_OK);
	assert_int_equal(event_info(ARRAY, ARRAY_SIZE(events), 0), 0);
	assert_int_equal(guest_read(&fake->vm.memory, ARRAY, list, sizeof(list)), FIRN_OK);
	for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
		assert_int_equal(list[i].idx, events[i].idx);
		assert_int_equal(list[i].data, events[i].data);
		if (list[i].output != (any && events[i].countable))
			fail_msg("event %u: output 0x%x", i, list[i].output);
	}
	assert_int_equal(list[ARRAY_SIZE(events)].output, 0xa5a5a5a5);
}

static void test_call_events(void **state)
{
	(void)state;
	ask_all(true);
	host.counters = false; /* asked for, not there: the call is, and says so */
	again();
	ask_all(false);
}

static void test_call_not_offered(void **state)
{
	(void)state;
	host.pmu = false;
	again();
	assert_int_equal(event_info(ARRAY, 1, 0), ENOSYS);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cpuid),
		TEST(test_cpuid_limits),
		TEST(test_not_there),
		TEST(test_registers),
		TEST(test_registers_that_are_not_there),
		TEST(test_narrow_write),
		TEST(test_event_select_extensions),
		TEST(test_misc_enable),
		TEST(test_rdpmc),
		TEST(test_switch),
		TEST(test_overflow),
		TEST(test_overflow_at_switch),
		TEST(test_overflow_as_nmi),
		TEST(test_by_id),
		TEST(test_reset),
		TEST(test_call_errors),
		TEST(test_call_events),
		TEST(test_call_not_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
