/* SPDX-License-Identifier: MIT */
/* A window of 512 pages of virtual memory whose page table entries tests set as they like. */
#ifndef FIRN_GUEST_WINDOW_H
#define FIRN_GUEST_WINDOW_H

#include "core/types.h"

#define WINDOW_BASE  0x8000000000ull
#define WINDOW_PAGES 512

#define PTE_P  BIT(0)
#define PTE_RW BIT(1)
#define PTE_US BIT(2)
#define PTE_A  BIT(5)
#define PTE_D  BIT(6)
#define PTE_NX BIT(63)

void window_init(void);
/* Sets the entry of one page, invalidates it, returns the page's address. */
char *window_map(unsigned page, u64 pte);
u64 window_pte(unsigned page);

#endif
