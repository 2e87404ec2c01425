/* SPDX-License-Identifier: MIT */
/*
 * Virtio devices (virtio 1.2): what all of them have in common - status, features, queues and their
 * handlers, going broken - and what a kind of device has to give. The transport is PCI
 * (core/vdev/virtio_pci.h).
 *
 * Locks: device->lock (transport registers), then one queue's lock. A queue handler may take the
 * lock of another device's queue if the order can't turn round (from transmit to receive queues).
 */
#ifndef FIRN_VDEV_VIRTIO_H
#define FIRN_VDEV_VIRTIO_H

#include "core/log.h"
#include "core/vdev/pci_device.h"
#include "core/vdev/virtqueue.h"

/* Device types, virtio 1.2 chapter 5 */
enum virtio_id {
	VIRTIO_ID_NET = 1,
	VIRTIO_ID_BLOCK = 2,
	VIRTIO_ID_CONSOLE = 3,
	VIRTIO_ID_ENTROPY = 4,
};

/* Feature bits that belong to no kind of device, virtio 1.2 chapter 6 */
#define VIRTIO_F_RING_INDIRECT_DESC BIT(28)
#define VIRTIO_F_RING_EVENT_IDX	    BIT(29)
#define VIRTIO_F_VERSION_1	    BIT(32)
#define VIRTIO_F_RING_PACKED	    BIT(34)
#define VIRTIO_F_RING_RESET	    BIT(40)

/* Device status, virtio 1.2, 2.1 */
#define VIRTIO_STATUS_ACKNOWLEDGE BIT(0)
#define VIRTIO_STATUS_DRIVER	  BIT(1)
#define VIRTIO_STATUS_DRIVER_OK	  BIT(2)
#define VIRTIO_STATUS_FEATURES_OK BIT(3)
#define VIRTIO_STATUS_NEEDS_RESET BIT(6)
#define VIRTIO_STATUS_FAILED	  BIT(7)

#define VIRTIO_NO_VECTOR  0xffffu
#define VIRTIO_MAX_QUEUES 64

/* What a queue's handler leaves behind. */
enum virtq_result {
	VIRTQ_DRAINED, /* no buffer is left: wants a kick for the next one */
	VIRTQ_MORE, /* its budget is used up: runs again soon, after what else the CPU has to do */
	VIRTQ_WAITING, /* needs no buffer now; asks for kicks itself when it does */
};

struct virtio_device;

/* A kind of device. Functions that may be NULL say so. */
struct virtio_class {
	const char *name; /* "virtio-blk" */
	enum virtio_id id;
	u32 pci_class; /* PCI_CLASS() */
	/*
	 * The driver kicked the queue, or VIRTQ_MORE was returned. On a CPU that runs the VM, queue
	 * locked and live. Virtio sends the interrupt afterwards if the driver wants one. Must end
	 * after a bounded number of buffers and bytes.
	 */
	enum virtq_result (*run_queue)(struct virtio_device *device, struct virtq *vq);
	/* Are these features, all of them offered ones, possible together? NULL = always. */
	bool (*features_possible)(struct virtio_device *device, u64 features);
	/* A write to the device's own configuration; device locked. NULL = ignored. */
	void (*config_write)(struct virtio_device *device, unsigned offset, unsigned width,
			     u64 value);
	/* The driver is ready: device->features are in force. Device locked. NULL = nothing to do. */
	void (*started)(struct virtio_device *device);
	/* What it holds of the queue's buffers is gone. Queue locked. NULL = it never holds any. */
	void (*reset_queue)(struct virtio_device *device, struct virtq *vq);
	/*
	 * Back to power-on, after reset_queue() of each queue; none is live, no handler runs. Device
	 * locked. NULL = nothing to do.
	 */
	void (*reset)(struct virtio_device *device);
	/* Frees what surrounds device. */
	void (*destroy)(struct virtio_device *device);
};

struct virtio_device {
	struct pci_device pci;
	struct vm *vm;
	const struct virtio_class *class;
	struct spinlock lock;
	u64 offered, features; /* the latter: what the driver wrote; in force from FEATURES_OK on */
	u32 status;	       /* VIRTIO_STATUS_*, atomic */
	u32 isr;	       /* atomic, only used without MSI-X */
	u16 config_vector;     /* atomic */
	u8 config_generation;
	bool paused;	    /* the VM does not run */
	const void *config; /* the device's own configuration, which the driver reads */
	unsigned config_size;
	struct virtq *queue;
	unsigned nr_queues;
	struct log_ratelimit broken_log;
	/* Transport registers that select what others show. */
	u32 offered_select, features_select;
	u16 queue_select;
	u8 cfg_access; /* offset of the capability in configuration space */
};

/* What a new device has; the class's own features without those that virtio adds itself. */
struct virtio_setup {
	u8 slot; /* enum pci_slot */
	u64 features;
	unsigned nr_queues; /* 1..VIRTIO_MAX_QUEUES */
	u16 queue_size;	    /* largest; power of two up to VIRTQ_MAX_SIZE */
	const void *config; /* lives as long as the device; change under device->lock */
	unsigned config_size;
};

/*
 * Makes the device and puts it on the VM's PCI bus (vm->vdevs). device is zeroed memory of the
 * caller, who keeps it on failure; afterwards vdevs owns it and calls class->destroy() at the end.
 * ERR_NOMEM, ERR_INVALID (setup), and those of pci_device_attach(). Boot CPU, VM not running.
 */
enum firn_err virtio_create(struct virtio_device *device, struct vm *vm,
			    const struct virtio_class *class, const struct virtio_setup *setup);

/* Were these features agreed on? Any CPU, once the queue is live. */
static inline bool virtio_has(const struct virtio_device *device, u64 feature)
{
	return (device->features & feature) == feature;
}

/*
 * virtq_pop() for a handler: a broken ring stops the device. Queue locked. ERR_NOENT, ERR_FORMAT:
 * nothing to do now.
 */
enum firn_err virtio_pop(struct virtq *vq, struct virtq_chain *chain) __must_check;
/*
 * The driver broke a rule: the device does nothing more until it is reset, and says so. The VM lives
 * on. Any CPU, a queue may be locked.
 */
void virtio_broken(struct virtio_device *device, const char *why);

/* Sends the queue's interrupt if the driver wants one for what was pushed. Queue locked. */
void virtio_interrupt_driver(struct virtq *vq);
/* The device's configuration changed: counts it and sends the interrupt. Device locked. */
void virtio_config_changed(struct virtio_device *device);
/* Runs the queue's handler soon, on this CPU. Any CPU, the queue may be locked. */
void virtio_run_later(struct virtq *vq);

/*
 * For the transport and for vdevs.
 */

/* The driver kicked: runs the handler now, or leaves it to the CPU that runs it already. */
void virtio_kick(struct virtq *vq);
/* The driver writes the status register; 0 resets. Device locked. */
void virtio_write_status(struct virtio_device *device, u8 status);
/* Power-on state. Device locked; handlers that run end first. */
void virtio_reset(struct virtio_device *device);
/* The same for one queue, which the driver may set up and enable again (2.6.1). */
void virtio_reset_queue(struct virtq *vq);
/* The driver enables a queue. Device locked. */
void virtio_enable_queue(struct virtq *vq);
/* The VM stops: handlers end and none starts. The VM runs again: what waited goes on. Boot CPU. */
void virtio_pause(struct virtio_device *device);
void virtio_resume(struct virtio_device *device);
/* Takes it off the bus and frees it. Boot CPU, VM not running. */
void virtio_destroy(struct virtio_device *device);

#endif
