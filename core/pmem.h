/* SPDX-License-Identifier: MIT */
/*
 * Physical memory: a sorted set of free ranges. Allocations are few and large (guest memory,
 * page tables, heap growth), so first fit over ranges is fast enough and never fragments by kind.
 * Any CPU; takes its own lock.
 */
#ifndef FIRN_CORE_PMEM_H
#define FIRN_CORE_PMEM_H

#include "core/err.h"

enum pmem_use {
	PMEM_HEAP,
	PMEM_PAGE_TABLE,
	PMEM_GUEST,
	PMEM_CPU,
	PMEM_VIRT, /* VMCSs or VMCBs, bitmaps, and what else hardware or a vCPU has pages of */
	PMEM_DISK, /* what guests wrote to their disks */
	PMEM_USES
};

enum pmem_where {
	PMEM_ANY,  /* from the top, keeps low memory for those who need it */
	PMEM_LOW,  /* below 4 GiB */
	PMEM_1MIB, /* below 1 MiB: real-mode trampoline */
};

/*
 * Gives a free range, in bytes, to the allocator. Page 0 is never handed out. ERR_ALIGN, ERR_RANGE
 * (empty, or beyond 2^52), ERR_OVERLAP (with what was given before), ERR_FULL (too many ranges).
 */
enum firn_err pmem_add(u64 base, u64 size);

/* size: multiple of PAGE_SIZE; align: power of two >= PAGE_SIZE. Memory is NOT zeroed. 0 = none. */
u64 pmem_alloc(u64 size, u64 align, enum pmem_where where, enum pmem_use use);
void pmem_free(u64 base, u64 size, enum pmem_use use);

/* One zeroed page through the direct map, NULL when there is none. */
void *pmem_alloc_page(enum pmem_use use);
void pmem_free_page(void *page, enum pmem_use use);

/* Largest free block (bytes) that pmem_alloc could return with this alignment. */
u64 pmem_largest(u64 align);

struct pmem_stats {
	u64 total, free;     /* bytes */
	u64 used[PMEM_USES]; /* bytes by use */
};
void pmem_get_stats(struct pmem_stats *st);
extern const char *const pmem_use_name[PMEM_USES];

#endif
