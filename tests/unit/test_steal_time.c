/* SPDX-License-Identifier: MIT */
/* KVM steal time: the MSR, the structure, the update protocol, the byte "preempted". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/guest_msr.h"
#include "arch/x86/kvm_para.h"
#include "arch/x86/steal_time.h"
#include "core/guest_memory.h"
#include "fake.h"
#include "guest_cpu.h"

#define RAM	  (1 * MiB)
#define AREA	  0x4040ull
#define AREA_SIZE 64
#define POISON	  0xa5

#define STEAL	  0
#define VERSION	  8
#define FLAGS	  12
#define PREEMPTED 16
#define PADS	  17

static struct fake_vm *fake;
static struct fake_vcpu *f;
static struct vcpu *vcpu;
static u8 *ram;

static int setup(void **state)
{
	(void)state;
	host_full();
	fake = guest_create(2);
	fake_vm_set_ram(fake, RAM);
	fake_set_tsc_khz(2000000); /* two ticks a nanosecond */
	f = fake->vcpu[0];
	vcpu = &f->vcpu;
	f->tlb_flushes = 0;
	ram = guest_map(&fake->vm.memory, 0, RAM, GUEST_WRITE);
	memset(ram, 0, RAM);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_destroy(fake);
	return 0;
}

static bool enable(u64 value)
{
	return guest_msr_write(vcpu, MSR_KVM_STEAL_TIME, value);
}

static u64 msr(void)
{
	return rdmsr_ok(vcpu, MSR_KVM_STEAL_TIME);
}

static u64 field(unsigned offset, unsigned bytes)
{
	u64 value = 0;

	memcpy(&value, ram + AREA + offset, bytes);
	return value;
}

#define steal()	    field(STEAL, 8)
#define version()   field(VERSION, 4)
#define preempted() field(PREEMPTED, 1)

static void assert_untouched(u64 from, u64 to, u8 byte)
{
	for (u64 i = from; i < to; i++)
		assert_int_equal(ram[i], byte);
}

static void test_reserved_bits(void **state)
{
	(void)state;
	for (unsigned bit = 1; bit <= 5; bit++) {
		assert_false(enable(AREA | BIT(bit)));
		assert_false(enable(AREA | BIT(bit) | 1));
		assert_int_equal(msr(), 0);
	}
	assert_true(enable(AREA | 1));
	assert_false(enable(0x20));
	assert_int_equal(msr(), AREA | 1); /* a refused value changes nothing */
	assert_true(enable(AREA));	   /* disabled, read back as written */
	assert_int_equal(msr(), AREA);
}

static void test_not_offered(void **state)
{
	u64 value;

	(void)state;
	guest_feature(fake, KVM_FEATURE_STEAL_TIME, false);
	assert_false(guest_msr_read(vcpu, MSR_KVM_STEAL_TIME, &value));
	assert_false(enable(0));
	assert_false(enable(AREA | 1));
}

static void test_registration(void **state)
{
	(void)state;
	vcpu->steal_tsc = 123456; /* before: not this registration's */
	ram[AREA + PREEMPTED] = 1;
	assert_true(enable(AREA | 1));
	assert_int_equal(steal(), 0);
	assert_int_equal(version(), 2);
	assert_int_equal(field(FLAGS, 4), 0);
	assert_int_equal(preempted(), 0);
	assert_untouched(0, AREA, 0);
	assert_untouched(AREA + PADS, RAM, 0);
}

/* The increment is added to what the guest has there. */
static void test_steal_adds_up(void **state)
{
	const u64 before = 1000000;

	(void)state;
	memset(ram + AREA + PADS, POISON, AREA_SIZE - PADS);
	memcpy(ram + AREA, &before, sizeof(before));
	assert_true(enable(AREA | 1));
	vcpu->steal_tsc += 2000;
	arch_vcpu_scheduled_in(vcpu);
	assert_int_equal(steal(), before + 1000);
	assert_int_equal(version(), 4);
	arch_vcpu_scheduled_in(vcpu); /* nothing was stolen in between */
	assert_int_equal(steal(), before + 1000);
	vcpu->steal_tsc += 6;
	arch_vcpu_preempted(vcpu);
	assert_int_equal(steal(), before + 1000); /* told when it runs again */
	arch_vcpu_scheduled_in(vcpu);
	assert_int_equal(steal(), before + 1003);
	assert_int_equal(field(FLAGS, 4), 0);
	assert_untouched(AREA + PADS, AREA + AREA_SIZE, POISON);
}

static void test_version_is_even_after_an_update(void **state)
{
	static const u32 before[] = { 0, 1, 2, 7, 0xfffffffe, 0xffffffff };
	static const u32 after[] = { 2, 4, 4, 10, 0, 2 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(before); i++) {
		memcpy(ram + AREA + VERSION, &before[i], 4);
		assert_true(enable(AREA | 1));
		assert_int_equal(version(), after[i]);
	}
}

static void test_preempted_byte(void **state)
{
	(void)state;
	assert_true(enable(AREA | 1));
	for (unsigned i = 0; i < 3; i++) {
		arch_vcpu_preempted(vcpu);
		assert_int_equal(preempted(), 1);
		assert_int_equal(version() & 1, 0);
		arch_vcpu_scheduled_in(vcpu);
		assert_int_equal(preempted(), 0);
	}
	assert_int_equal(f->tlb_flushes, 0);
	/* Going on without having been told so is no news either. */
	arch_vcpu_scheduled_in(vcpu);
	assert_int_equal(preempted(), 0);
}

/* A second report would lose the flush that another vCPU asked for in between. */
static void test_flush_request_survives(void **state)
{
	(void)state;
	assert_true(enable(AREA | 1));
	arch_vcpu_preempted(vcpu);
	ram[AREA + PREEMPTED] |= 2;
	arch_vcpu_preempted(vcpu);
	assert_int_equal(preempted(), 3);
	assert_int_equal(f->tlb_flushes, 0);
	arch_vcpu_scheduled_in(vcpu);
	assert_int_equal(preempted(), 0);
	assert_int_equal(f->tlb_flushes, 1);
	arch_vcpu_scheduled_in(vcpu);
	assert_int_equal(f->tlb_flushes, 1);
	assert_int_equal(fake->vcpu[1]->tlb_flushes, 0);
}

static void test_flush_is_not_offered(void **state)
{
	(void)state;
	guest_feature(fake, KVM_FEATURE_PV_TLB_FLUSH, false);
	assert_true(enable(AREA | 1));
	arch_vcpu_preempted(vcpu);
	ram[AREA + PREEMPTED] |= 2;
	arch_vcpu_scheduled_in(vcpu);
	assert_int_equal(preempted(), 0);
	assert_int_equal(f->tlb_flushes, 0);
}

static void test_disabled_means_no_access(void **state)
{
	static const u64 off[] = { 0, AREA };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(off); i++) {
		assert_true(enable(AREA | 1));
		assert_true(enable(off[i]));
		memset(ram, POISON, RAM);
		vcpu->steal_tsc += 5000;
		arch_vcpu_preempted(vcpu);
		arch_vcpu_scheduled_in(vcpu);
		assert_untouched(0, RAM, POISON);
		memset(ram, 0, RAM);
	}
	/* What was stolen meanwhile does not turn up later. */
	assert_true(enable(AREA | 1));
	assert_int_equal(steal(), 0);
	/* The report for the first area is none for a second one. */
	arch_vcpu_preempted(vcpu);
	assert_true(enable(0));
	assert_true(enable(AREA | 1));
	arch_vcpu_preempted(vcpu);
	assert_int_equal(preempted(), 1);
}

static void test_reset_and_init_end_it(void **state)
{
	(void)state;
	for (unsigned init = 0; init < 2; init++) {
		assert_true(enable(AREA | 1));
		memset(ram, POISON, RAM);
		guest_msr_reset(vcpu, init);
		assert_int_equal(msr(), 0);
		arch_vcpu_preempted(vcpu);
		arch_vcpu_scheduled_in(vcpu);
		assert_untouched(0, RAM, POISON);
	}
}

static void test_addresses(void **state)
{
	static const u64 bad[] = { RAM, RAM + 64, 0xfee00000, 0xffffffffffffffc0, 1ull << 63 };

	(void)state;
	memset(ram, POISON, RAM);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_true(enable(bad[i] | 1));
		assert_int_equal(msr(), bad[i] | 1);
		arch_vcpu_preempted(vcpu);
		arch_vcpu_scheduled_in(vcpu);
	}
	fake->vm.memory.slot[0].kind = MEMSLOT_ROM;
	assert_true(enable(AREA | 1));
	arch_vcpu_preempted(vcpu);
	arch_vcpu_scheduled_in(vcpu);
	assert_untouched(0, RAM, POISON);
	fake->vm.memory.slot[0].kind = MEMSLOT_RAM;
	assert_true(enable((RAM - AREA_SIZE) | 1)); /* the last one */
	assert_int_equal(ram[RAM - AREA_SIZE + PREEMPTED], 0);
}

static void test_writes_are_marked_dirty(void **state)
{
	u64 dirty[DIV_ROUND_UP(RAM / PAGE_SIZE, 64)] = { 0 };

	(void)state;
	fake->vm.memory.slot[0].dirty = dirty;
	assert_true(enable(AREA | 1));
	assert_int_equal(dirty[0], BIT(4));
	dirty[0] = 0;
	arch_vcpu_preempted(vcpu);
	assert_int_equal(dirty[0], BIT(4));
	dirty[0] = 0;
	arch_vcpu_scheduled_in(vcpu);
	assert_int_equal(dirty[0], BIT(4));
	fake->vm.memory.slot[0].dirty = NULL;
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reserved_bits),
		TEST(test_not_offered),
		TEST(test_registration),
		TEST(test_steal_adds_up),
		TEST(test_version_is_even_after_an_update),
		TEST(test_preempted_byte),
		TEST(test_flush_request_survives),
		TEST(test_flush_is_not_offered),
		TEST(test_disabled_means_no_access),
		TEST(test_reset_and_init_end_it),
		TEST(test_addresses),
		TEST(test_writes_are_marked_dirty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
