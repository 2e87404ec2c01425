/* SPDX-License-Identifier: MIT */
/* Firn's address space: image, direct map, the identity root. */
#include "arch/x86/paging.h"

#include "arch/x86/address_space.h"
#include "arch/x86/cpu.h"
#include "arch/x86/guest_window.h"
#include "arch/x86/identity_map.h"
#include "arch/x86/pagetable.h"
#include "arch/x86/stack_guard.h"
#include "arch/x86/x86.h"
#include "core/log.h"
#include "core/pmem.h"

/* Read-only and dirty would be a shadow stack (SDM 3A 4.6). */
#define LEAF	(PTE_P | PTE_A | PTE_G)
#define RW_NX	(LEAF | PTE_RW | PTE_D | PTE_NX)
#define RO_NX	(LEAF | PTE_NX)
#define RO_EXEC LEAF

#define IDENTITY_SIZE	  (512 * GiB)
#define IDENTITY_MIN_SIZE (4 * GiB)

extern char __image_start[], __image_end[];
extern char __text_start[], __text_end[], __rodata_start[], __rodata_end[], __data_start[];

static u64 *root, *identity_root;
static u64 image_base;	/* physical */
static u64 direct_base; /* 0: the loader's identity map is still in use */

void *phys_to_virt(u64 pa)
{
	return (void *)(pa + direct_base);
}

u64 virt_to_phys(const void *va)
{
	return (u64)va - direct_base;
}

u64 image_to_phys(const void *va)
{
	return (u64)va - (u64)__image_start + image_base;
}

static u64 leaf(u64 flags)
{
	return cpu_features.nx ? flags : flags & ~PTE_NX;
}

static unsigned max_level(void)
{
	return cpu_features.gib_pages ? 3 : 2;
}

static enum firn_err map_image_part(const char *start, const char *end, u64 flags)
{
	return pagetable_map(root, (u64)start, image_to_phys(start), end - start, leaf(flags), 1);
}

static enum firn_err map_image(void)
{
	enum firn_err err = map_image_part(__text_start, __text_end, RO_EXEC);

	if (!err)
		err = map_image_part(__rodata_start, __rodata_end, RO_NX);
	if (!err)
		err = map_image_part(__data_start, __image_end, RW_NX);
	return err;
}

static enum firn_err map_direct(u64 base, u64 end, u64 flags)
{
	if (base >= end)
		return FIRN_OK;
	return pagetable_map(root, DIRECT_MAP_BASE + base, base, end - base, leaf(flags),
			     max_level());
}

/* The image's text and constants must not be writable through this alias either. */
static enum firn_err map_ram(u64 base, u64 end, u64 flags)
{
	u64 ro_start = image_to_phys(__image_start), ro_end = image_to_phys(__rodata_end);
	enum firn_err err = map_direct(base, MIN(end, ro_start), flags);

	if (!err)
		err = map_direct(MAX(base, ro_start), MIN(end, ro_end), RO_NX);
	if (!err)
		err = map_direct(MAX(base, ro_end), end, flags);
	return err;
}

static u64 ram_flags(u32 type)
{
	switch (type) {
	case HANDOVER_MEM_FREE:
	case HANDOVER_MEM_LOADER:
	case HANDOVER_MEM_RUNTIME:
		return RW_NX;
	case HANDOVER_MEM_ACPI:
		return RO_NX;
	default:
		return 0;
	}
}

/* Neighbours with the same flags are mapped as one, so that large pages fit. */
static enum firn_err map_all_ram(const struct handover *h)
{
	for (u32 i = 0; i < h->nr_memory;) {
		const struct handover_memory *m = &h->memory[i];
		u64 flags = ram_flags(m->type), end = m->base + m->size;
		enum firn_err err;

		for (i++; i < h->nr_memory && h->memory[i].base == end; i++) {
			if (ram_flags(h->memory[i].type) != flags)
				break;
			end += h->memory[i].size;
		}
		if (!flags || m->base >= DIRECT_MAP_SIZE)
			continue;
		err = map_ram(ALIGN_DOWN(m->base, PAGE_SIZE),
			      ALIGN_UP(MIN(end, DIRECT_MAP_SIZE), PAGE_SIZE), flags);
		if (err)
			return err;
	}
	return FIRN_OK;
}

/* Tables below the PML4 entries are shared by both roots, so the entries must exist by now. */
static enum firn_err fill_windows(void)
{
	static const u64 window[] = { MMIO_BASE, STACKS_BASE, HEAP_BASE };
	enum firn_err err = FIRN_OK;

	for (unsigned i = 0; i < ARRAY_SIZE(window) && !err; i++)
		err = pagetable_fill_top(root, window[i]);
	return err;
}

static enum firn_err make_identity_root(const struct handover *h)
{
	u64 size = cpu_features.gib_pages ? MIN(IDENTITY_SIZE, BIT(cpu_features.phys_bits))
					  : IDENTITY_MIN_SIZE;

	for (unsigned i = PT_FIRST_HIGH; i < PT_ENTRIES; i++)
		identity_root[i] = root[i];
	return identity_map(identity_root, h, size, max_level(), leaf(PTE_NX));
}

enum firn_err paging_map_trampoline(u64 page)
{
	return identity_map_code(identity_root, page);
}

void paging_unmap_trampoline(u64 page)
{
	identity_unmap_code(identity_root, page);
}

/* On a CPU that starts, GS is not set yet. */
__no_stack_guard void paging_load(void)
{
	/* First: the tables have no-execute bits, which are reserved until EFER.NXE is set. */
	cpu_set_control_registers();
	write_cr3(paging_root());
}

/* Global entries, too (SDM 3A 4.10.4.1). */
void paging_flush_tlb(void)
{
	u64 cr4 = read_cr4();

	write_cr3(read_cr3());
	write_cr4(cr4 & ~CR4_PGE);
	write_cr4(cr4);
}

static u64 end_of_free_ram(const struct handover *h)
{
	u64 end = 0;

	for (u32 i = 0; i < h->nr_memory; i++)
		if (h->memory[i].type == HANDOVER_MEM_FREE)
			end = h->memory[i].base + h->memory[i].size;
	return end;
}

enum firn_err paging_init(const struct handover *h)
{
	enum firn_err err = ERR_NOMEM;

	image_base = h->image_base;
	root = pagetable_alloc();
	identity_root = pagetable_alloc();
	if (root && identity_root)
		err = map_image();
	if (!err)
		err = map_all_ram(h);
	if (!err)
		err = fill_windows();
	if (!err)
		err = guest_window_init(root, end_of_free_ram(h));
	if (!err)
		err = make_identity_root(h);
	if (err)
		return err;

	paging_load();
	root = (u64 *)((u64)root + DIRECT_MAP_BASE);
	identity_root = (u64 *)((u64)identity_root + DIRECT_MAP_BASE);
	direct_base = DIRECT_MAP_BASE;
	address_space_init(root);
	guest_window_use(root);
	pagetable_use_any_memory();

	err = paging_map_stacks(this_cpu());
	if (!err)
		cpu_load_tables(this_cpu()); /* the new IST stacks */
	return err;
}

void paging_write_code(bool on)
{
	char *va = phys_to_virt(image_to_phys(__text_start));
	char *end = va + (__text_end - __text_start);
	unsigned level;

	while (va < end) {
		u64 *entry = pagetable_find(root, (u64)va, &level);

		BUG_ON(!entry);
		*entry = on ? *entry | PTE_RW | PTE_D : *entry & ~(PTE_RW | PTE_D);
		invlpg(va);
		va = (char *)ALIGN_DOWN((u64)va, pagetable_span(level)) + pagetable_span(level);
	}
}

u64 paging_root(void)
{
	return virt_to_phys(root);
}

u64 paging_identity_root(void)
{
	return virt_to_phys(identity_root);
}
