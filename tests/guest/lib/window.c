/* SPDX-License-Identifier: MIT */
/* Page tables of the window: one entry in each upper level. */
#include "tests/guest/lib/window.h"

#include "arch/x86/x86.h"

#define ENTRIES 512

extern u64 guest_pml4[ENTRIES];
static u64 pdpt[ENTRIES] __aligned(4096), pd[ENTRIES] __aligned(4096), pt[ENTRIES] __aligned(4096);

void window_init(void)
{
	const u64 flags = PTE_P | PTE_RW | PTE_US;

	pd[0] = (u64)pt | flags;
	pdpt[0] = (u64)pd | flags;
	guest_pml4[WINDOW_BASE >> 39] = (u64)pdpt | flags;
	write_cr3(read_cr3());
}

char *window_map(unsigned page, u64 pte)
{
	char *va = (char *)(WINDOW_BASE + page * PAGE_SIZE);

	*(volatile u64 *)&pt[page] = pte;
	invlpg(va);
	return va;
}

u64 window_pte(unsigned page)
{
	return *(volatile u64 *)&pt[page];
}
