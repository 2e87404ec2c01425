/* SPDX-License-Identifier: MIT */
/* Work queues: the order of their memory accesses. Without the thread sanitizer, which adds barriers. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/work.h"
#include "fake.h"

/*
 * What is told before a post that finds the work queued still is what its run must see: so rarely
 * that it takes many rounds, a CPU reads ahead of its own store that ends "queued".
 */
#define ROUNDS 60000
#define ENDED  0x80000000u
static u32 news __aligned(64), heard __aligned(64), passes __aligned(64);
static struct work shared __aligned(64);
static u32 unheard;

static void hear(struct work *w)
{
	(void)w;
	__atomic_store_n(&heard, __atomic_load_n(&news, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
}

/* The run that is under way ends, and another pass with what was posted before. */
static void wait_for_two_passes(void)
{
	u32 from = __atomic_load_n(&passes, __ATOMIC_SEQ_CST);

	while (__atomic_load_n(&passes, __ATOMIC_SEQ_CST) - from < 2)
		sched_yield();
}

static void *teller(void *arg)
{
	(void)arg;
	fake_set_cpu(1);
	for (unsigned i = 1; i <= ROUNDS && !unheard; i++) {
		__atomic_fetch_add(&news, 1, __ATOMIC_RELEASE);
		work_post(0, &shared);
		for (volatile unsigned delay = i % 128; delay; delay--)
			;
		__atomic_fetch_add(&news, 1, __ATOMIC_RELEASE);
		work_post(0, &shared);
		wait_for_two_passes();
		unheard += __atomic_load_n(&heard, __ATOMIC_ACQUIRE) != 2 * i;
	}
	__atomic_store_n(&passes, ENDED, __ATOMIC_SEQ_CST);
	return NULL;
}

static void test_a_post_during_the_run_is_not_lost(void **state)
{
	pthread_t thread;

	(void)state;
	fake_reset();
	shared.run = hear;
	assert_int_equal(pthread_create(&thread, NULL, teller, NULL), 0);
	while (__atomic_load_n(&passes, __ATOMIC_SEQ_CST) < ENDED) {
		work_run();
		__atomic_fetch_add(&passes, 1, __ATOMIC_SEQ_CST);
	}
	pthread_join(thread, NULL);
	assert_int_equal(unheard, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_post_during_the_run_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
