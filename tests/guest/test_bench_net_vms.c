/* SPDX-License-Identifier: MIT */
/*
 * Round trip of a frame between two VMs at one switch, in TSC ticks (in the emulator: instructions).
 * Each halts until a frame comes; the one without "asks=yes" answers each, until it is told to end.
 */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/printf.h"
#include "tests/guest/lib/virtio.h"

#define DEVICE_NET  0x1041
#define LOOPS	    200
#define RX	    0
#define TX	    1
#define VECTOR	    0x41
#define HEADER_LEN  12
#define ADDRESS_LEN 6
#define SHORT_FRAME 60
#define LONG_FRAME  1514
#define BUFFER	    2048
#define CONTENT	    (HEADER_LEN + 14) /* behind addresses and type: one of these */
#define ASK	    1
#define END	    2
#define HELLOS	    1000
#define HELLO_TICKS (20 * guest_tsc_khz()) /* the other one gets a turn meanwhile */

static struct virtio_guest nic;
static struct virtio_ring received, sent;
static u8 frame[BUFFER] __aligned(4096);
static u8 buffer[GUEST_QUEUE_SIZE][BUFFER] __aligned(4096);
static u16 seen; /* of received.used.idx */

static void end_interrupt(struct interrupt_frame *f)
{
	(void)f;
	apic_write(APIC_EOI, 0);
}

static bool start(void)
{
	if (!virtio_find(&nic, SLOT_NET, DEVICE_NET))
		return false;
	virtio_begin(&nic, 0);
	virtio_queue(&nic, RX, &received);
	virtio_vector(&nic, 0, VECTOR);
	virtio_queue(&nic, TX, &sent);
	sent.avail.flags = 1; /* no interrupts */
	for (u16 i = 0; i < GUEST_QUEUE_SIZE; i++) {
		received.desc[i] = (struct virtio_desc){ (u64)buffer[i], BUFFER, DESC_WRITE, 0 };
		received.avail.ring[i] = i;
	}
	received.avail.idx = GUEST_QUEUE_SIZE;
	return virtio_ready(&nic) == STATUS_OK;
}

/* To all, of an experimental type (IEEE 802, 0x88b5). */
static void send(u32 len, u8 content)
{
	u8 *to = frame + HEADER_LEN;

	memset(to, 0xff, ADDRESS_LEN);
	for (unsigned i = 0; i < ADDRESS_LEN; i++)
		to[ADDRESS_LEN + i] = nic.config[i];
	to[2 * ADDRESS_LEN] = 0x88;
	to[2 * ADDRESS_LEN + 1] = 0xb5;
	frame[CONTENT] = content;
	sent.desc[0] = (struct virtio_desc){ (u64)frame, HEADER_LEN + len, 0, 0 };
	__atomic_store_n(&sent.avail.idx, sent.avail.idx + 1, __ATOMIC_RELEASE);
	virtio_kick(&nic, TX);
}

static bool is_there(void)
{
	return __atomic_load_n(&received.used.idx, __ATOMIC_ACQUIRE) != seen;
}

/* The next frame's content, its length without Ethernet's check sum in *len. */
static u8 take(u32 *len)
{
	u16 slot = seen % GUEST_QUEUE_SIZE;
	u32 id = received.used.ring[slot].id;
	u8 content = buffer[id][CONTENT];

	*len = received.used.ring[slot].len - HEADER_LEN;
	received.avail.ring[slot] = (u16)id;
	__atomic_store_n(&received.avail.idx, received.avail.idx + 1, __ATOMIC_RELEASE);
	seen++;
	return content;
}

static u8 wait_frame(u32 *len)
{
	while (!is_there())
		irq_wait();
	return take(len);
}

/* Frames are dropped until the other one's driver runs. */
static bool meet(void)
{
	bool met = false;
	u32 len;

	for (unsigned i = 0; i < HELLOS && !met; i++) {
		send(SHORT_FRAME, ASK);
		spin_ticks(HELLO_TICKS);
		irq_window();
		met = is_there();
	}
	for (; is_there(); irq_window()) {
		take(&len);
		spin_ticks(4 * HELLO_TICKS); /* for more answers */
	}
	return met;
}

static void bench(const char *name, u32 len)
{
	u64 best = ~0ull;
	bool good = true;

	for (unsigned n = 0; n < LOOPS; n++) {
		u64 begin = rdtsc(), ticks;
		u32 got;

		send(len, ASK);
		good &= wait_frame(&got) == ASK && got == len;
		ticks = rdtsc() - begin;
		best = MIN(best, ticks);
	}
	print("bench %s %llu\n", name, (unsigned long long)best);
	check(name, good, "another frame came back");
}

static void answer(void)
{
	u32 len, answers = 0;

	while (wait_frame(&len) != END) {
		send(len, ASK);
		answers++;
	}
	check("frames were answered", answers >= 2 * LOOPS, "%u", answers);
}

GUEST_TEST(bench_net_vms)
{
	char option[8];
	bool asks = guest_option("asks", option, sizeof(option))[0] == 'y';

	apic_init();
	set_handler(VECTOR, end_interrupt);
	if (!check("interface", start(), "not found"))
		return;
	if (!asks) {
		answer();
		return;
	}
	if (!check("the other VM answers", meet(), "it does not"))
		return;
	bench("net-vms-60", SHORT_FRAME);
	bench("net-vms-1514", LONG_FRAME);
	send(SHORT_FRAME, END);
}
