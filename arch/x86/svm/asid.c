/* SPDX-License-Identifier: MIT */
/* Address space identifiers by generations. */
#include "arch/x86/svm/asid.h"

#include "arch/x86/svm/vmcb.h"

#define FIRST_ASID 1

void asid_pool_init(struct asid_pool *pool, u32 nr_asids, bool flush_by_asid)
{
	/* What the CPU holds from an earlier life goes with the first assignment. */
	pool->generation++;
	pool->next = pool->limit = nr_asids;
	pool->flush_by_asid = flush_by_asid;
}

unsigned asid_assign(struct asid_pool *pool, struct asid_tag *tag)
{
	bool valid = tag->pool == pool && tag->generation == pool->generation;
	bool flush = tag->flush;

	tag->flush = false;
	if (valid && !flush)
		return TLB_KEEP;
	if (valid && pool->flush_by_asid)
		return TLB_FLUSH_ASID;
	/* Without a flush by ASID, a fresh one has no translations either. */
	flush = pool->next >= pool->limit;
	if (flush) {
		pool->generation++;
		pool->next = FIRST_ASID;
	}
	*tag = (struct asid_tag){ pool, pool->generation, pool->next++, false };
	return flush ? TLB_FLUSH_ALL : TLB_KEEP;
}

void asid_flush(struct asid_tag *tag)
{
	tag->flush = true;
}
