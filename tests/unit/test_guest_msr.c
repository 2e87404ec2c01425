/* SPDX-License-Identifier: MIT */
/* Guest MSRs: reset value, good and bad values, features that make them exist, side effects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/guest_msr.h"
#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "core/guest_memory.h"
#include "core/log.h"
#include "fake.h"
#include "guest_cpu.h"
#include "lapic_fixture.h"

#define NON_CANONICAL 0x0000800000000000ull
#define CANONICAL     0xffff800000000000ull

static struct fake_vm *fake;
static struct vcpu *vcpu;

static int setup(void **state)
{
	(void)state;
	host_full();
	fake = guest_create(2);
	vcpu = &fake->vcpu[0]->vcpu;
	fake_vm_set_ram(fake, 1 * MiB);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_destroy(fake);
	return 0;
}

/* good is stored as it is; bad is refused and changes nothing. 0 in a list ends it. */
static const struct {
	u32 msr;
	u64 reset;
	u64 good[4], bad[8];
} values[] = {
	{ MSR_IA32_SPEC_CTRL, 0, { 1, 2, 7 }, { 8, 0x400, 1ull << 63 } },
	{ MSR_IA32_SYSENTER_CS, 0, { 0x10, 0xffffffff }, { 0 } },
	{ MSR_IA32_SYSENTER_ESP, 0, { CANONICAL, 0x7fffffffffff }, { NON_CANONICAL, 1ull << 63 } },
	{ MSR_IA32_SYSENTER_EIP, 0, { CANONICAL, 0x7fffffffffff }, { NON_CANONICAL, 1ull << 63 } },
	{ MSR_IA32_MISC_ENABLE,
	  0x1801,
	  { 0x1800, 0x1801 },
	  { 0x41801, 0x411801, 0x400001801, 0x11801, 2 } },
	{ 0x200, 0, { 0x1006, 0x3ffffffff006, 5, 4 }, { 2, 3, 7, 0x100, 0x800, 0x400000000000 } },
	{ 0x201, 0, { 0x800, 0x3ffffffff800 }, { 1, 0x400, 0x801, 0x400000000800 } },
	{ 0x20e, 0, { 0xf0000001 }, { 0xf0000002, 0xf0000101 } },
	{ 0x20f, 0, { 0xf0000800 }, { 0xf0000401 } },
	{ 0x250,
	  0,
	  { 0x0606060606060606, 0x0001040506060606 },
	  { 2, 0x300, 0x7000000, 0x0800000000000000, 0x1000000000000000 } },
	{ 0x258, 0, { 0x0606060606060606 }, { 0x0200000000000000 } },
	{ 0x259, 0, { 0x0505050505050505 }, { 0x0007000000000000 } },
	{ 0x268, 0, { 0x0404040404040404 }, { 3 } },
	{ 0x26f, 0, { 0x0101010101010101 }, { 0xff } },
	{ MSR_IA32_PAT,
	  0x0007040600070406,
	  { 0x0107050600070406 },
	  { 2, 0x300, 0x0800000000000000, 0x80 } },
	{ MSR_IA32_MTRR_DEF_TYPE, 0, { 0xc06, 0x800, 0x400, 5 }, { 0xc02, 0xc07, 0x100, 0x1000 } },
	{ MSR_EFER,
	  0,
	  { EFER_SCE, EFER_NXE, EFER_LME | EFER_NXE | EFER_SCE },
	  { 2, EFER_SVME, BIT(13), BIT(14), BIT(15), BIT(63) } },
	{ MSR_STAR, 0, { ~0ull, 0x0023001000000000 }, { 0 } },
	{ MSR_LSTAR, 0, { CANONICAL, 0xffffffffffffffff }, { NON_CANONICAL, 0xfffe000000000000 } },
	{ MSR_CSTAR, 0, { CANONICAL, 1 }, { NON_CANONICAL } },
	{ MSR_SFMASK, 0, { 0x47700, 0xffffffff }, { 0x100000000 } },
	{ MSR_FS_BASE, 0, { CANONICAL, 0x1000 }, { NON_CANONICAL } },
	{ MSR_GS_BASE, 0, { CANONICAL, 0x1000 }, { NON_CANONICAL } },
	{ MSR_KERNEL_GS_BASE, 0, { CANONICAL, 0x1000 }, { NON_CANONICAL } },
	{ MSR_TSC_AUX, 0, { 5, 0xffffffff }, { 0x100000000 } },
	{ MSR_IA32_TSC_ADJUST, 0, { 100, ~0ull }, { 0 } },
	{ MSR_IA32_APIC_BASE, 0xfee00900, { 0xfee00900, 0xfee00d00 }, { 0xfee00001, 0xfee00500 } },
	{ 0x4b564d01, 0, { 0x1001, 0x2004 }, { 0x1003, 2 } },
	/* constants */
	{ MSR_IA32_PLATFORM_ID, 0, { 0 }, { 1, BIT(50) } },
	{ MSR_IA32_FEATURE_CONTROL, 1, { 0 }, { 1, 5 } },
	{ MSR_IA32_MTRRCAP, 0x508, { 0 }, { 0x508 } },
	{ MSR_IA32_MCG_CAP, 0, { 0 }, { 1 } },
	{ MSR_IA32_MCG_STATUS, 0, { 0 }, { 1, 4 } },
	{ MSR_IA32_DEBUGCTL, 0, { 0 }, { 4, BIT(6), BIT(14) } },
	{ MSR_IA32_ARCH_CAPABILITIES, 0, { 0 }, { 1 } },
};

static void test_values(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		u32 msr = values[i].msr;
		u64 before = rdmsr_ok(vcpu, msr);

		if (before != values[i].reset)
			fail_msg("MSR 0x%x: 0x%llx at reset", msr, (unsigned long long)before);
		for (unsigned k = 0; k < 4 && values[i].good[k]; k++) {
			wrmsr_ok(vcpu, msr, values[i].good[k]);
			before = rdmsr_ok(vcpu, msr);
			if (before != values[i].good[k])
				fail_msg("MSR 0x%x: 0x%llx was not kept", msr,
					 (unsigned long long)values[i].good[k]);
		}
		for (unsigned k = 0; k < 8 && values[i].bad[k]; k++) {
			wrmsr_gp(vcpu, msr, values[i].bad[k]);
			assert_int_equal(rdmsr_ok(vcpu, msr), before);
		}
	}
}

/* Bits of a pair: without the feature #GP both ways, with it neither. */
static const struct {
	u32 msr, features[6];
} gates[] = {
	{ MSR_IA32_TSC_ADJUST, { X86_FEATURE_TSC_ADJUST } },
	{ MSR_IA32_SPEC_CTRL, { X86_FEATURE_IBRS_IBPB, X86_FEATURE_STIBP, X86_FEATURE_SSBD } },
	{ MSR_IA32_SYSENTER_CS, { X86_FEATURE_SEP } },
	{ MSR_IA32_SYSENTER_ESP, { X86_FEATURE_SEP } },
	{ MSR_IA32_SYSENTER_EIP, { X86_FEATURE_SEP } },
	{ MSR_IA32_MCG_STATUS, { X86_FEATURE_MCA } },
	{ MSR_IA32_MTRR_DEF_TYPE, { X86_FEATURE_MTRR } },
	{ 0x200, { X86_FEATURE_MTRR } },
	{ 0x250, { X86_FEATURE_MTRR } },
	{ MSR_IA32_PAT, { X86_FEATURE_PAT } },
	{ MSR_IA32_TSC_DEADLINE, { X86_FEATURE_TSC_DEADLINE } },
	{ MSR_STAR, { X86_FEATURE_SYSCALL } },
	{ MSR_LSTAR, { X86_FEATURE_LM } },
	{ MSR_CSTAR, { X86_FEATURE_LM } },
	{ MSR_SFMASK, { X86_FEATURE_SYSCALL } },
	{ MSR_FS_BASE, { X86_FEATURE_LM } },
	{ MSR_GS_BASE, { X86_FEATURE_LM } },
	{ MSR_KERNEL_GS_BASE, { X86_FEATURE_LM } },
	{ MSR_TSC_AUX, { X86_FEATURE_RDTSCP, X86_FEATURE_RDPID } },
	{ 0x11, { CPUID_FEATURE(CPUID_KVM, 0u, 0u, 0u) } },
	{ 0x12, { CPUID_FEATURE(CPUID_KVM, 0u, 0u, 0u) } },
	{ 0x4b564d00, { CPUID_FEATURE(CPUID_KVM, 0u, 0u, 3u) } },
	{ 0x4b564d01, { CPUID_FEATURE(CPUID_KVM, 0u, 0u, 3u) } },
	{ 0x4b564d03, { CPUID_FEATURE(CPUID_KVM, 0u, 0u, 5u) } },
	{ 0x4b564d04, { CPUID_FEATURE(CPUID_KVM, 0u, 0u, 6u) } },
	{ 0x4b564d05, { CPUID_FEATURE(CPUID_KVM, 0u, 0u, 12u) } },
};

static void test_gates(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(gates); i++) {
		u32 msr = gates[i].msr;
		u64 good = msr == MSR_IA32_PAT ? PAT_RESET_VALUE : 0;

		rdmsr_ok(vcpu, msr);
		wrmsr_ok(vcpu, msr, good);
		for (unsigned k = 0; k < 6 && gates[i].features[k]; k++)
			guest_feature(fake, gates[i].features[k], false);
		rdmsr_gp(vcpu, msr);
		wrmsr_gp(vcpu, msr, good);
		/* Any one of its features brings it back. */
		for (unsigned k = 0; k < 6 && gates[i].features[k]; k++) {
			guest_feature(fake, gates[i].features[k], true);
			wrmsr_ok(vcpu, msr, good);
			rdmsr_ok(vcpu, msr);
			guest_feature(fake, gates[i].features[k], false);
		}
		for (unsigned k = 0; k < 6 && gates[i].features[k]; k++)
			guest_feature(fake, gates[i].features[k], true);
	}
}

static void test_spec_ctrl_bits(void **state)
{
	static const struct {
		u32 feature;
		u64 bits;
	} cases[] = {
		{ X86_FEATURE_IBRS_IBPB, 3 },
		{ X86_FEATURE_STIBP, 3 },
		{ X86_FEATURE_SSBD, 4 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		guest_feature(fake, cases[i].feature, false);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		guest_feature(fake, cases[i].feature, true);
		for (unsigned bit = 0; bit < 64; bit++) {
			if (cases[i].bits & BIT(bit))
				wrmsr_ok(vcpu, MSR_IA32_SPEC_CTRL, BIT(bit));
			else
				wrmsr_gp(vcpu, MSR_IA32_SPEC_CTRL, BIT(bit));
		}
		guest_feature(fake, cases[i].feature, false);
	}
}

static void test_pred_cmd(void **state)
{
	unsigned before = fake_predictor_barriers;

	(void)state;
	rdmsr_gp(vcpu, MSR_IA32_PRED_CMD);
	wrmsr_ok(vcpu, MSR_IA32_PRED_CMD, 0);
	assert_int_equal(fake_predictor_barriers, before);
	wrmsr_ok(vcpu, MSR_IA32_PRED_CMD, 1);
	assert_int_equal(fake_predictor_barriers, before + 1);
	wrmsr_gp(vcpu, MSR_IA32_PRED_CMD, 2);
	wrmsr_gp(vcpu, MSR_IA32_PRED_CMD, 3);
	guest_feature(fake, X86_FEATURE_IBRS_IBPB, false);
	wrmsr_gp(vcpu, MSR_IA32_PRED_CMD, 1);
	assert_int_equal(fake_predictor_barriers, before + 1);
}

/* Not there: what Linux probes for, what belongs to hidden features, the internal KVM number. */
static void test_absent(void **state)
{
	static const u32 absent[] = {
		0x34,	    0x79,	0xc1,	    0xc8,	0xce,	    0xe7,	0xe8,
		0x140,	    0x186,	0x189,	    0x198,	0x19c,	    0x1a2,	0x1fc,
		0x309,	    0x345,	0x38d,	    0x38f,	0x390,	    0x400,	0x401,
		0x480,	    0x48b,	0x491,	    0x4c1,	0x570,	    0x606,	0x610,
		0x611,	    0x639,	0x641,	    0x64f,	0x6a0,	    0x6a2,	0x6a4,
		0x6a7,	    0x6a8,	0x7ff,	    0x900,	0xda0,	    0x4b564cff, 0x4b564d02,
		0x4b564d06, 0x4b564d08, 0x4b564dff, 0x4b564e00, 0xc000007f, 0xc0000085, 0xc0000104,
		0xc0010015, 0xc0010117, 0xffffffff, 0x0,
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(absent); i++) {
		rdmsr_gp(vcpu, absent[i]);
		wrmsr_gp(vcpu, absent[i], 0);
		assert_int_equal(guest_msr_get(vcpu, absent[i], &(u64){ 0 }), ERR_NOENT);
		assert_int_equal(guest_msr_set(vcpu, absent[i], 0), ERR_NOENT);
	}
}

/* 1 from reset on, whatever INIT does; one bit. */
static void test_poll_control(void **state)
{
	(void)state;
	assert_int_equal(rdmsr_ok(vcpu, 0x4b564d05), 1);
	wrmsr_ok(vcpu, 0x4b564d05, 0);
	for (unsigned bit = 1; bit < 64; bit++)
		wrmsr_gp(vcpu, 0x4b564d05, BIT(bit));
	assert_int_equal(vcpu->arch.poll_control, 0);
	guest_msr_reset(vcpu, true);
	assert_int_equal(rdmsr_ok(vcpu, 0x4b564d05), 0);
	guest_msr_reset(vcpu, false);
	assert_int_equal(rdmsr_ok(vcpu, 0x4b564d05), 1);
}

static size_t log_text(char *buf, size_t len)
{
	u64 pos = 0;
	size_t n = log_read(&pos, buf, len - 1);

	buf[n] = '\0';
	return n;
}

/* One line, naming MSR, value and RIP; none for MSRs that are known to be absent. */
static void test_unknown_is_logged_once(void **state)
{
	static char text[LOG_RING_SIZE + 1];
	const char *line;

	(void)state;
	fake->vcpu[0]->reg[VREG_RIP] = 0xffffffff81234567;
	fake_set_clock_ns(3600ull * 1000000000);
	wrmsr_gp(vcpu, 0x4b564dff, 1);
	rdmsr_gp(vcpu, 0x606);
	log_text(text, sizeof(text));
	assert_null(strstr(text, "0x606"));
	assert_null(strstr(text, "0x4b564dff"));
	wrmsr_gp(vcpu, 0xbeef, 0xdeadbeef12345678);
	rdmsr_gp(vcpu, 0xbee1);
	log_text(text, sizeof(text));
	line = strstr(text, "vm fake: vcpu 0: WRMSR of 0xdeadbeef12345678 to unknown MSR 0xbeef at "
			    "RIP 0xffffffff81234567\n");
	assert_non_null(line);
	line = strstr(text, "vm fake: vcpu 0: RDMSR of unknown MSR 0xbee1 at RIP "
			    "0xffffffff81234567\n");
	assert_non_null(line);
	for (u32 i = 0; i < 100; i++) {
		wrmsr_gp(vcpu, 0xbe00 + i, 0);
		rdmsr_gp(vcpu, 0xbe00 + i);
	}
	log_text(text, sizeof(text));
	assert_null(strstr(text, "0xbe0"));
	/* By id nothing is logged at all. */
	fake_set_clock_ns(7200ull * 1000000000);
	assert_int_equal(guest_msr_set(vcpu, 0xbeef, 0), ERR_NOENT);
	log_text(text, sizeof(text));
	assert_null(strstr(text, "[ 7200"));
}

static void test_efer(void **state)
{
	u64 *cr0 = &fake->vcpu[0]->reg[VREG_CR0], *efer = &fake->vcpu[0]->reg[VREG_EFER];

	(void)state;
	/* LMA can't be written. */
	wrmsr_ok(vcpu, MSR_EFER, EFER_LMA);
	assert_int_equal(rdmsr_ok(vcpu, MSR_EFER), 0);
	*cr0 |= CR0_PE | CR0_PG;
	*efer = EFER_LME | EFER_LMA;
	wrmsr_ok(vcpu, MSR_EFER, EFER_LME);
	assert_int_equal(rdmsr_ok(vcpu, MSR_EFER), EFER_LME | EFER_LMA);
	wrmsr_ok(vcpu, MSR_EFER, EFER_LME | EFER_SCE);
	wrmsr_gp(vcpu, MSR_EFER, EFER_SCE);
	wrmsr_gp(vcpu, MSR_EFER, EFER_LMA | EFER_SCE);
	assert_int_equal(rdmsr_ok(vcpu, MSR_EFER), EFER_LME | EFER_LMA | EFER_SCE);
	*efer = 0; /* paging without long mode */
	wrmsr_gp(vcpu, MSR_EFER, EFER_LME);
	*cr0 &= ~CR0_PG;
	wrmsr_ok(vcpu, MSR_EFER, EFER_LME);
	assert_int_equal(fake->vcpu[0]->tlb_flushes, 0);
	wrmsr_ok(vcpu, MSR_EFER, EFER_LME | EFER_NXE);
	assert_int_equal(fake->vcpu[0]->tlb_flushes, 1);
	wrmsr_ok(vcpu, MSR_EFER, EFER_LME | EFER_NXE);
	assert_int_equal(fake->vcpu[0]->tlb_flushes, 1);
	/* Bits are reserved without their feature. */
	wrmsr_ok(vcpu, MSR_EFER, 0);
	guest_feature(fake, X86_FEATURE_NX, false);
	wrmsr_gp(vcpu, MSR_EFER, EFER_NXE);
	guest_feature(fake, X86_FEATURE_SYSCALL, false);
	wrmsr_gp(vcpu, MSR_EFER, EFER_SCE);
	guest_feature(fake, X86_FEATURE_LM, false);
	wrmsr_gp(vcpu, MSR_EFER, EFER_LME);
	wrmsr_ok(vcpu, MSR_EFER, 0);
}

static void test_tsc(void **state)
{
	struct lapic *lapic = &vcpu->arch.lapic;

	(void)state;
	fake_set_tsc(1000000);
	fake->vm.arch.tsc_offset = -400000;
	assert_int_equal(rdmsr_ok(vcpu, MSR_IA32_TSC), 600000);
	/* Writing the TSC moves TSC_ADJUST by the same amount and tells the hardware. */
	wrmsr_ok(vcpu, MSR_IA32_TSC, 5);
	assert_int_equal(rdmsr_ok(vcpu, MSR_IA32_TSC), 5);
	assert_int_equal(rdmsr_ok(vcpu, MSR_IA32_TSC_ADJUST), (u64)-599995);
	assert_int_equal(fake->vcpu[0]->tsc_offset_updates, 1);
	wrmsr_ok(vcpu, MSR_IA32_TSC_ADJUST, 0);
	assert_int_equal(rdmsr_ok(vcpu, MSR_IA32_TSC), 600000);
	assert_int_equal(fake->vcpu[0]->tsc_offset_updates, 2);
	assert_int_equal(fake->vcpu[1]->tsc_offset_updates, 0);
	/* An armed deadline is at another host time after that. */
	lapic_write(lapic, APIC_SVR, SVR_ON);
	lapic_write(lapic, APIC_LVT_TIMER, 2 << 17 | 0x40);
	wrmsr_ok(vcpu, MSR_IA32_TSC_DEADLINE, 700000);
	assert_int_equal(rdmsr_ok(vcpu, MSR_IA32_TSC_DEADLINE), 700000);
	assert_int_equal(lapic->timer.deadline, 1100000);
	wrmsr_ok(vcpu, MSR_IA32_TSC_ADJUST, 50000);
	assert_int_equal(lapic->timer.deadline, 1050000);
	wrmsr_ok(vcpu, MSR_IA32_TSC, 0);
	assert_int_equal(lapic->timer.deadline, 1700000);
	wrmsr_ok(vcpu, MSR_IA32_TSC_DEADLINE, 0);
}

/* kvmclock counts guest TSC ticks: a changed TSC needs a new timestamp. */
static void test_tsc_moves_pvclock(void **state)
{
	u64 before, after;

	(void)state;
	wrmsr_ok(vcpu, 0x4b564d01, 0x1000 | 1);
	assert_int_equal(guest_read(&fake->vm.memory, 0x1008, &before, 8), FIRN_OK);
	wrmsr_ok(vcpu, MSR_IA32_TSC_ADJUST, 777);
	assert_int_equal(guest_read(&fake->vm.memory, 0x1008, &after, 8), FIRN_OK);
	assert_int_equal(after, before + 777);
}

static void test_apic(void **state)
{
	(void)state;
	rdmsr_gp(vcpu, 0x802);
	wrmsr_gp(vcpu, 0x808, 0);
	wrmsr_ok(vcpu, MSR_IA32_APIC_BASE, 0xfee00d00);
	assert_int_equal(fake->vcpu[0]->apic_mode_updates, 1);
	assert_int_equal(rdmsr_ok(vcpu, 0x802), 0);
	wrmsr_ok(vcpu, 0x808, 0x20);
	assert_int_equal(rdmsr_ok(vcpu, 0x808), 0x20);
	wrmsr_gp(vcpu, 0x808, 0x100);
	rdmsr_gp(vcpu, 0x80e);
	wrmsr_gp(vcpu, 0x802, 0);
	/* x2APIC to xAPIC is no legal change. */
	wrmsr_gp(vcpu, MSR_IA32_APIC_BASE, 0xfee00900);
	assert_int_equal(fake->vcpu[0]->apic_mode_updates, 1);
	wrmsr_ok(vcpu, MSR_IA32_APIC_BASE, 0xfee00100);
	assert_int_equal(fake->vcpu[0]->apic_mode_updates, 2);
	rdmsr_gp(vcpu, 0x802);
}

static const u32 amd_msrs[] = { MSR_SYSCFG,   MSR_HWCR,	  MSR_TOP_MEM,
				MSR_TOP_MEM2, MSR_NB_CFG, MSR_DE_CFG };

static void test_no_amd_msrs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(amd_msrs); i++) {
		rdmsr_gp(vcpu, amd_msrs[i]);
		wrmsr_gp(vcpu, amd_msrs[i], 0);
	}
}

static int setup_amd(void **state)
{
	(void)state;
	host_full();
	host.amd = true;
	fake = guest_create(1);
	vcpu = &fake->vcpu[0]->vcpu;
	return 0;
}

/* Settings of the chipset and the core: as firmware leaves them, whatever the guest writes. */
static void test_amd_msrs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(amd_msrs); i++) {
		u64 before = rdmsr_ok(vcpu, amd_msrs[i]);

		wrmsr_ok(vcpu, amd_msrs[i], ~before);
		assert_int_equal(rdmsr_ok(vcpu, amd_msrs[i]), before);
		assert_int_equal(guest_msr_set(vcpu, amd_msrs[i], 0), ERR_READONLY);
	}
	assert_int_equal(rdmsr_ok(vcpu, MSR_HWCR), HWCR_TSC_FREQ_SEL);
	assert_int_equal(rdmsr_ok(vcpu, MSR_DE_CFG), DE_CFG_LFENCE_SERIALIZE);
	rdmsr_gp(vcpu, MSR_VM_CR);
	wrmsr_gp(vcpu, MSR_VM_HSAVE_PA, 0);
}

static void test_misc(void **state)
{
	(void)state;
	/* The microcode revision survives the probe that writes 0. */
	assert_int_equal(rdmsr_ok(vcpu, MSR_IA32_BIOS_SIGN_ID), 1ull << 32);
	wrmsr_ok(vcpu, MSR_IA32_BIOS_SIGN_ID, 0);
	assert_int_equal(rdmsr_ok(vcpu, MSR_IA32_BIOS_SIGN_ID), 1ull << 32);
	wrmsr_ok(vcpu, MSR_IA32_MCG_STATUS, 0);
	wrmsr_ok(vcpu, MSR_IA32_DEBUGCTL, DEBUGCTL_LBR | DEBUGCTL_BTF);
	assert_int_equal(rdmsr_ok(vcpu, MSR_IA32_DEBUGCTL), 0);
	/* 63:32 of SYSENTER_CS don't exist; fixed bits of MISC_ENABLE can't be cleared. */
	wrmsr_ok(vcpu, MSR_IA32_SYSENTER_CS, 0x1234567800000010);
	assert_int_equal(rdmsr_ok(vcpu, MSR_IA32_SYSENTER_CS), 0x10);
	wrmsr_ok(vcpu, MSR_IA32_MISC_ENABLE, 0);
	assert_int_equal(rdmsr_ok(vcpu, MSR_IA32_MISC_ENABLE), 0x1800);
	guest_feature(fake, X86_FEATURE_MONITOR, true);
	wrmsr_ok(vcpu, MSR_IA32_MISC_ENABLE, 0x41801);
	assert_int_equal(rdmsr_ok(vcpu, MSR_IA32_MISC_ENABLE), 0x41801);
	/* The old clock MSR is another name of the new one. */
	wrmsr_ok(vcpu, 0x12, 0x3001);
	assert_int_equal(rdmsr_ok(vcpu, 0x4b564d01), 0x3001);
	/* FS and GS bases are the segments' own. */
	wrmsr_ok(vcpu, MSR_FS_BASE, 0x1111);
	wrmsr_ok(vcpu, MSR_GS_BASE, 0x2222);
	assert_int_equal(fake->vcpu[0]->seg[SEG_FS].base, 0x1111);
	assert_int_equal(fake->vcpu[0]->seg[SEG_GS].base, 0x2222);
	fake->vm.arch.arch_capabilities = 0x1b;
	assert_int_equal(rdmsr_ok(vcpu, MSR_IA32_ARCH_CAPABILITIES), 0x1b);
	guest_feature(fake, X86_FEATURE_ARCH_CAPABILITIES, false);
	rdmsr_gp(vcpu, MSR_IA32_ARCH_CAPABILITIES);
}

static void test_xss(void **state)
{
	struct cpuid_leaf *leaf =
		(struct cpuid_leaf *)cpuid_image_find(&fake->vm.arch.cpuid, 0xd, 1);

	(void)state;
	rdmsr_gp(vcpu, MSR_IA32_XSS);
	guest_feature(fake, X86_FEATURE_XSAVES, true);
	assert_int_equal(rdmsr_ok(vcpu, MSR_IA32_XSS), 0);
	wrmsr_gp(vcpu, MSR_IA32_XSS, BIT(11));
	leaf->ecx = 0x1800;
	fake_xss = 0;
	wrmsr_ok(vcpu, MSR_IA32_XSS, 0x1800);
	assert_int_equal(fake_xss, 0x1800);
	wrmsr_gp(vcpu, MSR_IA32_XSS, 0x1801);
	assert_int_equal(fake_xss, 0x1800);
	wrmsr_gp(vcpu, MSR_IA32_XSS, BIT(43));
	leaf->edx = 0x800;
	wrmsr_ok(vcpu, MSR_IA32_XSS, BIT(43));
}

static void test_arch_capabilities(void **state)
{
	(void)state;
	/* PSCHANGE_MC_NO always; TSX_CTRL, MISC_PACKAGE_CTRL, FB_CLEAR_CTRL, ENERGY_CTRL never. */
	assert_int_equal(guest_msr_arch_capabilities(0), BIT(6));
	assert_int_equal(guest_msr_arch_capabilities(~0ull), 0x400000001d1ae177);
}

static void test_reset_and_init(void **state)
{
	static const u32 kept[] = {
		MSR_IA32_SYSENTER_CS,
		MSR_IA32_SYSENTER_ESP,
		MSR_IA32_SYSENTER_EIP,
		MSR_STAR,
		MSR_LSTAR,
		MSR_CSTAR,
		MSR_SFMASK,
		MSR_TSC_AUX,
		MSR_KERNEL_GS_BASE,
		0x200,
		0x201,
		0x250,
		0x26f,
		MSR_IA32_PAT,
		MSR_IA32_MTRR_DEF_TYPE,
		MSR_IA32_TSC_ADJUST,
		MSR_IA32_MISC_ENABLE,
	};
	static const u32 cleared[] = { MSR_EFER, MSR_IA32_SPEC_CTRL, 0x4b564d01 };
	u64 before[ARRAY_SIZE(kept)];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++)
		if (values[i].good[0])
			wrmsr_ok(vcpu, values[i].msr, values[i].good[0]);
	wrmsr_ok(vcpu, 0x4b564d01, 0x1001);
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++) {
		before[i] = rdmsr_ok(vcpu, kept[i]);
		assert_true(before[i] != 0);
	}
	guest_msr_reset(vcpu, true);
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		assert_int_equal(rdmsr_ok(vcpu, kept[i]), before[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(cleared); i++)
		assert_int_equal(rdmsr_ok(vcpu, cleared[i]), 0);
	guest_msr_reset(vcpu, false);
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++) {
		u64 expected = kept[i] == MSR_IA32_PAT		 ? PAT_RESET_VALUE
			       : kept[i] == MSR_IA32_MISC_ENABLE ? 0x1801
								 : 0;

		assert_int_equal(rdmsr_ok(vcpu, kept[i]), expected);
	}
}

/* Linux uses MTRRs and PAT only when firmware has turned MTRRs on. */
static void test_firmware_setup(void **state)
{
	(void)state;
	guest_msr_firmware_setup(vcpu);
	assert_int_equal(rdmsr_ok(vcpu, MSR_IA32_MTRR_DEF_TYPE), 0xc06);
	assert_int_equal(rdmsr_ok(vcpu, 0x200), 0xc0000000);
	assert_int_equal(rdmsr_ok(vcpu, 0x201), 0x3fffc0000800);
	assert_int_equal(rdmsr_ok(vcpu, 0x202) | rdmsr_ok(vcpu, 0x203) | rdmsr_ok(vcpu, 0x20f), 0);
	assert_int_equal(rdmsr_ok(vcpu, 0x250), 0x0606060606060606);
	assert_int_equal(rdmsr_ok(vcpu, 0x258), 0x0606060606060606);
	assert_int_equal(rdmsr_ok(vcpu, 0x259), 0);
	assert_int_equal(rdmsr_ok(vcpu, 0x26f), 0x0606060606060606);
	/* All of it could have been written by the guest. */
	for (u32 msr = 0x200; msr <= 0x20f; msr++)
		wrmsr_ok(vcpu, msr, rdmsr_ok(vcpu, msr));
	wrmsr_ok(vcpu, 0x250, rdmsr_ok(vcpu, 0x250));
	wrmsr_ok(vcpu, MSR_IA32_MTRR_DEF_TYPE, rdmsr_ok(vcpu, MSR_IA32_MTRR_DEF_TYPE));
}

static void test_passthrough(void **state)
{
	static const u32 through[] = {
		MSR_IA32_SYSENTER_CS,
		MSR_IA32_SYSENTER_ESP,
		MSR_IA32_SYSENTER_EIP,
		MSR_STAR,
		MSR_LSTAR,
		MSR_CSTAR,
		MSR_SFMASK,
		MSR_FS_BASE,
		MSR_GS_BASE,
		MSR_KERNEL_GS_BASE,
		MSR_TSC_AUX,
	};
	u32 msrs[MSR_LIST_MAX], few[3] = { 0, 0, 0xabcd };

	(void)state;
	assert_int_equal(guest_msr_passthrough(false, msrs, MSR_LIST_MAX), ARRAY_SIZE(through));
	assert_memory_equal(msrs, through, sizeof(through));
	assert_int_equal(guest_msr_passthrough(false, few, 2), ARRAY_SIZE(through));
	assert_memory_equal(few, through, 2 * sizeof(*few));
	assert_int_equal(few[2], 0xabcd);
}

/* All but the interrupt SSP table, which XSAVES does not reach. */
static void test_passthrough_with_cet(void **state)
{
	static const u32 cet[] = { MSR_IA32_U_CET,   MSR_IA32_S_CET,   MSR_IA32_PL0_SSP,
				   MSR_IA32_PL1_SSP, MSR_IA32_PL2_SSP, MSR_IA32_PL3_SSP };
	u32 with[MSR_LIST_MAX], without[MSR_LIST_MAX];
	size_t n = guest_msr_passthrough(true, with, MSR_LIST_MAX);
	size_t base = guest_msr_passthrough(false, without, MSR_LIST_MAX);

	(void)state;
	assert_int_equal(n, base + ARRAY_SIZE(cet));
	for (size_t i = 0, j = 0, k = 0; i < n; i++)
		if (k < ARRAY_SIZE(cet) && with[i] == cet[k])
			k++;
		else
			assert_int_equal(with[i], without[j++]);
}

static void set_cet(bool shstk, bool ibt)
{
	guest_feature(fake, X86_FEATURE_SHSTK, shstk);
	guest_feature(fake, X86_FEATURE_IBT, ibt);
}

/* What each bit of U_CET and S_CET needs. */
static bool cet_bit_good(unsigned bit, bool shstk, bool ibt)
{
	if (bit <= 1)
		return shstk;
	if (bit <= 5 || (bit >= 10 && bit <= 46))
		return ibt;
	return false; /* reserved, or not canonical alone */
}

static void check_cet_control(u32 msr, bool shstk, bool ibt)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		if (cet_bit_good(bit, shstk, ibt)) {
			wrmsr_ok(vcpu, msr, BIT(bit));
			assert_int_equal(rdmsr_ok(vcpu, msr), BIT(bit));
		} else {
			wrmsr_ok(vcpu, msr, 0);
			wrmsr_gp(vcpu, msr, BIT(bit));
			assert_int_equal(rdmsr_ok(vcpu, msr), 0);
		}
	}
	if (ibt)
		wrmsr_ok(vcpu, msr, CANONICAL | CET_TRACKER);
	else
		wrmsr_gp(vcpu, msr, CANONICAL);
	wrmsr_gp(vcpu, msr, NON_CANONICAL);
	wrmsr_gp(vcpu, msr, CET_SUPPRESS | CET_TRACKER);
	wrmsr_ok(vcpu, msr, 0);
}

static void check_ssp(u32 msr)
{
	wrmsr_ok(vcpu, msr, CANONICAL | 4);
	assert_int_equal(rdmsr_ok(vcpu, msr), CANONICAL | 4);
	wrmsr_gp(vcpu, msr, 1);
	wrmsr_gp(vcpu, msr, 2);
	wrmsr_gp(vcpu, msr, NON_CANONICAL);
	assert_int_equal(rdmsr_ok(vcpu, msr), CANONICAL | 4);
}

/* Shadow stacks x branch tracking x MSR x bit. */
static void test_cet(void **state)
{
	(void)state;
	for (unsigned features = 0; features < 4; features++) {
		bool shstk = features & 1, ibt = features & 2;

		set_cet(shstk, ibt);
		for (u32 msr = MSR_IA32_U_CET; msr <= MSR_IA32_INT_SSP_TAB; msr++) {
			bool control = msr == MSR_IA32_U_CET || msr == MSR_IA32_S_CET;

			if (control && features)
				check_cet_control(msr, shstk, ibt);
			else if (msr >= MSR_IA32_PL0_SSP && msr <= MSR_IA32_PL3_SSP && shstk)
				check_ssp(msr);
			else if (msr != MSR_IA32_INT_SSP_TAB || !shstk) {
				rdmsr_gp(vcpu, msr);
				wrmsr_gp(vcpu, msr, 0);
			}
		}
	}
	wrmsr_ok(vcpu, MSR_IA32_INT_SSP_TAB, CANONICAL | 1);
	wrmsr_gp(vcpu, MSR_IA32_INT_SSP_TAB, NON_CANONICAL);
	assert_int_equal(rdmsr_ok(vcpu, MSR_IA32_INT_SSP_TAB), CANONICAL | 1);
}

/* Where the world switch and the control block look for them. */
static void test_cet_places(void **state)
{
	(void)state;
	set_cet(true, true);
	wrmsr_ok(vcpu, MSR_IA32_U_CET, CET_ENDBR_EN);
	wrmsr_ok(vcpu, MSR_IA32_S_CET, CET_SH_STK_EN);
	for (unsigned i = 0; i < 4; i++)
		wrmsr_ok(vcpu, MSR_IA32_PL0_SSP + i, 0x1000 * (i + 1));
	wrmsr_ok(vcpu, MSR_IA32_INT_SSP_TAB, 0x5008);
	assert_int_equal(vcpu->arch.u_cet, CET_ENDBR_EN);
	assert_int_equal(fake->vcpu[0]->reg[VREG_S_CET], CET_SH_STK_EN);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(vcpu->arch.pl_ssp[i], 0x1000 * (i + 1));
	assert_int_equal(fake->vcpu[0]->reg[VREG_INT_SSP_TABLE], 0x5008);
}

/* Reset clears all seven, and so does INIT. */
static void test_cet_reset(void **state)
{
	static const u32 msrs[] = { MSR_IA32_U_CET,	 MSR_IA32_S_CET,   MSR_IA32_PL0_SSP,
				    MSR_IA32_PL1_SSP,	 MSR_IA32_PL2_SSP, MSR_IA32_PL3_SSP,
				    MSR_IA32_INT_SSP_TAB };

	(void)state;
	set_cet(true, true);
	for (unsigned init = 0; init < 2; init++) {
		for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++)
			wrmsr_ok(vcpu, msrs[i], 0x7000);
		guest_msr_reset(vcpu, init);
		for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++)
			assert_int_equal(rdmsr_ok(vcpu, msrs[i]), 0);
	}
}

static void test_list_and_names(void **state)
{
	u32 msrs[MSR_LIST_MAX], few[2] = { 0, 0xabcd }, msr;
	size_t n = guest_msr_list(vcpu, msrs, MSR_LIST_MAX);
	char name[32];
	u64 value;

	(void)state;
	assert_in_range(n, 40, MSR_LIST_MAX);
	assert_int_equal(guest_msr_list(vcpu, few, 1), n);
	assert_int_equal(few[0], msrs[0]);
	assert_int_equal(few[1], 0xabcd);
	for (size_t i = 0; i < n; i++) {
		assert_true(i == 0 || msrs[i - 1] < msrs[i]);
		assert_int_equal(guest_msr_get(vcpu, msrs[i], &value), FIRN_OK);
		assert_true(guest_msr_name(msrs[i], name, sizeof(name)));
		assert_true(guest_msr_by_name(name, &msr));
		assert_int_equal(msr, msrs[i]);
	}
	assert_true(guest_msr_name(0x203, name, sizeof(name)));
	assert_string_equal(name, "IA32_MTRR_PHYS+3");
	assert_false(guest_msr_name(0xbeef, name, sizeof(name)));
	assert_false(guest_msr_name(0x606, name, sizeof(name)));
	assert_false(guest_msr_by_name("RAPL", &msr));
	assert_false(guest_msr_by_name("", &msr));
	guest_feature(fake, X86_FEATURE_PAT, false);
	assert_int_equal(guest_msr_list(vcpu, msrs, MSR_LIST_MAX), n - 1);
}

static void test_set_by_id(void **state)
{
	(void)state;
	assert_int_equal(guest_msr_set(vcpu, MSR_IA32_TSC, 1), ERR_READONLY);
	assert_int_equal(guest_msr_set(vcpu, MSR_IA32_MTRRCAP, 0x508), ERR_READONLY);
	assert_int_equal(guest_msr_set(vcpu, MSR_LSTAR, NON_CANONICAL), ERR_INVALID);
	assert_int_equal(rdmsr_ok(vcpu, MSR_LSTAR), 0);
	assert_int_equal(guest_msr_set(vcpu, MSR_LSTAR, CANONICAL), FIRN_OK);
	assert_int_equal(rdmsr_ok(vcpu, MSR_LSTAR), CANONICAL);
	/* EFER can be set while paging is on, LMA included: state is restored, not written. */
	fake->vcpu[0]->reg[VREG_CR0] |= CR0_PG;
	assert_int_equal(guest_msr_set(vcpu, MSR_EFER, EFER_LME | EFER_LMA), FIRN_OK);
	assert_int_equal(rdmsr_ok(vcpu, MSR_EFER), EFER_LME | EFER_LMA);
	assert_int_equal(guest_msr_set(vcpu, MSR_EFER, EFER_SVME), ERR_INVALID);
	assert_int_equal(rdmsr_ok(vcpu, MSR_EFER), EFER_LME | EFER_LMA);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_values),
		TEST(test_gates),
		TEST(test_spec_ctrl_bits),
		TEST(test_pred_cmd),
		TEST(test_absent),
		TEST(test_poll_control),
		TEST(test_unknown_is_logged_once),
		TEST(test_efer),
		TEST(test_tsc),
		TEST(test_tsc_moves_pvclock),
		TEST(test_apic),
		TEST(test_misc),
		TEST(test_no_amd_msrs),
		cmocka_unit_test_setup_teardown(test_amd_msrs, setup_amd, teardown),
		TEST(test_xss),
		TEST(test_arch_capabilities),
		TEST(test_reset_and_init),
		TEST(test_firmware_setup),
		TEST(test_passthrough),
		TEST(test_passthrough_with_cet),
		TEST(test_cet),
		TEST(test_cet_places),
		TEST(test_cet_reset),
		TEST(test_list_and_names),
		TEST(test_set_by_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
