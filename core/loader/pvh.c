/* SPDX-License-Identifier: MIT */
/* PVH: an ELF kernel with a Xen PHYS32_ENTRY note (Xen, docs/misc/pvh and start_info.h). */
#include <stdio.h>
#include <string.h>

#include "core/guest_layout.h"
#include "core/loader/elf.h"

#define XEN_NOTE_NAME		 "Xen"
#define XEN_ELFNOTE_PHYS32_ENTRY 18

#define HVM_START_MAGIC	  0x336ec578u
#define HVM_START_VERSION 1 /* with the memory map */

struct hvm_start_info {
	u32 magic, version, flags, nr_modules;
	u64 modlist_paddr, cmdline_paddr, rsdp_paddr, memmap_paddr;
	u32 memmap_entries, reserved;
};
_Static_assert(sizeof(struct hvm_start_info) == 56, "struct hvm_start_info");

struct hvm_modlist_entry {
	u64 paddr, size, cmdline_paddr, reserved;
};

struct hvm_memmap_entry {
	u64 addr, size;
	u32 type, reserved; /* types are E820's */
};

bool pvh_detect(const struct loader_file *kernel)
{
	struct elf_image elf;
	u32 size;

	return elf_detect(kernel) && elf_open(NULL, kernel, &elf) == FIRN_OK &&
	       elf_find_note(&elf, XEN_NOTE_NAME, XEN_ELFNOTE_PHYS32_ENTRY, &size);
}

static enum firn_err find_entry(struct load_plan *plan, const struct elf_image *elf)
{
	u32 size;
	const u8 *desc = elf_find_note(elf, XEN_NOTE_NAME, XEN_ELFNOTE_PHYS32_ENTRY, &size);

	if (!desc || (size != sizeof(u32) && size != sizeof(u64)))
		return plan_fail(plan, ERR_FORMAT,
				 "the PVH entry note has no 4- or 8-byte address");
	memcpy(&plan->boot.rip, desc, size);
	if (plan->boot.rip > UINT32_MAX || !elf_is_loaded(elf, plan->boot.rip))
		return plan_fail(plan, ERR_FORMAT,
				 "the PVH entry 0x%llx is outside every "
				 "segment below 4 GiB",
				 (unsigned long long)plan->boot.rip);
	return FIRN_OK;
}

static enum firn_err place_string(struct load_plan *plan, const char *what, const char *text,
				  u64 *gpa)
{
	return plan_place_low(plan, what, text, strlen(text) + 1, PLAN_ALIGN, gpa);
}

/* At the top of low memory: the kernel grows upwards from where it was loaded. */
static enum firn_err place_module(struct load_plan *plan, const struct loader_file *file,
				  const char *args, struct hvm_modlist_entry *entry)
{
	const struct plan_window window = {
		.min = GUEST_HIGH_RAM, .max = GUEST_HOLE_START, .align = PAGE_SIZE, .top_down = true
	};
	struct plan_range range = { .len = file->size, .data = file->data, .data_len = file->size };
	enum firn_err err;

	snprintf(range.what, sizeof(range.what), "%s", file->name);
	err = plan_place(plan, &range, &window);
	if (err == FIRN_OK && args && args[0])
		err = place_string(plan, "module arguments", args, &entry->cmdline_paddr);
	entry->paddr = range.gpa;
	entry->size = file->size;
	return err;
}

static enum firn_err place_modules(struct load_plan *plan, struct hvm_start_info *info)
{
	const struct loader_images *img = plan->img;
	size_t size = (img->nr_modules + 1) * sizeof(struct hvm_modlist_entry);
	struct hvm_modlist_entry *list = plan_room(plan, size);
	enum firn_err err = list ? FIRN_OK : ERR_RANGE;

	if (err == FIRN_OK && img->initrd.size)
		err = place_module(plan, &img->initrd, NULL, &list[info->nr_modules++]);
	for (unsigned i = 0; err == FIRN_OK && i < img->nr_modules; i++)
		err = place_module(plan, &img->module[i].file, img->module[i].args,
				   &list[info->nr_modules++]);
	if (err != FIRN_OK || info->nr_modules == 0)
		return err;
	return plan_place_low(plan, "module list", list, info->nr_modules * sizeof(*list),
			      PLAN_ALIGN, &info->modlist_paddr);
}

static enum firn_err place_memory_map(struct load_plan *plan, struct hvm_start_info *info)
{
	struct hvm_memmap_entry *map = plan_room(plan, plan->nr_map * sizeof(*map));

	if (!map)
		return ERR_RANGE;
	for (unsigned i = 0; i < plan->nr_map; i++)
		map[i] = (struct hvm_memmap_entry){ .addr = plan->map[i].base,
						    .size = plan->map[i].size,
						    .type = plan->map[i].type };
	info->memmap_entries = plan->nr_map;
	return plan_place_low(plan, "memory map", map, plan->nr_map * sizeof(*map), PLAN_ALIGN,
			      &info->memmap_paddr);
}

static enum firn_err place_start_info(struct load_plan *plan)
{
	struct hvm_start_info *info = plan_room(plan, sizeof(*info));
	enum firn_err err = info ? place_modules(plan, info) : ERR_RANGE;

	if (err == FIRN_OK)
		err = place_memory_map(plan, info);
	if (err == FIRN_OK)
		err = place_string(plan, "command line", plan->img->cmdline, &info->cmdline_paddr);
	if (err != FIRN_OK)
		return err;
	info->magic = HVM_START_MAGIC;
	info->version = HVM_START_VERSION;
	info->rsdp_paddr = GUEST_ACPI_RSDP;
	return plan_place_low(plan, "start info", info, sizeof(*info), PLAN_ALIGN, &plan->boot.rbx);
}

enum firn_err pvh_plan(struct load_plan *plan)
{
	struct elf_image elf;
	u64 end;
	enum firn_err err = elf_open(plan, &plan->img->kernel, &elf);

	plan->boot.mode = BOOT_PROTECTED;
	if (err == FIRN_OK)
		err = find_entry(plan, &elf);
	if (err == FIRN_OK)
		err = elf_claim_segments(plan, &elf, &end);
	if (err == FIRN_OK)
		err = place_start_info(plan);
	if (err == FIRN_OK)
		err = plan_gdt(plan);
	return err;
}
