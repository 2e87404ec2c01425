/* SPDX-License-Identifier: MIT */
/* Virtqueues: what does not depend on the ring's layout. */
#include "core/vdev/virtqueue_internal.h"

enum firn_err virtq_broken(struct virtq *vq, const char *why)
{
	vq->error = why;
	return ERR_FORMAT;
}

void virtq_chain_begin(struct virtq_chain *chain)
{
	chain->readable = chain->writable = 0;
	chain->read_bytes = chain->write_bytes = 0;
}

enum firn_err virtq_chain_add(struct virtq *vq, struct virtq_chain *chain, u64 gpa, u32 len,
			      bool writable)
{
	enum guest_access access = writable ? GUEST_WRITE : GUEST_READ;
	u32 *bytes = writable ? &chain->write_bytes : &chain->read_bytes;
	unsigned count = chain->readable + chain->writable;

	if (!writable && chain->writable)
		return virtq_broken(vq, "a readable descriptor follows a writable one");
	if (len == 0)
		return FIRN_OK;
	if (count == VIRTQ_MAX_SEGMENTS)
		return virtq_broken(vq, "a chain has too many descriptors");
	if (*bytes + len < len)
		return virtq_broken(vq, "a chain is longer than 4 GiB");
	if (guest_check(vq->memory, gpa, len, access) != FIRN_OK)
		return virtq_broken(vq, "a buffer is not in memory");
	chain->segment[count] = (struct virtq_segment){ .gpa = gpa, .len = len };
	*bytes += len;
	if (writable)
		chain->writable++;
	else
		chain->readable++;
	return FIRN_OK;
}

#define DESC_SIZE 16

u32 virtq_find_indirect(struct virtq *vq, u64 gpa, u32 len, u16 flags, struct guest_span *table)
{
	const char *why = NULL;

	if (!vq->indirect)
		why = "an indirect descriptor, but the feature is off";
	else if (flags & DESC_NEXT)
		why = "an indirect descriptor has a successor";
	else if (len == 0 || len % DESC_SIZE != 0)
		why = "the length of an indirect table is no multiple of 16";
	else if (len / DESC_SIZE > VIRTQ_MAX_SEGMENTS)
		why = "an indirect table is too long";
	else if (guest_span_find(table, vq->memory, gpa, len, GUEST_READ) != FIRN_OK)
		why = "an indirect table is not in memory";
	if (why)
		virtq_broken(vq, why);
	return why ? 0 : len / DESC_SIZE;
}

void virtq_start(struct virtq *vq)
{
	vq->next_avail = vq->next_used = 0;
	vq->avail_wrap = vq->used_wrap = true;
	vq->unannounced = 0;
	vq->error = NULL;
}

enum firn_err virtq_find_ring(struct virtq *vq)
{
	if (vq->size == 0 || vq->size > VIRTQ_MAX_SIZE)
		return ERR_INVALID;
	return vq->packed ? packed_find_ring(vq) : split_find_ring(vq);
}

enum firn_err virtq_pop(struct virtq *vq, struct virtq_chain *chain)
{
	if (!vq->live)
		return ERR_NOENT;
	return vq->packed ? packed_pop(vq, chain) : split_pop(vq, chain);
}

void virtq_unpop(struct virtq *vq, const struct virtq_chain *chain)
{
	if (vq->packed)
		packed_unpop(vq, chain);
	else
		vq->next_avail--;
}

void virtq_push(struct virtq *vq, const struct virtq_chain *chain, u32 written)
{
	if (!vq->live)
		return;
	if (vq->packed)
		packed_push(vq, chain, written);
	else
		split_push(vq, chain, written);
}

bool virtq_wants_interrupt(struct virtq *vq)
{
	bool wanted;

	if (!vq->live || vq->unannounced == 0)
		return false;
	virtq_full_barrier(vq);
	wanted = vq->packed ? packed_wants_interrupt(vq) : split_wants_interrupt(vq);
	vq->unannounced = 0;
	return wanted;
}

static void set_kicks(struct virtq *vq, bool wanted)
{
	if (vq->packed)
		packed_set_kicks(vq, wanted);
	else
		split_set_kicks(vq, wanted);
}

void virtq_disable_kicks(struct virtq *vq)
{
	if (vq->live)
		set_kicks(vq, false);
}

bool virtq_enable_kicks(struct virtq *vq)
{
	if (!vq->live)
		return false;
	set_kicks(vq, true);
	virtq_full_barrier(vq);
	return virtq_available(vq);
}

bool virtq_available(struct virtq *vq)
{
	if (!vq->live)
		return false;
	return vq->packed ? packed_available(vq) : split_available(vq);
}

static enum firn_err copy(struct virtq *vq, u64 gpa, char *buf, u32 len, bool to_guest)
{
	return to_guest ? guest_write(vq->memory, gpa, buf, len)
			: guest_read(vq->memory, gpa, buf, len);
}

/* Copies between buf and segments; the segments are known to be long enough. */
static bool copy_segments(struct virtq *vq, const struct virtq_segment *s, u32 offset, char *buf,
			  u32 len, bool to_guest)
{
	while (offset >= s->len && len) {
		offset -= s->len;
		s++;
	}
	for (; len; s++, offset = 0) {
		u32 n = MIN(len, s->len - offset);

		if (copy(vq, s->gpa + offset, buf, n, to_guest) != FIRN_OK)
			return false;
		buf += n;
		len -= n;
	}
	return true;
}

/* Most copies stay in the first segment. */
static inline bool copy_bytes(struct virtq *vq, const struct virtq_segment *s, u32 offset,
			      void *buf, u32 len, bool to_guest)
{
	if (likely(len && (u64)offset + len <= s->len))
		return copy(vq, s->gpa + offset, buf, len, to_guest) == FIRN_OK;
	return copy_segments(vq, s, offset, buf, len, to_guest);
}

bool virtq_read(struct virtq *vq, const struct virtq_chain *chain, u32 offset, void *buf, u32 len)
{
	if (offset > chain->read_bytes || len > chain->read_bytes - offset)
		return false;
	return copy_bytes(vq, chain->segment, offset, buf, len, false);
}

bool virtq_write(struct virtq *vq, const struct virtq_chain *chain, u32 offset, const void *buf,
		 u32 len)
{
	if (offset > chain->write_bytes || len > chain->write_bytes - offset)
		return false;
	return copy_bytes(vq, chain->segment + chain->readable, offset, (void *)buf, len, true);
}
