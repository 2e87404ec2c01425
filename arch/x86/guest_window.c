/* SPDX-License-Identifier: MIT */
/*
 * Memory of VMs is not in the direct map, where a stray pointer or an overflow would find it, but
 * in a window at a place that is new at each boot. Only what VMs have is mapped there.
 */
#include "arch/x86/guest_window.h"

#include "arch/x86/arch_guest_frame.h"
#include "arch/x86/cpu.h"
#include "arch/x86/hw_random.h"
#include "arch/x86/pagetable.h"
#include "arch/x86/paging.h"
#include "core/arch.h"
#include "core/guest_frames.h"
#include "core/log.h"
#include "core/spinlock.h"
#include "core/work.h"

#define LEAF (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_G)

u64 guest_window;

static u64 *root;
static struct spinlock lock; /* of the tables of the window and of the direct map */
static struct work flush_work[MAX_CPUS];

enum firn_err guest_window_init(u64 *table, u64 ram_end)
{
	const u64 size = MIN(ALIGN_UP(ram_end, GiB), GUEST_WINDOW_SIZE);
	const u64 places = (GUEST_WINDOW_SIZE - size) / GiB + 1;
	const u64 top_span = pagetable_span(PT_TOP_LEVEL);
	enum firn_err err = FIRN_OK;

	/* Aligned so that the largest pages fit. */
	guest_window = GUEST_WINDOW_BASE + hw_random_or_clock() % places * GiB;
	for (u64 va = ALIGN_DOWN(guest_window, top_span); va < guest_window + size && !err;
	     va += top_span)
		err = pagetable_fill_top(table, va);
	return err;
}

void guest_window_use(u64 *table)
{
	root = table;
}

static u64 leaf(void)
{
	return LEAF | (cpu_features.nx ? PTE_NX : 0);
}

static unsigned max_level(void)
{
	return cpu_features.gib_pages ? 3 : 2;
}

static void flush(struct work *work)
{
	(void)work;
	paging_flush_tlb();
}

/*
 * The other CPUs follow when they come by: until then one may still reach what it had used through
 * the old mapping, which is a little less protection, but no fault.
 */
static void flush_everywhere(void)
{
	paging_flush_tlb();
	for (unsigned cpu = 0; cpu < nr_cpus(); cpu++) {
		if (cpu == cpu_index())
			continue;
		flush_work[cpu].run = flush;
		work_post(cpu, &flush_work[cpu]);
	}
}

enum firn_err guest_memory_take(u64 hpa, u64 size)
{
	enum firn_err err;

	spin_lock(&lock);
	err = pagetable_map(root, guest_window + hpa, hpa, size, leaf(), max_level());
	if (!err)
		err = pagetable_unmap(root, DIRECT_MAP_BASE + hpa, size);
	if (err)
		BUG_ON(pagetable_unmap(root, guest_window + hpa, size) != FIRN_OK);
	spin_unlock(&lock);
	flush_everywhere();
	return err;
}

/* What is given back fits the entries that it left, so no tables are needed. */
void guest_memory_return(u64 hpa, u64 size)
{
	spin_lock(&lock);
	BUG_ON(pagetable_unmap(root, guest_window + hpa, size) != FIRN_OK);
	BUG_ON(pagetable_map(root, DIRECT_MAP_BASE + hpa, hpa, size, leaf(), max_level()) !=
	       FIRN_OK);
	spin_unlock(&lock);
	flush_everywhere();
}

void *guest_window_stray(u64 pa)
{
	unsigned level;

	return pagetable_find(root, DIRECT_MAP_BASE + pa, &level) ? phys_to_virt(pa) : NULL;
}
