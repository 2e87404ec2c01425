/* SPDX-License-Identifier: MIT */
/* Direct use of what thunks do, by a search for calls and jumps to them. */
#include "arch/x86/branch_thunks.h"

#include "arch/x86/paging.h"
#include "arch/x86/x86.h"
#include "core/arch.h"

extern const u8 __text_start[], __text_end[], branch_thunks[];

void branch_thunks_remove(void)
{
	volatile u8 *alias = phys_to_virt(image_to_phys(__text_start));
	unsigned thunk;

	paging_write_code(true);
	/* Chance finds no others: a distance of 32 bits would have to be that of a thunk. */
	for (const u8 *site = __text_start; site + BRANCH_LENGTH <= __text_end; site++) {
		thunk = branch_thunk_at(site, (u64)branch_thunks);
		if (thunk != NR_BRANCH_THUNKS)
			branch_inline(alias + (site - __text_start), site[0], thunk);
	}
	/* Serializing: nothing that was fetched before is executed (SDM 3A 8.1.3). */
	cpuid(0, 0);
	paging_write_code(false);
}
