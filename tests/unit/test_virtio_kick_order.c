/* SPDX-License-Identifier: MIT */
/*
 * A kick that finds the queue locked is left to the holder: the order of both sides' memory accesses.
 * Without the thread sanitizer, which adds barriers.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "virtio_fixture.h"

#define ROUNDS 50000

static struct simple_device dev;
static u32 news __aligned(64), heard __aligned(64);
static u32 begun __aligned(64), ended __aligned(64);

static enum virtq_result run_queue(struct virtio_device *d, struct virtq *vq)
{
	(void)d;
	(void)vq;
	__atomic_store_n(&heard, __atomic_load_n(&news, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
	return VIRTQ_DRAINED;
}

static void wait_for(const u32 *counter, u32 value)
{
	for (unsigned i = 0; __atomic_load_n(counter, __ATOMIC_SEQ_CST) != value; i++)
		if (i % 4096 == 4095)
			sched_yield();
}

static void delay(unsigned turns)
{
	for (volatile unsigned i = turns; i; i--)
		;
}

/* Tells something in each round and kicks, while the other one runs the queue. */
static void *teller(void *arg)
{
	(void)arg;
	fake_set_cpu(1);
	for (u32 i = 1; i <= ROUNDS; i++) {
		wait_for(&begun, i);
		delay(i % 64);
		__atomic_add_fetch(&news, 1, __ATOMIC_SEQ_CST);
		virtio_kick(&dev.device.queue[0]);
		run_posted_work();
		__atomic_store_n(&ended, i, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void test_a_kick_at_the_holders_end_is_not_lost(void **state)
{
	pthread_t thread;
	unsigned lost = 0;

	(void)state;
	virtio_fixture_begin();
	fake_set_nr_cpus(2);
	simple_device_start(&dev, run_queue);
	assert_int_equal(pthread_create(&thread, NULL, teller, NULL), 0);
	for (u32 i = 1; i <= ROUNDS; i++) {
		__atomic_store_n(&begun, i, __ATOMIC_SEQ_CST);
		virtio_kick(&dev.device.queue[0]);
		wait_for(&ended, i);
		run_posted_work();
		lost += __atomic_load_n(&heard, __ATOMIC_SEQ_CST) != i;
	}
	pthread_join(thread, NULL);
	virtio_fixture_end();
	assert_int_equal(lost, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_kick_at_the_holders_end_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
