/* SPDX-License-Identifier: MIT */
/*
 * Interfaces that send to each other from two CPUs at once, while a third one is reset, the filter
 * changes, VMs pause and counters are read. Under the thread sanitizer; a deadlock would hang it.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/epoch.h"
#include "core/network.h"
#include "core/vdev/virtio_net.h"
#include "core/work.h"
#include "net/switch.h"
#include "virtio_fixture.h"

#define SENDERS	  2
#define NICS	  3 /* the last one only receives, and is reset all the time */
#define FRAMES	  3000
#define RING_SIZE 16
#define RINGS	  0x1000ull
#define RING_STEP 0x1000ull
#define HEADER	  0x20000ull /* all zero */
#define SENT	  0x21000ull /* frames of each sender: to the other one, to all, to nobody known */
#define KINDS	  3
#define RECEIVED  0x40000ull
#define BUFFER	  2048ull
#define COMMAND	  0x80000ull

static struct end {
	struct driver d;
	struct split_queue q[3];
} end[NICS];
static u32 running; /* atomic */

static u16 used(const struct split_queue *q)
{
	return peek16(q->used + 2);
}

static void make_rings(unsigned i)
{
	for (unsigned n = 0; n < 3; n++)
		end[i].q[n] = split_queue_at(RINGS + (3 * i + n) * RING_STEP, RING_SIZE);
	for (u16 n = 0; n < RING_SIZE; n++)
		split_desc(&end[i].q[0], n, RECEIVED + (i * RING_SIZE + n) * BUFFER, BUFFER,
			   D_WRITE, 0);
	for (u16 n = 0; n < KINDS; n++) {
		split_desc(&end[i].q[1], 2 * n, HEADER, 12, D_NEXT, 2 * n + 1);
		split_desc(&end[i].q[1], 2 * n + 1, SENT + (i * KINDS + n) * 64, 60, 0, 0);
	}
	split_desc(&end[i].q[2], 0, COMMAND, 3, D_NEXT, 1);
	split_desc(&end[i].q[2], 1, COMMAND + 8, 1, D_WRITE, 0);
}

static void make_frames(unsigned i)
{
	static const u8 to[SENDERS][KINDS][6] = {
		{ { 2, 0, 0, 0, 0, 2 }, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, { 6, 1 } },
		{ { 2, 0, 0, 0, 0, 1 }, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, { 6, 2 } },
	};

	for (unsigned n = 0; n < KINDS; n++) {
		u8 frame[60] = { 0 };

		memcpy(frame, to[i][n], 6);
		memcpy(frame + 6, fixture_vm->config.net[i].mac, 6);
		if (n == 2)
			frame[6] |= 4; /* a station behind it */
		poke(SENT + (i * KINDS + n) * 64, frame, sizeof(frame));
	}
}

static void start(unsigned i)
{
	end[i].d = driver_probe(PCI_SLOT_NET + i);
	common_set(&end[i].d, REG_STATUS, 1, 0); /* it lets go of the old ones */
	make_rings(i);
	driver_start(&end[i].d, BIT(17) | BIT(18), end[i].q, 3);
}

static void refill(struct end *e)
{
	while ((u16)(e->q[0].avail_idx - used(&e->q[0])) < RING_SIZE)
		split_offer(&e->q[0], e->q[0].avail_idx % RING_SIZE);
}

static void pass(void)
{
	work_run();
	epoch_quiescent();
	sched_yield();
}

static void *sender(void *arg)
{
	unsigned i = (unsigned)(uintptr_t)arg;
	struct end *e = &end[i];

	fake_set_cpu(1 + i);
	for (unsigned n = 0; n < FRAMES; n++) {
		while ((u16)(e->q[1].avail_idx - used(&e->q[1])) >= RING_SIZE)
			pass();
		refill(e);
		split_offer(&e->q[1], n % KINDS * 2);
		mmio_set(e->d.notify + e->d.multiplier, 2, 1);
		pass();
	}
	while (used(&e->q[1]) != (u16)FRAMES)
		pass();
	__atomic_sub_fetch(&running, 1, __ATOMIC_RELEASE);
	while (work_pending())
		work_run();
	epoch_cpu_idle(true);
	return NULL;
}

static void disturb(unsigned n)
{
	struct virtio_device *first = fixture_vm->vm.vdevs->virtio[PCI_SLOT_NET];
	struct network_port port;

	if (n % 8 == 0) {
		virtio_pause(first);
		virtio_resume(first);
	}
	if (n % 4 == 0) {
		start(2);
		refill(&end[2]);
	}
	split_offer(&end[1].q[2], 0);
	mmio_set(end[1].d.notify + 2 * end[1].d.multiplier, 2, 2);
	for (unsigned i = 0; network()->port(i, &port); i++)
		__atomic_load_n(&port.nic->counter[NET_SENT_FRAMES], __ATOMIC_RELAXED);
	pass();
}

static u64 sum(enum net_counter what, unsigned nics)
{
	struct network_port port;
	u64 all = 0;

	for (unsigned i = 0; network()->port(i, &port); i++)
		if (port.nic->index < nics)
			all += port.nic->counter[what];
	return all;
}

static void test_senders(void **state)
{
	pthread_t thread[SENDERS];
	const u8 promiscuous[3] = { 0, 0, 1 };

	(void)state;
	virtio_fixture_begin();
	switch_register();
	fake_set_nr_cpus(1 + SENDERS);
	fixture_vm->config.nr_nets = NICS;
	for (unsigned i = 0; i < NICS; i++) {
		snprintf(fixture_vm->config.net[i].network, CONFIG_NAME_MAX, "lan");
		memcpy(fixture_vm->config.net[i].mac, (u8[]){ 2, 0, 0, 0, 0, (u8)(i + 1) }, 6);
	}
	assert_int_equal(virtio_net_create(&fixture_vm->vm), FIRN_OK);
	iobus_go_live(&fixture_vm->vm.mmio);
	poke(COMMAND, promiscuous, sizeof(promiscuous));
	for (unsigned i = 0; i < NICS; i++)
		start(i);
	for (unsigned i = 0; i < SENDERS; i++)
		make_frames(i);
	running = SENDERS;
	for (unsigned i = 1; i <= SENDERS; i++) {
		fake_set_cpu(i);
		epoch_cpu_idle(false);
	}
	fake_set_cpu(0);
	for (uintptr_t i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, sender, (void *)i), 0);
	for (unsigned n = 0; __atomic_load_n(&running, __ATOMIC_ACQUIRE); n++)
		disturb(n);
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(sum(NET_SENT_FRAMES, NICS), SENDERS * FRAMES);
	assert_int_equal(sum(NET_SENT_MALFORMED, NICS) + sum(NET_SENT_FORGED, NICS), 0);
	assert_int_equal((u16)(used(&end[0].q[0]) + used(&end[1].q[0])),
			 (u16)sum(NET_RECEIVED_FRAMES, SENDERS));
	assert_true(sum(NET_RECEIVED_FRAMES, SENDERS) > 0);
	virtio_fixture_end();
	epoch_quiescent();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_senders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
