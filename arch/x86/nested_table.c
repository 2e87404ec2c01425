/* SPDX-License-Identifier: MIT */
/* Nested page tables (SDM 3C 28.2, APM vol. 2 15.25). */
#include "arch/x86/nested_table.h"

#include "core/arch.h"
#include "core/pmem.h"

#define ENTRIES	       512
#define LEVELS	       4
#define LEVEL_GIB_PAGE 3

static u64 level_size(unsigned level)
{
	return PAGE_SIZE << (9 * (level - 1));
}

static u64 *entry_of(u64 table, u64 gpa, unsigned level)
{
	return (u64 *)phys_to_virt(table) + ((gpa / level_size(level)) % ENTRIES);
}

static bool is_leaf(u64 entry, unsigned level)
{
	return level == 1 || (entry & NESTED_LARGE);
}

static bool may_be_leaf(unsigned level, u64 gpa, u64 hpa, u64 size, bool gib_pages)
{
	u64 page = level_size(level);

	if (level == LEVELS || (level == LEVEL_GIB_PAGE && !gib_pages))
		return false;
	return IS_ALIGNED(gpa | hpa, page) && size >= page;
}

/* A leaf becomes a table that says the same; CPUs may use either meanwhile. */
static void fill_from_leaf(u64 *entries, u64 leaf, unsigned level)
{
	u64 page = level_size(level - 1);

	if (level - 1 == 1)
		leaf &= ~NESTED_LARGE;
	for (unsigned i = 0; i < ENTRIES; i++)
		entries[i] = leaf + i * page;
}

/* Table one level below the entry, made when there is none. 0 = no memory. */
static u64 next_table(u64 *entry, unsigned level, u64 bits)
{
	u64 *page;

	if (*entry && !is_leaf(*entry, level))
		return *entry & NESTED_ADDRESS;
	page = pmem_alloc_page(PMEM_PAGE_TABLE);
	if (!page)
		return 0;
	if (*entry)
		fill_from_leaf(page, *entry, level);
	__atomic_store_n(entry, virt_to_phys(page) | bits, __ATOMIC_RELEASE);
	return *entry & NESTED_ADDRESS;
}

enum firn_err nested_map(u64 root, u64 gpa, u64 hpa, u64 size, const struct nested_bits *bits)
{
	while (size) {
		u64 table = root, *entry;
		unsigned level = LEVELS;

		for (;; level--) {
			entry = entry_of(table, gpa, level);
			if (may_be_leaf(level, gpa, hpa, size, bits->gib_pages) &&
			    (!*entry || is_leaf(*entry, level)))
				break;
			table = next_table(entry, level, bits->table);
			if (!table)
				return ERR_NOMEM;
		}
		*entry = hpa | bits->leaf | (level > 1 ? NESTED_LARGE : 0);
		gpa += level_size(level);
		hpa += level_size(level);
		size -= level_size(level);
	}
	return FIRN_OK;
}

static void free_table(u64 table, unsigned level)
{
	u64 *entries = phys_to_virt(table);

	for (unsigned i = 0; i < ENTRIES; i++)
		if (entries[i] && !is_leaf(entries[i], level))
			free_table(entries[i] & NESTED_ADDRESS, level - 1);
	pmem_free_page(entries, PMEM_PAGE_TABLE);
}

/* Next address behind gpa at which an entry of that level begins. */
static u64 behind(u64 gpa, unsigned level)
{
	return ALIGN_DOWN(gpa, level_size(level)) + level_size(level);
}

static void unmap(u64 table, unsigned level, u64 gpa, u64 end)
{
	for (; gpa < end; gpa = behind(gpa, level)) {
		u64 *entry = entry_of(table, gpa, level), next = *entry & NESTED_ADDRESS;
		bool whole = IS_ALIGNED(gpa, level_size(level)) && end >= behind(gpa, level);

		if (!*entry)
			continue;
		if (is_leaf(*entry, level)) {
			*entry = 0;
		} else if (whole) {
			*entry = 0;
			free_table(next, level - 1);
		} else {
			unmap(next, level - 1, gpa, MIN(end, behind(gpa, level)));
		}
	}
}

void nested_unmap(u64 root, u64 gpa, u64 size)
{
	unmap(root, LEVELS, gpa, gpa + size);
}

static u64 *find_leaf(u64 root, u64 gpa, unsigned *level)
{
	u64 table = root;

	for (*level = LEVELS;; (*level)--) {
		u64 *entry = entry_of(table, gpa, *level);

		if (!*entry || is_leaf(*entry, *level))
			return entry;
		table = *entry & NESTED_ADDRESS;
	}
}

void nested_clear(u64 root, u64 gpa, u64 size, u64 large_bits, u64 small_bits)
{
	u64 end = gpa + size;

	while (gpa < end) {
		unsigned level;
		u64 *entry = find_leaf(root, gpa, &level);

		/* The CPU sets flags in entries at any time. */
		if (*entry)
			__atomic_fetch_and(entry, ~(level > 1 ? large_bits : small_bits),
					   __ATOMIC_RELAXED);
		gpa = behind(gpa, level);
	}
}

u64 nested_lookup(u64 root, u64 gpa, u64 *page_size)
{
	unsigned level;
	u64 *entry = find_leaf(root, gpa, &level);

	*page_size = level_size(level);
	return *entry;
}

u64 nested_create(void)
{
	void *page = pmem_alloc_page(PMEM_PAGE_TABLE);

	return page ? virt_to_phys(page) : 0;
}

void nested_destroy(u64 root)
{
	if (root)
		free_table(root, LEVELS);
}
