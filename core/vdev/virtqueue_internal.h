/* SPDX-License-Identifier: MIT */
/* What split and packed rings have in common: building a chain from descriptors that were fetched. */
#ifndef FIRN_VDEV_VIRTQUEUE_INTERNAL_H
#define FIRN_VDEV_VIRTQUEUE_INTERNAL_H

#include "core/guest_memory.h"
#include "core/vdev/virtio_layout.h"
#include "core/vdev/virtqueue.h"

/* Remembers why; returns ERR_FORMAT. */
enum firn_err virtq_broken(struct virtq *vq, const char *why);

void virtq_chain_begin(struct virtq_chain *chain);
/* ERR_FORMAT: too many, a sum that overflows, memory that is not there, or readable after writable. */
enum firn_err virtq_chain_add(struct virtq *vq, struct virtq_chain *chain, u64 gpa, u32 len,
			      bool writable);
/*
 * Finds the indirect table that a descriptor with these fields names. Number of descriptors in it;
 * 0 = not allowed (virtq_broken() was called).
 */
u32 virtq_find_indirect(struct virtq *vq, u64 gpa, u32 len, u16 flags, struct guest_span *table);

/*
 * Orders what this CPU wrote to guest memory before what it reads next (virtio 1.2, 2.7.13.4.1). A
 * locked instruction does it (SDM 3A 8.2.2), and the thread sanitizer knows it, unlike a fence.
 */
static inline void virtq_full_barrier(struct virtq *vq)
{
	__atomic_fetch_add(&vq->barrier, 1, __ATOMIC_SEQ_CST);
}

/* Is event among the indices that went by from old to now? All modulo 2^16 (virtio 1.2, 2.7.7.1). */
static inline bool virtq_passed(u16 event, u16 now, u16 old)
{
	return (u16)(now - event - 1) < (u16)(now - old);
}

enum firn_err split_find_ring(struct virtq *vq);
enum firn_err split_pop(struct virtq *vq, struct virtq_chain *chain);
void split_push(struct virtq *vq, const struct virtq_chain *chain, u32 written);
bool split_wants_interrupt(struct virtq *vq);
void split_set_kicks(struct virtq *vq, bool wanted);
bool split_available(struct virtq *vq);

enum firn_err packed_find_ring(struct virtq *vq);
enum firn_err packed_pop(struct virtq *vq, struct virtq_chain *chain);
void packed_unpop(struct virtq *vq, const struct virtq_chain *chain);
void packed_push(struct virtq *vq, const struct virtq_chain *chain, u32 written);
bool packed_wants_interrupt(struct virtq *vq);
void packed_set_kicks(struct virtq *vq, bool wanted);
bool packed_available(struct virtq *vq);

#endif
