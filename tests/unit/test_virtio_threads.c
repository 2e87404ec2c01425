/* SPDX-License-Identifier: MIT */
/*
 * Virtio devices under the thread sanitizer: several CPUs kick one queue while another one pauses,
 * breaks, resets and moves the device. Each buffer is handled once, and no kick is lost.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/guest_layout.h"
#include "core/work.h"
#include "virtio_fixture.h"

#define KICKERS	 2
#define BUFFERS	 20000
#define PATIENCE 10000000

static struct simple_device dev;
static struct virtq_chain chain; /* under the queue's lock */
static unsigned handled;	 /* likewise */
static u32 stop, offered;

static enum virtq_result run_queue(struct virtio_device *d, struct virtq *vq)
{
	(void)d;
	for (unsigned i = 0; i < 3; i++) {
		if (virtio_pop(vq, &chain) != FIRN_OK)
			return VIRTQ_DRAINED;
		handled++;
		virtq_push(vq, &chain, 0);
	}
	return VIRTQ_MORE;
}

/* The kickers take turns: each kick is done once, by one of them. */
static void *kicker(void *arg)
{
	unsigned cpu = 1 + (unsigned)(uintptr_t)arg;
	u32 next = (uintptr_t)arg;

	fake_set_cpu(cpu);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		if ((s32)(__atomic_load_n(&offered, __ATOMIC_ACQUIRE) - next) > 0) {
			mmio_set(dev.drv.notify, 2, 0);
			next += KICKERS;
		}
		work_run();
		epoch_quiescent();
		sched_yield();
	}
	while (work_pending())
		work_run();
	epoch_cpu_idle(true);
	return NULL;
}

/* Until the device has used everything that was offered. False: it does not. */
static bool wait_used(void)
{
	for (unsigned i = 0; i < PATIENCE; i++) {
		if (peek16(dev.q.used + 2) == dev.q.avail_idx)
			return true;
		work_run();
		epoch_quiescent();
		sched_yield();
	}
	return false;
}

/* As virtio 1.2, 2.7.13.4 asks a driver to: no kick if the device does not want one. */
static void offer_and_kick(void)
{
	static u32 barrier;

	split_offer(&dev.q, 0);
	__atomic_fetch_add(&barrier, 1, __ATOMIC_SEQ_CST);
	if (!(peek16(dev.q.used) & 1))
		__atomic_add_fetch(&offered, 1, __ATOMIC_RELEASE);
}

static void begin(pthread_t *thread)
{
	virtio_fixture_begin();
	fake_set_nr_cpus(1 + KICKERS);
	simple_device_start(&dev, run_queue);
	iobus_go_live(&fixture_vm->vm.mmio);
	split_desc(&dev.q, 0, 0x10000, 8, 0, 0);
	stop = offered = handled = 0;
	for (unsigned i = 1; i <= KICKERS; i++) {
		fake_set_cpu(i);
		epoch_cpu_idle(false);
	}
	fake_set_cpu(0);
	for (uintptr_t i = 0; i < KICKERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, kicker, (void *)i), 0);
}

static void end(pthread_t *thread)
{
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < KICKERS; i++)
		pthread_join(thread[i], NULL);
	virtio_fixture_end();
	epoch_quiescent();
}

/* The driver's stores to the ring are atomic ones here, as the device's loads are. */
static void test_no_kick_is_lost(void **state)
{
	pthread_t thread[KICKERS];

	(void)state;
	begin(thread);
	for (unsigned i = 0; i < BUFFERS; i += 2) {
		offer_and_kick();
		offer_and_kick();
		if (i % 64 == 0) {
			virtio_pause(&dev.device);
			virtio_resume(&dev.device);
		}
		assert_true(wait_used());
	}
	assert_int_equal(handled, BUFFERS);
	end(thread);
}

/* A BAR that moves: whoever kicks the old place hits the device or nothing. */
static void test_moving_device(void **state)
{
	pthread_t thread[KICKERS];
	u64 home, away = GUEST_PCI_MMIO_END - 64 * KiB;

	(void)state;
	begin(thread);
	home = bar_base(SIMPLE_SLOT, 0);
	for (unsigned i = 0; i < 2000; i++) {
		config_set(SIMPLE_SLOT, 0x10, 4, i % 2 ? home : away);
		__atomic_add_fetch(&offered, 1, __ATOMIC_RELEASE);
		if (i % 16 == 0)
			config_set(SIMPLE_SLOT, 4, 2, i % 32 ? 6 : 0);
		work_run();
		epoch_quiescent();
	}
	end(thread);
}

/* Reset and breaking while others kick: no handler runs on a queue that is gone. */
static void test_resets(void **state)
{
	pthread_t thread[KICKERS];

	(void)state;
	begin(thread);
	for (unsigned i = 0; i < 300; i++) {
		split_offer(&dev.q, i % 7 == 0 ? 99 : 0);
		__atomic_add_fetch(&offered, 1, __ATOMIC_RELEASE);
		work_run();
		sched_yield();
		common_set(&dev.drv, REG_STATUS, 1, 0);
		assert_int_equal(common_get(&dev.drv, REG_STATUS, 1), 0);
		dev.q.avail_idx = dev.q.used_seen = 0;
		poke16(dev.q.avail + 2, 0);
		poke16(dev.q.used + 2, 0);
		driver_start(&dev.drv, 0, &dev.q, 1);
	}
	end(thread);
}

/* The same with the queue alone; each buffer of the new ring is used. */
static void test_queue_resets(void **state)
{
	pthread_t thread[KICKERS];

	(void)state;
	begin(thread);
	for (unsigned i = 0; i < 300; i++) {
		offer_and_kick();
		work_run();
		sched_yield();
		common_set(&dev.drv, REG_QUEUE_SELECT, 2, 0);
		common_set(&dev.drv, REG_QUEUE_RESET, 2, 1);
		dev.q.avail_idx = dev.q.used_seen = 0;
		poke16(dev.q.avail + 2, 0);
		poke16(dev.q.used + 2, 0);
		driver_queue(&dev.drv, 0, &dev.q);
		for (unsigned n = 0; n < 3; n++)
			offer_and_kick();
		assert_true(wait_used());
	}
	end(thread);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_kick_is_lost),
		cmocka_unit_test(test_moving_device),
		cmocka_unit_test(test_resets),
		cmocka_unit_test(test_queue_resets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
