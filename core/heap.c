/* SPDX-License-Identifier: MIT */
/* What newlib's malloc() needs: memory, a lock, and an end when the library gives up. */
#include "core/heap.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/arch.h"
#include "core/log.h"
#include "core/spinlock.h"

#define GROWTH	    (64 * KiB) /* malloc asks by the page; mapping that often is a waste */
#define SBRK_FAILED ((void *)-1)

static struct {
	char *base;
	u64 used, mapped; /* bytes */
} heap;

/* malloc's lock is recursive by contract: realloc() and calloc() call malloc(). */
static struct {
	struct spinlock lock;
	u32 owner; /* cpu_index() + 1, 0 = none */
	u32 depth; /* touched by the owner only */
} heap_lock;

static bool grow(u64 bytes)
{
	void *va = arch_heap_map(heap.mapped, bytes);

	if (!va)
		return false;
	if (heap.mapped == 0)
		heap.base = va;
	__atomic_store_n(&heap.mapped, heap.mapped + bytes, __ATOMIC_RELAXED);
	return true;
}

/* Lock held by malloc. What is given back stays mapped and is used again first. */
void *_sbrk(ptrdiff_t increment)
{
	u64 old = heap.used, used;

	if (__builtin_add_overflow(old, increment, &used))
		return SBRK_FAILED;
	if (used > heap.mapped) {
		u64 needed = ALIGN_UP(used - heap.mapped, PAGE_SIZE);

		/* When memory is short, less than the usual growth may still do. */
		if (!grow(ALIGN_UP(needed, GROWTH)) && !grow(needed))
			return SBRK_FAILED;
	}
	heap.used = used;
	return heap.base + old;
}

u64 heap_size(void)
{
	return __atomic_load_n(&heap.mapped, __ATOMIC_RELAXED);
}

void __malloc_lock(struct _reent *reent)
{
	u32 self = cpu_index() + 1;

	(void)reent;
	if (__atomic_load_n(&heap_lock.owner, __ATOMIC_RELAXED) != self) {
		spin_lock(&heap_lock.lock);
		__atomic_store_n(&heap_lock.owner, self, __ATOMIC_RELAXED);
	}
	heap_lock.depth++;
}

void __malloc_unlock(struct _reent *reent)
{
	(void)reent;
	if (--heap_lock.depth > 0)
		return;
	__atomic_store_n(&heap_lock.owner, 0, __ATOMIC_RELAXED);
	spin_unlock(&heap_lock.lock);
}

void abort(void)
{
	panic("abort() called from %p", __builtin_return_address(0));
}

void _exit(int status)
{
	panic("exit(%d) called from %p", status, __builtin_return_address(0));
}
