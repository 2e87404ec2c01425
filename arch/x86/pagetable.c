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

static bool is_table(u64 entry)
{
	return (entry & PTE_P) && !(entry & PTE_PS);
}

/*
 * The entry of va at that level, or below it where there is a table already; tables on the way are
 * made.
 */
static enum firn_err walk_to(u64 *root, u64 va, unsigned *level, u64 **entry)
{
	u64 *table = root;

	for (unsigned l = PT_TOP_LEVEL;; l--) {
		u64 *e = entry_of(table, va, l);

		if (l == 1 || (l <= *level && !is_table(*e))) {
			*level = l;
			*entry = e;
			return FIRN_OK;
		}

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
		u64 span, *entry;
		enum firn_err err = walk_to(root, va, &level, &entry);

		if (err)
			return err;
		span = pagetable_span(level);
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
	unsigned level = PT_TOP_LEVEL - 1;
	u64 *unused;

	return walk_to(root, va, &level, &unused);
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

/* A large page becomes a table that says the same; CPUs may use either meanwhile. */
static enum firn_err divide(u64 *entry, unsigned level)
{
	u64 *table = pagetable_alloc(), span = pagetable_span(level - 1);
	u64 leaf = level - 1 > 1 ? *entry : *entry & ~PTE_PS;

	if (!table)
		return ERR_NOMEM;
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		table[i] = leaf + i * span;
	__atomic_store_n(entry, virt_to_phys(table) | TABLE_FLAGS, __ATOMIC_RELEASE);
	return FIRN_OK;
}

/* No page lies across va afterwards. */
static enum firn_err divide_at(u64 *root, u64 va)
{
	enum firn_err err = FIRN_OK;

	while (!err) {
		unsigned level;
		u64 *entry = pagetable_find(root, va, &level);

		if (!entry || IS_ALIGNED(va, pagetable_span(level)))
			break;
		err = divide(entry, level);
	}
	return err;
}

/* The address behind what the entry for va at the lowest level that exists covers. */
static u64 clear_entry(u64 *root, u64 va)
{
	u64 *table = root;

	for (unsigned l = PT_TOP_LEVEL;; l--) {
		u64 *e = entry_of(table, va, l);

		if (l == 1 || !is_table(*e)) {
			__atomic_store_n(e, 0, __ATOMIC_RELEASE);
			return ALIGN_DOWN(va, pagetable_span(l)) + pagetable_span(l);
		}
		table = phys_to_virt(*e & PTE_ADDR);
	}
}

enum firn_err pagetable_unmap(u64 *root, u64 va, u64 size)
{
	u64 end = va + size;
	enum firn_err err = divide_at(root, va);

	if (!err)
		err = divide_at(root, end);
	while (!err && va < end)
		va = clear_entry(root, va);
	return err;
}
