/* SPDX-License-Identifier: MIT */
/*
 * Virtqueues, device side (virtio 1.2, 2.6 to 2.8): split and packed rings in guest memory. What the
 * guest wrote is fetched once, by value, and checked before anybody uses it; a ring that breaks the
 * rules is an error for the caller, who stops the device.
 *
 * All functions want vq->lock held, and run on any CPU.
 */
#ifndef FIRN_VDEV_VIRTQUEUE_H
#define FIRN_VDEV_VIRTQUEUE_H

#include "core/guest_memory.h"
#include "core/work.h"

struct virtio_device;

#define VIRTQ_MAX_SIZE	   256 /* descriptors in a ring */
#define VIRTQ_MAX_SEGMENTS 256 /* of one chain */

/* Guest memory that was checked when the chain was taken: RAM, and writable where it must be. */
struct virtq_segment {
	u64 gpa;
	u32 len; /* never 0 */
};

/* One buffer of the driver: first what the device reads, then what it writes. About 4 KiB. */
struct virtq_chain {
	u16 id;			/* for virtq_push() */
	u16 descriptors;	/* that it takes in a packed ring */
	u16 readable, writable; /* segments of each kind: segment[0..readable), then the others */
	u32 read_bytes, write_bytes; /* in all segments of the kind */
	struct virtq_segment segment[VIRTQ_MAX_SEGMENTS];
};

struct virtq {
	struct spinlock lock;
	struct virtio_device *device;
	u16 index;

	/* Set by the transport while the queue is not live. */
	struct memslots *memory;
	u16 size, max_size;
	u64 descriptors, driver, device_area; /* guest-physical: the three parts of a ring */
	u16 msix_vector;		      /* atomic */
	bool enabled;
	bool packed, indirect, event_index; /* features that were agreed on */

	/* Where the three parts are: found each time the queue goes live. */
	struct {
		struct guest_span descriptors, driver, device;
	} at;
	bool live; /* the device may use it: enabled, driver ready, nothing broken, VM running */
	const char *error; /* why the last virtq_pop() failed */

	/* Positions. In packed rings indices are below size and there are wrap counters. */
	u16 next_avail, next_used;
	bool avail_wrap, used_wrap;
	u16 unannounced; /* used descriptors since the driver was last considered for an interrupt */
	u32 barrier;	 /* operand of locked instructions */

	/* The handler, run by one CPU at a time; see core/vdev/virtio.c. */
	struct work work;
	u32 kicked; /* atomic */
};

/* Positions of a fresh ring. */
void virtq_start(struct virtq *vq);
/*
 * Finds the ring, before the queue goes live: slots don't change while it is. ERR_ALIGN, ERR_RANGE
 * and ERR_READONLY (not all parts are in RAM), ERR_INVALID (size).
 */
enum firn_err virtq_find_ring(struct virtq *vq) __must_check;

/*
 * Takes the driver's next buffer. ERR_NOENT: there is none, or the queue is not live.
 * ERR_FORMAT: the ring is broken, vq->error says how; nothing was taken.
 */
enum firn_err virtq_pop(struct virtq *vq, struct virtq_chain *chain) __must_check;
/* Puts the buffer that virtq_pop() gave last back, as if it had never been taken. */
void virtq_unpop(struct virtq *vq, const struct virtq_chain *chain);
/* Gives a buffer back; written: bytes that the device wrote from the start of its writable part. */
void virtq_push(struct virtq *vq, const struct virtq_chain *chain, u32 written);
/* Does the driver want an interrupt for what was pushed since the last call? */
bool virtq_wants_interrupt(struct virtq *vq);

/* Asks the driver not to kick, and to kick. The latter returns true when a buffer is there already. */
void virtq_disable_kicks(struct virtq *vq);
bool virtq_enable_kicks(struct virtq *vq);

/* Is a buffer available? */
bool virtq_available(struct virtq *vq);

/*
 * Copies from the readable part, or to the writable part, at offset. False: it is not as long; then
 * nothing was copied.
 */
bool virtq_read(struct virtq *vq, const struct virtq_chain *chain, u32 offset, void *buf, u32 len);
bool virtq_write(struct virtq *vq, const struct virtq_chain *chain, u32 offset, const void *buf,
		 u32 len);

#endif
