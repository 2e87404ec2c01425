/* SPDX-License-Identifier: MIT */
/* Calling convention of hypercalls: privilege, width, unknown numbers, registers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/hypercall.h"
#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "fake.h"
#include "guest_cpu.h"

#define ENOSYS_64 ((u64)-1000)
#define ENOSYS_32 ((u64)(u32)-1000)
#define EPERM_64  ((u64)-1)
#define EPERM_32  0xffffffffull

static struct fake_vm *fake;
static struct fake_vcpu *f;
static struct vcpu *vcpu;

static int setup(void **state)
{
	(void)state;
	host_full();
	fake = guest_create(1);
	f = fake->vcpu[0];
	vcpu = &f->vcpu;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_destroy(fake);
	return 0;
}

enum mode {
	REAL,
	V86,
	PROTECTED,
	COMPATIBILITY,
	LONG
};

static void set_mode(enum mode mode, unsigned cpl)
{
	bool lma = mode == COMPATIBILITY || mode == LONG;

	f->reg[VREG_EFER] = lma ? EFER_LMA | EFER_LME : 0;
	f->reg[VREG_CR0] = mode == REAL ? CR0_ET : CR0_ET | CR0_PE;
	f->reg[VREG_RFLAGS] = mode == V86 ? RFLAGS_VM | RFLAGS_ONE : RFLAGS_ONE;
	/* In real and virtual-8086 mode the low bits of CS mean nothing. */
	f->seg[SEG_CS].selector = mode == REAL ? 0xf003 : mode == V86 ? 0xf000 : 0x10 | cpl;
	f->seg[SEG_CS].ar = mode == LONG ? SEG_AR_L : mode == PROTECTED ? SEG_AR_L | SEG_AR_DB : 0;
	f->seg[SEG_SS].ar = cpl << SEG_AR_DPL_SHIFT | SEG_AR_P | SEG_AR_S | 3;
	if (mode == COMPATIBILITY)
		f->seg[SEG_CS].ar = SEG_AR_DB;
}

static u64 call(u64 number)
{
	static const enum x86_gpr kept[] = { REG_RCX, REG_RDX, REG_RBX, REG_RBP, REG_RSI, REG_RDI,
					     REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R15 };

	for (unsigned i = 0; i < NR_GPRS; i++)
		vcpu->arch.gpr[i] = 0x1111111111111111ull * i;
	vcpu->arch.gpr[REG_RAX] = number;
	guest_hypercall(vcpu);
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		assert_int_equal(vcpu->arch.gpr[kept[i]], 0x1111111111111111ull * kept[i]);
	assert_int_equal(f->skipped, 0);
	assert_int_equal(f->injected, 0);
	return vcpu->arch.gpr[REG_RAX];
}

static void test_privilege(void **state)
{
	(void)state;
	for (unsigned cpl = 1; cpl <= 3; cpl++) {
		set_mode(LONG, cpl);
		assert_int_equal(call(1), EPERM_64);
		assert_int_equal(call(77), EPERM_64);
		set_mode(PROTECTED, cpl);
		assert_int_equal(call(1), EPERM_32);
		set_mode(COMPATIBILITY, cpl);
		assert_int_equal(call(1), EPERM_32);
	}
	set_mode(V86, 3);
	assert_int_equal(call(1), EPERM_32);
	set_mode(REAL, 0);
	assert_int_equal(call(1), 0);
	set_mode(PROTECTED, 0);
	assert_int_equal(call(1), 0);
	set_mode(LONG, 0);
	assert_int_equal(call(1), 0);
}

/* Numbers that KVM has but this VM is not offered, and numbers that nobody has. */
static void test_unknown(void **state)
{
	static const u64 unknown[] = { 0, 2, 3, 4, 6, 7, 8, 12, 13, 100, 0xffffffff };

	(void)state;
	set_mode(LONG, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(unknown); i++)
		assert_int_equal(call(unknown[i]), ENOSYS_64);
	set_mode(COMPATIBILITY, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(unknown); i++)
		assert_int_equal(call(unknown[i]), ENOSYS_32);
}

static void test_truncation(void **state)
{
	(void)state;
	/* The upper half of the number counts in 64-bit mode only. */
	set_mode(LONG, 0);
	assert_int_equal(call(0x100000001), ENOSYS_64);
	set_mode(PROTECTED, 0);
	assert_int_equal(call(0xdeadbeef00000001), 0);
	assert_int_equal(call(0xdeadbeef0000000c), ENOSYS_32);
}

static void test_table(void **state)
{
	(void)state;
	assert_true(nr_hypercalls > 0);
	for (size_t i = 0; i < nr_hypercalls; i++) {
		assert_true(hypercalls[i].name[0] != '\0');
		assert_true(i == 0 || hypercalls[i - 1].number < hypercalls[i].number);
	}
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_privilege),
		TEST(test_unknown),
		TEST(test_truncation),
		TEST(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
