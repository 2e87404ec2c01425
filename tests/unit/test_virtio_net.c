/* SPDX-License-Identifier: MIT */
/* Two network interfaces at one switch: frames, offloads, receive buffers, control queue, several queues. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/vdev/net_offload.h"
#include "core/vdev/virtio_net.h"
#include "net/switch.h"
#include "net_packets.h"
#include "virtio_fixture.h"

#define PAIRS	  2
#define QUEUES	  (2 * PAIRS + 1)
#define RING_SIZE 64
#define RING_STEP 0x1000ull
#define RINGS	  0x1000ull  /* of both */
#define HEADER	  0x10000ull /* of what is sent */
#define SENT	  0x20000ull
#define RECEIVED  0x40000ull /* buffers of both */
#define PER_END	  0x50000ull
#define PER_QUEUE 0x10000ull
#define COMMAND	  0xf0000ull

/* Features, virtio 1.2, 5.1.3 */
#define F_CSUM	     BIT(0)
#define F_GUEST_CSUM BIT(1)
#define F_GUEST_TSO4 BIT(7)
#define F_GUEST_TSO6 BIT(8)
#define F_HOST_TSO4  BIT(11)
#define F_HOST_TSO6  BIT(12)
#define F_MRG_RXBUF  BIT(15)
#define F_CTRL_VQ    BIT(17)
#define F_CTRL_RX    BIT(18)
#define F_MQ	     BIT(22)

struct header {
	u8 flags, gso_type;
	u16 hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
_Static_assert(sizeof(struct header) == 12, "virtio 1.2, 5.1.6");

static const u8 mac[2][MAC_LEN] = { { 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 } };
static const u8 other[MAC_LEN] = { 6, 0, 0, 0, 0, 9 }, group[MAC_LEN] = { 1, 0, 0x5e, 0, 0, 9 },
		broadcast[MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* A driver of one interface. */
static struct end {
	struct driver d;
	struct split_queue q[QUEUES];
	u64 features;
	u64 buffers; /* where those for receiving are */
	u32 buffer_size;
} end[2];

static struct packet packet;
static struct header header;
static u8 got[70000]; /* header and frame that were received */
static u32 got_len;

static u64 counter(unsigned i, enum net_counter what)
{
	struct network_port port;

	for (unsigned n = 0; network()->port(n, &port); n++)
		if (port.nic->index == i)
			return port.nic->counter[what];
	fail();
	return 0;
}

static void start(unsigned i, u64 features)
{
	struct end *e = &end[i];
	unsigned queues = features & F_MQ ? QUEUES : 3;

	e->d = driver_probe(PCI_SLOT_NET + i);
	e->features = features;
	e->buffers = RECEIVED + i * PER_END;
	for (unsigned n = 0; n < queues; n++)
		e->q[n] = split_queue_at(RINGS + (i * QUEUES + n) * RING_STEP, RING_SIZE);
	driver_start(&e->d, features, e->q, queues);
}

static int setup(void **state)
{
	struct vm *vm;

	(void)state;
	virtio_fixture_begin();
	switch_register();
	vm = &fixture_vm->vm;
	vm->nr_vcpus = PAIRS;
	fixture_vm->config.nr_nets = 2;
	for (unsigned i = 0; i < 2; i++) {
		snprintf(fixture_vm->config.net[i].network, CONFIG_NAME_MAX, "lan");
		memcpy(fixture_vm->config.net[i].mac, mac[i], MAC_LEN);
	}
	assert_int_equal(virtio_net_create(vm), FIRN_OK);
	vm->nr_vcpus = 1;
	for (unsigned i = 0; i < 2; i++) {
		struct network_port port;

		for (unsigned n = 0; network()->port(n, &port); n++)
			memset(port.nic->counter, 0, NET_NR_COUNTERS * sizeof(u64));
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(fixture_vm->crashes, 0);
	virtio_fixture_end();
	return 0;
}

static void offer_buffers(unsigned i, unsigned queue, unsigned count, u32 size)
{
	struct end *e = &end[i];

	e->buffer_size = size;
	for (unsigned n = 0; n < count; n++) {
		split_desc(&e->q[queue], (u16)n, e->buffers + queue * PER_QUEUE + n * size, size,
			   D_WRITE, 0);
		split_offer(&e->q[queue], (u16)n);
	}
	kick(&e->d, queue);
}

/* Takes one frame, from as many buffers as its header says. False: there is none. */
static bool take_frame(unsigned i, unsigned queue)
{
	struct end *e = &end[i];
	unsigned buffers = 1;
	u32 id, len;

	got_len = 0;
	for (unsigned n = 0; n < buffers; n++) {
		if (!split_used(&e->q[queue], &id, &len)) {
			assert_int_equal(n, 0);
			return false;
		}
		assert_true(len <= e->buffer_size);
		peek(e->buffers + queue * PER_QUEUE + id * e->buffer_size, got + got_len, len);
		got_len += len;
		if (n == 0)
			buffers = ((const struct header *)got)->num_buffers;
	}
	return true;
}

static void transmit_on(unsigned i, unsigned queue, const void *frame, u32 len)
{
	struct split_queue *q = &end[i].q[queue];
	u32 id, used;

	poke(HEADER, &header, sizeof(header));
	poke(SENT, frame, len);
	split_desc(q, 0, HEADER, sizeof(header), len ? D_NEXT : 0, 1);
	split_desc(q, 1, SENT, len, 0, 0);
	split_offer(q, 0);
	kick(&end[i].d, queue);
	run_posted_work();
	assert_true(split_used(q, &id, &used));
	assert_int_equal(used, 0);
}

static void transmit(unsigned i, const void *frame, u32 len)
{
	transmit_on(i, 1, frame, len);
}

static void address(u8 *frame, const u8 *to, const u8 *from)
{
	memcpy(frame, to, MAC_LEN);
	memcpy(frame + MAC_LEN, from, MAC_LEN);
}

/* A short frame from the first interface; did the second one get it? */
static bool arrives(const u8 *to)
{
	u8 frame[60] = { [12] = 0x88, 0xb5 };

	memset(&header, 0, sizeof(header));
	address(frame, to, mac[0]);
	transmit(0, frame, sizeof(frame));
	return take_frame(1, 0) && got_len == sizeof(header) + 60 &&
	       memcmp(got + sizeof(header), frame, 60) == 0;
}

static void make_tcp(bool ipv6, u32 payload)
{
	const struct packet_kind kind = { .ipv6 = ipv6, .payload = payload, .tcp_options = 12 };

	packet_make(&packet, &kind, mac[1], mac[0]);
	header = (struct header){ .flags = 1,
				  .csum_start = (u16)packet.transport,
				  .csum_offset = 16 };
}

static void make_gso(bool ipv6, u32 payload)
{
	make_tcp(ipv6, payload);
	header.gso_type = ipv6 ? 4 : 1;
	header.gso_size = 1400;
	header.hdr_len = 7; /* a hint that nobody relies on */
}

static const struct header *got_header(void)
{
	return (const struct header *)got;
}

/*
 * Frames
 */

static void test_frames(void **state)
{
	unsigned msi;

	(void)state;
	start(0, 0);
	start(1, 0);
	offer_buffers(1, 0, 4, 2048);
	msi = nr_sent;
	assert_true(arrives(mac[1]));
	assert_int_equal(got_header()->flags, 0);
	assert_int_equal(got_header()->gso_type, 0);
	assert_int_equal(got_header()->num_buffers, 1);
	assert_int_equal(nr_sent, msi + 2); /* sent, received */
	assert_true(arrives(broadcast));
	assert_int_equal(counter(0, NET_SENT_FRAMES), 2);
	assert_int_equal(counter(0, NET_SENT_BYTES), 120);
	assert_int_equal(counter(1, NET_RECEIVED_BYTES), 120);
	assert_false(take_frame(0, 0));
}

static void test_configuration(void **state)
{
	u8 config[12];

	(void)state;
	start(0, 0);
	for (unsigned i = 0; i < sizeof(config); i++)
		config[i] = (u8)mmio_get(end[0].d.config + i, 1);
	assert_memory_equal(config, mac[0], MAC_LEN);
	assert_memory_equal(config + 6, "\1\0\2\0\xdc\5", 6); /* link up, 2 pairs, 1500 */
	assert_int_equal(common_get(&end[0].d, REG_NUM_QUEUES, 2), QUEUES);
	assert_true(offered_features(&end[0].d) & F_MQ);
}

static void test_feature_dependencies(void **state)
{
	static const u64 bad[] = { F_GUEST_TSO4, F_GUEST_TSO6, F_HOST_TSO4,
				   F_HOST_TSO6,	 F_CTRL_RX,    F_MQ };
	struct driver d;

	(void)state;
	d = driver_probe(PCI_SLOT_NET);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		common_set(&d, REG_STATUS, 1, 0);
		common_set(&d, REG_STATUS, 1, 3);
		accept_features(&d, bad[i] | VIRTIO_F_VERSION_1);
		common_set(&d, REG_STATUS, 1, 0xb);
		assert_int_equal(common_get(&d, REG_STATUS, 1), 0x3);
	}
}

/* Nothing is lost of the ring when a frame finds no room. */
static void test_no_buffers(void **state)
{
	(void)state;
	start(0, 0);
	start(1, 0);
	assert_false(arrives(mac[1]));
	assert_int_equal(counter(1, NET_LOST_NO_BUFFER), 1);
	offer_buffers(1, 0, 1, 64); /* too small */
	for (unsigned i = 0; i < 2 * RING_SIZE; i++)
		assert_false(arrives(mac[1]));
	assert_int_equal(counter(1, NET_LOST_NO_BUFFER), 1 + 2 * RING_SIZE);
	start(1, 0);
	offer_buffers(1, 0, 1, 8); /* smaller than the header */
	assert_false(arrives(mac[1]));
	start(1, 0);
	offer_buffers(1, 0, 1, 72);
	assert_true(arrives(mac[1]));
	assert_false(arrives(mac[1]));
}

/*
 * Offloads
 */

static void test_pass_through(void **state)
{
	(void)state;
	start(0, F_CSUM | F_HOST_TSO4);
	start(1, F_GUEST_CSUM | F_GUEST_TSO4);
	offer_buffers(1, 0, 2, 65562);
	make_gso(false, 40000);
	transmit(0, packet.bytes, packet.len);
	assert_true(take_frame(1, 0));
	assert_int_equal(got_header()->flags, 1);
	assert_int_equal(got_header()->csum_start, packet.transport);
	assert_int_equal(got_header()->csum_offset, 16);
	assert_int_equal(got_header()->gso_type, 1);
	assert_int_equal(got_header()->gso_size, 1400);
	assert_int_equal(got_header()->hdr_len, packet.data);
	assert_int_equal(got_len, sizeof(header) + packet.len);
	assert_memory_equal(got + sizeof(header), packet.bytes, packet.len);
}

static void test_mergeable_buffers(void **state)
{
	static const u64 ring_features[] = { 0, VIRTIO_F_RING_EVENT_IDX };

	(void)state;
	for (unsigned n = 0; n < ARRAY_SIZE(ring_features); n++) {
		u64 lost;

		start(0, F_CSUM | F_HOST_TSO6);
		start(1, F_GUEST_CSUM | F_GUEST_TSO6 | F_MRG_RXBUF | ring_features[n]);
		lost = counter(1, NET_LOST_NO_BUFFER);
		offer_buffers(1, 0, 30, 1536);
		make_gso(true, 30 * 1536 - 12 - 86 + 1); /* one byte more than fits */
		transmit(0, packet.bytes, packet.len);
		assert_false(take_frame(1, 0));
		assert_int_equal(counter(1, NET_LOST_NO_BUFFER), lost + 1);
		make_gso(true, 30 * 1536 - 12 - 86);
		transmit(0, packet.bytes, packet.len);
		assert_true(take_frame(1, 0));
		assert_int_equal(got_header()->num_buffers, 30);
		assert_int_equal(got_len, sizeof(header) + packet.len);
		assert_memory_equal(got + sizeof(header), packet.bytes, packet.len);
	}
}

static void test_checksum_in_software(void **state)
{
	(void)state;
	start(0, F_CSUM);
	for (unsigned knows = 0; knows < 2; knows++) {
		start(1, knows ? F_GUEST_CSUM : 0);
		offer_buffers(1, 0, 1, 2048);
		make_tcp(false, 777);
		transmit(0, packet.bytes, packet.len);
		assert_true(take_frame(1, 0));
		assert_int_equal(got_header()->flags, knows);
		assert_int_equal(got_len, sizeof(header) + packet.len);
		assert_int_equal(packet_is_good(&packet, got + sizeof(header), packet.len), !knows);
	}
}

static void segments_in_software(bool ipv6, u64 features)
{
	u32 payload = 10 * 1400 + 5, offset = 0;
	unsigned count = 0;

	start(0, F_CSUM | F_HOST_TSO4 | F_HOST_TSO6);
	start(1, features);
	offer_buffers(1, 0, 20, 2048);
	make_gso(ipv6, payload);
	transmit(0, packet.bytes, packet.len);
	for (; take_frame(1, 0); count++) {
		const u8 *frame = got + sizeof(header);
		u32 len = got_len - sizeof(header);

		assert_int_equal(got_header()->flags, 0);
		assert_int_equal(got_header()->gso_type, 0);
		assert_true(packet_is_good(&packet, frame, len));
		assert_memory_equal(frame + packet.data, packet.bytes + packet.data + offset,
				    len - packet.data);
		offset += len - packet.data;
	}
	assert_int_equal(count, 11);
	assert_int_equal(offset, payload);
}

static void test_segments_in_software(void **state)
{
	(void)state;
	for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
		segments_in_software(ipv6, 0);
		segments_in_software(ipv6, F_GUEST_CSUM);
		segments_in_software(ipv6, F_MRG_RXBUF);
		/* the other family is no help */
		segments_in_software(ipv6, F_GUEST_CSUM | (ipv6 ? F_GUEST_TSO4 : F_GUEST_TSO6));
	}
}

/*
 * What a guest writes
 */

static void refused(const void *frame, u32 len)
{
	u64 before = counter(0, NET_SENT_MALFORMED);

	transmit(0, frame, len);
	assert_int_equal(counter(0, NET_SENT_MALFORMED), before + 1);
	assert_false(take_frame(1, 0));
}

static void test_bad_headers(void **state)
{
	static const u8 zero[2000];

	(void)state;
	start(0, F_CSUM | F_HOST_TSO4);
	start(1, F_GUEST_CSUM | F_GUEST_TSO4 | F_GUEST_TSO6);
	offer_buffers(1, 0, 1, 65562);
	refused(zero, 0);
	refused(zero, 13);
	make_tcp(false, 100);
	header.csum_start = 0xffff;
	refused(packet.bytes, packet.len);
	make_gso(false, 4000);
	header.flags = 0;
	refused(packet.bytes, packet.len);
	make_gso(true, 4000); /* not agreed on */
	refused(packet.bytes, packet.len);
	make_gso(false, 4000);
	header.gso_type = 3;
	refused(packet.bytes, packet.len);
	memset(&header, 0, sizeof(header));
	refused(packet.bytes, 1519);
	make_gso(false, 66000);
	refused(packet.bytes, packet.len);
	start(0, 0); /* no offload at all */
	make_tcp(false, 100);
	refused(packet.bytes, packet.len);
	assert_true(arrives(mac[1]));
}

/* A buffer that has no room for the header is sent, as nothing. */
static void test_short_header(void **state)
{
	u32 id, len;

	(void)state;
	start(0, 0);
	start(1, 0);
	split_desc(&end[0].q[1], 0, HEADER, 11, 0, 0);
	split_offer(&end[0].q[1], 0);
	kick(&end[0].d, 1);
	assert_true(split_used(&end[0].q[1], &id, &len));
	assert_int_equal(counter(0, NET_SENT_MALFORMED), 1);
}

static void test_broken_receiver(void **state)
{
	(void)state;
	start(0, 0);
	start(1, 0);
	split_offer(&end[1].q[0], 999);
	assert_false(arrives(mac[1]));
	assert_int_equal(common_get(&end[1].d, REG_STATUS, 1), 0x4f);
	assert_int_equal(common_get(&end[0].d, REG_STATUS, 1), 0x0f);
	start(1, 0);
	offer_buffers(1, 0, 1, 2048);
	assert_true(arrives(mac[1]));
}

/* More than one run of the handler does. */
static void test_budget(void **state)
{
	u8 frame[60] = { 0 };
	struct split_queue *q;
	unsigned frames = 0;
	u32 id, len;

	(void)state;
	start(0, 0);
	start(1, 0);
	q = &end[0].q[1];
	offer_buffers(1, 0, RING_SIZE, 2048);
	memset(&header, 0, sizeof(header));
	address(frame, mac[1], mac[0]);
	poke(HEADER, &header, sizeof(header));
	poke(SENT, frame, sizeof(frame));
	split_desc(q, 0, HEADER, sizeof(header), D_NEXT, 1);
	split_desc(q, 1, SENT, sizeof(frame), 0, 0);
	for (unsigned i = 0; i < RING_SIZE; i++)
		split_offer(q, 0);
	kick(&end[0].d, 1);
	run_posted_work();
	while (split_used(q, &id, &len))
		frames++;
	assert_int_equal(frames, RING_SIZE);
	assert_int_equal(counter(1, NET_RECEIVED_FRAMES), RING_SIZE);
}

/*
 * Life
 */

static void test_vm_that_does_not_run(void **state)
{
	struct virtio_device *receiver = fixture_vm->vm.vdevs->virtio[PCI_SLOT_NET + 1];

	(void)state;
	start(0, 0);
	assert_false(arrives(mac[1]));
	assert_int_equal(counter(1, NET_LOST_DOWN), 1);
	start(1, 0);
	offer_buffers(1, 0, 4, 2048);
	assert_true(arrives(mac[1]));
	virtio_pause(receiver);
	assert_false(arrives(mac[1]));
	virtio_resume(receiver);
	assert_true(arrives(mac[1]));
	common_set(&end[1].d, REG_STATUS, 1, 0);
	assert_false(arrives(mac[1]));
}

/*
 * Control queue
 */

/* The answer to a command; 0xee = none. */
static u8 control(unsigned queue, const void *command, u32 len)
{
	struct split_queue *q = &end[1].q[queue];
	u8 ack = 0xee;
	u32 id, used;

	poke(COMMAND, command, len);
	poke(COMMAND + 0x8000, &ack, 1);
	split_desc(q, 0, COMMAND, len, D_NEXT, 1);
	split_desc(q, 1, COMMAND + 0x8000, 1, D_WRITE, 0);
	split_offer(q, 0);
	kick(&end[1].d, queue);
	if (split_used(q, &id, &used))
		assert_int_equal(used, 1);
	peek(COMMAND + 0x8000, &ack, 1);
	return ack;
}

#define CONTROL(...) control(2, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

static void test_receive_filter(void **state)
{
	(void)state;
	start(0, 0);
	start(1, F_CTRL_VQ | F_CTRL_RX);
	offer_buffers(1, 0, 40, 2048);
	assert_false(arrives(other));
	assert_true(arrives(group));
	assert_int_equal(CONTROL(0, 1, 0), 0); /* not all groups */
	assert_false(arrives(group));
	assert_true(arrives(broadcast));
	assert_true(arrives(mac[1]));
	assert_int_equal(CONTROL(0, 0, 1), 0); /* promiscuous */
	assert_true(arrives(group));
	assert_true(arrives(other));
	assert_int_equal(CONTROL(0, 0, 0), 0);
	assert_false(arrives(other));
	assert_int_equal(CONTROL(1, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 9, 0, 0, 0, 0), 0);
	assert_true(arrives(other));
	assert_false(arrives(group));
	assert_int_equal(CONTROL(1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 9), 0);
	assert_false(arrives(other));
	assert_true(arrives(group));
	/* a reset forgets it all */
	start(1, 0);
	offer_buffers(1, 0, 40, 2048);
	assert_true(arrives(group));
	assert_false(arrives(other));
}

static void test_long_address_lists(void **state)
{
	u8 command[2 + 4 + 33 * MAC_LEN + 4] = { 1, 0, 32 };

	(void)state;
	start(0, 0);
	start(1, F_CTRL_VQ | F_CTRL_RX);
	offer_buffers(1, 0, 10, 2048);
	assert_int_equal(control(2, command, 2 + 4 + 32 * MAC_LEN + 4), 0);
	assert_false(arrives(other));
	command[2] = 33;
	assert_int_equal(control(2, command, sizeof(command)), 0);
	assert_true(arrives(other));
	assert_int_equal(control(2, command, sizeof(command) - 1), 1);
	memset(command + 2, 0xff, 4);
	assert_int_equal(control(2, command, sizeof(command)), 1);
}

static void test_bad_commands(void **state)
{
	(void)state;
	start(1, F_CTRL_VQ | F_CTRL_RX);
	assert_int_equal(CONTROL(0), 1);
	assert_int_equal(CONTROL(0, 0), 1);
	assert_int_equal(CONTROL(0, 0, 2), 1);
	assert_int_equal(CONTROL(0, 2, 1), 1); /* of a feature that is not offered */
	assert_int_equal(CONTROL(1, 0, 0, 0, 0, 0), 1);
	assert_int_equal(CONTROL(1, 1, 2, 0, 0, 0, 0, 7), 1); /* sets the address */
	assert_int_equal(CONTROL(4, 0, 1, 0), 1);	      /* MQ was not agreed on */
	assert_int_equal(CONTROL(9, 0, 0), 1);
	start(1, F_CTRL_VQ);
	assert_int_equal(CONTROL(0, 0, 1), 1);
	start(1, 0);
	assert_int_equal(CONTROL(0, 0, 1), 0xee);
}

/*
 * Several queues
 */

/* Which queue of the second interface has a frame. */
static int queue_of_frame(void)
{
	for (unsigned i = 0; i < PAIRS; i++)
		if (take_frame(1, 2 * i))
			return (int)i;
	return -1;
}

/* A segment of a conversation with this port; the other direction has it as source. */
static void exchange(unsigned from, unsigned queue, u16 port)
{
	const struct packet_kind kind = { .payload = 10 };

	packet_make(&packet, &kind, mac[!from], mac[from]);
	packet.bytes[packet.transport + 2 * from] = (u8)(port >> 8);
	packet.bytes[packet.transport + 2 * from + 1] = (u8)port;
	memset(packet.bytes + packet.transport + 2 * !from, 7, 2);
	memset(&header, 0, sizeof(header));
	transmit_on(from, queue, packet.bytes, packet.len);
}

static void test_flows_stay_on_their_queue(void **state)
{
	unsigned seen = 0;

	(void)state;
	start(0, 0);
	start(1, F_CTRL_VQ | F_MQ);
	offer_buffers(1, 0, 60, 2048);
	offer_buffers(1, 2, 60, 2048);
	exchange(0, 1, 1);
	assert_int_equal(queue_of_frame(), 0); /* one pair at first */
	assert_int_equal(control(4, (const u8[]){ 4, 0, 2, 0 }, 4), 0);
	for (u16 port = 0; port < 16; port++) {
		exchange(0, 1, port);
		seen |= 1u << queue_of_frame();
	}
	assert_int_equal(seen, 3);
	for (unsigned pair = 0; pair < 4; pair++) {
		exchange(1, 2 * (pair % 2) + 1, 5);
		exchange(0, 1, 5);
		assert_int_equal(queue_of_frame(), pair % 2);
	}
	assert_int_equal(control(4, (const u8[]){ 4, 0, 0, 0 }, 4), 1);
	assert_int_equal(control(4, (const u8[]){ 4, 0, 3, 0 }, 4), 1);
	assert_int_equal(control(4, (const u8[]){ 4, 0, 1, 0 }, 4), 0);
	exchange(0, 1, 5);
	assert_int_equal(queue_of_frame(), 0);
}

static void test_no_network(void **state)
{
	(void)state;
	virtio_fixture_begin();
	network_register(NULL);
	assert_int_equal(virtio_net_create(&fixture_vm->vm), FIRN_OK);
	fixture_vm->config.nr_nets = 1;
	assert_int_equal(virtio_net_create(&fixture_vm->vm), ERR_UNSUPPORTED);
	virtio_fixture_end();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_frames),
		TEST(test_configuration),
		TEST(test_feature_dependencies),
		TEST(test_no_buffers),
		TEST(test_pass_through),
		TEST(test_mergeable_buffers),
		TEST(test_checksum_in_software),
		TEST(test_segments_in_software),
		TEST(test_bad_headers),
		TEST(test_short_header),
		TEST(test_broken_receiver),
		TEST(test_budget),
		TEST(test_vm_that_does_not_run),
		TEST(test_receive_filter),
		TEST(test_long_address_lists),
		TEST(test_bad_commands),
		TEST(test_flows_stay_on_their_queue),
		cmocka_unit_test(test_no_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
