/* SPDX-License-Identifier: MIT */
/* I/O bus: copy-on-write array of device ranges; readers see the old or the new one, whole. */
#include "core/iobus.h"

#include <stdlib.h>

#include "core/log.h"

#define BITS_PER_BYTE 8
#define ROUND_BITS    3	    /* index bits that one round of the search decides */
#define NO_BASE	      ~0ull /* iobus_register() accepts no range that reaches the last byte */

static void free_map(struct epoch_entry *entry)
{
	free(container_of(entry, struct iobus_map, retired));
}

/*
 * The search goes in rounds of three steps, each step deciding one bit of the index. Bases are
 * padded to a power of eight with a value that no range holds, so no step needs a bounds check.
 */
static struct iobus_map *alloc_map(unsigned max_count)
{
	struct iobus_map *map;
	unsigned padded = 1u << ROUND_BITS;

	while (padded < max_count)
		padded <<= ROUND_BITS;
	map = malloc(sizeof(*map) + max_count * sizeof(map->range[0]) +
		     padded * sizeof(map->base[0]));
	if (!map)
		return NULL;
	map->count = 0;
	map->first_step = padded / 2;
	map->base = (u64 *)&map->range[max_count];
	for (unsigned i = 0; i < padded; i++)
		map->base[i] = NO_BASE;
	return map;
}

static void append(struct iobus_map *map, const struct iorange *r)
{
	map->base[map->count] = r->base;
	map->range[map->count++] = *r;
}

/* Replaces the map; the old one is freed when nobody can be searching it. Lock held. */
static void publish(struct iobus *bus, struct iobus_map *map)
{
	struct iobus_map *old = bus->map;

	if (map && map->count == 0) {
		free(map);
		map = NULL;
	}
	__atomic_store_n(&bus->map, map, __ATOMIC_RELEASE);

	if (!old)
		return;
	if (bus->live)
		epoch_defer(&old->retired, free_map);
	else
		free(old);
}

static bool overlaps(const struct iorange *a, const struct iorange *b)
{
	return a->base < b->base + b->len && b->base < a->base + a->len;
}

/* Ranges in use; ERR_OVERLAP when one of them overlaps r. */
static enum firn_err check_new(const struct iobus_map *map, const struct iorange *r,
			       unsigned *in_use)
{
	*in_use = 0;
	for (unsigned i = 0; map && i < map->count; i++) {
		if (map->range[i].len == 0)
			continue;
		if (overlaps(&map->range[i], r))
			return ERR_OVERLAP;
		++*in_use;
	}
	return *in_use < IOBUS_MAX_RANGES ? FIRN_OK : ERR_FULL;
}

static enum firn_err insert(struct iobus *bus, const struct iorange *new)
{
	const struct iobus_map *old = bus->map;
	struct iobus_map *map;
	unsigned in_use, i = 0;
	enum firn_err err = check_new(old, new, &in_use);

	if (err != FIRN_OK)
		return err;
	map = alloc_map(in_use + 1);
	if (!map)
		return ERR_NOMEM;
	for (; old && i < old->count && old->range[i].base < new->base; i++)
		if (old->range[i].len)
			append(map, &old->range[i]);
	append(map, new);
	for (; old && i < old->count; i++)
		if (old->range[i].len)
			append(map, &old->range[i]);
	publish(bus, map);
	return FIRN_OK;
}

enum firn_err iobus_register(struct iobus *bus, u64 base, u64 len, const struct iodev_ops *ops,
			     void *dev)
{
	const struct iorange r = { .base = base, .len = len, .ops = ops, .dev = dev };
	enum firn_err err;

	if (len == 0 || base + len <= base)
		return ERR_RANGE;
	spin_lock(&bus->lock);
	err = insert(bus, &r);
	spin_unlock(&bus->lock);
	return err;
}

static struct iorange *find_start(struct iobus_map *map, u64 base)
{
	for (unsigned i = 0; map && i < map->count; i++)
		if (map->range[i].base == base && map->range[i].len)
			return &map->range[i];
	return NULL;
}

static enum firn_err remove_range(struct iobus *bus, u64 base)
{
	struct iobus_map *old = bus->map, *map;
	struct iorange *gone = find_start(old, base);

	if (!gone)
		return ERR_NOENT;
	map = alloc_map(old->count);
	if (!map) {
		/* No memory: the entry stays in its place but matches nothing any more. */
		__atomic_store_n(&gone->len, 0, __ATOMIC_RELEASE);
		return FIRN_OK;
	}
	for (unsigned i = 0; i < old->count; i++)
		if (&old->range[i] != gone && old->range[i].len)
			append(map, &old->range[i]);
	publish(bus, map);
	return FIRN_OK;
}

enum firn_err iobus_unregister(struct iobus *bus, u64 base)
{
	enum firn_err err;

	spin_lock(&bus->lock);
	err = remove_range(bus, base);
	spin_unlock(&bus->lock);
	return err;
}

void iobus_destroy(struct iobus *bus)
{
	spin_lock(&bus->lock);
	publish(bus, NULL);
	spin_unlock(&bus->lock);
}

void iobus_go_live(struct iobus *bus)
{
	spin_lock(&bus->lock);
	bus->live = true;
	spin_unlock(&bus->lock);
}

static inline const u64 *step_to(const u64 *base, size_t bytes, u64 addr)
{
	const u64 *next = (const u64 *)((const char *)base + bytes);

	return *next <= addr ? next : base;
}

/* An index is never computed: steps and the way from base[] to range[] are multiples of bytes. */
#define RANGE_BYTES_PER_BASE_BYTE (sizeof(struct iorange) / sizeof(u64))
_Static_assert(sizeof(u64) == 8, "search() scales steps by 8");
_Static_assert(sizeof(struct iorange) % sizeof(u64) == 0, "a factor without remainder");

/* The last range that starts at or below addr, the first one when there is none. */
static inline const struct iorange *search(const struct iobus_map *map, u64 addr)
{
	const u64 *base = map->base;
	size_t step = map->first_step, offset;

	/* step, step / 2 and step / 4 entries, as bytes: the scale factors of one address mode. */
	for (;;) {
		base = step_to(base, step * 8, addr);
		base = step_to(base, step * 4, addr);
		base = step_to(base, step * 2, addr);
		step >>= ROUND_BITS;
		if (step == 0)
			break;
	}
	offset = (const char *)base - (const char *)map->base;
	return (const void *)((const char *)map->range + offset * RANGE_BYTES_PER_BASE_BYTE);
}

const struct iorange *iobus_find(const struct iobus *bus, u64 addr, unsigned width)
{
	const struct iobus_map *map = __atomic_load_n(&bus->map, __ATOMIC_ACQUIRE);
	const struct iorange *r;
	u64 offset, len;

	if (!map || addr == NO_BASE)
		return NULL;
	r = search(map, addr);
	offset = addr - r->base;
	len = __atomic_load_n(&r->len, __ATOMIC_RELAXED);
	return offset < len && width <= len - offset ? r : NULL;
}

static u64 width_mask(unsigned width)
{
	return width >= sizeof(u64) ? ~0ull : BIT(width * BITS_PER_BYTE) - 1;
}

bool iobus_read(const struct iobus *bus, u64 addr, unsigned width, u64 *value)
{
	const struct iorange *r = iobus_find(bus, addr, width);

	*value = width_mask(width);
	if (!r)
		return false;
	arch_enter_shared();
	*value &= r->ops->read(r->dev, addr - r->base, width);
	return true;
}

bool iobus_write(const struct iobus *bus, u64 addr, unsigned width, u64 value)
{
	const struct iorange *r = iobus_find(bus, addr, width);

	if (!r)
		return false;
	arch_enter_shared();
	r->ops->write(r->dev, addr - r->base, width, value & width_mask(width));
	return true;
}
