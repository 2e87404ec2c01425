/* SPDX-License-Identifier: MIT */
/*
 * Cost of frames from one network interface to another one at the same switch, in TSC ticks (in the
 * emulator: instructions): from the kick to the frame in the receiver's buffer, no interrupts.
 */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/printf.h"
#include "tests/guest/lib/virtio.h"

#define DEVICE_NET  0x1041
#define LOOPS	    100
#define RX	    0
#define TX	    1
#define HEADER_LEN  12
#define TCP_HEADERS (14 + 20 + 20)
#define BUFFER	    (64 * 1024)
#define MSS	    1460

/* Features, virtio 1.2, 5.1.3 */
#define F_CSUM	     BIT(0)
#define F_GUEST_CSUM BIT(1)
#define F_GUEST_TSO4 BIT(7)
#define F_HOST_TSO4  BIT(11)
#define F_MRG_RXBUF  BIT(15)

static struct virtio_guest sender, receiver;
static struct virtio_ring sent, received;
static u8 frame[BUFFER] __aligned(4096);
static u8 buffer[GUEST_QUEUE_SIZE][BUFFER] __aligned(4096);

static bool start(u32 receiver_features)
{
	virtio_begin(&sender, F_CSUM | F_HOST_TSO4);
	virtio_queue(&sender, TX, &sent);
	virtio_begin(&receiver, receiver_features);
	virtio_queue(&receiver, RX, &received);
	sent.avail.flags = received.avail.flags = 1; /* no interrupts */
	for (unsigned i = 0; i < GUEST_QUEUE_SIZE; i++)
		received.desc[i] = (struct virtio_desc){ (u64)buffer[i], BUFFER, DESC_WRITE, 0 };
	return virtio_ready(&sender) == STATUS_OK && virtio_ready(&receiver) == STATUS_OK;
}

static void make_frame(u32 len)
{
	memset(frame, 0, HEADER_LEN + len);
	for (unsigned i = 0; i < 6; i++) {
		frame[HEADER_LEN + i] = receiver.config[i];
		frame[HEADER_LEN + 6 + i] = sender.config[i];
	}
	frame[HEADER_LEN + 12] = 0x08;
	for (unsigned i = 0; i < GUEST_QUEUE_SIZE; i++)
		sent.desc[i] = (struct virtio_desc){ (u64)frame, HEADER_LEN + len, 0, 0 };
}

static void make_tcp(u32 data)
{
	u8 *ip = frame + HEADER_LEN + 14;

	make_frame(TCP_HEADERS + data);
	frame[0] = 1;	       /* NEEDS_CSUM */
	frame[1] = 1;	       /* TCP over IPv4 */
	frame[4] = MSS & 0xff; /* gso_size */
	frame[5] = MSS >> 8;
	frame[6] = 14 + 20; /* csum_start */
	frame[8] = 16;	    /* csum_offset */
	ip[0] = 0x45;
	ip[9] = 6;
	ip[20 + 12] = 5 << 4;
}

/* The driver's side of the receiver: all buffers that came back are offered again. */
static void refill(void)
{
	u16 idx = __atomic_load_n(&received.used.idx, __ATOMIC_ACQUIRE) + GUEST_QUEUE_SIZE;

	for (u16 i = received.avail.idx; i != idx; i++)
		received.avail.ring[i % GUEST_QUEUE_SIZE] = i % GUEST_QUEUE_SIZE;
	__atomic_store_n(&received.avail.idx, idx, __ATOMIC_RELEASE);
}

static u64 send(unsigned frames, unsigned buffers)
{
	u16 all = received.used.idx + buffers;
	u64 begin = rdtsc();

	__atomic_store_n(&sent.avail.idx, sent.avail.idx + frames, __ATOMIC_RELEASE);
	virtio_kick(&sender, TX);
	while (__atomic_load_n(&received.used.idx, __ATOMIC_ACQUIRE) != all)
		if (rdtsc() - begin > 300 * late_ticks())
			return ~0ull;
	return rdtsc() - begin;
}

/* The fastest of LOOPS, for all frames of one kick. */
static u64 measure(unsigned frames, unsigned buffers)
{
	u64 best = ~0ull;

	for (unsigned n = 0; n < LOOPS; n++) {
		u64 ticks;

		refill();
		ticks = send(frames, buffers);
		best = MIN(best, ticks);
	}
	return best;
}

static void bench(const char *name, u64 ticks, unsigned parts)
{
	print("bench %s %llu\n", name, (unsigned long long)(ticks / parts));
	check(name, ticks != ~0ull, "a frame did not come");
}

GUEST_TEST(bench_net)
{
	apic_init();
	if (!check("interfaces",
		   virtio_find(&sender, SLOT_NET, DEVICE_NET) &&
			   virtio_find(&receiver, SLOT_NET + 1, DEVICE_NET) && start(F_MRG_RXBUF),
		   "not found"))
		return;
	for (unsigned i = 0; i < GUEST_QUEUE_SIZE; i++)
		sent.avail.ring[i] = i;
	make_frame(60);
	bench("net-60", measure(1, 1), 1);
	bench("net-60-batched", measure(GUEST_QUEUE_SIZE, GUEST_QUEUE_SIZE), GUEST_QUEUE_SIZE);
	make_frame(1514);
	bench("net-1514", measure(1, 1), 1);
	check("contents", memcmp(buffer[0] + HEADER_LEN, frame + HEADER_LEN, 1514) == 0, "differ");
	start(F_MRG_RXBUF | F_GUEST_CSUM | F_GUEST_TSO4);
	make_tcp(32 * 1024);
	bench("net-tso-per-kib", measure(1, 1), 32);
	start(F_MRG_RXBUF); /* cut and summed in software */
	make_tcp(8 * 1024);
	bench("net-cut-per-kib", measure(1, DIV_ROUND_UP(8 * 1024, MSS)), 8);
}
