/* SPDX-License-Identifier: MIT */
/* Guest memory accessors: check the whole range first, then copy piece by piece, then mark dirty. */
#include "core/guest_memory.h"

#include <string.h>

#include <arch_guest_frame.h>

/* Part of a guest-physical range that lies in one slot. */
struct piece {
	struct memslot *slot;
	u64 offset; /* in the slot */
	size_t len;
};

static bool find_piece(struct memslots *ms, u64 gpa, u64 len, struct piece *p)
{
	p->slot = memslot_find(ms, gpa);
	if (!p->slot)
		return false;
	p->offset = gpa - p->slot->gpa;
	p->len = MIN(len, p->slot->size - p->offset);
	return true;
}

static inline void *slot_ptr(const struct memslot *slot, u64 offset, u64 len)
{
	backing_touch(slot->backing, offset, len);
	return (char *)guest_frame(slot->backing->hpa) + offset;
}

static void *piece_ptr(const struct piece *p)
{
	return slot_ptr(p->slot, p->offset, p->len);
}

/* The slot that holds the whole range, as nearly all ranges have one; NULL: none, or len is 0. */
static inline const struct memslot *one_slot(struct memslots *ms, u64 gpa, u64 len)
{
	const struct memslot *slot = memslot_find(ms, gpa);

	return slot && len - 1 < slot->size - (gpa - slot->gpa) ? slot : NULL;
}

/* After the write: a log harvested in between must not miss it (clear the bit, then copy). */
static void mark_dirty(const struct piece *p)
{
	memslot_mark_dirty(p->slot, p->offset, p->len);
}

/*
 * first is where the range begins, its len is 0 if there is nothing. ERR_RANGE outranks ERR_READONLY:
 * the answer does not depend on the order of the slots.
 */
static enum firn_err check_range(struct memslots *ms, u64 gpa, u64 len, bool may_fill_rom,
				 struct piece *first)
{
	enum firn_err err = FIRN_OK;
	struct piece p;

	first->len = 0;
	if (gpa + len < gpa)
		return ERR_RANGE;
	for (; len > 0; gpa += p.len, len -= p.len) {
		if (!find_piece(ms, gpa, len, &p))
			return ERR_RANGE;
		if (p.slot->kind == MEMSLOT_ROM && !may_fill_rom)
			err = ERR_READONLY;
		if (first->len == 0)
			*first = p;
	}
	return err;
}

/* Goes on behind p in a range that was checked. */
static bool next_piece(struct memslots *ms, u64 *gpa, size_t *len, struct piece *p)
{
	*gpa += p->len;
	*len -= p->len;
	return *len > 0 && find_piece(ms, *gpa, *len, p);
}

static __noinline enum firn_err read_pieces(struct memslots *ms, u64 gpa, char *to, size_t len)
{
	struct piece p;
	enum firn_err err = check_range(ms, gpa, len, true, &p);

	if (err != FIRN_OK || p.len == 0)
		return err;
	do {
		memcpy(to, piece_ptr(&p), p.len);
		to += p.len;
	} while (next_piece(ms, &gpa, &len, &p));
	return FIRN_OK;
}

enum firn_err guest_read(struct memslots *ms, u64 gpa, void *buf, size_t len)
{
	const struct memslot *slot = one_slot(ms, gpa, len);

	if (unlikely(!slot))
		return read_pieces(ms, gpa, buf, len);
	memcpy(buf, slot_ptr(slot, gpa - slot->gpa, len), len);
	return FIRN_OK;
}

/* The range is known to be writable and begins with p. from == NULL: zeros. */
static void fill(struct memslots *ms, u64 gpa, const char *from, size_t len, struct piece p)
{
	if (p.len == 0)
		return;
	do {
		if (from) {
			memcpy(piece_ptr(&p), from, p.len);
			from += p.len;
		} else {
			memset(piece_ptr(&p), 0, p.len);
		}
		mark_dirty(&p);
	} while (next_piece(ms, &gpa, &len, &p));
}

static __noinline enum firn_err write_pieces(struct memslots *ms, u64 gpa, const char *from,
					     size_t len)
{
	struct piece first;
	enum firn_err err = check_range(ms, gpa, len, false, &first);

	if (err == FIRN_OK)
		fill(ms, gpa, from, len, first);
	return err;
}

enum firn_err guest_write(struct memslots *ms, u64 gpa, const void *buf, size_t len)
{
	const struct memslot *slot = one_slot(ms, gpa, len);

	if (unlikely(!slot))
		return write_pieces(ms, gpa, buf, len);
	if (slot->kind == MEMSLOT_ROM)
		return ERR_READONLY;
	memcpy(slot_ptr(slot, gpa - slot->gpa, len), buf, len);
	memslot_mark_dirty(slot, gpa - slot->gpa, len);
	return FIRN_OK;
}

enum firn_err guest_zero(struct memslots *ms, u64 gpa, size_t len)
{
	struct piece first;
	enum firn_err err = check_range(ms, gpa, len, false, &first);

	if (err == FIRN_OK)
		fill(ms, gpa, NULL, len, first);
	return err;
}

enum firn_err guest_load(struct memslots *ms, u64 gpa, const void *buf, size_t len)
{
	struct piece first;
	enum firn_err err = check_range(ms, gpa, len, true, &first);

	if (err == FIRN_OK)
		fill(ms, gpa, buf, len, first);
	return err;
}

static __noinline enum firn_err check_pieces(struct memslots *ms, u64 gpa, u64 len,
					     enum guest_access access)
{
	struct piece first;

	return check_range(ms, gpa, len, access == GUEST_READ, &first);
}

enum firn_err guest_check(struct memslots *ms, u64 gpa, u64 len, enum guest_access access)
{
	const struct memslot *slot = one_slot(ms, gpa, len);

	if (unlikely(!slot))
		return check_pieces(ms, gpa, len, access);
	return slot->kind == MEMSLOT_ROM && access == GUEST_WRITE ? ERR_READONLY : FIRN_OK;
}

static enum firn_err find_u16(struct memslots *ms, u64 gpa, struct piece *p)
{
	if (!IS_ALIGNED(gpa, sizeof(u16)))
		return ERR_ALIGN;
	return find_piece(ms, gpa, sizeof(u16), p) ? FIRN_OK : ERR_RANGE;
}

enum firn_err guest_load_u16(struct memslots *ms, u64 gpa, u16 *value)
{
	struct piece p;
	enum firn_err err = find_u16(ms, gpa, &p);

	if (err == FIRN_OK)
		*value = __atomic_load_n((u16 *)piece_ptr(&p), __ATOMIC_ACQUIRE);
	return err;
}

enum firn_err guest_store_u16(struct memslots *ms, u64 gpa, u16 value)
{
	struct piece p;
	enum firn_err err = find_u16(ms, gpa, &p);

	if (err != FIRN_OK)
		return err;
	if (p.slot->kind != MEMSLOT_RAM)
		return ERR_READONLY;
	__atomic_store_n((u16 *)piece_ptr(&p), value, __ATOMIC_RELEASE);
	mark_dirty(&p);
	return FIRN_OK;
}

void *guest_map(struct memslots *ms, u64 gpa, size_t len, enum guest_access access)
{
	struct piece p;

	if (len == 0 || !find_piece(ms, gpa, len, &p) || p.len != len)
		return NULL;
	if (access == GUEST_WRITE) {
		if (p.slot->kind != MEMSLOT_RAM)
			return NULL;
		mark_dirty(&p);
	}
	return piece_ptr(&p);
}

enum firn_err guest_span_find(struct guest_span *span, struct memslots *ms, u64 gpa, u64 len,
			      enum guest_access access)
{
	enum firn_err err = guest_check(ms, gpa, len, access);
	const struct memslot *slot = err == FIRN_OK ? one_slot(ms, gpa, len) : NULL;

	*span = (struct guest_span){ .ms = ms, .gpa = gpa, .slot = slot };
	if (slot) {
		span->offset = gpa - slot->gpa;
		span->at = slot_ptr(slot, span->offset, len);
	}
	return err;
}

/* What can't be reached any more, against the contract, is not written and reads as zeros. */
void guest_span_read_apart(const struct guest_span *span, u64 offset, void *buf, size_t len)
{
	if (guest_read(span->ms, span->gpa + offset, buf, len) != FIRN_OK)
		memset(buf, 0, len);
}

void guest_span_write_apart(const struct guest_span *span, u64 offset, const void *buf, size_t len)
{
	enum firn_err err = guest_write(span->ms, span->gpa + offset, buf, len);

	(void)err;
}

u16 guest_span_load_u16_apart(const struct guest_span *span, u64 offset)
{
	u16 value = 0;
	enum firn_err err = guest_load_u16(span->ms, span->gpa + offset, &value);

	(void)err;
	return value;
}

void guest_span_store_u16_apart(const struct guest_span *span, u64 offset, u16 value)
{
	enum firn_err err = guest_store_u16(span->ms, span->gpa + offset, value);

	(void)err;
}
