/* SPDX-License-Identifier: MIT */
/* Multiboot 1 (specification version 0.6.96): ELF32 kernels, or any file with the address fields. */
#include <stdio.h>
#include <string.h>

#include "core/guest_layout.h"
#include "core/loader/elf.h"

#define MULTIBOOT_SEARCH	 8192
#define MULTIBOOT_HEADER_MAGIC	 0x1badb002u
#define MULTIBOOT_BOOT_MAGIC	 0x2badb002u
#define MULTIBOOT_PAGE_ALIGN	 BIT(0) /* modules; we always do */
#define MULTIBOOT_MEMORY_INFO	 BIT(1) /* ditto */
#define MULTIBOOT_VIDEO		 BIT(2)
#define MULTIBOOT_REQUIRED	 0xffffu /* a loader that does not know one of these must refuse */
#define MULTIBOOT_ADDRESS_FIELDS BIT(16)

#define BOOT_LOADER_NAME "Firn"

struct multiboot_header {
	u32 magic, flags, checksum;
	u32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};
_Static_assert(sizeof(struct multiboot_header) == 32, "multiboot header with address fields");
#define HEADER_MIN 12

#define MBI_MEMORY	BIT(0)
#define MBI_CMDLINE	BIT(2)
#define MBI_MODULES	BIT(3)
#define MBI_MEMORY_MAP	BIT(6)
#define MBI_LOADER_NAME BIT(9)

struct multiboot_info {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr, drives_length, drives_addr, config_table, boot_loader_name;
	u32 apm_table;
};
_Static_assert(offsetof(struct multiboot_info, boot_loader_name) == 64, "multiboot information");

struct multiboot_module {
	u32 start, end, string, reserved;
};

struct multiboot_mmap {
	u32 size; /* of what follows */
	u64 base, len;
	u32 type;
} __packed;
_Static_assert(sizeof(struct multiboot_mmap) == 24, "multiboot memory map entry");

/* Offset of the header in the file, -1 when there is none. */
static s64 find_header(const struct loader_file *kernel, struct multiboot_header *h)
{
	const u8 *data = kernel->data;
	u64 end = MIN(kernel->size, MULTIBOOT_SEARCH);

	for (u64 at = 0; at + HEADER_MIN <= end; at += sizeof(u32)) {
		memset(h, 0, sizeof(*h));
		memcpy(h, data + at, MIN(sizeof(*h), kernel->size - at));
		if (h->magic == MULTIBOOT_HEADER_MAGIC && h->magic + h->flags + h->checksum == 0)
			return at;
	}
	return -1;
}

bool multiboot_detect(const struct loader_file *kernel)
{
	struct multiboot_header h;

	return find_header(kernel, &h) >= 0;
}

/* The file as one block, placed by the header's address fields. */
static enum firn_err claim_flat(struct load_plan *plan, const struct multiboot_header *h, u64 at,
				u64 *end)
{
	const struct loader_file *kernel = &plan->img->kernel;
	struct plan_range range = { .what = "the image", .gpa = h->load_addr, .zero_rest = true };
	u64 skip; /* bytes of the file before what is loaded */

	if (kernel->size - at < sizeof(*h))
		return plan_fail(plan, ERR_TRUNCATED, "the multiboot header is cut off");
	if (h->header_addr < h->load_addr || h->header_addr - h->load_addr > at)
		return plan_fail(plan, ERR_FORMAT,
				 "multiboot load_addr 0x%x does not fit header_addr 0x%x, which is "
				 "0x%llx bytes into the file",
				 h->load_addr, h->header_addr, (unsigned long long)at);
	skip = at - (h->header_addr - h->load_addr);
	range.data = (const u8 *)kernel->data + skip;
	range.data_len = kernel->size - skip;
	if (h->load_end_addr) {
		u64 wanted = (u64)h->load_end_addr - h->load_addr;

		if (h->load_end_addr < h->load_addr || wanted > range.data_len)
			return plan_fail(plan, ERR_TRUNCATED,
					 "multiboot load_end_addr 0x%x: only 0x%llx bytes to load "
					 "at 0x%x",
					 h->load_end_addr, (unsigned long long)range.data_len,
					 h->load_addr);
		range.data_len = wanted;
	}
	*end = MAX((u64)h->load_addr + range.data_len, (u64)h->bss_end_addr);
	range.len = *end - h->load_addr;
	plan->boot.rip = h->entry_addr;
	if (h->entry_addr < h->load_addr || h->entry_addr >= *end)
		return plan_fail(plan, ERR_FORMAT, "multiboot entry_addr 0x%x is outside the image",
				 h->entry_addr);
	return plan_claim(plan, &range);
}

/*
 * The specification knows 32-bit files only. Boot loaders take 64-bit ones as well, and kernels rely on
 * it: they begin with 32-bit code.
 */
static enum firn_err claim_elf(struct load_plan *plan, u64 *end)
{
	const struct loader_file *kernel = &plan->img->kernel;
	struct elf_image elf;
	enum firn_err err;

	if (!elf_detect(kernel))
		return plan_fail(plan, ERR_FORMAT,
				 "the multiboot header has no address fields and the file is not "
				 "ELF");
	err = elf_open(plan, kernel, &elf);
	if (err != FIRN_OK)
		return err;
	if (!elf_entry_address(&elf, &plan->boot.rip))
		return plan_fail(plan, ERR_FORMAT, "ELF entry 0x%llx is outside every segment",
				 (unsigned long long)elf.entry);
	if (plan->boot.rip > UINT32_MAX)
		return plan_fail(plan, ERR_FORMAT,
				 "ELF entry at 0x%llx: multiboot 1 enters 32-bit code below 4 GiB",
				 (unsigned long long)plan->boot.rip);
	return elf_claim_segments(plan, &elf, end);
}

/* "name args", as boot loaders give it: programs skip the first word. */
static enum firn_err place_cmdline(struct load_plan *plan, const char *name, const char *args,
				   u32 *addr)
{
	const char *gap = args && args[0] ? " " : "";
	size_t size = strlen(name) + strlen(gap) + (args ? strlen(args) : 0) + 1;
	char *text = plan_room(plan, size);
	enum firn_err err;
	u64 gpa;

	if (!text)
		return ERR_RANGE;
	snprintf(text, size, "%s%s%s", name, gap, args ? args : "");
	err = plan_place_low(plan, "command line", text, size, PLAN_ALIGN, &gpa);
	*addr = gpa;
	return err;
}

/* Modules follow the kernel upwards, in order, since that is where GRUB puts them. */
static enum firn_err place_module(struct load_plan *plan, const struct loader_file *file,
				  const char *args, u64 *end, struct multiboot_module *mod)
{
	const struct plan_window window = { .min = MAX(*end, GUEST_HIGH_RAM),
					    .max = GUEST_HOLE_START,
					    .align = PAGE_SIZE };
	struct plan_range range = { .len = file->size, .data = file->data, .data_len = file->size };
	enum firn_err err;

	snprintf(range.what, sizeof(range.what), "%s", file->name);
	err = plan_place(plan, &range, &window);
	if (err != FIRN_OK)
		return err;
	*end = range.gpa + range.len;
	mod->start = range.gpa;
	mod->end = *end;
	return place_cmdline(plan, file->name, args, &mod->string);
}

static enum firn_err place_modules(struct load_plan *plan, u64 end, struct multiboot_info *mbi)
{
	const struct loader_images *img = plan->img;
	size_t size = (img->nr_modules + 1) * sizeof(struct multiboot_module);
	struct multiboot_module *mods = plan_room(plan, size);
	enum firn_err err = mods ? FIRN_OK : ERR_RANGE;
	u64 gpa;

	if (err == FIRN_OK && img->initrd.size)
		err = place_module(plan, &img->initrd, NULL, &end, &mods[mbi->mods_count++]);
	for (unsigned i = 0; err == FIRN_OK && i < img->nr_modules; i++)
		err = place_module(plan, &img->module[i].file, img->module[i].args, &end,
				   &mods[mbi->mods_count++]);
	if (err == FIRN_OK)
		err = plan_place_low(plan, "module list", mods, size, PLAN_ALIGN, &gpa);
	if (err == FIRN_OK)
		mbi->mods_addr = gpa;
	return err;
}

static enum firn_err place_memory_map(struct load_plan *plan, struct multiboot_info *mbi)
{
	size_t size = plan->nr_map * sizeof(struct multiboot_mmap);
	struct multiboot_mmap *map = plan_room(plan, size);
	enum firn_err err;
	u64 gpa;

	if (!map)
		return ERR_RANGE;
	for (unsigned i = 0; i < plan->nr_map; i++)
		map[i] = (struct multiboot_mmap){ .size = sizeof(*map) - sizeof(map->size),
						  .base = plan->map[i].base,
						  .len = plan->map[i].size,
						  .type = plan->map[i].type };
	err = plan_place_low(plan, "memory map", map, size, PLAN_ALIGN, &gpa);
	mbi->mmap_length = size;
	mbi->mmap_addr = gpa;
	mbi->mem_lower = GUEST_LOW_RAM_END / KiB;
	mbi->mem_upper = (plan_low_ram_end(plan) - GUEST_HIGH_RAM) / KiB;
	return err;
}

static enum firn_err place_info(struct load_plan *plan, u64 end)
{
	struct multiboot_info *mbi = plan_room(plan, sizeof(*mbi));
	const struct loader_images *img = plan->img;
	enum firn_err err = mbi ? FIRN_OK : ERR_RANGE;

	if (err == FIRN_OK)
		err = place_modules(plan, end, mbi);
	if (err == FIRN_OK)
		err = place_memory_map(plan, mbi);
	if (err == FIRN_OK)
		err = place_cmdline(plan, img->kernel.name, img->cmdline, &mbi->cmdline);
	if (err == FIRN_OK)
		err = place_cmdline(plan, BOOT_LOADER_NAME, NULL, &mbi->boot_loader_name);
	if (err != FIRN_OK)
		return err;
	mbi->flags = MBI_MEMORY | MBI_CMDLINE | MBI_MODULES | MBI_MEMORY_MAP | MBI_LOADER_NAME;
	return plan_place_low(plan, "multiboot information", mbi, sizeof(*mbi), PLAN_ALIGN,
			      &plan->boot.rbx);
}

static enum firn_err check_flags(struct load_plan *plan, const struct multiboot_header *h)
{
	u32 unknown = h->flags & MULTIBOOT_REQUIRED &
		      ~(u32)(MULTIBOOT_PAGE_ALIGN | MULTIBOOT_MEMORY_INFO);

	if (unknown & MULTIBOOT_VIDEO)
		return plan_fail(plan, ERR_UNSUPPORTED,
				 "the multiboot header asks for a video mode; guests have no "
				 "display");
	if (unknown)
		return plan_fail(plan, ERR_UNSUPPORTED,
				 "the multiboot header requires unknown features (flags 0x%x)",
				 unknown);
	return FIRN_OK;
}

enum firn_err multiboot_plan(struct load_plan *plan)
{
	struct multiboot_header h;
	s64 at = find_header(&plan->img->kernel, &h);
	enum firn_err err = check_flags(plan, &h);
	u64 end = 0;

	plan->boot.mode = BOOT_PROTECTED;
	plan->boot.rax = MULTIBOOT_BOOT_MAGIC;
	if (err == FIRN_OK)
		err = h.flags & MULTIBOOT_ADDRESS_FIELDS ? claim_flat(plan, &h, at, &end)
							 : claim_elf(plan, &end);
	if (err == FIRN_OK)
		err = place_info(plan, end);
	if (err == FIRN_OK)
		err = plan_gdt(plan);
	return err;
}
