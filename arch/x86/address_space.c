/* SPDX-License-Identifier: MIT */
/*
 * Windows of the address space that grow at run time. What was published only ever goes from not
 * present to present, which needs no invalidation on other CPUs (SDM 3A 4.10.2.3).
 */
#include "arch/x86/address_space.h"

#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/pagetable.h"
#include "arch/x86/paging.h"
#include "arch/x86/x86.h"
#include "core/heap.h"
#include "core/pmem.h"
#include "core/spinlock.h"

#define LEAF	       (PTE_P | PTE_A | PTE_G)
#define WRITABLE       (PTE_RW | PTE_D)
#define SHADOW_STACK   PTE_D		   /* and not writable: SDM 3A 4.6 */
#define LEAF_WC	       PTE_PWT		   /* HOST_PAT entry 1 */
#define LEAF_UC	       (PTE_PCD | PTE_PWT) /* HOST_PAT entry 3 */
#define MMIO_MAX_LEVEL 2
#define LARGE_PAGE     pagetable_span(MMIO_MAX_LEVEL)
#define PHYS_READ_VA   (MMIO_BASE + MMIO_WINDOW)

/*
 * One slot a CPU: IST stacks at its start, the main stack at its end. What is between is not
 * mapped, a page at least, and below the main stack more than any function's frame.
 */
#define STACK_SLOT     (128 * KiB)
#define STACK_SIZE     (32 * KiB)
#define IST_STACK_SIZE (8 * KiB)

static u64 *root;
static struct spinlock lock;
static u64 mmio_used;

void address_space_init(u64 *table)
{
	root = table;
}

static u64 nx(void)
{
	return cpu_features.nx ? PTE_NX : 0;
}

static enum firn_err map(u64 va, u64 pa, u64 size, u64 flags, unsigned max_level)
{
	enum firn_err err;

	spin_lock(&lock);
	err = pagetable_map(root, va, pa, size, flags | LEAF | nx(), max_level);
	spin_unlock(&lock);
	return err;
}

static enum firn_err map_pages(u64 va, u64 pa, u64 size, u64 flags)
{
	return map(va, pa, size, flags, 1);
}

/*
 * Window addresses are used once: after a failure they are lost, which the windows can afford.
 * va and pa have the same offset in a large page, if the range can hold one.
 */
static u64 mmio_reserve(u64 pa, u64 size)
{
	u64 va = 0, gap;

	spin_lock(&lock);
	gap = size < LARGE_PAGE ? 0 : (pa - mmio_used) % LARGE_PAGE;
	if (size + gap <= MMIO_WINDOW - mmio_used) {
		va = MMIO_BASE + mmio_used + gap;
		mmio_used += MIN(gap + size + PAGE_SIZE, MMIO_WINDOW - mmio_used);
	}
	spin_unlock(&lock);
	return va;
}

static bool phys_range_ok(u64 pa, u64 len)
{
	u64 limit = BIT(cpu_features.phys_bits);

	return len > 0 && pa < limit && len <= limit - pa;
}

void *mmio_map(u64 pa, size_t len, enum mmio_type type)
{
	u64 first = ALIGN_DOWN(pa, PAGE_SIZE), size, va;
	u64 flags = WRITABLE | (type == MMIO_WC ? LEAF_WC : LEAF_UC);

	if (!phys_range_ok(pa, len))
		return NULL;
	size = ALIGN_UP(pa + len, PAGE_SIZE) - first;
	va = mmio_reserve(first, size);
	if (!va || map(va, first, size, flags, MMIO_MAX_LEVEL))
		return NULL;
	return (void *)(va + (pa - first));
}

static void unmap_page(u64 va)
{
	unsigned level;
	u64 *entry = pagetable_find(root, va, &level);

	if (entry)
		__atomic_store_n(entry, 0, __ATOMIC_RELAXED);
	invlpg((void *)va);
}

static bool phys_read_page(u64 pa, void *buf, size_t len)
{
	u64 offset = pa % PAGE_SIZE;

	if (map_pages(PHYS_READ_VA, pa - offset, PAGE_SIZE, 0))
		return false;
	memcpy(buf, (void *)(PHYS_READ_VA + offset), len);
	unmap_page(PHYS_READ_VA);
	return true;
}

bool phys_read(u64 pa, void *buf, size_t len)
{
	char *to = buf;

	if (!phys_range_ok(pa, len))
		return false;
	while (len > 0) {
		size_t n = MIN(len, PAGE_SIZE - pa % PAGE_SIZE);

		if (!phys_read_page(pa, to, n))
			return false;
		pa += n;
		to += n;
		len -= n;
	}
	return true;
}

/* New RAM for [va, va + size), in one piece if there is one. */
static enum firn_err map_new_ram(u64 va, u64 size, enum pmem_use use)
{
	u64 pa = pmem_alloc(size, PAGE_SIZE, PMEM_ANY, use);
	enum firn_err err;

	if (!pa)
		return ERR_NOMEM;
	err = map_pages(va, pa, size, WRITABLE);
	if (!err)
		return FIRN_OK;
	for (u64 offset = 0; offset < size; offset += PAGE_SIZE)
		unmap_page(va + offset);
	pmem_free(pa, size, use);
	return err;
}

static enum firn_err map_stack(struct cpu_stack *stack, u64 bottom, u64 size)
{
	enum firn_err err = map_new_ram(bottom, size, PMEM_CPU);

	if (!err)
		*stack = (struct cpu_stack){ bottom, bottom + size };
	return err;
}

enum firn_err paging_map_stacks(struct cpu *cpu)
{
	u64 slot = STACKS_BASE + cpu->index * STACK_SLOT, bottom = slot + PAGE_SIZE;
	enum firn_err err;

	if (cpu->stack.top)
		return FIRN_OK; /* of a CPU that did not start and had this index before */
	for (unsigned i = 1; i <= IST_STACKS; i++) {
		err = map_stack(&cpu->ist[i], bottom, IST_STACK_SIZE);
		if (err)
			return err;
		bottom += IST_STACK_SIZE + PAGE_SIZE;
	}
	return map_stack(&cpu->stack, slot + STACK_SLOT - STACK_SIZE, STACK_SIZE);
}

enum firn_err paging_map_shadow_stack(u64 va, u64 pa)
{
	return map_pages(va, pa, PAGE_SIZE, SHADOW_STACK);
}

enum firn_err paging_hide(u64 pa, u64 size)
{
	enum firn_err err;

	spin_lock(&lock);
	err = pagetable_unmap(root, DIRECT_MAP_BASE + pa, size);
	spin_unlock(&lock);
	paging_flush_tlb();
	return err;
}

void *arch_heap_map(u64 offset, u64 bytes)
{
	u64 va = HEAP_BASE + offset;

	if (offset > HEAP_WINDOW || bytes > HEAP_WINDOW - offset)
		return NULL;
	return map_new_ram(va, bytes, PMEM_HEAP) ? NULL : (void *)va;
}
