/* SPDX-License-Identifier: MIT */
/*
 * Two network interfaces at a switch whose rings, headers, frames and commands are arbitrary bytes: the
 * first two bytes choose features, the rest is guest memory from address 0 with the rings of both at its
 * start. The VM lives, and after a reset frames go through.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/network.h"
#include "core/vdev/virtio_net.h"
#include "net/switch.h"
#include "tests/unit/virtio_fixture.h"

#define RING_SIZE 8
#define QUEUES	  3
#define RING_STEP 0x100ull   /* of a split ring of eight */
#define GOOD_RING 0x80000ull /* behind what the input fills */
#define GOOD_DATA 0x90000ull
#define FRAME_LEN 60

static const u8 mac[2][MAC_LEN] = { { 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 } };

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void make_vm(void)
{
	virtio_fixture_begin();
	switch_register();
	fixture_vm->config.nr_nets = 2;
	for (unsigned i = 0; i < 2; i++) {
		snprintf(fixture_vm->config.net[i].network, CONFIG_NAME_MAX, "lan");
		memcpy(fixture_vm->config.net[i].mac, mac[i], MAC_LEN);
	}
	require(virtio_net_create(&fixture_vm->vm) == FIRN_OK);
}

static u64 features(const struct driver *d, u8 without)
{
	static const u64 bits[] = { BIT(0) | BIT(11) | BIT(12), BIT(1) | BIT(7) | BIT(8), BIT(15),
				    BIT(17) | BIT(18) };
	u64 all = offered_features(d) & ~(VIRTIO_F_RING_PACKED | VIRTIO_F_RING_EVENT_IDX);

	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++)
		if (without & 1u << i)
			all &= ~bits[i];
	return without & 0x10 ? all | VIRTIO_F_RING_PACKED : all;
}

static struct split_queue queue_at(unsigned i, unsigned n)
{
	u64 at = (i * QUEUES + n) * RING_STEP;

	return (struct split_queue){
		.desc = at, .avail = at + 0x80, .used = at + 0xa0, .size = RING_SIZE
	};
}

static void start(const struct driver *d, unsigned i, u8 without)
{
	struct split_queue q[QUEUES];

	for (unsigned n = 0; n < QUEUES; n++)
		q[n] = queue_at(i, n);
	driver_start(d, features(d, without), q, QUEUES);
}

/* The queue begins at the start of its ring again, whose contents the other ones may have changed. */
static void reset_queue(const struct driver *d, unsigned i, unsigned n)
{
	struct split_queue q = queue_at(i, n);

	common_set(d, REG_QUEUE_SELECT, 2, n);
	common_set(d, REG_QUEUE_RESET, 2, 1);
	require(common_get(d, REG_QUEUE_ENABLE, 2) == 0);
	driver_queue(d, n, &q);
}

/* A frame between drivers that keep the rules. */
static void send_a_frame(const struct driver *d)
{
	struct split_queue q[2][QUEUES];
	u8 frame[12 + FRAME_LEN] = { 0 }, got[sizeof(frame)];
	u32 id, len;

	for (unsigned i = 0; i < 2; i++) {
		for (unsigned n = 0; n < QUEUES; n++)
			q[i][n] = split_queue_at(GOOD_RING + (i * QUEUES + n) * 0x1000, RING_SIZE);
		driver_start(&d[i], 0, q[i], QUEUES);
	}
	memcpy(frame + 12, mac[1], MAC_LEN);
	memcpy(frame + 12 + MAC_LEN, mac[0], MAC_LEN);
	poke(GOOD_DATA, frame, sizeof(frame));
	split_desc(&q[1][0], 0, GOOD_DATA + 0x1000, 0x800, D_WRITE, 0);
	split_offer(&q[1][0], 0);
	split_desc(&q[0][1], 0, GOOD_DATA, sizeof(frame), 0, 0);
	split_offer(&q[0][1], 0);
	kick(&d[0], 1);
	require(split_used(&q[0][1], &id, &len) && len == 0);
	require(split_used(&q[1][0], &id, &len) && len == sizeof(frame));
	peek(GOOD_DATA + 0x1000, got, sizeof(got));
	require(memcmp(got + 12, frame + 12, FRAME_LEN) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct driver d[2];

	if (size < 2 || size > 32 * KiB)
		return 0;
	make_vm();
	poke(0, data + 2, size - 2);
	for (unsigned i = 0; i < 2; i++) {
		d[i] = driver_probe(PCI_SLOT_NET + i);
		start(&d[i], i, data[i]);
	}
	for (unsigned n = QUEUES; n-- > 0;)
		for (unsigned i = 0; i < 2; i++) {
			kick(&d[i], n);
			if (data[i] & 0x20)
				reset_queue(&d[i], i, n);
		}
	run_posted_work();
	require(fixture_vm->crashes == 0);
	send_a_frame(d);
	virtio_fixture_end();
	return 0;
}
