/* SPDX-License-Identifier: MIT */
/*
 * Virtio devices: the entropy device, a disk (bytes counted from 0 to 255), MSI-X masking, BARs that
 * move, rings that break the rules, and resets of single queues.
 */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/printf.h"
#include "tests/guest/lib/smp.h"
#include "tests/guest/lib/virtio.h"

#define DEVICE_DISK	  0x1042
#define DEVICE_RNG	  0x1044
#define VECTOR_CONFIG	  0x51
#define VECTOR_DISK	  0x52
#define VECTOR_RNG	  0x53
#define SECTOR		  512
#define DISK_SECTORS	  20
#define ELSEWHERE	  0xdf000000ull /* in the PCI memory, far from all BARs */
#define MOVES		  100
#define MSIX_ENABLED	  0x8000
#define MSIX_FUNCTION_OFF 0x4000
#define PATIENCE	  (300 * late_ticks())

enum {
	BLK_IN = 0,
	BLK_OUT = 1,
	BLK_FLUSH = 4,
	BLK_DISCARD = 11,
	BLK_WRITE_ZEROES = 13
};

static struct virtio_guest disk, rng;
static struct virtio_ring ring;
static u8 data[2 * SECTOR], copy[SECTOR];
static struct {
	u32 type, reserved;
	u64 sector;
} header;
static volatile u8 blk_status;

static void describe(unsigned index, const volatile void *at, u32 len, u16 flags)
{
	ring.desc[index] = (struct virtio_desc){ (u64)at, len, flags, index + 1 };
}

/* Sends a request; its status, or 0xff. */
static u8 request(u32 type, u64 sector, void *at, u32 len)
{
	u16 direction = type == BLK_IN ? DESC_WRITE : 0;

	header.type = type;
	header.sector = sector;
	blk_status = 0xff;
	describe(0, &header, sizeof(header), DESC_NEXT);
	describe(1, at, len, DESC_NEXT | direction);
	describe(2, &blk_status, 1, DESC_WRITE);
	virtio_offer(&disk, 0);
	return virtio_wait_used(&disk) < 0 ? 0xff : blk_status;
}

static bool is_pattern(const u8 *at, unsigned from)
{
	for (unsigned i = 0; i < SECTOR; i++)
		if (at[i] != (u8)(from + i))
			return false;
	return true;
}

static void check_rng(void)
{
	static u8 bytes[64];
	unsigned zeros = 0;

	if (!check("rng: there", virtio_find(&rng, SLOT_RNG, DEVICE_RNG), "not found"))
		return;
	check_eq("rng: starts", virtio_start(&rng, &ring, VECTOR_CONFIG, VECTOR_RNG), STATUS_OK);
	describe(0, bytes, sizeof(bytes), DESC_WRITE);
	virtio_offer(&rng, 0);
	check_eq("rng: bytes", virtio_wait_used(&rng), sizeof(bytes));
	for (unsigned i = 0; i < sizeof(bytes); i++)
		zeros += bytes[i] == 0;
	check("rng: they differ", zeros < 16, "%u zeros", zeros);
	check("rng: interrupt", wait_count(&irq_log.count, 1, PATIENCE), "none");
	check_eq("rng: its vector", irq_log.vector[0], VECTOR_RNG);
	rng.common->status = 0;
}

static void check_requests(void)
{
	irq_log.count = 0;
	check_eq("disk: starts", virtio_start(&disk, &ring, VECTOR_CONFIG, VECTOR_DISK), STATUS_OK);
	check_eq("disk: capacity", *(volatile u32 *)disk.config, DISK_SECTORS);
	check_eq("disk: read", request(BLK_IN, 3, data, SECTOR), 0);
	check("disk: contents", is_pattern(data, 0), "0x%x", data[0]);
	check("disk: interrupt", wait_count(&irq_log.count, 1, PATIENCE), "none");
	check_eq("disk: its vector", irq_log.vector[0], VECTOR_DISK);
	memset(data, 0x5a, sizeof(data));
	check_eq("disk: write", request(BLK_OUT, 4, data, sizeof(data)), 0);
	check_eq("disk: flush", request(BLK_FLUSH, 0, data, 0), 0);
	check_eq("disk: read back", request(BLK_IN, 5, copy, SECTOR), 0);
	check("disk: written contents", memcmp(copy, data, SECTOR) == 0, "0x%x", copy[0]);
	request(BLK_IN, 6, copy, SECTOR);
	check("disk: its neighbour", is_pattern(copy, 0), "0x%x", copy[0]);
	check_eq("disk: behind its end", request(BLK_IN, DISK_SECTORS, data, SECTOR), 1);
	check_eq("disk: half a sector", request(BLK_IN, 0, data, SECTOR / 2), 1);
	check_eq("disk: unknown request", request(77, 0, data, SECTOR), 2);
}

static void check_clearing(void)
{
	static struct {
		u64 sector;
		u32 sectors, flags;
	} range = { 4, 1, 0 };

	check_eq("disk: write zeroes", request(BLK_WRITE_ZEROES, 0, &range, sizeof(range)), 0);
	request(BLK_IN, 4, data, SECTOR);
	check_eq("disk: zeros", data[0] | data[SECTOR - 1], 0);
	range.sector = 0;
	range.sectors = DISK_SECTORS;
	check_eq("disk: discard", request(BLK_DISCARD, 0, &range, sizeof(range)), 0);
	range.sectors++;
	check_eq("disk: discard too much", request(BLK_DISCARD, 0, &range, sizeof(range)), 1);
	for (unsigned i = 0; i < SECTOR; i++)
		data[i] = i;
	for (unsigned s = 0; s < DISK_SECTORS; s++)
		request(BLK_OUT, s, data, SECTOR);
}

static volatile u16 *msix_control(void)
{
	return pci_config(disk.slot, pci_capability(disk.slot, PCI_CAP_MSIX, 0) + 2);
}

static void check_masking(void)
{
	volatile u32 *mask = disk.msix + 4 + 3;

	spin_ticks(late_ticks());
	irq_log.count = 0;
	*mask = 1;
	request(BLK_IN, 0, data, SECTOR);
	spin_ticks(late_ticks());
	check_eq("MSI-X: masked vector is silent", irq_log.count, 0);
	check_eq("MSI-X: and pending", virtio_pending(&disk), 2);
	*mask = 0;
	check("MSI-X: comes when unmasked", wait_count(&irq_log.count, 1, PATIENCE), "no");
	check_eq("MSI-X: not pending any more", virtio_pending(&disk), 0);
	*msix_control() = MSIX_ENABLED | MSIX_FUNCTION_OFF;
	request(BLK_IN, 0, data, SECTOR);
	spin_ticks(late_ticks());
	check_eq("MSI-X: masked function is silent", irq_log.count, 1);
	*msix_control() = MSIX_ENABLED;
	check("MSI-X: comes when the function is unmasked", wait_count(&irq_log.count, 2, PATIENCE),
	      "no");
	spin_ticks(late_ticks());
	check_eq("MSI-X: once", irq_log.count, 2);
}

static void check_broken(const char *name, u64 addr, u32 len, u16 flags, u16 next)
{
	irq_log.count = 0;
	virtio_start(&disk, &ring, VECTOR_CONFIG, VECTOR_DISK);
	ring.desc[0] = (struct virtio_desc){ addr, len, flags, next };
	virtio_offer(&disk, 0);
	wait_count(&irq_log.count, 1, PATIENCE);
	check(name,
	      disk.common->status == (STATUS_OK | STATUS_NEEDS_RESET) &&
		      irq_log.vector[0] == VECTOR_CONFIG,
	      "status 0x%x, %u interrupts, the first one 0x%x", disk.common->status, irq_log.count,
	      irq_log.vector[0]);
}

static void check_bad_rings(void)
{
	check_broken("ring: descriptor with itself as successor", (u64)data, 4, DESC_NEXT, 0);
	check_broken("ring: successor out of range", (u64)data, 4, DESC_NEXT, GUEST_QUEUE_SIZE);
	check_broken("ring: buffer outside of memory", 0xe0000000, 16, 0, 0);
	check_broken("ring: buffer that wraps", ~0ull - 3, 16, 0, 0);
	check_broken("ring: no room for the status", (u64)&header, 16, 0, 0);
	virtio_start(&disk, &ring, VECTOR_CONFIG, VECTOR_DISK);
	check_eq("ring: the disk works again", request(BLK_IN, 1, data, SECTOR), 0);
}

/* The driver's part of a reset of queue 0, which then has an empty ring. */
static void reset_queue(struct virtio_guest *d)
{
	d->common->queue_select = 0;
	d->common->queue_reset = 1;
	check_eq("queue: reset at once", d->common->queue_reset, 0);
	check_eq("queue: off", d->common->queue_enable, 0);
	check_eq("queue: no address", d->common->queue_desc[0] | d->common->queue_desc[1], 0);
}

static void queue_again(struct virtio_guest *d)
{
	d->used_seen = 0;
	virtio_queue(d, 0, &ring);
	d->common->queue_vector = 1;
}

static void check_queue_reset(void)
{
	static u8 bytes[16];

	virtio_start(&disk, &ring, VECTOR_CONFIG, VECTOR_DISK);
	for (unsigned i = 0; i < 3; i++) {
		u16 used;

		request(BLK_IN, 1, data, SECTOR);
		reset_queue(&disk);
		irq_log.count = 0;
		used = ring.used.idx;
		ring.avail.idx++; /* nobody looks */
		*disk.notify = 0;
		spin_ticks(late_ticks());
		check_eq("queue: its ring rests", ring.used.idx, used);
		queue_again(&disk);
		check_eq("queue: the disk works again", request(BLK_IN, 3, data, SECTOR), 0);
		check("queue: contents", is_pattern(data, 0), "0x%x", data[0]);
		check("queue: interrupt", wait_count(&irq_log.count, 1, PATIENCE), "none");
		check_eq("queue: the device is well", disk.common->status, STATUS_OK);
	}
	virtio_start(&rng, &ring, VECTOR_CONFIG, VECTOR_RNG);
	reset_queue(&rng);
	queue_again(&rng);
	describe(0, bytes, sizeof(bytes), DESC_WRITE);
	virtio_offer(&rng, 0);
	check_eq("queue: the entropy device works again", virtio_wait_used(&rng), sizeof(bytes));
	rng.common->status = 0;
	virtio_start(&disk, &ring, VECTOR_CONFIG, VECTOR_DISK);
}

static u64 home;

static void check_moving(void)
{
	volatile u8 *old = &disk.common->status;
	u64 away = ELSEWHERE + ((u64)disk.common - home);

	check_eq("BAR: registers", *old, STATUS_OK);
	pci_write(disk.slot, PCI_BAR0, 0xffffffff);
	check_eq("BAR: its size", ~(pci_read(disk.slot, PCI_BAR0) & ~0xfu) + 1, 0x4000);
	pci_write(disk.slot, PCI_BAR0, ELSEWHERE);
	check_eq("BAR: moved, the old place is empty", *old, 0xff);
	check_eq("BAR: moved, the new place", ((volatile struct virtio_common *)away)->status,
		 STATUS_OK);
	*(volatile u16 *)pci_config(disk.slot, PCI_COMMAND) = 4;
	check_eq("BAR: decoding off", ((volatile struct virtio_common *)away)->status, 0xff);
	*(volatile u16 *)pci_config(disk.slot, PCI_COMMAND) = 6;
	pci_write(disk.slot, PCI_BAR0, 0x1000000); /* RAM */
	*(volatile u32 *)0x1000000 = 0x12345678;
	check_eq("BAR: can't cover RAM", *(volatile u32 *)0x1000000, 0x12345678);
	pci_write(disk.slot, PCI_BAR0, home);
	check_eq("BAR: back", *old, STATUS_OK);
	check_eq("BAR: the disk works", request(BLK_IN, 1, data, SECTOR), 0);
}

/* Another processor reads the registers at both places all the time. */
static volatile unsigned reads, strange, stop_reading;

static void read_on(void)
{
	volatile u8 *status = &disk.common->status;

	while (!stop_reading) {
		u8 value = reads % 2 ? *status : status[ELSEWHERE - home];

		if (value != STATUS_OK && value != 0xff)
			strange++;
		reads++;
	}
	for (;;)
		irq_wait();
}

static void check_moving_under_load(void)
{
	char option[8];
	bool good = true;

	if (guest_option("cpus", option, sizeof(option))[0] < '2')
		return;
	smp_prepare(read_on);
	smp_start(1);
	check("BAR: the other processor reads", wait_count(&reads, 10, PATIENCE), "it does not");
	for (unsigned i = 0; i < MOVES; i++) {
		pci_write(disk.slot, PCI_BAR0, i % 2 ? home : ELSEWHERE);
		good &= disk.common->status == (i % 2 ? STATUS_OK : 0xff);
	}
	check("BAR: moved while the other one reads", good, "wrong status");
	check_eq("BAR: it saw the device or nothing", strange, 0);
	stop_reading = 1;
	check_eq("BAR: and the disk works", request(BLK_IN, 1, data, SECTOR), 0);
}

GUEST_TEST(virtio)
{
	static const u8 vectors[] = { VECTOR_CONFIG, VECTOR_DISK, VECTOR_RNG, 0 };

	apic_init();
	irq_log_start(vectors);
	check_rng();
	if (check("disk: there", virtio_find(&disk, SLOT_DISK, DEVICE_DISK), "not found")) {
		home = pci_bar(SLOT_DISK, 0);
		check_requests();
		check_clearing();
		check_masking();
		check_bad_rings();
		check_queue_reset();
		check_moving();
		check_moving_under_load();
		disk.common->status = 0;
	}
}
