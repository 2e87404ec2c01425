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
	u64 generation;	 /* differs from those of all other pools; never 0 */
	u32 next, limit; /* valid: 1..limit-1; 0 is the host's */
	bool flush_by_asid;
};

/* A vCPU's ASID on the CPU that it ran on last. */
struct asid_tag {
	u64 generation; /* 0: has none; with ASID_FLUSH: drop its translations at the next entry */
	u32 asid;
};

#define ASID_FLUSH	   BIT(63)
#define ASID_POOL_ID_SHIFT 40 /* of a generation, that many follow each other on a CPU */

/*
 * nr_asids: CPUID 8000000A EBX, at least 2; id: of the pool, 0.. . The first assignment flushes
 * everything. May be called again for another life of the CPU.
 */
void asid_pool_init(struct asid_pool *pool, unsigned id, u32 nr_asids, bool flush_by_asid);

/*
 * The tag is good for the next VMRUN on the pool's CPU afterwards; returns the TLB control (enum
 * tlb_control) that this VMRUN must have. On the CPU that owns the pool.
 */
unsigned asid_assign(struct asid_pool *pool, struct asid_tag *tag);

/* Translations of the tag are not to be used any more. */
static inline void asid_flush(struct asid_tag *tag)
{
	if (tag->generation)
		tag->generation |= ASID_FLUSH;
}

/* The CPU has nothing to do with the vCPU any more. */
static inline void asid_forget(struct asid_tag *tag)
{
	tag->generation = 0;
}

/* May the tag be used as it is, without a flush? */
static inline bool asid_current(const struct asid_pool *pool, const struct asid_tag *tag)
{
	return tag->generation == pool->generation;
}

#endif
