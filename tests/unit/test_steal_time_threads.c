/* SPDX-License-Identifier: MIT */
/* Steal time against other vCPUs: consistent sums, and no flush that was asked for is lost. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/steal_time.h"
#include "core/guest_memory.h"
#include "fake.h"
#include "fake_vcpu.h"

#define RAM    (1 * MiB)
#define AREA   0x4000ull
#define ROUNDS 2000

static struct fake_vm *fake;
static struct vcpu *vcpu;
static struct {
	u64 steal;
	u32 version, flags;
	u8 preempted;
} * area;
static bool stop; /* atomic */

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake = fake_vm_create(1);
	fake_vm_set_ram(fake, RAM);
	fake_set_tsc_khz(1000000);
	vcpu = &fake->vcpu[0]->vcpu;
	area = guest_map(&fake->vm.memory, AREA, 64, GUEST_WRITE);
	assert_true(steal_time_msr_write(vcpu, AREA | 1));
	stop = false;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_vm_destroy(fake);
	fake_reset();
	return 0;
}

/* Each turn adds 2^32 + 1 ns: both halves of the sum are always equal. */
static void *scheduler(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		arch_vcpu_preempted(vcpu);
		vcpu->steal_tsc += BIT(32) + 1;
		arch_vcpu_scheduled_in(vcpu);
	}
	return NULL;
}

static void test_reader(void **state)
{
	unsigned good = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, scheduler, NULL), 0);
	while (good < ROUNDS) {
		u32 version = __atomic_load_n(&area->version, __ATOMIC_ACQUIRE);
		u64 steal = __atomic_load_n(&area->steal, __ATOMIC_ACQUIRE);

		if ((version & 1) || version != __atomic_load_n(&area->version, __ATOMIC_RELAXED))
			continue;
		assert_int_equal(steal >> 32, (u32)steal);
		good++;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(area->version & 1, 0);
	assert_int_equal(area->steal, vcpu->steal_tsc);
}

/* What Linux does: asks only a vCPU that is held off, and counts on it. */
static void test_flush_requests(void **state)
{
	unsigned asked = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, scheduler, NULL), 0);
	while (asked < ROUNDS) {
		u8 expected = 1;

		if (__atomic_compare_exchange_n(&area->preempted, &expected, 3, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			asked++;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(area->preempted, 0);
	assert_int_equal(fake->vcpu[0]->tlb_flushes, asked);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reader),
		TEST(test_flush_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
