/* SPDX-License-Identifier: MIT */
/* 4-level page tables (SDM 3A 4.5): filling them. No CPU registers here. */
#ifndef FIRN_X86_PAGETABLE_H
#define FIRN_X86_PAGETABLE_H

#include "arch/x86/regs.h"
#include "core/err.h"

#define PTE_ADDR 0x000ffffffffff000ull

#define PT_ENTRIES    512
#define PT_FIRST_HIGH (PT_ENTRIES / 2) /* of the upper half of the address space */
#define PT_TOP_LEVEL  4

/* Size of what one entry of a level maps; level 1 is a page, 4 the PML4. */
static inline u64 pagetable_span(unsigned level)
{
	return PAGE_SIZE << (9 * (level - 1));
}

/* A zeroed table; NULL = no memory. Below 4 GiB until pagetable_use_any_memory(). */
u64 *pagetable_alloc(void);
void pagetable_use_any_memory(void); /* the direct map exists */

/*
 * Maps [va, va + size) to pa (all page aligned) with leaf flags, using entries of at most
 * max_level (1: 4 KiB, 2: 2 MiB, 3: 1 GiB), and smaller ones where there is a table of them.
 * ERR_NOMEM, ERR_EXIST when something is mapped there; what was mapped before the error stays. The
 * caller serializes.
 */
enum firn_err pagetable_map(u64 *root, u64 va, u64 pa, u64 size, u64 flags, unsigned max_level);

/*
 * Removes what is mapped in [va, va + size), page aligned; a larger page that is only in part in it
 * is divided, and the tables stay. ERR_NOMEM: all is as it was, some pages divided. The caller
 * serializes and flushes.
 */
enum firn_err pagetable_unmap(u64 *root, u64 va, u64 size);

/* Makes sure that a table is below the PML4 entry of va, so that roots can share it. */
enum firn_err pagetable_fill_top(u64 *root, u64 va);

/* The leaf entry that maps va, NULL when none does; *level is its level. */
u64 *pagetable_find(u64 *root, u64 va, unsigned *level);

#endif
