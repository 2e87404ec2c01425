/* SPDX-License-Identifier: MIT */
/* Packed virtqueues: one ring of descriptors that both sides write (virtio 1.2, 2.8). */
#include "core/vdev/virtqueue_internal.h"

struct packed_desc {
	u64 addr;
	u32 len;
	u16 id, flags;
};
_Static_assert(sizeof(struct packed_desc) == 16, "virtio 1.2, 2.8.13");
#define DESC_AVAIL BIT(7)
#define DESC_USED  BIT(15)

/* Event suppression of one side, 2.8.14 */
struct packed_event {
	u16 position; /* descriptor index, and wrap counter in bit 15 */
	u16 flags;
};
#define EVENT_WRAP    BIT(15)
#define EVENT_ENABLE  0
#define EVENT_DISABLE 1
#define EVENT_DESC    2

#define DESC_ALIGN  16
#define EVENT_ALIGN 4

/* Offsets in the ring. */
static u64 desc_at(unsigned i)
{
	return i * sizeof(struct packed_desc);
}

static u64 flags_at(unsigned i)
{
	return desc_at(i) + offsetof(struct packed_desc, flags);
}

enum firn_err packed_find_ring(struct virtq *vq)
{
	enum firn_err err;

	if (!IS_ALIGNED(vq->descriptors, DESC_ALIGN) || !IS_ALIGNED(vq->driver, EVENT_ALIGN) ||
	    !IS_ALIGNED(vq->device_area, EVENT_ALIGN))
		return ERR_ALIGN;
	err = guest_span_find(&vq->at.descriptors, vq->memory, vq->descriptors,
			      vq->size * sizeof(struct packed_desc), GUEST_WRITE);
	if (err == FIRN_OK)
		err = guest_span_find(&vq->at.driver, vq->memory, vq->driver,
				      sizeof(struct packed_event), GUEST_READ);
	if (err == FIRN_OK)
		err = guest_span_find(&vq->at.device, vq->memory, vq->device_area,
				      sizeof(struct packed_event), GUEST_WRITE);
	return err;
}

static void advance(const struct virtq *vq, u16 *index, bool *wrap, unsigned count)
{
	*index += count;
	if (*index >= vq->size) {
		*index -= vq->size;
		*wrap = !*wrap;
	}
}

/* 2.8.1: available when AVAIL is the driver's wrap counter and USED is not. */
bool packed_available(struct virtq *vq)
{
	u16 flags = guest_span_load_u16(&vq->at.descriptors, flags_at(vq->next_avail));

	return !!(flags & DESC_AVAIL) == vq->avail_wrap && !!(flags & DESC_USED) != vq->avail_wrap;
}

/* All descriptors of the table belong to the chain, in order; only WRITE counts (2.8.7). */
static enum firn_err walk_indirect(struct virtq *vq, struct virtq_chain *chain,
				   const struct packed_desc *head)
{
	struct guest_span table;
	u32 count = virtq_find_indirect(vq, head->addr, head->len, head->flags, &table);
	enum firn_err err = count ? FIRN_OK : ERR_FORMAT;
	struct packed_desc d;

	for (u32 i = 0; i < count && err == FIRN_OK; i++) {
		guest_span_read(&table, desc_at(i), &d, sizeof(d));
		err = virtq_chain_add(vq, chain, d.addr, d.len, d.flags & DESC_WRITE);
	}
	return err;
}

/* The id of the last descriptor is the chain's (2.8.6). */
static enum firn_err walk(struct virtq *vq, struct virtq_chain *chain)
{
	u16 i = vq->next_avail;
	bool wrap = vq->avail_wrap;
	enum firn_err err;
	struct packed_desc d;

	do {
		if (chain->descriptors == vq->size)
			return virtq_broken(vq, "a chain has more descriptors than the ring");
		guest_span_read(&vq->at.descriptors, desc_at(i), &d, sizeof(d));
		if ((d.flags & DESC_INDIRECT) && chain->descriptors)
			return virtq_broken(vq, "an indirect descriptor inside a chain");
		err = d.flags & DESC_INDIRECT
			      ? walk_indirect(vq, chain, &d)
			      : virtq_chain_add(vq, chain, d.addr, d.len, d.flags & DESC_WRITE);
		if (err != FIRN_OK)
			return err;
		chain->descriptors++;
		advance(vq, &i, &wrap, 1);
	} while (d.flags & DESC_NEXT);
	chain->id = d.id;
	return FIRN_OK;
}

enum firn_err packed_pop(struct virtq *vq, struct virtq_chain *chain)
{
	enum firn_err err;

	if (!packed_available(vq))
		return ERR_NOENT;
	virtq_chain_begin(chain);
	chain->descriptors = 0;
	err = walk(vq, chain);
	if (err == FIRN_OK)
		advance(vq, &vq->next_avail, &vq->avail_wrap, chain->descriptors);
	return err;
}

void packed_unpop(struct virtq *vq, const struct virtq_chain *chain)
{
	if (vq->next_avail < chain->descriptors) {
		vq->next_avail += vq->size;
		vq->avail_wrap = !vq->avail_wrap;
	}
	vq->next_avail -= chain->descriptors;
}

/* Id and length first, then the flags, which hand it over (2.8.6). */
void packed_push(struct virtq *vq, const struct virtq_chain *chain, u32 written)
{
	const struct {
		u32 len;
		u16 id;
	} __packed used = { .len = written, .id = chain->id };
	u64 at = desc_at(vq->next_used) + offsetof(struct packed_desc, len);
	u16 flags = (vq->used_wrap ? DESC_AVAIL | DESC_USED : 0) | (written ? DESC_WRITE : 0);

	_Static_assert(offsetof(struct packed_desc, id) ==
			       offsetof(struct packed_desc, len) + sizeof(u32),
		       "length and id are neighbours");
	guest_span_write(&vq->at.descriptors, at, &used, sizeof(used));
	guest_span_store_u16(&vq->at.descriptors, flags_at(vq->next_used), flags);
	advance(vq, &vq->next_used, &vq->used_wrap, chain->descriptors);
	vq->unannounced += chain->descriptors;
}

/* The position counts modulo the ring; one of the other lap lies a ring's size behind. */
static bool passed(const struct virtq *vq, u16 position)
{
	u16 event = position & ~EVENT_WRAP;

	if (!!(position & EVENT_WRAP) != vq->used_wrap)
		event -= vq->size;
	return virtq_passed(event, vq->next_used, vq->next_used - vq->unannounced);
}

bool packed_wants_interrupt(struct virtq *vq)
{
	const struct guest_span *event = &vq->at.driver;
	u16 flags = guest_span_load_u16(event, offsetof(struct packed_event, flags));

	if (flags != EVENT_DESC || !vq->event_index)
		return flags != EVENT_DISABLE;
	return passed(vq, guest_span_load_u16(event, offsetof(struct packed_event, position)));
}

void packed_set_kicks(struct virtq *vq, bool wanted)
{
	guest_span_store_u16(&vq->at.device, offsetof(struct packed_event, flags),
			     wanted ? EVENT_ENABLE : EVENT_DISABLE);
}
