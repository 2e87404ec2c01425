/* SPDX-License-Identifier: MIT */
/* The hand-over's memory map: one range at a time is painted over a sorted list. */
#include "boot/memory_map.h"

#include <string.h>

#include "boot/handover_build.h"

#define PHYS_ADDR_LIMIT BIT(52) /* SDM 3A 4.1.4: MAXPHYADDR is at most 52 */

/* A range painted over n others gives at most 2n + 1 pieces: each old one, and each gap. */
struct map_builder {
	u32 count;
	struct handover_memory range[2 * HANDOVER_MAX_MEMORY + 1];
};

static u64 range_end(const struct handover_memory *r)
{
	return r->base + r->size;
}

/* Appends [base, end), joining it to its left neighbour when it can. Empty ranges vanish. */
static void emit(struct map_builder *b, u64 base, u64 end, u32 type)
{
	struct handover_memory *last = b->count ? &b->range[b->count - 1] : NULL;

	if (base >= end)
		return;
	if (last && range_end(last) == base && last->type == type)
		last->size += end - base;
	else
		b->range[b->count++] =
			(struct handover_memory){ .base = base, .size = end - base, .type = type };
}

static void paint(struct map_builder *b, const struct handover *h, u64 base, u64 end, u32 type)
{
	u64 at = base; /* up to here the new range is done */

	for (u32 i = 0; i < h->nr_memory; i++) {
		const struct handover_memory *r = &h->memory[i];
		u64 cut_base = MAX(r->base, base), cut_end = MIN(range_end(r), end);

		emit(b, at, MIN(r->base, end), type);
		if (cut_base < cut_end) {
			emit(b, r->base, cut_base, r->type);
			emit(b, cut_base, cut_end, MAX(r->type, type));
			emit(b, cut_end, range_end(r), r->type);
		} else {
			emit(b, r->base, range_end(r), r->type);
		}
		at = MAX(at, MIN(range_end(r), end));
	}
	emit(b, at, end, type);
}

/* Without FREE ranges the last one goes: it is not usable memory, so not listing it is safe. */
static void drop_smallest_free(struct map_builder *b)
{
	u32 victim = b->count - 1;

	for (u32 i = 0; i < b->count; i++) {
		if (b->range[i].type != HANDOVER_MEM_FREE)
			continue;
		if (b->range[victim].type != HANDOVER_MEM_FREE ||
		    b->range[i].size < b->range[victim].size)
			victim = i;
	}
	b->count--;
	memmove(&b->range[victim], &b->range[victim + 1],
		(b->count - victim) * sizeof(b->range[0]));
}

void memory_map_add(struct handover *h, u64 base, u64 size, enum handover_memory_type type)
{
	static struct map_builder builder; /* 12 KiB: too much for the boot stack */
	u64 limit = MIN(size, PHYS_ADDR_LIMIT - MIN(base, PHYS_ADDR_LIMIT));
	u64 end = base + limit;

	if (!limit)
		return;
	if (type == HANDOVER_MEM_FREE) {
		base = ALIGN_UP(base, PAGE_SIZE);
		end = ALIGN_DOWN(end, PAGE_SIZE);
	} else {
		base = ALIGN_DOWN(base, PAGE_SIZE);
		end = ALIGN_UP(end, PAGE_SIZE);
	}
	if (base >= end)
		return;

	builder.count = 0;
	paint(&builder, h, base, end, type);
	if (builder.count > HANDOVER_MAX_MEMORY)
		handover_note(h, "memory map", "too many ranges, small free ones are not used");
	while (builder.count > HANDOVER_MAX_MEMORY)
		drop_smallest_free(&builder);
	h->nr_memory = builder.count;
	memcpy(h->memory, builder.range, builder.count * sizeof(builder.range[0]));
}
