/* SPDX-License-Identifier: MIT */
/* Split virtqueues: descriptor table, available ring, used ring (virtio 1.2, 2.7). */
#include "core/vdev/virtio_layout.h"
#include "core/vdev/virtqueue_internal.h"

#define DESC_ALIGN  16
#define AVAIL_ALIGN 2
#define USED_ALIGN  4

/* Offsets in the driver's and in the device's part. */
static u64 avail_ring(unsigned i)
{
	return offsetof(struct split_avail, ring) + i * sizeof(u16);
}

static u64 used_event(const struct virtq *vq)
{
	return avail_ring(vq->size);
}

static u64 used_ring(unsigned i)
{
	return offsetof(struct split_used, ring) + i * sizeof(struct split_used_elem);
}

static u64 avail_event(const struct virtq *vq)
{
	return used_ring(vq->size);
}

/* Where the ring has what an index that counts on and on means; its size is a power of two. */
static unsigned slot_of(const struct virtq *vq, u16 index)
{
	return index & (vq->size - 1);
}

enum firn_err split_find_ring(struct virtq *vq)
{
	enum firn_err err;

	if ((vq->size & (vq->size - 1)) != 0)
		return ERR_INVALID;
	if (!IS_ALIGNED(vq->descriptors, DESC_ALIGN) || !IS_ALIGNED(vq->driver, AVAIL_ALIGN) ||
	    !IS_ALIGNED(vq->device_area, USED_ALIGN))
		return ERR_ALIGN;
	err = guest_span_find(&vq->at.descriptors, vq->memory, vq->descriptors,
			      vq->size * sizeof(struct split_desc), GUEST_READ);
	if (err == FIRN_OK)
		err = guest_span_find(&vq->at.driver, vq->memory, vq->driver,
				      used_event(vq) + sizeof(u16), GUEST_READ);
	if (err == FIRN_OK)
		err = guest_span_find(&vq->at.device, vq->memory, vq->device_area,
				      avail_event(vq) + sizeof(u16), GUEST_WRITE);
	return err;
}

/* A table of descriptors: the ring's own, or an indirect one. */
struct table {
	const struct guest_span *span;
	u32 count;
};

/*
 * Adds the chain's descriptors up to the last one, or up to an indirect one; last is that. A chain
 * without end is found by its length: it can't have more descriptors than its table.
 */
static inline enum firn_err walk(struct virtq *vq, struct virtq_chain *chain, struct table table,
				 u32 i, struct split_desc *last)
{
	enum firn_err err = FIRN_OK;

	for (u32 steps = 0; err == FIRN_OK; i = last->next) {
		if (i >= table.count)
			return virtq_broken(vq, "a descriptor index is out of range");
		if (steps++ == table.count)
			return virtq_broken(vq, "a chain of descriptors has a loop");
		guest_span_read(table.span, i * sizeof(*last), last, sizeof(*last));
		if (last->flags & DESC_INDIRECT)
			break;
		err = virtq_chain_add(vq, chain, last->addr, last->len, last->flags & DESC_WRITE);
		if (!(last->flags & DESC_NEXT))
			break;
	}
	return err;
}

static __noinline enum firn_err walk_indirect(struct virtq *vq, struct virtq_chain *chain,
					      const struct split_desc *d)
{
	struct guest_span span;
	u32 count = virtq_find_indirect(vq, d->addr, d->len, d->flags, &span);
	struct split_desc last;
	enum firn_err err;

	if (count == 0)
		return ERR_FORMAT;
	err = walk(vq, chain, (struct table){ &span, count }, 0, &last);
	if (err == FIRN_OK && (last.flags & DESC_INDIRECT))
		err = virtq_broken(vq, "an indirect table inside an indirect table");
	return err;
}

static u16 avail_idx(const struct virtq *vq)
{
	return guest_span_load_u16(&vq->at.driver, offsetof(struct split_avail, idx));
}

bool split_available(struct virtq *vq)
{
	return avail_idx(vq) != vq->next_avail;
}

enum firn_err split_pop(struct virtq *vq, struct virtq_chain *chain)
{
	u16 ahead = avail_idx(vq) - vq->next_avail;
	struct split_desc last;
	enum firn_err err;

	if (ahead == 0)
		return ERR_NOENT;
	if (ahead > vq->size)
		return virtq_broken(vq, "the available index is ahead by more than the queue size");
	chain->id = guest_span_load_u16(&vq->at.driver, avail_ring(slot_of(vq, vq->next_avail)));
	virtq_chain_begin(chain);
	err = walk(vq, chain, (struct table){ &vq->at.descriptors, vq->size }, chain->id, &last);
	if (err == FIRN_OK && unlikely(last.flags & DESC_INDIRECT))
		err = walk_indirect(vq, chain, &last);
	if (err == FIRN_OK)
		vq->next_avail++;
	return err;
}

void split_push(struct virtq *vq, const struct virtq_chain *chain, u32 written)
{
	const struct split_used_elem elem = { .id = chain->id, .len = written };

	guest_span_write(&vq->at.device, used_ring(slot_of(vq, vq->next_used)), &elem,
			 sizeof(elem));
	guest_span_store_u16(&vq->at.device, offsetof(struct split_used, idx), ++vq->next_used);
	vq->unannounced++;
}

bool split_wants_interrupt(struct virtq *vq)
{
	u16 flags, event;

	if (vq->event_index) {
		event = guest_span_load_u16(&vq->at.driver, used_event(vq));
		return virtq_passed(event, vq->next_used, vq->next_used - vq->unannounced);
	}
	flags = guest_span_load_u16(&vq->at.driver, offsetof(struct split_avail, flags));
	return !(flags & AVAIL_NO_INTERRUPT);
}

/* With event indices nothing has to be written to get no kicks: the event stays behind. */
void split_set_kicks(struct virtq *vq, bool wanted)
{
	if (!vq->event_index)
		guest_span_store_u16(&vq->at.device, offsetof(struct split_used, flags),
				     wanted ? 0 : USED_NO_NOTIFY);
	else if (wanted)
		guest_span_store_u16(&vq->at.device, avail_event(vq), vq->next_avail);
}
