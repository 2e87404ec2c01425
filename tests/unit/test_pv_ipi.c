/* SPDX-License-Identifier: MIT */
/* Paravirtual calls to other vCPUs: SEND_IPI's bitmap and ICR, kicks, yields, clock pairing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/hypercall.h"
#include "arch/x86/kvm_para.h"
#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "fake.h"
#include "guest_cpu.h"
#include "lapic_fixture.h"

#define CPUS	 64
#define VECTOR	 0x55
#define NMI	 0x400
#define ASSERT	 0x4000
#define LEVEL	 0x8000
#define EINVAL	 ((u64)-22)
#define ENOSYS	 ((u64)-1000)
#define NO_CLOCK ((u64)-95)

static struct fake_vm *fake;
static struct fake_vcpu *caller;

static int setup(void **state)
{
	(void)state;
	host_full();
	fake = guest_create(CPUS);
	for (unsigned i = 0; i < CPUS; i++)
		lapic_write(lapic_of(fake, i), APIC_SVR, SVR_ON);
	caller = fake->vcpu[3];
	caller->reg[VREG_EFER] = EFER_LMA | EFER_LME;
	caller->reg[VREG_CR0] |= CR0_PE;
	caller->seg[SEG_CS].ar = SEG_AR_L;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_destroy(fake);
	return 0;
}

static void set_narrow(void)
{
	caller->reg[VREG_EFER] = 0;
	caller->seg[SEG_CS].ar = SEG_AR_DB;
}

static u64 call(u64 number, u64 a, u64 b, u64 c, u64 d)
{
	u64 *gpr = caller->vcpu.arch.gpr;

	gpr[REG_RAX] = number;
	gpr[REG_RBX] = a;
	gpr[REG_RCX] = b;
	gpr[REG_RDX] = c;
	gpr[REG_RSI] = d;
	guest_hypercall(&caller->vcpu);
	return gpr[REG_RAX];
}

static u64 send(u64 low, u64 high, u64 first, u64 icr)
{
	return call(10, low, high, first, icr);
}

/* vCPUs that have the vector or event, which is forgotten. */
static u64 takers(void)
{
	u64 set = 0;

	for (unsigned i = 0; i < CPUS; i++) {
		struct lapic *lapic = &fake->vcpu[i]->vcpu.arch.lapic;
		int vector;

		lapic_sync_pir(lapic);
		while ((vector = lapic_highest_irr(lapic)) >= 0) {
			assert_int_equal(vector, VECTOR);
			set |= BIT(i);
			lapic_accept(lapic, (u8)vector);
			lapic_eoi(lapic);
		}
	}
	return set;
}

static u64 event_takers(u32 event)
{
	u64 set = 0;

	for (unsigned i = 0; i < CPUS; i++) {
		if (fake->vcpu[i]->vcpu.events & event)
			set |= BIT(i);
		fake->vcpu[i]->vcpu.events = 0;
	}
	return set;
}

static void test_bitmap(void **state)
{
	static const struct {
		u64 low, high, first, takers;
		unsigned count;
	} rows[] = {
		{ 1, 0, 0, BIT(0), 1 },
		{ BIT(63), 0, 0, BIT(63), 1 },
		{ BIT(0) | BIT(3) | BIT(63), 0, 0, BIT(0) | BIT(3) | BIT(63), 3 },
		{ ~0ull, ~0ull, 0, ~0ull, 64 }, /* 64 and up are not there */
		{ 0, BIT(0), 0, 0, 0 },		/* id 64 */
		{ 0, BIT(63), 0, 0, 0 },	/* id 127 */
		{ BIT(0), 0, 63, BIT(63), 1 },
		{ BIT(1), 0, 63, 0, 0 },
		{ ~0ull, ~0ull, 63, BIT(63), 1 },
		{ ~0ull, ~0ull, 64, 0, 0 },   /* beyond the highest id */
		{ ~0ull, ~0ull, 0xff, 0, 0 }, /* no broadcast */
		{ ~0ull, ~0ull, 0xffffffff, 0, 0 },
		{ ~0ull, ~0ull, ~0ull, 0, 0 },
		{ ~0ull, ~0ull, ~0ull - 63, 0, 0 },
		{ 0, 0, 0, 0, 0 },
		{ BIT(7), 0, 0, BIT(7), 1 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(send(rows[i].low, rows[i].high, rows[i].first, VECTOR),
				 rows[i].count);
		assert_true(takers() == rows[i].takers);
	}
}

static void test_narrow_caller(void **state)
{
	(void)state;
	set_narrow();
	assert_int_equal(send(~0ull, ~0ull, 0, VECTOR), 64);
	assert_true(takers() == ~0ull);
	assert_int_equal(send(0, 1, 0, VECTOR), 1);
	assert_true(takers() == BIT(32));
	assert_int_equal(send(BIT(31), BIT(31), 0, VECTOR), 2);
	assert_true(takers() == (BIT(31) | BIT(63)));
	assert_int_equal(send(BIT(32), BIT(32) | BIT(20), 0xdeadbeef00000001, BIT(35) | VECTOR), 1);
	assert_true(takers() == BIT(53));
	assert_int_equal(send(1, 0, 0, 0x800 | VECTOR), (u32)EINVAL);
}

/* vCPUs that can't take it are not counted. */
static void test_holes(void **state)
{
	(void)state;
	lapic_write(&fake->vcpu[5]->vcpu.arch.lapic, APIC_SVR, 0xff); /* software-disabled */
	assert_true(lapic_set_base(&fake->vcpu[6]->vcpu.arch.lapic, 0xfee00000));
	fake->vm.present &= ~BIT(8); /* not plugged in */
	assert_int_equal(send(0x1f0, 0, 0, VECTOR), 2);
	assert_true(takers() == 0x90);
	assert_int_equal(send(0x1f0, 0, 0, NMI), 3);
	assert_true(event_takers(VCPU_EVENT_NMI) == 0xb0);
	assert_int_equal(call(5, 0, 8, 0, 0), 0);
	assert_int_equal(fake->vcpu[8]->unhalts, 0);
}

static void test_icr(void **state)
{
	static const u64 refused[] = { 0x800, 0x40000, 0x80000, 0xc0000, 0xc0800 };
	static const u64 nobody[] = { 0x200, 0x300, 0x700, 0x500 | LEVEL }; /* SMI, reserved, ... */

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
		assert_int_equal(send(1, 0, 0, refused[i] | VECTOR), EINVAL);
		assert_int_equal(send(1, 0, 64, refused[i] | VECTOR), EINVAL);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(nobody); i++)
		assert_int_equal(send(6, 0, 0, nobody[i] | VECTOR), 0);
	assert_true(takers() == 0);
	assert_true(event_takers(~0u) == 0);
	assert_int_equal(send(6, 0, 0, 0x100 | VECTOR),
			 2); /* lowest priority: all that are named */
	assert_true(takers() == 6);
	assert_int_equal(send(6, 0, 0, ASSERT | VECTOR), 2);
	assert_true(takers() == 6);
	assert_int_equal(send(6, 0, 0, NMI | 2), 2);
	assert_true(event_takers(VCPU_EVENT_NMI) == 6);
	assert_true(takers() == 0);
	assert_int_equal(send(6, 0, 0, 0x500 | ASSERT), 2);
	assert_true(event_takers(VCPU_EVENT_INIT) == 6);
	assert_int_equal(send(6, 0, 0, 0x600 | 0x9a), 2);
	assert_int_equal(fake->vcpu[2]->vcpu.events >> VCPU_SIPI_VECTOR_SHIFT, 0x9a);
	assert_true(event_takers(VCPU_EVENT_SIPI) == 6);
}

static void test_kick(void **state)
{
	(void)state;
	assert_int_equal(call(5, 0, 7, 0, 0), 0);
	assert_int_equal(fake->vcpu[7]->unhalts, 1);
	assert_int_equal(fake->vcpu[7]->yields, 1);
	assert_int_equal(call(5, 0xffff, 3, 0, 0), 0); /* itself */
	assert_int_equal(caller->unhalts, 1);
	assert_int_equal(caller->yields, 0);
	assert_int_equal(call(5, 7, CPUS, 0, 0), 0);
	assert_int_equal(call(5, 7, BIT(32) + 7, 0, 0), 0);
	assert_int_equal(call(5, 7, ~0ull, 0, 0), 0);
	assert_int_equal(fake->vcpu[7]->unhalts, 1);
	set_narrow();
	assert_int_equal(call(5, 0, BIT(32) + 7, 0, 0), 0);
	assert_int_equal(fake->vcpu[7]->unhalts, 2);
}

static void test_yield(void **state)
{
	(void)state;
	assert_int_equal(call(11, 7, 9, 9, 9), 0);
	assert_int_equal(fake->vcpu[7]->yields, 1);
	assert_int_equal(fake->vcpu[7]->unhalts, 0);
	assert_int_equal(call(11, 3, 0, 0, 0), 0);
	assert_int_equal(caller->yields, 0);
	assert_int_equal(call(11, CPUS, 0, 0, 0), 0);
	assert_int_equal(call(11, ~0ull, 0, 0, 0), 0);
	assert_int_equal(fake->vcpu[9]->yields, 0);
}

static void test_clock_pairing(void **state)
{
	(void)state;
	assert_int_equal(call(9, 0x1000, 0, 0, 0), NO_CLOCK);
	assert_int_equal(call(9, 0x1000, 1, 0, 0), NO_CLOCK);
}

static void test_not_offered(void **state)
{
	static const struct {
		u64 number;
		u32 feature;
	} rows[] = {
		{ 5, KVM_FEATURE_PV_UNHALT },
		{ 10, KVM_FEATURE_PV_SEND_IPI },
		{ 11, KVM_FEATURE_PV_SCHED_YIELD },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(call(rows[i].number, 0, 0, 0, 0), 0);
		guest_feature(fake, rows[i].feature, false);
		assert_int_equal(call(rows[i].number, 0, 0, 0, 0), ENOSYS);
		/* not even the check of arguments */
		assert_int_equal(call(rows[i].number, 1, 7, 0, 0xfffff), ENOSYS);
	}
	assert_int_equal(fake->vcpu[7]->unhalts, 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bitmap),	  TEST(test_narrow_caller), TEST(test_holes),
		TEST(test_icr),		  TEST(test_kick),	    TEST(test_yield),
		TEST(test_clock_pairing), TEST(test_not_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
