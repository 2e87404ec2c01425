/* SPDX-License-Identifier: MIT */
/* A small virtio driver of the guest kernels: PCI functions by ECAM, split queues, MSI-X. */
#ifndef FIRN_GUEST_VIRTIO_H
#define FIRN_GUEST_VIRTIO_H

#include "core/types.h"

#define SLOT_RNG  1
#define SLOT_DISK 8
#define SLOT_NET  16

#define PCI_COMMAND  0x04
#define PCI_BAR0     0x10
#define PCI_CAP_MSIX 0x11

/* Common configuration, virtio 1.2, 4.1.4.3 */
struct virtio_common {
	u32 device_feature_select, device_feature, driver_feature_select, driver_feature;
	u16 config_vector, num_queues;
	u8 status, generation;
	u16 queue_select, queue_size, queue_vector, queue_enable, queue_notify_off;
	u32 queue_desc[2], queue_driver[2], queue_device[2];
	u16 queue_notif_config_data, queue_reset;
};
#define VIRTIO_F_RING_RESET BIT(40)
#define STATUS_OK	    0xf
#define STATUS_NEEDS_RESET  0x40

struct virtio_desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};
#define DESC_NEXT  1
#define DESC_WRITE 2

#define GUEST_QUEUE_SIZE 8
struct virtio_ring {
	struct virtio_desc desc[GUEST_QUEUE_SIZE];
	struct {
		u16 flags, idx, ring[GUEST_QUEUE_SIZE], used_event;
	} avail;
	u16 pad;
	struct {
		u16 flags, idx;
		struct {
			u32 id, len;
		} ring[GUEST_QUEUE_SIZE];
		u16 avail_event;
	} used;
} __aligned(16);

struct virtio_guest {
	unsigned slot;
	volatile struct virtio_common *common;
	volatile u16 *notify; /* of queue 0 */
	u32 notify_step;      /* bytes from there to that of the next queue */
	volatile u8 *config;
	volatile u32 *msix; /* the table: four words a vector */
	struct virtio_ring *ring;
	u16 used_seen;
};

volatile void *pci_config(unsigned slot, unsigned offset);
u32 pci_read(unsigned slot, unsigned offset);
void pci_write(unsigned slot, unsigned offset, u32 value);
u64 pci_bar(unsigned slot, unsigned bar);
/* Offset of the n-th capability of that kind, 0 = none. */
u8 pci_capability(unsigned slot, u8 id, unsigned n);

/* False: there is no virtio device of that PCI id. */
bool virtio_find(struct virtio_guest *d, unsigned slot, u16 device_id);
/*
 * Resets the device and starts it with queue 0 in ring; MSI-X vector 0 for the configuration and 1
 * for the queue go to processor 0 as these interrupts. The queue can be reset. Returns the status,
 * STATUS_OK if all is well.
 */
u8 virtio_start(struct virtio_guest *d, struct virtio_ring *ring, u8 config_irq, u8 queue_irq);
/*
 * The same in steps, for several queues and with features: begin, queues, ready.
 * Rings are cleared. No queue has a vector.
 */
void virtio_begin(struct virtio_guest *d, u64 features);
void virtio_queue(struct virtio_guest *d, u16 index, struct virtio_ring *ring);
/* The queue that was set up last interrupts processor 0 through this MSI-X vector. */
void virtio_vector(struct virtio_guest *d, unsigned vector, u8 irq);
/* MSI-X pending bits of the vectors. */
u32 virtio_pending(const struct virtio_guest *d);
u8 virtio_ready(struct virtio_guest *d);
void virtio_kick(struct virtio_guest *d, u16 queue);
/* Hands descriptor head to the device and kicks it. */
void virtio_offer(struct virtio_guest *d, u16 head);
/* Waits, bounded, for the next used buffer; its length, or -1. */
s64 virtio_wait_used(struct virtio_guest *d);

#endif
