/* SPDX-License-Identifier: MIT */
/*
 * The only way to touch guest memory. Every access is checked against the slots; every write
 * marks the page dirty. len may span slots that are adjacent. Any CPU.
 */
#ifndef FIRN_CORE_GUEST_MEMORY_H
#define FIRN_CORE_GUEST_MEMORY_H

#include <string.h>

#include "core/memslot.h"

/* ERR_RANGE when any byte is outside memory (then nothing was copied), ERR_READONLY for ROM. */
enum firn_err guest_read(struct memslots *ms, u64 gpa, void *buf, size_t len) __must_check;
enum firn_err guest_write(struct memslots *ms, u64 gpa, const void *buf, size_t len) __must_check;
enum firn_err guest_zero(struct memslots *ms, u64 gpa, size_t len) __must_check;

/* Loaders and firmware tables: like guest_write, but may fill ROM. VM not running. */
enum firn_err guest_load(struct memslots *ms, u64 gpa, const void *buf, size_t len) __must_check;

enum guest_access {
	GUEST_READ,
	GUEST_WRITE
};
/* What guest_read() or guest_write() of this range would answer. */
enum firn_err guest_check(struct memslots *ms, u64 gpa, u64 len,
			  enum guest_access access) __must_check;

/*
 * Two aligned bytes that the guest uses at the same time, as in rings: the load acquires, the store
 * releases and marks the page dirty afterwards. ERR_ALIGN, ERR_RANGE, ERR_READONLY.
 */
enum firn_err guest_load_u16(struct memslots *ms, u64 gpa, u16 *value) __must_check;
enum firn_err guest_store_u16(struct memslots *ms, u64 gpa, u16 value) __must_check;

/*
 * Direct pointer to [gpa, gpa+len) inside one slot, NULL if not all inside one. For atomics and
 * rings; GUEST_WRITE marks all its pages dirty now, so map again for each use.
 */
void *guest_map(struct memslots *ms, u64 gpa, size_t len, enum guest_access access) __must_check;

/*
 * A range that is found once and used many times, such as a ring. Whoever keeps one finds it again
 * when the slots may have changed or were cleared: each time the VM goes on.
 */
struct guest_span {
	struct memslots *ms;
	u64 gpa;
	u8 *at; /* NULL: it spans slots, and is found each time */
	const struct memslot *slot;
	u64 offset; /* in the slot */
};
/* What guest_check() would answer; for a while accesses of that kind inside the range succeed. */
enum firn_err guest_span_find(struct guest_span *span, struct memslots *ms, u64 gpa, u64 len,
			      enum guest_access access) __must_check;

/*
 * Accesses at an offset in a span, all of it inside; those of two bytes as guest_load_u16() and
 * guest_store_u16(). The ..._apart() functions are what they do with a span over several slots.
 */
void guest_span_read_apart(const struct guest_span *span, u64 offset, void *buf, size_t len);
void guest_span_write_apart(const struct guest_span *span, u64 offset, const void *buf, size_t len);
u16 guest_span_load_u16_apart(const struct guest_span *span, u64 offset);
void guest_span_store_u16_apart(const struct guest_span *span, u64 offset, u16 value);

static inline void guest_span_read(const struct guest_span *span, u64 offset, void *buf, size_t len)
{
	if (likely(span->at))
		memcpy(buf, span->at + offset, len);
	else
		guest_span_read_apart(span, offset, buf, len);
}

static inline void guest_span_write(const struct guest_span *span, u64 offset, const void *buf,
				    size_t len)
{
	if (unlikely(!span->at)) {
		guest_span_write_apart(span, offset, buf, len);
		return;
	}
	memcpy(span->at + offset, buf, len);
	memslot_mark_dirty(span->slot, span->offset + offset, len);
}

static inline u16 guest_span_load_u16(const struct guest_span *span, u64 offset)
{
	if (unlikely(!span->at))
		return guest_span_load_u16_apart(span, offset);
	return __atomic_load_n((const u16 *)(span->at + offset), __ATOMIC_ACQUIRE);
}

static inline void guest_span_store_u16(const struct guest_span *span, u64 offset, u16 value)
{
	if (unlikely(!span->at)) {
		guest_span_store_u16_apart(span, offset, value);
		return;
	}
	__atomic_store_n((u16 *)(span->at + offset), value, __ATOMIC_RELEASE);
	memslot_mark_dirty(span->slot, span->offset + offset, sizeof(value));
}

#endif
