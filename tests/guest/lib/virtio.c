/* SPDX-License-Identifier: MIT */
/* See virtio.h. */
#include "tests/guest/lib/virtio.h"

#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/printf.h"

#define ECAM		  0xe0000000ull
#define VIRTIO_VENDOR	  0x1af4
#define CAP_VENDOR	  0x09
#define CAP_COMMON	  1
#define CAP_NOTIFY	  2
#define CAP_DEVICE	  4
#define COMMAND_MEMORY	  2
#define COMMAND_MASTER	  4
#define MSIX_ENABLE	  0x8000
#define FEATURE_VERSION_1 BIT(32)
#define PATIENCE	  (300 * late_ticks())

volatile void *pci_config(unsigned slot, unsigned offset)
{
	return (volatile void *)(ECAM + ((u64)slot << 15) + offset);
}

u32 pci_read(unsigned slot, unsigned offset)
{
	return *(volatile u32 *)pci_config(slot, offset);
}

void pci_write(unsigned slot, unsigned offset, u32 value)
{
	*(volatile u32 *)pci_config(slot, offset) = value;
}

u64 pci_bar(unsigned slot, unsigned bar)
{
	return (u64)pci_read(slot, PCI_BAR0 + 4 * bar + 4) << 32 |
	       (pci_read(slot, PCI_BAR0 + 4 * bar) & ~0xfu);
}

static u8 byte_at(unsigned slot, unsigned offset)
{
	return *(volatile u8 *)pci_config(slot, offset);
}

u8 pci_capability(unsigned slot, u8 id, unsigned n)
{
	u8 at = byte_at(slot, 0x34);

	for (unsigned steps = 0; at && steps < 48; at = byte_at(slot, at + 1), steps++)
		if (byte_at(slot, at) == id && n-- == 0)
			return at;
	return 0;
}

static u64 structure(unsigned slot, u8 type, u8 *found)
{
	u8 at;

	for (unsigned n = 0; (at = pci_capability(slot, CAP_VENDOR, n)) != 0; n++) {
		*found = at;
		if (byte_at(slot, at + 3) == type)
			return pci_bar(slot, byte_at(slot, at + 4)) + pci_read(slot, at + 8);
	}
	return 0;
}

bool virtio_find(struct virtio_guest *d, unsigned slot, u16 device_id)
{
	u8 msix = pci_capability(slot, PCI_CAP_MSIX, 0), at;

	if (pci_read(slot, 0) != ((u32)device_id << 16 | VIRTIO_VENDOR) || !msix)
		return false;
	d->slot = slot;
	d->common = (void *)structure(slot, CAP_COMMON, &at);
	d->config = (void *)structure(slot, CAP_DEVICE, &at);
	d->notify = (void *)structure(slot, CAP_NOTIFY, &at);
	d->notify_step = pci_read(slot, at + 16);
	d->msix = (void *)(pci_bar(slot, pci_read(slot, msix + 4) & 7) +
			   (pci_read(slot, msix + 4) & ~7u));
	return d->common && d->notify;
}

static void set_entry(struct virtio_guest *d, unsigned vector, u8 irq)
{
	volatile u32 *entry = d->msix + 4 * vector;

	entry[0] = 0xfee00000;
	entry[1] = 0;
	entry[2] = irq;
	entry[3] = 0;
}

static void set_address(volatile u32 *reg, const volatile void *to)
{
	reg[0] = (u64)to;
	reg[1] = (u64)to >> 32;
}

void virtio_begin(struct virtio_guest *d, u64 features)
{
	u8 msix = pci_capability(d->slot, PCI_CAP_MSIX, 0);
	volatile struct virtio_common *c = d->common;

	pci_write(d->slot, PCI_COMMAND, COMMAND_MEMORY | COMMAND_MASTER);
	*(volatile u16 *)pci_config(d->slot, msix + 2) = MSIX_ENABLE;
	c->status = 0;
	c->status = 1;
	c->status = 3;
	c->driver_feature_select = 0;
	c->driver_feature = features;
	c->driver_feature_select = 1;
	c->driver_feature = (features | FEATURE_VERSION_1) >> 32;
	c->status = 0xb;
}

void virtio_queue(struct virtio_guest *d, u16 index, struct virtio_ring *ring)
{
	volatile struct virtio_common *c = d->common;

	memset(ring, 0, sizeof(*ring));
	c->queue_select = index;
	c->queue_size = GUEST_QUEUE_SIZE;
	set_address(c->queue_desc, ring->desc);
	set_address(c->queue_driver, &ring->avail);
	set_address(c->queue_device, &ring->used);
	c->queue_enable = 1;
}

u32 virtio_pending(const struct virtio_guest *d)
{
	u8 at = pci_capability(d->slot, PCI_CAP_MSIX, 0);
	u32 pba = pci_read(d->slot, at + 8);

	return *(volatile u32 *)(pci_bar(d->slot, pba & 7) + (pba & ~7u));
}

u8 virtio_ready(struct virtio_guest *d)
{
	d->common->status = STATUS_OK;
	return d->common->status;
}

void virtio_vector(struct virtio_guest *d, unsigned vector, u8 irq)
{
	set_entry(d, vector, irq);
	d->common->queue_vector = vector;
}

u8 virtio_start(struct virtio_guest *d, struct virtio_ring *ring, u8 config_irq, u8 queue_irq)
{
	d->ring = ring;
	d->used_seen = 0;
	virtio_begin(d, VIRTIO_F_RING_RESET);
	set_entry(d, 0, config_irq);
	d->common->config_vector = 0;
	virtio_queue(d, 0, ring);
	virtio_vector(d, 1, queue_irq);
	return virtio_ready(d);
}

void virtio_kick(struct virtio_guest *d, u16 queue)
{
	*(volatile u16 *)((volatile u8 *)d->notify + (u64)queue * d->notify_step) = queue;
}

void virtio_offer(struct virtio_guest *d, u16 head)
{
	struct virtio_ring *r = d->ring;

	r->avail.ring[r->avail.idx % GUEST_QUEUE_SIZE] = head;
	__atomic_store_n(&r->avail.idx, r->avail.idx + 1, __ATOMIC_RELEASE);
	*d->notify = 0;
}

s64 virtio_wait_used(struct virtio_guest *d)
{
	struct virtio_ring *r = d->ring;
	u64 start = rdtsc();

	while (__atomic_load_n(&r->used.idx, __ATOMIC_ACQUIRE) == d->used_seen)
		if (rdtsc() - start > PATIENCE)
			return -1;
	return r->used.ring[d->used_seen++ % GUEST_QUEUE_SIZE].len;
}
