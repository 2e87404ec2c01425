/* SPDX-License-Identifier: MIT */
/*
 * A virtio driver for unit tests: finds a device's registers as a guest does, sets up queues in the
 * fake VM's memory, and counts the messages that the device sends.
 */
#ifndef FIRN_TESTS_VIRTIO_FIXTURE_H
#define FIRN_TESTS_VIRTIO_FIXTURE_H

#include "core/vdev/vdevs.h"
#include "fake.h"
#include "fake_vcpu.h"

#define FIXTURE_RAM MiB

struct sent_msi {
	u64 address;
	u32 data;
};
extern struct sent_msi sent[64];
extern unsigned nr_sent; /* vm_send_msi() calls; the first ones are in sent[] */

extern struct fake_vm *fixture_vm;
extern const struct pci_id fixture_id;

/* A VM with RAM, empty vdevs with a PCI bus, and nothing else. */
void virtio_fixture_begin(void);
/* Destroys the devices in vdevs too. */
void virtio_fixture_end(void);

/* Configuration space of a slot, through ECAM. */
u32 config_get(unsigned slot, unsigned offset, unsigned width);
void config_set(unsigned slot, unsigned offset, unsigned width, u32 value);
/* The n-th capability of that kind (from 0); 0 = none. */
u8 find_capability(unsigned slot, u8 id, unsigned n);
u64 mmio_get(u64 address, unsigned width);
void mmio_set(u64 address, unsigned width, u64 value);
u64 bar_base(unsigned slot, unsigned bar);

/* Guest memory; the address must be there. */
void poke(u64 gpa, const void *data, size_t len);
void peek(u64 gpa, void *data, size_t len);
void poke16(u64 gpa, u16 value);
u16 peek16(u64 gpa);

/* Registers of the common configuration, virtio 1.2, 4.1.4.3 */
#define REG_DEVICE_FEATURE_SELECT 0x00
#define REG_DEVICE_FEATURE	  0x04
#define REG_DRIVER_FEATURE_SELECT 0x08
#define REG_DRIVER_FEATURE	  0x0c
#define REG_CONFIG_VECTOR	  0x10
#define REG_NUM_QUEUES		  0x12
#define REG_STATUS		  0x14
#define REG_GENERATION		  0x15
#define REG_QUEUE_SELECT	  0x16
#define REG_QUEUE_SIZE		  0x18
#define REG_QUEUE_VECTOR	  0x1a
#define REG_QUEUE_ENABLE	  0x1c
#define REG_QUEUE_NOTIFY_OFF	  0x1e
#define REG_QUEUE_DESC		  0x20
#define REG_QUEUE_DRIVER	  0x28
#define REG_QUEUE_DEVICE	  0x30
#define REG_QUEUE_RESET		  0x3a

/* The driver's view of one device. */
struct driver {
	unsigned slot;
	u64 common, notify, isr, config; /* addresses */
	u32 multiplier;
};
struct driver driver_probe(unsigned slot);
u64 common_get(const struct driver *d, unsigned reg, unsigned width);
void common_set(const struct driver *d, unsigned reg, unsigned width, u64 value);
u64 offered_features(const struct driver *d);
void accept_features(const struct driver *d, u64 features);
void kick(const struct driver *d, unsigned queue);
/* Work that was posted to CPU 0, until there is none. */
void run_posted_work(void);

/* A split queue and what the driver remembers of it. Descriptors are used as the test says. */
struct split_queue {
	u64 desc, avail, used;
	u16 size, avail_idx, used_seen;
};
#define D_NEXT	   1
#define D_WRITE	   2
#define D_INDIRECT 4
struct split_queue split_queue_at(u64 gpa, u16 size);
void split_desc(const struct split_queue *q, u16 index, u64 addr, u32 len, u16 flags, u16 next);
void table_desc(u64 table, u16 index, u64 addr, u32 len, u16 flags, u16 next);
void split_offer(struct split_queue *q, u16 head);
/* The next used element. False: none. */
bool split_used(struct split_queue *q, u32 *id, u32 *len);

/*
 * Up to DRIVER_OK with these features (VERSION_1 is added) and one split queue per entry, MSI-X on,
 * vector 0 for the configuration and 1 + n for queue n, with data 0x40 + vector.
 */
void driver_start(const struct driver *d, u64 features, struct split_queue *queue, unsigned count);
/* Sets queue n up, with vector 1 + n, and enables it. */
void driver_queue(const struct driver *d, unsigned n, const struct split_queue *queue);
void msix_on(unsigned slot, unsigned vectors);

/* A device with one queue, whose driver can reset that, and what the driver knows of it. */
#define SIMPLE_SLOT 9
struct simple_device {
	struct virtio_device device;
	struct driver drv;
	struct split_queue q; /* 16 descriptors */
};
typedef enum virtq_result (*run_queue_fn)(struct virtio_device *device, struct virtq *vq);
/* Up to DRIVER_OK. One at a time; virtio_fixture_end() destroys it, its memory is the caller's. */
void simple_device_start(struct simple_device *d, run_queue_fn run_queue);

#endif
