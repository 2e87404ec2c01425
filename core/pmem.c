/* SPDX-License-Identifier: MIT */
/* Physical memory: sorted sets of ranges in fixed tables, so that no allocation needs memory. */
#include "core/pmem.h"

#include <string.h>

#include "core/arch.h"
#include "core/log.h"
#include "core/spinlock.h"

#define PMEM_MAX_RANGES 1024
#define PMEM_LIMIT	BIT(52) /* SDM 3A 4.1.4: the most physical address bits there can be */

struct range {
	u64 base, end;
};

/* Sorted, neither overlapping nor touching. */
struct range_set {
	unsigned count;
	struct range range[PMEM_MAX_RANGES];
};

static struct {
	struct spinlock lock;
	struct range_set ram;	     /* all that was given by pmem_add() */
	struct range_set free;	     /* the part of it that is not in use */
	u64 first_stray, last_stray; /* of those that free has no room for; 0 = none */
	struct pmem_stats stats;
} pmem;

/*
 * A free range that has no room in the set waits in a list, whose links are in the ranges themselves:
 * how free memory is cut up is in the hands of guests, which discard blocks of their disks.
 */
struct stray {
	u64 next, size;
};
/* So many are tried again with each use: more than the one range that it may have made. */
#define STRAYS_AT_ONCE 4

const char *const pmem_use_name[PMEM_USES] = {
	[PMEM_HEAP] = "heap", [PMEM_PAGE_TABLE] = "page tables", [PMEM_GUEST] = "guests",
	[PMEM_CPU] = "CPUs",  [PMEM_VIRT] = "virtualization",	 [PMEM_DISK] = "disks",
};

static const u64 where_limit[] = {
	[PMEM_ANY] = PMEM_LIMIT,
	[PMEM_LOW] = 4 * GiB,
	[PMEM_1MIB] = MiB,
};

/* Index of the first range that ends above addr; set->count when there is none. */
static unsigned set_find(const struct range_set *set, u64 addr)
{
	unsigned lo = 0, hi = set->count;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (set->range[mid].end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static bool set_overlaps(const struct range_set *set, u64 base, u64 end)
{
	unsigned i = set_find(set, base);

	return i < set->count && set->range[i].base < end;
}

static bool set_contains(const struct range_set *set, u64 base, u64 end)
{
	unsigned i = set_find(set, base);

	return i < set->count && set->range[i].base <= base && end <= set->range[i].end;
}

static void set_remove_at(struct range_set *set, unsigned i)
{
	memmove(&set->range[i], &set->range[i + 1], (set->count - i - 1) * sizeof(set->range[0]));
	set->count--;
}

static bool set_insert_at(struct range_set *set, unsigned i, u64 base, u64 end)
{
	if (set->count == PMEM_MAX_RANGES)
		return false;
	memmove(&set->range[i + 1], &set->range[i], (set->count - i) * sizeof(set->range[0]));
	set->range[i] = (struct range){ base, end };
	set->count++;
	return true;
}

/* Adds a range that overlaps none of the set and joins it with its neighbours. */
static bool set_add(struct range_set *set, u64 base, u64 end)
{
	unsigned i = set_find(set, base);
	bool joins_left = i > 0 && set->range[i - 1].end == base;
	bool joins_right = i < set->count && set->range[i].base == end;

	if (joins_left && joins_right) {
		set->range[i - 1].end = set->range[i].end;
		set_remove_at(set, i);
	} else if (joins_left) {
		set->range[i - 1].end = end;
	} else if (joins_right) {
		set->range[i].base = base;
	} else {
		return set_insert_at(set, i, base, end);
	}
	return true;
}

/* Takes [base, end), which lies inside range i, out of the set. */
static bool set_take(struct range_set *set, unsigned i, u64 base, u64 end)
{
	struct range *r = &set->range[i];

	if (r->base == base && r->end == end) {
		set_remove_at(set, i);
	} else if (r->base == base) {
		r->base = end;
	} else if (r->end == end) {
		r->end = base;
	} else {
		if (!set_insert_at(set, i + 1, end, r->end))
			return false;
		r->end = base;
	}
	return true;
}

static void add_free(u64 base, u64 end)
{
	if (set_add(&pmem.free, base, end))
		return;
	*(struct stray *)phys_to_virt(base) = (struct stray){ .size = end - base };
	if (pmem.first_stray)
		((struct stray *)phys_to_virt(pmem.last_stray))->next = base;
	else
		pmem.first_stray = base;
	pmem.last_stray = base;
}

/* There may be room again, or a neighbour to join. Lock held. */
static void try_strays(void)
{
	for (unsigned i = 0; i < STRAYS_AT_ONCE && pmem.first_stray; i++) {
		u64 base = pmem.first_stray;
		const struct stray s = *(const struct stray *)phys_to_virt(base);

		pmem.first_stray = s.next;
		add_free(base, base + s.size);
	}
}

enum firn_err pmem_add(u64 base, u64 size)
{
	u64 end = base + size;
	enum firn_err err = ERR_FULL;

	if (!IS_ALIGNED(base | size, PAGE_SIZE))
		return ERR_ALIGN;
	if (size == 0 || end < base || end > PMEM_LIMIT)
		return ERR_RANGE;
	/* 0 stands for "no memory", and nothing good is ever found at a NULL pointer. */
	base = MAX(base, PAGE_SIZE);
	if (base == end)
		return FIRN_OK;

	spin_lock(&pmem.lock);
	if (set_overlaps(&pmem.ram, base, end)) {
		err = ERR_OVERLAP;
		goto out;
	}
	/* Both sets need room before either changes. */
	if (pmem.ram.count == PMEM_MAX_RANGES || pmem.free.count == PMEM_MAX_RANGES)
		goto out;
	set_add(&pmem.ram, base, end);
	set_add(&pmem.free, base, end);
	pmem.stats.total += end - base;
	pmem.stats.free += end - base;
	err = FIRN_OK;
out:
	spin_unlock(&pmem.lock);
	return err;
}

/* Highest place in range r below limit; 0 when it does not fit. */
static u64 fit(const struct range *r, u64 size, u64 align, u64 limit)
{
	u64 end = MIN(r->end, limit), base;

	if (end <= r->base || end - r->base < size)
		return 0;
	base = ALIGN_DOWN(end - size, align);
	return base >= r->base ? base : 0;
}

u64 pmem_alloc(u64 size, u64 align, enum pmem_where where, enum pmem_use use)
{
	u64 base = 0;

	BUG_ON(!IS_ALIGNED(size, PAGE_SIZE));
	BUG_ON(align < PAGE_SIZE || (align & (align - 1)) != 0);
	BUG_ON((unsigned)where >= ARRAY_SIZE(where_limit) || (unsigned)use >= PMEM_USES);
	if (size == 0)
		return 0;

	spin_lock(&pmem.lock);
	for (unsigned i = pmem.free.count; i-- > 0;) {
		base = fit(&pmem.free.range[i], size, align, where_limit[where]);
		if (base && set_take(&pmem.free, i, base, base + size)) {
			pmem.stats.free -= size;
			pmem.stats.used[use] += size;
			break;
		}
		base = 0;
	}
	try_strays();
	spin_unlock(&pmem.lock);
	return base;
}

void pmem_free(u64 base, u64 size, enum pmem_use use)
{
	BUG_ON(!IS_ALIGNED(base | size, PAGE_SIZE) || size == 0 || base + size < base);
	BUG_ON((unsigned)use >= PMEM_USES);

	spin_lock(&pmem.lock);
	BUG_ON(!set_contains(&pmem.ram, base, base + size));
	BUG_ON(set_overlaps(&pmem.free, base, base + size));
	BUG_ON(pmem.stats.used[use] < size);
	add_free(base, base + size);
	try_strays();
	pmem.stats.free += size;
	pmem.stats.used[use] -= size;
	spin_unlock(&pmem.lock);
}

void *pmem_alloc_page(enum pmem_use use)
{
	u64 pa = pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_ANY, use);

	return pa ? memset(phys_to_virt(pa), 0, PAGE_SIZE) : NULL;
}

void pmem_free_page(void *page, enum pmem_use use)
{
	if (page)
		pmem_free(virt_to_phys(page), PAGE_SIZE, use);
}

u64 pmem_largest(u64 align)
{
	u64 largest = 0;

	BUG_ON(align < PAGE_SIZE || (align & (align - 1)) != 0);
	spin_lock(&pmem.lock);
	for (unsigned i = 0; i < pmem.free.count; i++) {
		const struct range *r = &pmem.free.range[i];
		u64 base = ALIGN_UP(r->base, align);

		if (base >= r->base && base < r->end)
			largest = MAX(largest, r->end - base);
	}
	spin_unlock(&pmem.lock);
	return largest;
}

void pmem_get_stats(struct pmem_stats *st)
{
	spin_lock(&pmem.lock);
	*st = pmem.stats;
	spin_unlock(&pmem.lock);
}
