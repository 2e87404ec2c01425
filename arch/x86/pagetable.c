/* SPDX-License-Identifier: MIT */
/* 4-level page tables: walking and filling. */
#include "arch/x86/pagetable.h"

#include <string.h>

#include "core/arch.h"
#include "core/pmem.h"

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_A)

static enum pmem_where table_where = PMEM_LOW;

void pagetable_use_any_memory(void)
{
	table_where = PMEM_ANY;
}

u64 *pagetable_alloc(void)
{
	u64 pa = pmem_alloc(PAGE_SIZE, PAGE_SIZE, table_where, PMEM_PAGE_TABLE);

	return pa ? memset(phys_to_virt(pa), 0, PAGE_SIZE) : NULL;
}

static u64 *entry_of(u64 *table, u64 va, unsigned level)
{
	return &table[va / pagetable_span(level) % PT_ENTRIES];
}

/* The entry of va at that level; tables on the way are made. */
static enum firn_err walk_to(u64 *root, u64 va, unsigned level, u64 **entry)
{
	u64 *table = root;

	for (unsigned l = PT_TOP_LEVEL; l > level; l--) {
		u64 *e = entry_of(table, va, l);

		if (*e & PTE_PS)
			return ERR_EXIST;
		if (!(*e & PTE_P)) {
			u64 *below = pagetable_alloc();

			if (!below)
				return ERR_NOMEM;
			__atomic_store_n(e, virt_to_phys(below) | TABLE_FLAGS, __ATOMIC_RELEASE);
		}
		table = phys_to_virt(*e & PTE_ADDR);
	}
	*entry = entry_of(table, va, level);
	return FIRN_OK;
}

static unsigned best_level(u64 va, u64 pa, u64 size, unsigned max_level)
{
	unsigned level = max_level;

	while (level > 1 &&
	       (size < pagetable_span(level) || !IS_ALIGNED(va | pa, pagetable_span(level))))
		level--;
	return level;
}

enum firn_err pagetable_map(u64 *root, u64 va, u64 pa, u64 size, u64 flags, unsigned max_level)
{
	while (size) {
		unsigned level = best_level(va, pa, size, max_level);
		u64 span = pagetable_span(level);
		u64 *entry;
		enum firn_err err = walk_to(root, va, level, &entry);

		if (err)
			return err;
		if (*entry & PTE_P)
			return ERR_EXIST;
		__atomic_store_n(entry, pa | flags | (level > 1 ? PTE_PS : 0), __ATOMIC_RELEASE);
		va += span;
		pa += span;
		size -= span;
	}
	return FIRN_OK;
}

enum firn_err pagetable_fill_top(u64 *root, u64 va)
{
	u64 *unused;

	return walk_to(root, va, PT_TOP_LEVEL - 1, &unused);
}

u64 *pagetable_find(u64 *root, u64 va, unsigned *level)
{
	u64 *table = root;

	for (unsigned l = PT_TOP_LEVEL;; l--) {
		u64 *e = entry_of(table, va, l);

		if (!(*e & PTE_P))
			return NULL;
		if (l == 1 || (*e & PTE_PS)) {
			*level = l;
			return e;
		}
		table = phys_to_virt(*e & PTE_ADDR);
	}
}
