/* SPDX-License-Identifier: MIT */
/* CET's MSRs in the CPU: switched with the vCPU, cleared before one without CET, and when it is offered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/msr.h"
#include "core/types.h"
#include "fake.h"
#include "guest_cpu.h"

/* The model CPUs take the place of the real instructions. */
#define FIRN_X86_X86_H
#define FIRST_MSR    MSR_IA32_U_CET
#define NR_MSRS	     (MSR_IA32_INT_SSP_TAB - FIRST_MSR + 1)
#define NR_CPUS_USED 2

static struct {
	u64 msr[NR_MSRS], xss;
} cpu[NR_CPUS_USED];
static unsigned writes;
static bool cpu_shstk, cpu_ibt, cpu_xsaves;
static const char *vendor_lacks;

/* The MSRs that Firn may touch here; the others are the control block's, or do not exist. */
static u64 *model_msr(u32 msr)
{
	if (msr == MSR_IA32_XSS && cpu_xsaves)
		return &cpu[cpu_index()].xss;
	if (msr == MSR_IA32_U_CET ||
	    (cpu_shstk && msr >= MSR_IA32_PL0_SSP && msr <= MSR_IA32_PL3_SSP))
		return &cpu[cpu_index()].msr[msr - FIRST_MSR];
	fail_msg("access of MSR 0x%x", (unsigned)msr);
	return NULL;
}

static u64 rdmsr(u32 msr)
{
	return *model_msr(msr);
}

static void wrmsr(u32 msr, u64 value)
{
	*model_msr(msr) = value;
	writes++;
}

#include "arch/x86/guest_cet.c"

bool cpu_has_feature(u32 feature)
{
	return feature == X86_FEATURE_SHSTK ? cpu_shstk
	       : feature == X86_FEATURE_IBT ? cpu_ibt
					    : feature == X86_FEATURE_XSAVES && cpu_xsaves;
}

const char *virt_cet_lacks(void)
{
	return vendor_lacks;
}

static struct fake_vm *with, *other, *without;

static int setup(void **state)
{
	(void)state;
	memset(cpu, 0, sizeof(cpu));
	memset(in_use, 0, sizeof(in_use));
	cpu_shstk = cpu_ibt = cpu_xsaves = true;
	vendor_lacks = NULL;
	host_full();
	with = guest_create(1);
	other = guest_create(1);
	without = guest_create(1);
	with->vm.arch.cet = other->vm.arch.cet = true;
	guest_feature(with, X86_FEATURE_SHSTK, true);
	guest_feature(with, X86_FEATURE_XSAVES, true);
	guest_feature(other, X86_FEATURE_SHSTK, true);
	writes = 0;
	fake_set_cpu(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_destroy(with);
	guest_destroy(other);
	guest_destroy(without);
	return 0;
}

static struct vcpu *vcpu_of(struct fake_vm *fake)
{
	return &fake->vcpu[0]->vcpu;
}

/* What the guest would write without an exit. */
static void guest_writes(u64 value)
{
	cpu[cpu_index()].msr[0] = value;
	for (unsigned i = 0; i < 4; i++)
		cpu[cpu_index()].msr[MSR_IA32_PL0_SSP + i - FIRST_MSR] = value + (i + 1) * 16;
}

static void assert_holds(u64 value)
{
	assert_int_equal(cpu[cpu_index()].msr[0], value);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(cpu[cpu_index()].msr[MSR_IA32_PL0_SSP + i - FIRST_MSR],
				 value ? value + (i + 1) * 16 : 0);
}

static void change_to(struct fake_vm *from, struct fake_vm *to)
{
	if (from)
		guest_cet_save(vcpu_of(from));
	guest_cet_load(vcpu_of(to));
}

static void test_switch(void **state)
{
	(void)state;
	change_to(NULL, with);
	assert_holds(0);
	guest_writes(0x1000);
	change_to(with, other);
	assert_holds(0);
	guest_writes(0x2000);
	change_to(other, with);
	assert_holds(0x1000);
	change_to(with, other);
	assert_holds(0x2000);
	assert_int_equal(vcpu_of(with)->arch.u_cet, 0x1000);
	assert_int_equal(vcpu_of(with)->arch.pl_ssp[3], 0x1040);
}

/* To another CPU, whose registers were another's. */
static void test_move(void **state)
{
	(void)state;
	change_to(NULL, with);
	guest_writes(0x1000);
	guest_cet_save(vcpu_of(with));
	fake_set_cpu(1);
	change_to(NULL, other);
	guest_writes(0x2000);
	change_to(other, with);
	assert_holds(0x1000);
	fake_set_cpu(0);
	change_to(NULL, other);
	assert_holds(0x2000);
}

/* A VM without CET costs nothing, unless one with CET was there before: then nothing is left of it. */
static void test_nothing_is_left(void **state)
{
	(void)state;
	change_to(NULL, without);
	assert_int_equal(writes, 0);
	change_to(without, with);
	guest_writes(0x1000);
	vcpu_of(with)->arch.xss = 0x1800;
	virt_xss_changed(vcpu_of(with));
	assert_int_equal(cpu[0].xss, 0x1800);
	fake_set_cpu(1);
	writes = 0;
	change_to(NULL, without);
	assert_int_equal(writes, 0);
	fake_set_cpu(0);
	change_to(with, without);
	assert_holds(0);
	assert_int_equal(cpu[0].xss, 0);
	writes = 0;
	change_to(without, without);
	assert_int_equal(writes, 0);
	change_to(without, with);
	assert_holds(0x1000);
	assert_int_equal(cpu[0].xss, 0x1800);
}

/* Without shadow stacks their MSRs do not exist: model_msr() fails. Nor XSS without XSAVES. */
static void test_branch_tracking_alone(void **state)
{
	(void)state;
	cpu_shstk = cpu_xsaves = false;
	guest_feature(with, X86_FEATURE_SHSTK, false);
	guest_feature(with, X86_FEATURE_XSAVES, false);
	change_to(NULL, with);
	assert_int_equal(writes, 1);
	cpu[0].msr[0] = CET_ENDBR_EN;
	change_to(with, without);
	assert_int_equal(cpu[0].msr[0], 0);
	assert_int_equal(vcpu_of(with)->arch.u_cet, CET_ENDBR_EN);
}

static void test_offer(void **state)
{
	(void)state;
	assert_null(guest_cet_lacks());
	cpu_ibt = false;
	assert_null(guest_cet_lacks());
	cpu_shstk = false;
	assert_string_equal(guest_cet_lacks(), "the CPU has neither shadow stacks nor branch "
					       "tracking");
	cpu_ibt = true;
	assert_null(guest_cet_lacks());
	vendor_lacks = "no";
	assert_string_equal(guest_cet_lacks(), "no");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_switch),	    TEST(test_move),
		TEST(test_nothing_is_left), TEST(test_branch_tracking_alone),
		TEST(test_offer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
