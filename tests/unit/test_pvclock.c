/* SPDX-License-Identifier: MIT */
/* KVM clock: scale factors, structures, update protocol, bad addresses. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/pvclock.h"
#include "core/arch.h"
#include "core/guest_memory.h"
#include "fake.h"
#include "fake_vcpu.h"

#define CPUS	2
#define RAM	(1 * MiB)
#define AREA	0x4000ull
#define NS	1000000000ull
#define STABLE	1
#define STOPPED 2

static struct fake_vm *fake;
static u8 *ram;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake = fake_vm_create(CPUS);
	fake_vm_set_ram(fake, RAM);
	ram = guest_map(&fake->vm.memory, 0, RAM, GUEST_WRITE);
	memset(ram, 0, RAM);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_vm_destroy(fake);
	fake_reset();
	return 0;
}

static struct vcpu *vcpu(unsigned i)
{
	return fake->vm.vcpu[i];
}

static u64 field(u64 gpa, unsigned offset, unsigned bytes)
{
	u64 value = 0;

	memcpy(&value, ram + gpa + offset, bytes);
	return value;
}

/* What a guest computes from the structure (Linux: pvclock_clocksource_read). */
static u64 guest_ns(u64 gpa, u64 tsc)
{
	u64 delta = tsc - field(gpa, 8, 8);
	s8 shift = (s8)field(gpa, 28, 1);

	delta = shift >= 0 ? delta << shift : delta >> -shift;
	return field(gpa, 16, 8) + (u64)((unsigned __int128)delta * (u32)field(gpa, 24, 4) >> 32);
}

static void test_scale_vectors(void **state)
{
	static const struct {
		u64 khz;
		s8 shift;
		u32 mul;
	} rows[] = {
		{ 1000000, 1, 0x80000000 },  { 2000000, 0, 0x80000000 },
		{ 1996800, 0, 0x80348348 },  { 2100000, -1, 0xf3cf3cf3 },
		{ 2500000, -1, 0xcccccccc }, { 3000000, -1, 0xaaaaaaaa },
		{ 3600000, -1, 0x8e38e38e }, { 4000000, -1, 0x80000000 },
		{ 5000000, -2, 0xcccccccc }, { 100000, 4, 0xa0000000 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		u32 mul = 0;
		s8 shift = 0;

		pvclock_scale(rows[i].khz, &mul, &shift);
		assert_int_equal(shift, rows[i].shift);
		assert_int_equal(mul, rows[i].mul);
	}
}

/* Less than 1 ns a second slow, never fast. */
static void test_scale_precision(void **state)
{
	(void)state;
	srand(3);
	for (unsigned i = 0; i < 100000; i++) {
		u64 khz = 100000 + (u64)rand() % 100000000, second = khz * 1000, ns;
		u32 mul;
		s8 shift;

		pvclock_scale(khz, &mul, &shift);
		assert_true(mul & 0x80000000u);
		second = shift >= 0 ? second << shift : second >> -shift;
		ns = (unsigned __int128)second * mul >> 32;
		assert_in_range(ns, NS - 2, NS);
	}
}

static void test_system_time(void **state)
{
	u64 value;

	(void)state;
	fake_set_tsc_khz(2100000);
	fake_set_tsc(50000);
	fake->vm.arch.clock_base_tsc = 20000;
	fake->vm.arch.tsc_offset = 1000000;
	memset(ram + AREA, 0xff, 32);
	ram[AREA + 29] = 0;
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_SYSTEM_TIME, AREA | 1));
	assert_int_equal(field(AREA, 0, 4) & 1, 0);
	assert_int_equal(field(AREA, 8, 8), 1020000);
	assert_int_equal(field(AREA, 16, 8), 0);
	assert_int_equal(field(AREA, 24, 4), 0xf3cf3cf3);
	assert_int_equal((s8)field(AREA, 28, 1), -1);
	assert_int_equal(field(AREA, 29, 1), STABLE);
	assert_int_equal(field(AREA, 4, 4), 0);
	assert_int_equal(field(AREA, 30, 2), 0);
	assert_int_equal(guest_ns(AREA, 1050000), 30000ull * 1000000 / 2100000);
	assert_true(pvclock_msr_read(vcpu(0), MSR_KVM_SYSTEM_TIME, &value));
	assert_int_equal(value, AREA | 1);
	/* the old number is the same register */
	assert_true(pvclock_msr_read(vcpu(0), MSR_KVM_SYSTEM_TIME_OLD, &value));
	assert_int_equal(value, AREA | 1);
}

static void test_all_vcpus_agree(void **state)
{
	(void)state;
	fake_set_tsc_khz(2833333);
	fake_set_tsc(1000000);
	fake->vm.arch.clock_base_tsc = 1000000;
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_SYSTEM_TIME, AREA | 1));
	fake_set_tsc(123456789012);
	vcpu(1)->arch.tsc_adjust = -777777; /* its TSC is behind, its clock is not */
	assert_true(pvclock_msr_write(vcpu(1), MSR_KVM_SYSTEM_TIME_OLD, (AREA + 64) | 1));
	for (u64 tsc = 123456789012; tsc < 123456789012 + 1000; tsc++)
		assert_int_equal(guest_ns(AREA, tsc), guest_ns(AREA + 64, tsc - 777777));
	/* and after a change of the TSC */
	vcpu(1)->arch.tsc_adjust = 5;
	pvclock_update(vcpu(1));
	assert_int_equal(guest_ns(AREA, 1 << 30), guest_ns(AREA + 64, (1 << 30) + 5));
}

static void test_version_is_always_even_after_an_update(void **state)
{
	static const u32 before[] = { 0, 1, 2, 7, 0xfffffffe, 0xffffffff };
	static const u32 after[] = { 2, 4, 4, 10, 0, 2 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(before); i++) {
		memcpy(ram + AREA, &before[i], 4);
		assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_SYSTEM_TIME, AREA | 1));
		assert_int_equal(field(AREA, 0, 4), after[i]);
	}
}

static void test_disable(void **state)
{
	u64 value = 1;

	(void)state;
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_SYSTEM_TIME, AREA));
	assert_int_equal(field(AREA, 0, 8), 0); /* bit 0 clear: nothing written */
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_SYSTEM_TIME, AREA | 1));
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_SYSTEM_TIME, 0));
	assert_true(pvclock_msr_read(vcpu(0), MSR_KVM_SYSTEM_TIME, &value));
	assert_int_equal(value, 0);
	memset(ram + AREA, 0, 32);
	pvclock_update(vcpu(0));
	pvclock_set_guest_stopped(vcpu(0));
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(ram[AREA + i], 0);
}

static void test_guest_stopped(void **state)
{
	(void)state;
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_SYSTEM_TIME, AREA | 1));
	pvclock_set_guest_stopped(vcpu(0));
	assert_int_equal(field(AREA, 29, 1), STABLE | STOPPED);
	pvclock_update(vcpu(0)); /* stays until the guest clears it */
	assert_int_equal(field(AREA, 29, 1), STABLE | STOPPED);
	ram[AREA + 29] = STABLE;
	pvclock_update(vcpu(0));
	assert_int_equal(field(AREA, 29, 1), STABLE);
	/* other bits that a guest leaves there are not kept */
	ram[AREA + 29] = 0xfc;
	pvclock_update(vcpu(0));
	assert_int_equal(field(AREA, 29, 1), STABLE);
}

static void test_wall_clock(void **state)
{
	u64 value;

	(void)state;
	fake_set_wall_seconds(1700000000);
	fake_set_clock_ns(7 * NS + 250000000);
	fake->vm.arch.clock_base_tsc = clock_ns_to_tsc(5 * NS + 500000000);
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_WALL_CLOCK, AREA));
	/* Wall time is 1700000007.25 and the guest's clock says 1.75 s. */
	assert_int_equal(field(AREA, 0, 4), 2);
	assert_int_equal(field(AREA, 4, 4), 1700000005);
	assert_int_equal(field(AREA, 8, 4), 500000000);
	assert_int_equal(field(AREA, 12, 4), 0);
	assert_true(pvclock_msr_read(vcpu(1), MSR_KVM_WALL_CLOCK, &value)); /* one for the VM */
	assert_int_equal(value, AREA);
	assert_true(pvclock_msr_read(vcpu(1), MSR_KVM_WALL_CLOCK_OLD, &value));
	assert_int_equal(value, AREA);
	memset(ram, 0, 16);
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_WALL_CLOCK_OLD, 0));
	assert_int_equal(field(0, 0, 8), 0); /* 0 = nothing to write */
	/* Firn's own clock does not begin with a second of the wall clock. */
	fake_set_wall(1700000000, 900000000);
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_WALL_CLOCK, AREA));
	assert_int_equal(field(AREA, 4, 4), 1700000006);
	assert_int_equal(field(AREA, 8, 4), 400000000);
	fake_set_wall_seconds(0);
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_WALL_CLOCK, AREA));
	assert_int_equal(field(AREA, 4, 8), 0);
	assert_int_equal(field(AREA, 0, 4), 6);
}

static void test_addresses(void **state)
{
	static const u64 bad[] = {
		RAM,
		RAM + 64,
		0xfee00000,
		0xfffffffffffffffcull,
		0x8000000000000000ull,
		0x7ffffffffffffffcull,
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_SYSTEM_TIME, bad[i] | 1));
		pvclock_set_guest_stopped(vcpu(0));
		assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_WALL_CLOCK, bad[i]));
	}
	/* Begins in RAM and ends outside: not written, but the version is left even. */
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_SYSTEM_TIME, (RAM - 4) | 1));
	assert_int_equal(field(RAM - 4, 0, 4), 2);
	/* 4-byte alignment is enough, also across a page. */
	for (u64 gpa = 0x8000 - 32; gpa <= 0x8000; gpa += 4) {
		memset(ram + 0x7f00, 0, 0x200);
		assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_SYSTEM_TIME, gpa | 1));
		assert_int_equal(field(gpa, 0, 4), 2);
		assert_int_equal(field(gpa, 24, 4), 0x80000000);
		assert_int_equal(field(gpa, 29, 1), STABLE);
	}
	assert_false(pvclock_msr_write(vcpu(0), MSR_KVM_SYSTEM_TIME, 0x8002 | 1));
	assert_false(pvclock_msr_write(vcpu(0), MSR_KVM_WALL_CLOCK, 0x8001));
	assert_false(pvclock_msr_write(vcpu(0), MSR_KVM_WALL_CLOCK, 0x8002));
}

static void test_read_only_memory(void **state)
{
	(void)state;
	fake->vm.memory.slot[0].kind = MEMSLOT_ROM;
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_SYSTEM_TIME, AREA | 1));
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_WALL_CLOCK, AREA));
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(ram[AREA + i], 0);
}

static void test_features_gate_msrs(void **state)
{
	static const struct {
		u32 msr, feature;
	} rows[] = {
		{ MSR_KVM_WALL_CLOCK_OLD, 0 },
		{ MSR_KVM_SYSTEM_TIME_OLD, 0 },
		{ MSR_KVM_WALL_CLOCK, 3 },
		{ MSR_KVM_SYSTEM_TIME, 3 },
	};
	u64 value;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		fake->kvm_features = ~(u32)BIT(rows[i].feature);
		assert_false(pvclock_msr_read(vcpu(0), rows[i].msr, &value));
		assert_false(pvclock_msr_write(vcpu(0), rows[i].msr, 0));
		fake->kvm_features = BIT(rows[i].feature);
		assert_true(pvclock_msr_read(vcpu(0), rows[i].msr, &value));
		assert_true(pvclock_msr_write(vcpu(0), rows[i].msr, 0));
	}
	fake->kvm_features = ~0u;
	for (u32 msr = 0x4b564d02; msr <= 0x4b564dff; msr++) {
		assert_false(pvclock_msr_read(vcpu(0), msr, &value));
		assert_false(pvclock_msr_write(vcpu(0), msr, 0));
	}
	/* without feature 24 bit 0 means nothing and is not set */
	fake->kvm_features = ~(u32)BIT(24);
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_SYSTEM_TIME, AREA | 1));
	assert_int_equal(field(AREA, 29, 1), 0);
}

static void test_writes_are_marked_dirty(void **state)
{
	u64 dirty[DIV_ROUND_UP(RAM / PAGE_SIZE, 64)] = { 0 };

	(void)state;
	fake->vm.memory.slot[0].dirty = dirty;
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_SYSTEM_TIME, 0x4ff0 | 1));
	assert_int_equal(dirty[0], BIT(4) | BIT(5));
	dirty[0] = 0;
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_WALL_CLOCK, 0x6ffc));
	assert_int_equal(dirty[0], BIT(6) | BIT(7));
	fake->vm.memory.slot[0].dirty = NULL;
}

#define READS 20000

static bool stop_writer; /* atomic */

static void *writer(void *arg)
{
	(void)arg;
	for (s64 i = 1; !__atomic_load_n(&stop_writer, __ATOMIC_RELAXED); i++) {
		fake->vm.arch.tsc_offset = i << 32 | i;
		pvclock_update(vcpu(0));
	}
	return NULL;
}

/* Another vCPU that sees the same even version before and after has seen one consistent state. */
static void test_concurrent_reader(void **state)
{
	unsigned good = 0;
	pthread_t thread;

	(void)state;
	assert_true(pvclock_msr_write(vcpu(0), MSR_KVM_SYSTEM_TIME, AREA | 1));
	__atomic_store_n(&stop_writer, false, __ATOMIC_RELAXED);
	assert_int_equal(pthread_create(&thread, NULL, writer, NULL), 0);
	while (good < READS) {
		u32 *p = (u32 *)(ram + AREA);
		u32 version = __atomic_load_n(p, __ATOMIC_ACQUIRE);
		u32 low = __atomic_load_n(p + 2, __ATOMIC_RELAXED);
		u32 high = __atomic_load_n(p + 3, __ATOMIC_RELAXED);

		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if ((version & 1) || version != __atomic_load_n(p, __ATOMIC_RELAXED))
			continue;
		assert_int_equal(low, high);
		good++;
	}
	__atomic_store_n(&stop_writer, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(field(AREA, 0, 4) & 1, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_scale_vectors),
		TEST(test_scale_precision),
		TEST(test_system_time),
		TEST(test_all_vcpus_agree),
		TEST(test_version_is_always_even_after_an_update),
		TEST(test_disable),
		TEST(test_guest_stopped),
		TEST(test_wall_clock),
		TEST(test_addresses),
		TEST(test_read_only_memory),
		TEST(test_features_gate_msrs),
		TEST(test_writes_are_marked_dirty),
		TEST(test_concurrent_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
