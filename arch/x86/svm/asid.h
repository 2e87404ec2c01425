/* SPDX-License-Identifier: MIT */
/*
 * Address space identifiers of one CPU (APM vol. 2, 15.16): tags that keep translations of several
 * guests apart in the TLB. They are handed out in order; when they run out, all translations are
 * dropped and a new generation starts from the beginning, so any number of vCPUs shares a few.
 */
#ifndef FIRN_SVM_ASID_H
#define FIRN_SVM_ASID_H

#include "core/types.h"

struct asid_pool {
	u64 generation;
	u32 next, limit; /* valid: 1..limit-1; 0 is the host's */
	bool flush_by_asid;
};

/* A vCPU's place in the pool of the CPU that it ran on last. */
struct asid_tag {
	const struct asid_pool *pool; /* NULL: has none */
	u64 generation;
	u32 asid;
	bool flush; /* drop its translations at the next entry */
};

/* nr_asids: CPUID 8000000A EBX, at least 2. The first assignment flushes everything. */
void asid_pool_init(struct asid_pool *pool, u32 nr_asids, bool flush_by_asid);

/*
 * The tag is good for the next VMRUN on the pool's CPU afterwards; returns the TLB control (enum
 * tlb_control) that this VMRUN must have. On the CPU that owns the pool.
 */
unsigned asid_assign(struct asid_pool *pool, struct asid_tag *tag);

/* Translations of the tag are not to be used any more. */
void asid_flush(struct asid_tag *tag);

/* May the tag be used as it is, without a flush? */
static inline bool asid_current(const struct asid_pool *pool, const struct asid_tag *tag)
{
	return tag->pool == pool && tag->generation == pool->generation && !tag->flush;
}

#endif
