/* SPDX-License-Identifier: MIT */
/* Split virtqueues: descriptor table, available ring, used ring (virtio 1.2, 2.7). */
#include "core/vdev/virtqueue_internal.h"

struct split_desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};
_Static_assert(sizeof(struct split_desc) == 16, "virtio 1.2, 2.7.5");

/* The driver's part, 2.7.6; behind ring[size] is used_event. */
struct split_avail {
	u16 flags, idx;
	u16 ring[];
};
#define AVAIL_NO_INTERRUPT BIT(0)

struct split_used_elem {
	u32 id, len;
};
/* The device's part, 2.7.8; behind ring[size] is avail_event. */
struct split_used {
	u16 flags, idx;
	struct split_used_elem ring[];
};
_Static_assert(sizeof(struct split_used) == 4, "virtio 1.2, 2.7.8");
#define USED_NO_NOTIFY BIT(0)

#define DESC_ALIGN  16
#define AVAIL_ALIGN 2
#define USED_ALIGN  4

static u64 avail_flags(const struct virtq *vq)
{
	return vq->driver + offsetof(struct split_avail, flags);
}

static u64 avail_idx(const struct virtq *vq)
{
	return vq->driver + offsetof(struct split_avail, idx);
}

static u64 avail_ring(const struct virtq *vq, unsigned i)
{
	return vq->driver + offsetof(struct split_avail, ring) + i * sizeof(u16);
}

static u64 used_event(const struct virtq *vq)
{
	return avail_ring(vq, vq->size);
}

static u64 used_flags(const struct virtq *vq)
{
	return vq->device_area + offsetof(struct split_used, flags);
}

static u64 used_idx(const struct virtq *vq)
{
	return vq->device_area + offsetof(struct split_used, idx);
}

static u64 used_ring(const struct virtq *vq, unsigned i)
{
	return vq->device_area + offsetof(struct split_used, ring) +
	       i * sizeof(struct split_used_elem);
}

static u64 avail_event(const struct virtq *vq)
{
	return used_ring(vq, vq->size);
}

enum firn_err split_check_layout(const struct virtq *vq)
{
	enum firn_err err;

	if ((vq->size & (vq->size - 1)) != 0)
		return ERR_INVALID;
	if (!IS_ALIGNED(vq->descriptors, DESC_ALIGN) || !IS_ALIGNED(vq->driver, AVAIL_ALIGN) ||
	    !IS_ALIGNED(vq->device_area, USED_ALIGN))
		return ERR_ALIGN;
	err = guest_check(vq->memory, vq->descriptors, vq->size * sizeof(struct split_desc),
			  GUEST_READ);
	if (err == FIRN_OK)
		err = guest_check(vq->memory, vq->driver, used_event(vq) + sizeof(u16) - vq->driver,
				  GUEST_READ);
	if (err == FIRN_OK)
		err = guest_check(vq->memory, vq->device_area,
				  avail_event(vq) + sizeof(u16) - vq->device_area, GUEST_WRITE);
	return err;
}

/* A table of descriptors: the ring's own, or an indirect one. */
struct table {
	u64 gpa;
	u32 count;
	bool indirect;
};

static enum firn_err enter_indirect(struct virtq *vq, const struct split_desc *d,
				    struct table *table)
{
	if (table->indirect)
		return virtq_broken(vq, "an indirect table inside an indirect table");
	table->count = virtq_indirect_count(vq, d->addr, d->len, d->flags);
	if (table->count == 0)
		return ERR_FORMAT;
	table->gpa = d->addr;
	table->indirect = true;
	return FIRN_OK;
}

/* A chain without end is found by its length: it can't have more descriptors than its table. */
static enum firn_err walk(struct virtq *vq, struct virtq_chain *chain, u16 head)
{
	struct table table = { vq->descriptors, vq->size, false };
	enum firn_err err = FIRN_OK;
	struct split_desc d;
	u32 i = head, steps = 0;

	for (;;) {
		if (i >= table.count)
			return virtq_broken(vq, "a descriptor index is out of range");
		if (steps++ == table.count)
			return virtq_broken(vq, "a chain of descriptors has a loop");
		if (guest_read(vq->memory, table.gpa + i * sizeof(d), &d, sizeof(d)) != FIRN_OK)
			return virtq_broken(vq, "a descriptor is not in memory");
		if (d.flags & DESC_INDIRECT) {
			err = enter_indirect(vq, &d, &table);
			i = steps = 0;
			if (err != FIRN_OK)
				return err;
			continue;
		}
		err = virtq_chain_add(vq, chain, d.addr, d.len, d.flags & DESC_WRITE);
		if (err != FIRN_OK || !(d.flags & DESC_NEXT))
			return err;
		i = d.next;
	}
}

static bool load(struct virtq *vq, u64 gpa, u16 *value)
{
	return guest_load_u16(vq->memory, gpa, value) == FIRN_OK;
}

bool split_available(struct virtq *vq)
{
	u16 idx;

	return load(vq, avail_idx(vq), &idx) && idx != vq->next_avail;
}

enum firn_err split_pop(struct virtq *vq, struct virtq_chain *chain)
{
	enum firn_err err;
	u16 idx, head;

	if (!load(vq, avail_idx(vq), &idx))
		return virtq_broken(vq, "the available ring is not in memory");
	if (idx == vq->next_avail)
		return ERR_NOENT;
	if ((u16)(idx - vq->next_avail) > vq->size)
		return virtq_broken(vq, "the available index is ahead by more than the queue size");
	if (!load(vq, avail_ring(vq, vq->next_avail % vq->size), &head))
		return virtq_broken(vq, "the available ring is not in memory");
	virtq_chain_begin(chain);
	chain->id = head;
	err = walk(vq, chain, head);
	if (err == FIRN_OK)
		vq->next_avail++;
	return err;
}

void split_push(struct virtq *vq, const struct virtq_chain *chain, u32 written)
{
	const struct split_used_elem elem = { .id = chain->id, .len = written };
	u64 at = used_ring(vq, vq->next_used % vq->size);

	/* The layout was checked when the queue was enabled, and slots don't change. */
	if (guest_write(vq->memory, at, &elem, sizeof(elem)) == FIRN_OK &&
	    guest_store_u16(vq->memory, used_idx(vq), vq->next_used + 1) == FIRN_OK) {
		vq->next_used++;
		vq->unannounced++;
	}
}

bool split_wants_interrupt(struct virtq *vq)
{
	u16 value;

	if (vq->event_index)
		return !load(vq, used_event(vq), &value) ||
		       virtq_passed(value, vq->next_used, vq->next_used - vq->unannounced);
	return !load(vq, avail_flags(vq), &value) || !(value & AVAIL_NO_INTERRUPT);
}

/* With event indices nothing has to be written to get no kicks: the event stays behind. */
void split_set_kicks(struct virtq *vq, bool wanted)
{
	enum firn_err err = FIRN_OK;

	if (!vq->event_index)
		err = guest_store_u16(vq->memory, used_flags(vq), wanted ? 0 : USED_NO_NOTIFY);
	else if (wanted)
		err = guest_store_u16(vq->memory, avail_event(vq), vq->next_avail);
	(void)err; /* as in split_push() */
}
