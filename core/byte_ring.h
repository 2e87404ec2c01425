/* SPDX-License-Identifier: MIT */
/* A ring of bytes over an array of the caller; the caller's lock, or one CPU only. */
#ifndef FIRN_CORE_BYTE_RING_H
#define FIRN_CORE_BYTE_RING_H

#include "core/types.h"

struct byte_ring {
	u32 head, tail; /* free-running; head - tail bytes are inside */
	u32 size;	/* power of two */
	u8 *byte;
};

static inline u32 ring_used(const struct byte_ring *r)
{
	return r->head - r->tail;
}

static inline u32 ring_room(const struct byte_ring *r)
{
	return r->size - ring_used(r);
}

/* Only with room. */
static inline void ring_put(struct byte_ring *r, u8 byte)
{
	r->byte[r->head++ & (r->size - 1)] = byte;
}

/* Only with bytes inside. */
static inline u8 ring_get(struct byte_ring *r)
{
	return r->byte[r->tail++ & (r->size - 1)];
}

/* The oldest bytes as far as they lie in one piece; r->tail += n takes n of them. */
static inline u32 ring_peek(const struct byte_ring *r, const u8 **piece)
{
	u32 start = r->tail & (r->size - 1);

	*piece = r->byte + start;
	return MIN(ring_used(r), r->size - start);
}

#endif
