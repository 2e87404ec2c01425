/* SPDX-License-Identifier: MIT */
/* The window that holds the memory of VMs: arch_guest_memory_take() and its counterpart. */
#ifndef FIRN_X86_GUEST_WINDOW_H
#define FIRN_X86_GUEST_WINDOW_H

#include "core/err.h"

/*
 * Chooses where physical memory below ram_end would be in the window, and makes the tables that
 * roots share. By paging_init(), before the second root is made. ERR_NOMEM.
 */
enum firn_err guest_window_init(u64 *root, u64 ram_end);
/* The root table through the direct map, from now on. */
void guest_window_use(u64 *root);

/* Where the direct map has this frame; NULL = nowhere. For self-tests. */
void *guest_window_stray(u64 pa);

#endif
