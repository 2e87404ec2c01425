/* SPDX-License-Identifier: MIT */
/* Hash table with chains; the limit for each port bounds how long anybody can make one. */
#include "net/mac_table.h"

#include <string.h>

#define HASH_FACTOR 0x9e3779b97f4a7c15ull /* 2^64 divided by the golden ratio */
#define HASH_SHIFT  56

_Static_assert(MAC_TABLE_BUCKETS == 1 << (64 - HASH_SHIFT), "buckets are hashes");

u64 mac_number(const u8 *mac)
{
	u32 high;
	u16 low;

	memcpy(&high, mac, sizeof(high));
	memcpy(&low, mac + sizeof(high), sizeof(low));
	return (u64)__builtin_bswap32(high) << 16 | __builtin_bswap16(low);
}

static u16 *bucket_of(struct mac_table *t, u64 mac)
{
	return &t->bucket[mac * HASH_FACTOR >> HASH_SHIFT];
}

static bool is_old(const struct mac_entry *e, u32 now)
{
	return !e->fixed && now - e->seen >= MAC_TABLE_AGE;
}

static struct mac_entry *find(const struct mac_table *t, u64 mac)
{
	for (u16 i = t->bucket[mac * HASH_FACTOR >> HASH_SHIFT]; i; i = t->entry[i - 1].next)
		if (t->entry[i - 1].mac == mac)
			return (struct mac_entry *)&t->entry[i - 1];
	return NULL;
}

static void count_learned(struct mac_table *t, unsigned port, int change)
{
	t->learned[port] += change;
	t->nr_learned += change;
}

/* Takes what link points at out of its bucket. */
static void drop(struct mac_table *t, u16 *link)
{
	u16 i = *link;
	struct mac_entry *e = &t->entry[i - 1];

	*link = e->next;
	e->next = t->free;
	t->free = i;
	if (!e->fixed)
		count_learned(t, e->port, -1);
}

/* At most once a second: it goes over the whole table. */
static void sweep(struct mac_table *t, u32 now)
{
	if (now == t->swept)
		return;
	t->swept = now;
	for (unsigned b = 0; b < MAC_TABLE_BUCKETS; b++)
		for (u16 *link = &t->bucket[b]; *link;)
			if (is_old(&t->entry[*link - 1], now))
				drop(t, link);
			else
				link = &t->entry[*link - 1].next;
}

static struct mac_entry *add(struct mac_table *t, u64 mac, unsigned port)
{
	u16 *bucket = bucket_of(t, mac), i = t->free;
	struct mac_entry *e;

	if (i)
		t->free = t->entry[i - 1].next;
	else if (t->untouched < MAC_TABLE_ENTRIES)
		i = ++t->untouched;
	else
		return NULL;
	e = &t->entry[i - 1];
	*e = (struct mac_entry){ .mac = mac, .port = (u16)port, .next = *bucket };
	*bucket = i;
	return e;
}

enum firn_err mac_table_fix(struct mac_table *t, u64 mac, unsigned port)
{
	struct mac_entry *e = find(t, mac);

	if (e && e->fixed)
		return ERR_EXIST;
	if (e)
		count_learned(t, e->port, -1);
	else
		e = add(t, mac, port);
	if (!e)
		return ERR_FULL;
	e->port = (u16)port;
	e->fixed = true;
	return FIRN_OK;
}

static bool may_learn(struct mac_table *t, unsigned port, u32 now)
{
	if (t->learned[port] >= MAC_TABLE_PER_PORT || t->nr_learned >= MAC_TABLE_LEARNED)
		sweep(t, now);
	return t->learned[port] < MAC_TABLE_PER_PORT && t->nr_learned < MAC_TABLE_LEARNED;
}

static enum firn_err learn_new(struct mac_table *t, u64 mac, unsigned port, u32 now)
{
	struct mac_entry *e = may_learn(t, port, now) ? add(t, mac, port) : NULL;

	if (!e)
		return ERR_FULL;
	e->seen = now;
	count_learned(t, port, 1);
	return FIRN_OK;
}

/* A station may move to another port as long as that one has room for it. */
static enum firn_err see_again(struct mac_table *t, struct mac_entry *e, unsigned port, u32 now)
{
	u32 before = e->seen;

	e->seen = now; /* so that it is not swept */
	if (e->port == port)
		return FIRN_OK;
	if (!may_learn(t, port, now)) {
		e->seen = before;
		return ERR_FULL;
	}
	count_learned(t, e->port, -1);
	count_learned(t, port, 1);
	e->port = (u16)port;
	return FIRN_OK;
}

enum firn_err mac_table_learn(struct mac_table *t, u64 mac, unsigned port, u32 now)
{
	struct mac_entry *e = find(t, mac);

	if (e && e->fixed)
		return e->port == port ? FIRN_OK : ERR_EXIST;
	return e ? see_again(t, e, port, now) : learn_new(t, mac, port, now);
}

int mac_table_find(const struct mac_table *t, u64 mac, u32 now)
{
	const struct mac_entry *e = find(t, mac);

	return e && !is_old(e, now) ? e->port : -1;
}

void mac_table_forget(struct mac_table *t, unsigned port, bool fixed)
{
	for (unsigned b = 0; b < MAC_TABLE_BUCKETS; b++)
		for (u16 *link = &t->bucket[b]; *link;) {
			struct mac_entry *e = &t->entry[*link - 1];

			if (e->port == port && (fixed || !e->fixed))
				drop(t, link);
			else
				link = &e->next;
		}
}
