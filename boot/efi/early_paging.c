/* SPDX-License-Identifier: MIT */
/* The page tables that Firn starts with (SDM 3A 4.5); it builds its own ones soon. */
#include "boot/efi/early_paging.h"

#include <string.h>

#include "boot/image.h"

#define ENTRIES		512
#define ENTRY_PRESENT	BIT(0)
#define ENTRY_WRITE	BIT(1)
#define ENTRY_LARGE	BIT(7)
#define IDENTITY_TABLES 4 /* page directories, 1 GiB each */

#define PML4_INDEX(va) ((va) >> 39 & (ENTRIES - 1))
#define PDPT_INDEX(va) ((va) >> 30 & (ENTRIES - 1))

enum table {
	PML4,
	PDPT_IDENTITY,
	PDPT_IMAGE,
	PD_IMAGE,
	PD_IDENTITY
};
_Static_assert(PD_IDENTITY + IDENTITY_TABLES == EARLY_PAGING_TABLES, "tables");

void early_paging_build(u64 *tables, u64 tables_phys, u64 image_base, u64 image_size)
{
	const u64 flags = ENTRY_PRESENT | ENTRY_WRITE;
	u64(*table)[ENTRIES] = (u64(*)[ENTRIES])tables;
	u64 *identity = table[PD_IDENTITY];

	memset(tables, 0, EARLY_PAGING_TABLES * PAGE_SIZE);
	table[PML4][0] = (tables_phys + PDPT_IDENTITY * PAGE_SIZE) | flags;
	table[PML4][PML4_INDEX(IMAGE_LINK_BASE)] = (tables_phys + PDPT_IMAGE * PAGE_SIZE) | flags;
	for (u64 i = 0; i < IDENTITY_TABLES; i++)
		table[PDPT_IDENTITY][i] = (tables_phys + (PD_IDENTITY + i) * PAGE_SIZE) | flags;
	for (u64 i = 0; i < IDENTITY_TABLES * ENTRIES; i++)
		identity[i] = i * IMAGE_ALIGN | ENTRY_LARGE | flags;

	table[PDPT_IMAGE][PDPT_INDEX(IMAGE_LINK_BASE)] =
		(tables_phys + PD_IMAGE * PAGE_SIZE) | flags;
	for (u64 i = 0; i < DIV_ROUND_UP(image_size, IMAGE_ALIGN); i++)
		table[PD_IMAGE][i] = (image_base + i * IMAGE_ALIGN) | ENTRY_LARGE | flags;
}
