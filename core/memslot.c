/* SPDX-License-Identifier: MIT */
/* Memory slots: the one place where backing memory is bound to a guest address and unbound. */
#include "core/memslot.h"

#include <string.h>

#include <arch_guest_frame.h>

#define BITS_PER_WORD 64
#define CLEAR_PIECE   (512 * KiB)
#define GPA_LIMIT     BIT(46) /* also the limit of what EPT and NPT with four levels can map */

/* Index of the first slot that ends above gpa; ms->count when there is none. */
static unsigned first_above(const struct memslots *ms, u64 gpa)
{
	unsigned lo = 0, hi = ms->count;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (ms->slot[mid].gpa + ms->slot[mid].size > gpa)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static enum firn_err check_new(enum memslot_kind kind, u64 gpa, const struct backing *backing)
{
	if (!backing || (kind != MEMSLOT_RAM && kind != MEMSLOT_ROM))
		return ERR_INVALID;
	if (!IS_ALIGNED(gpa | backing->size | backing->hpa, PAGE_SIZE))
		return ERR_ALIGN;
	if (backing->size == 0 || gpa >= GPA_LIMIT || backing->size > GPA_LIMIT - gpa)
		return ERR_RANGE;
	if (backing->hpa + backing->size < backing->hpa)
		return ERR_RANGE;
	return FIRN_OK;
}

enum firn_err memslot_create(struct memslots *ms, enum memslot_kind kind, u64 gpa,
			     struct backing *backing)
{
	enum firn_err err = check_new(kind, gpa, backing);
	unsigned i;

	if (err != FIRN_OK)
		return err;
	i = first_above(ms, gpa);
	if (i < ms->count && ms->slot[i].gpa < gpa + backing->size)
		return ERR_OVERLAP;
	if (backing->bound)
		return ERR_STATE;
	if (ms->count == MEMSLOT_MAX)
		return ERR_FULL;

	memmove(&ms->slot[i + 1], &ms->slot[i], (ms->count - i) * sizeof(ms->slot[0]));
	ms->slot[i] = (struct memslot){
		.gpa = gpa, .size = backing->size, .kind = kind, .backing = backing
	};
	ms->count++;
	backing->bound = true;
	return FIRN_OK;
}

static struct memslot *slot_at(struct memslots *ms, u64 gpa)
{
	struct memslot *slot = memslot_find(ms, gpa);

	return slot && slot->gpa == gpa ? slot : NULL;
}

enum firn_err memslot_delete(struct memslots *ms, u64 gpa)
{
	struct memslot *slot = slot_at(ms, gpa);

	if (!slot)
		return ERR_NOENT;
	slot->backing->bound = false;
	ms->count--;
	memmove(slot, slot + 1, (char *)&ms->slot[ms->count] - (char *)slot);
	memset(&ms->slot[ms->count], 0, sizeof(*slot));
	return FIRN_OK;
}

enum firn_err memslot_set_dirty_log(struct memslots *ms, u64 gpa, u64 *bitmap)
{
	struct memslot *slot = slot_at(ms, gpa);

	if (!slot)
		return ERR_NOENT;
	__atomic_store_n(&slot->dirty, bitmap, __ATOMIC_RELEASE);
	return FIRN_OK;
}

void memslot_log_write(u64 *dirty, u64 offset, u64 len)
{
	u64 last = (offset + len - 1) >> PAGE_SHIFT;

	for (u64 page = offset >> PAGE_SHIFT; page <= last; page++)
		__atomic_fetch_or(&dirty[page / BITS_PER_WORD], BIT(page % BITS_PER_WORD),
				  __ATOMIC_RELEASE);
}

struct memslot *memslot_search(struct memslots *ms, u64 gpa)
{
	unsigned i = first_above(ms, gpa);

	return i < ms->count && ms->slot[i].gpa <= gpa ? &ms->slot[i] : NULL;
}

/* Whole pages; of a known size, so that the compiler stores words, not bytes. */
static void clear(struct backing *b, u64 offset, u64 len)
{
	char *page = (char *)guest_frame(b->hpa) + offset;

	for (const char *end = page + len; page < end; page += PAGE_SIZE)
		memset(page, 0, PAGE_SIZE);
}

static u64 chunk_size(const struct backing *b, u64 chunk)
{
	return MIN(BACKING_CHUNK, b->size - chunk * BACKING_CHUNK);
}

/* Of the chunk that was begun, else of this one. With the lock. */
static void clear_piece(struct backing *b, u64 chunk)
{
	u64 len;

	if (!b->cleared)
		b->clearing = chunk;
	chunk = b->clearing;
	len = MIN(CLEAR_PIECE, chunk_size(b, chunk) - b->cleared);
	clear(b, chunk * BACKING_CHUNK + b->cleared, len);
	b->cleared += len;
	if (b->cleared < chunk_size(b, chunk))
		return;
	b->cleared = 0;
	__atomic_fetch_or(&b->present[chunk / 64], BIT(chunk % 64), __ATOMIC_RELEASE);
}

/* Whoever comes first clears it; the others wait, since they may not see old contents. */
static __noinline void make_present(struct backing *b, u64 chunk)
{
	spin_lock(&b->lock);
	while (!backing_chunk_is_present(b, chunk))
		clear_piece(b, chunk);
	spin_unlock(&b->lock);
}

bool backing_clear_some(struct backing *b, u64 offset)
{
	u64 chunk = offset / BACKING_CHUNK;
	bool present = !b->present || backing_chunk_is_present(b, chunk);

	if (present)
		return true;
	spin_lock(&b->lock);
	if (!backing_chunk_is_present(b, chunk))
		clear_piece(b, chunk);
	present = backing_chunk_is_present(b, chunk);
	spin_unlock(&b->lock);
	return present;
}

void backing_clear_new(struct backing *b, u64 offset, u64 len)
{
	for (u64 chunk = offset / BACKING_CHUNK; chunk * BACKING_CHUNK < offset + len; chunk++)
		if (!backing_chunk_is_present(b, chunk))
			make_present(b, chunk);
}

bool memslot_is_touched(const struct memslot *slot, u64 offset)
{
	const struct backing *b = slot->backing;

	return !b->present || backing_chunk_is_present(b, offset / BACKING_CHUNK);
}

void backing_wipe(struct backing *b)
{
	for (u64 chunk = 0; b->present && chunk * BACKING_CHUNK < b->size; chunk++)
		if (backing_chunk_is_present(b, chunk))
			clear(b, chunk * BACKING_CHUNK, chunk_size(b, chunk));
}

void backing_forget(struct backing *b)
{
	b->cleared = 0;
	if (b->present)
		memset(b->present, 0, backing_map_words(b->size) * sizeof(*b->present));
}
