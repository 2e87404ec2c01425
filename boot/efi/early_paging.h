/* SPDX-License-Identifier: MIT */
/* The page tables that Firn starts with. No firmware calls. */
#ifndef FIRN_BOOT_EFI_EARLY_PAGING_H
#define FIRN_BOOT_EFI_EARLY_PAGING_H

#include "core/types.h"

#define EARLY_PAGING_TABLES 8 /* pages: PML4, 2 PDPTs, 4 + 1 page directories */

/*
 * Builds them in EARLY_PAGING_TABLES pages at tables, whose physical address is tables_phys (page
 * aligned, below 4 GiB): the low 4 GiB mapped to themselves, and image_size bytes (at most 1 GiB)
 * at image_base (2 MiB-aligned) at the link address.
 */
void early_paging_build(u64 *tables, u64 tables_phys, u64 image_base, u64 image_size);

#endif
