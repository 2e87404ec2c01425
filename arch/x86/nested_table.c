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

/* Table one level below the entry, made when missing. 0 = no memory. */
static u64 next_table(u64 *entry, u64 bits)
{
	void *page;

	if (*entry)
		return *entry & NESTED_ADDRESS;
	page = pmem_alloc_page(PMEM_PAGE_TABLE);
	if (!page)
		return 0;
	*entry = virt_to_phys(page) | bits;
	return *entry & NESTED_ADDRESS;
}

enum firn_err nested_map(u64 root, u64 gpa, u64 hpa, u64 size, const struct nested_bits *bits)
{
	while (size) {
		u64 table = root;
		unsigned level = LEVELS;

		while (!may_be_leaf(level, gpa, hpa, size, bits->gib_pages)) {
			table = next_table(entry_of(table, gpa, level--), bits->table);
			if (!table)
				return ERR_NOMEM;
		}
		*entry_of(table, gpa, level) = hpa | bits->leaf | (level > 1 ? NESTED_LARGE : 0);
		gpa += level_size(level);
		hpa += level_size(level);
		size -= level_size(level);
	}
	return FIRN_OK;
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

void nested_unmap(u64 root, u64 gpa, u64 size)
{
	u64 end = gpa + size;

	while (gpa < end) {
		unsigned level;
		u64 *entry = find_leaf(root, gpa, &level);

		*entry = 0;
		gpa = ALIGN_DOWN(gpa, level_size(level)) + level_size(level);
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

static void free_table(u64 table, unsigned level)
{
	u64 *entries = phys_to_virt(table);

	for (unsigned i = 0; i < ENTRIES; i++)
		if (entries[i] && !is_leaf(entries[i], level))
			free_table(entries[i] & NESTED_ADDRESS, level - 1);
	pmem_free_page(entries, PMEM_PAGE_TABLE);
}

void nested_destroy(u64 root)
{
	if (root)
		free_table(root, LEVELS);
}
