/* SPDX-License-Identifier: MIT */
/* The heap behind malloc() in the image: one region of address space that only grows. */
#ifndef FIRN_CORE_HEAP_H
#define FIRN_CORE_HEAP_H

#include "core/types.h"

/*
 * Given by arch/: maps bytes of fresh memory (PMEM_HEAP) at offset in the heap's window and returns
 * the address, NULL when memory or the window is used up (then nothing stays mapped). Both are
 * multiples of PAGE_SIZE; each call continues where the last one ended. Called with malloc's lock
 * held: it must not use malloc() itself.
 */
void *arch_heap_map(u64 offset, u64 bytes);

/* Bytes mapped for the heap so far. Any CPU. */
u64 heap_size(void);

#endif
