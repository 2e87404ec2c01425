/* SPDX-License-Identifier: MIT */
/* Descriptor and page tables in guest memory that the boot vCPU starts with. */
#include "core/guest_layout.h"
#include "core/loader/plan.h"

/* Segment descriptors (SDM 3A 3.4.5): flat, present, accessed, ring 0. */
#define DESCRIPTOR_CODE32 0x00cf9b000000ffffull
#define DESCRIPTOR_CODE64 0x00af9b000000ffffull
#define DESCRIPTOR_DATA	  0x00cf93000000ffffull

/* The indices are Linux's __BOOT_CS and __BOOT_DS (boot protocol, "32-bit boot protocol"). */
enum {
	GDT_CODE = 2,
	GDT_DATA = 3,
	GDT_ENTRIES = 4
};
#define GDT_SELECTOR(index) ((index)*8)

#define PTE_P  BIT(0)
#define PTE_RW BIT(1)
#define PTE_PS BIT(7)

#define ENTRIES		512
#define IDENTITY_GIB	4
#define IDENTITY_TABLES (2 + IDENTITY_GIB) /* PML4, PDPT, one page directory a GiB */

enum firn_err plan_gdt(struct load_plan *plan)
{
	struct boot_state *boot = &plan->boot;
	u64 *gdt = plan_room(plan, GDT_ENTRIES * sizeof(*gdt));

	if (!gdt)
		return ERR_RANGE;
	gdt[GDT_CODE] = boot->mode == BOOT_LONG ? DESCRIPTOR_CODE64 : DESCRIPTOR_CODE32;
	gdt[GDT_DATA] = DESCRIPTOR_DATA;
	boot->gdt_limit = GDT_ENTRIES * sizeof(*gdt) - 1;
	boot->code_selector = GDT_SELECTOR(GDT_CODE);
	boot->data_selector = GDT_SELECTOR(GDT_DATA);
	return plan_place_low(plan, "descriptor table", gdt, GDT_ENTRIES * sizeof(*gdt), PLAN_ALIGN,
			      &boot->gdt_base);
}

enum firn_err plan_identity_map(struct load_plan *plan)
{
	size_t size = IDENTITY_TABLES * PAGE_SIZE;
	u64 *table = plan_room(plan, size);
	u64 gpa;
	enum firn_err err;

	if (!table)
		return ERR_RANGE;
	err = plan_place_low(plan, "page tables", table, size, PAGE_SIZE, &gpa);
	if (err != FIRN_OK)
		return err;
	table[0] = (gpa + PAGE_SIZE) | PTE_P | PTE_RW;
	for (u64 i = 0; i < IDENTITY_GIB; i++)
		table[ENTRIES + i] = (gpa + (2 + i) * PAGE_SIZE) | PTE_P | PTE_RW;
	for (u64 i = 0; i < IDENTITY_GIB * ENTRIES; i++)
		table[2 * ENTRIES + i] = i * 2 * MiB | PTE_P | PTE_RW | PTE_PS;
	plan->boot.cr3 = gpa;
	return FIRN_OK;
}
