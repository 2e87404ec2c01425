/* SPDX-License-Identifier: MIT */
/* Address space identifiers by generations. */
#include "arch/x86/svm/asid.h"

#include "arch/x86/svm/vmcb.h"

#define FIRST_ASID 1

void asid_pool_init(struct asid_pool *pool, unsigned id, u32 nr_asids, bool flush_by_asid)
{
	u64 first = (u64)(id + 1) << ASID_POOL_ID_SHIFT;

	/* What the CPU holds from an earlier life goes with the first assignment. */
	pool->generation = MAX(pool->generation, first) + 1;
	pool->next = pool->limit = nr_asids;
	pool->flush_by_asid = flush_by_asid;
}

unsigned asid_assign(struct asid_pool *pool, struct asid_tag *tag)
{
	bool flush;

	if (asid_current(pool, tag))
		return TLB_KEEP;
	if (pool->flush_by_asid && tag->generation == (pool->generation | ASID_FLUSH)) {
		tag->generation = pool->generation;
		return TLB_FLUSH_ASID;
	}
	/* Without a flush by ASID, a fresh one has no translations either. */
	flush = pool->next >= pool->limit;
	if (flush) {
		pool->generation++;
		pool->next = FIRST_ASID;
	}
	*tag = (struct asid_tag){ pool->generation, pool->next++ };
	return flush ? TLB_FLUSH_ALL : TLB_KEEP;
}
