/* SPDX-License-Identifier: MIT */
/* The low half of the identity root: for EFI runtime calls and CPUs that start. */
#include "arch/x86/identity_map.h"

#include "arch/x86/pagetable.h"
#include "core/log.h"

/* Not global: these must go when CR3 changes back. */
#define LEAF (PTE_P | PTE_A | PTE_D)

static enum firn_err map(u64 *root, u64 base, u64 end, u64 flags, unsigned max_level)
{
	if (base >= end)
		return FIRN_OK;
	return pagetable_map(root, base, base, end - base, flags, max_level);
}

static bool is_ours(u32 type)
{
	return type == HANDOVER_MEM_FREE || type == HANDOVER_MEM_LOADER;
}

enum firn_err identity_map(u64 *root, const struct handover *h, u64 limit, unsigned max_level,
			   u64 no_execute)
{
	const u64 data = LEAF | PTE_RW | no_execute;
	u64 done = 0;

	for (u32 i = 0; i < h->nr_memory; i++) {
		const struct handover_memory *m = &h->memory[i];
		u64 base = MIN(m->base, limit), end = MIN(m->base + m->size, limit);
		bool code = m->type == HANDOVER_MEM_RUNTIME;
		enum firn_err err = FIRN_OK;

		if (code || is_ours(m->type)) {
			err = map(root, done, base, data, max_level);
			done = MAX(done, end);
		}
		/* Runtime services may lie above what is mapped otherwise. */
		if (code && !err)
			err = map(root, m->base, m->base + m->size, LEAF | PTE_RW, max_level);
		if (err)
			return err;
	}
	return map(root, done, limit, data, max_level);
}

enum firn_err identity_map_code(u64 *root, u64 page)
{
	/* Not dirty: that would be a shadow stack (SDM 3A 4.6). */
	return pagetable_map(root, page, page, PAGE_SIZE, LEAF & ~PTE_D, 1);
}

void identity_unmap_code(u64 *root, u64 page)
{
	/* A page by itself: nothing has to be divided, which would take memory. */
	BUG_ON(pagetable_unmap(root, page, PAGE_SIZE) != FIRN_OK);
}
