/* SPDX-License-Identifier: MIT */
/*
 * A VM's physical address space: a small sorted table of slots. Kind and backing of a slot never
 * change after creation; only dirty logging can be switched. Changed only while the VM's vCPUs
 * are stopped, so readers need no lock.
 */
#ifndef FIRN_CORE_MEMSLOT_H
#define FIRN_CORE_MEMSLOT_H

#include "core/err.h"
#include "core/spinlock.h"

#define MEMSLOT_MAX 32

enum memslot_kind {
	MEMSLOT_RAM = 1,
	MEMSLOT_ROM = 2
};

/*
 * Physical memory that one slot can be bound to; freed only when unbound. With a present map its
 * memory is cleared piece by piece when it is first touched, so starting a VM costs what its guest
 * uses, not what it was promised.
 */
struct backing {
	u64 hpa;  /* contiguous, page aligned; by guest_memory_take() */
	u64 size; /* bytes */
	bool bound;
	struct spinlock lock; /* of the clearing */
	u64 *present;	      /* one bit a chunk, atomic; NULL = all there and clear */
	u64 clearing;	      /* chunk of which a part is clear */
	u64 cleared;	      /* bytes from its start; 0 = there is none */
};

struct memslot {
	u64 gpa, size; /* bytes, page aligned; size 0 = unused entry */
	enum memslot_kind kind;
	struct backing *backing;
	u64 *dirty; /* one bit a page while logging, else NULL; pointer and bits atomic */
};

struct memslots {
	unsigned count;
	struct memslot slot[MEMSLOT_MAX]; /* sorted by gpa */
};

/* ERR_ALIGN, ERR_RANGE (wrap, size 0, beyond 2^46), ERR_OVERLAP, ERR_STATE (backing bound), ERR_FULL */
enum firn_err memslot_create(struct memslots *ms, enum memslot_kind kind, u64 gpa,
			     struct backing *backing);
enum firn_err memslot_delete(struct memslots *ms, u64 gpa); /* ERR_NOENT */
/*
 * bitmap: memslot_dirty_words() zeroed words owned by the caller; NULL = stop logging. The VM may
 * run: the old bitmap is in use until every CPU was quiescent (core/epoch.h).
 */
enum firn_err memslot_set_dirty_log(struct memslots *ms, u64 gpa, u64 *bitmap);
static inline size_t memslot_dirty_words(const struct memslot *slot)
{
	return DIV_ROUND_UP(slot->size / PAGE_SIZE, 64);
}
/* What memslot_mark_dirty() does while there is a log. */
void memslot_log_write(u64 *dirty, u64 offset, u64 len);
/* After a write to [offset, offset + len) of the slot, so that no harvest misses it. Any CPU. */
static inline void memslot_mark_dirty(const struct memslot *slot, u64 offset, u64 len)
{
	u64 *dirty = __atomic_load_n(&slot->dirty, __ATOMIC_ACQUIRE);

	if (unlikely(dirty))
		memslot_log_write(dirty, offset, len);
}

#define BACKING_CHUNK (2 * MiB)

/* Words of a present map for so many bytes. */
static inline size_t backing_map_words(u64 size)
{
	return DIV_ROUND_UP(DIV_ROUND_UP(size, BACKING_CHUNK), 64);
}

static inline bool backing_chunk_is_present(const struct backing *b, u64 chunk)
{
	return __atomic_load_n(&b->present[chunk / 64], __ATOMIC_ACQUIRE) >> chunk % 64 & 1;
}
/* What backing_touch() does when some of it may be new. */
void backing_clear_new(struct backing *b, u64 offset, u64 len);
/* Clears what of [offset, offset + len), not empty, was not touched before. Any CPU. */
static inline void backing_touch(struct backing *b, u64 offset, u64 len)
{
	u64 chunk = offset / BACKING_CHUNK;

	if (b->present && unlikely(chunk != (offset + len - 1) / BACKING_CHUNK ||
				   !backing_chunk_is_present(b, chunk)))
		backing_clear_new(b, offset, len);
}
/*
 * Clears a piece of what is new, so that the caller can let others run in between: of the chunk at
 * offset, or first of another one that was begun. True when that at offset is clear. Any CPU.
 */
bool backing_clear_some(struct backing *b, u64 offset);
/* Clears all that was touched, before others get the memory. It has a present map. No CPU uses it. */
void backing_wipe(struct backing *backing);
/* From now on all of it reads as zeros again. No CPU uses it. */
void backing_forget(struct backing *backing);

/* Was the memory around this offset ever touched? If not, it reads as zeros. */
bool memslot_is_touched(const struct memslot *slot, u64 offset);
/* Binary search. */
struct memslot *memslot_search(struct memslots *ms, u64 gpa);
/* The slot that holds gpa, or NULL. Nearly always it is the first one: RAM from address 0. */
static inline struct memslot *memslot_find(struct memslots *ms, u64 gpa)
{
	struct memslot *first = &ms->slot[0];

	return likely(gpa - first->gpa < first->size) ? first : memslot_search(ms, gpa);
}

#endif
