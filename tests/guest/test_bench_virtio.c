/* SPDX-License-Identifier: MIT */
/*
 * Cost of disk requests of 4 KiB in TSC ticks (in the emulator: instructions): from the kick to the
 * used buffer, alone, with its interrupt, and per request when several go with one kick.
 */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/virtio.h"

#define DEVICE_DISK 0x1042
#define VECTOR	    0x52
#define LOOPS	    200
#define LENGTH	    4096
#define BATCH	    2 /* requests of three descriptors that fit into the ring */

static struct virtio_guest disk;
static struct virtio_ring ring;
static u8 data[BATCH][LENGTH] __aligned(4096);
static volatile u8 status[BATCH];
static struct {
	u32 type, reserved;
	u64 sector;
} header[BATCH];
static volatile unsigned irqs;

static void end_irq(struct interrupt_frame *frame)
{
	(void)frame;
	irqs++;
	apic_write(APIC_EOI, 0);
}

static void prepare(u32 type)
{
	for (unsigned i = 0; i < BATCH; i++) {
		struct virtio_desc *d = &ring.desc[3 * i];
		u16 next = 3 * i + 1;

		header[i].type = type;
		header[i].sector = 8 * i;
		d[0] = (struct virtio_desc){ (u64)&header[i], sizeof(header[i]), DESC_NEXT, next };
		d[1] = (struct virtio_desc){ (u64)data[i], LENGTH,
					     DESC_NEXT | (type ? 0 : DESC_WRITE), next + 1 };
		d[2] = (struct virtio_desc){ (u64)&status[i], 1, DESC_WRITE, 0 };
	}
}

/* The fastest of LOOPS, in ticks for all requests of one kick. */
static u64 measure(unsigned requests)
{
	u64 best = ~0ull;

	for (unsigned n = 0; n < LOOPS; n++) {
		u16 done = ring.used.idx + requests;
		u64 start = rdtsc();

		for (unsigned i = 0; i < requests; i++)
			ring.avail.ring[(u16)(ring.avail.idx + i) % GUEST_QUEUE_SIZE] = 3 * i;
		__atomic_store_n(&ring.avail.idx, ring.avail.idx + requests, __ATOMIC_RELEASE);
		*disk.notify = 0;
		while (__atomic_load_n(&ring.used.idx, __ATOMIC_ACQUIRE) != done)
			cpu_relax();
		if (!(ring.avail.flags & 1))
			irq_window();
		best = MIN(best, rdtsc() - start);
	}
	return best;
}

static void bench(const char *name, u32 type, unsigned requests, bool interrupt)
{
	prepare(type);
	ring.avail.flags = !interrupt;
	print("bench %s %llu\n", name, (unsigned long long)(measure(requests) / requests));
	check(name, status[0] == 0 && status[requests - 1] == 0, "status %u", status[0]);
}

GUEST_TEST(bench_virtio)
{
	apic_init();
	set_handler(VECTOR, end_irq);
	if (!check("disk",
		   virtio_find(&disk, SLOT_DISK, DEVICE_DISK) &&
			   virtio_start(&disk, &ring, VECTOR, VECTOR) == STATUS_OK,
		   "not found"))
		return;
	bench("blk-read-4k", 0, 1, false);
	bench("blk-write-4k", 1, 1, false);
	bench("blk-read-4k-batched", 0, BATCH, false);
	check_eq("no interrupt was asked for", irqs, 0);
	bench("blk-read-4k-interrupt", 0, 1, true);
	check_eq("an interrupt each", irqs, LOOPS);
}
