/* SPDX-License-Identifier: MIT */
/* Multiboot 2 information (what GRUB tells) into struct handover. Multiboot 2, 3.6. */
#include "boot/multiboot2/info.h"

#include <string.h>

#include "boot/efi_memory_map.h"
#include "boot/handover_build.h"
#include "boot/memory_map.h"

enum mb2_tag_type {
	MB2_CMDLINE = 1,
	MB2_LOADER_NAME = 2,
	MB2_MODULE = 3,
	MB2_MEMORY_MAP = 6,
	MB2_FRAMEBUFFER = 8,
	MB2_EFI64_SYSTEM_TABLE = 12,
	MB2_RSDP_OLD = 14,
	MB2_RSDP_NEW = 15,
	MB2_EFI_MEMORY_MAP = 17,
	MB2_EFI_BOOT_SERVICES = 18,
};

struct mb2_info {
	u32 total_size;
	u32 reserved;
};
_Static_assert(sizeof(struct mb2_info) == 8, "multiboot 2, 3.6.2");

struct mb2_tag {
	u32 type;
	u32 size; /* with this header, without the padding */
};
_Static_assert(sizeof(struct mb2_tag) == 8, "multiboot 2, 3.6.2");
#define MB2_TAG_ALIGN 8

struct mb2_module {
	struct mb2_tag tag;
	u32 start, end; /* physical */
			/* then the command line */
};
_Static_assert(sizeof(struct mb2_module) == 16, "multiboot 2, 3.6.6");

struct mb2_memory_map {
	struct mb2_tag tag;
	u32 entry_size;
	u32 entry_version;
};
_Static_assert(sizeof(struct mb2_memory_map) == 16, "multiboot 2, 3.6.8");

struct mb2_memory_entry {
	u64 base, length;
	u32 type;
	u32 reserved;
};
_Static_assert(sizeof(struct mb2_memory_entry) == 24, "multiboot 2, 3.6.8");

enum {
	MB2_MEMORY_AVAILABLE = 1,
	MB2_MEMORY_ACPI = 3,
	MB2_MEMORY_NVS = 4
};

struct mb2_framebuffer {
	struct mb2_tag tag;
	u64 address;
	u32 pitch, width, height;
	u8 bpp, type;
	u16 reserved;
	u8 red_position, red_size, green_position, green_size, blue_position, blue_size;
	u8 pad[2];
};
_Static_assert(offsetof(struct mb2_framebuffer, red_position) == 32, "multiboot 2, 3.6.12");
#define MB2_FRAMEBUFFER_SIZE offsetof(struct mb2_framebuffer, pad)
#define MB2_FRAMEBUFFER_RGB  1

struct mb2_efi_memory_map {
	struct mb2_tag tag;
	u32 descriptor_size;
	u32 descriptor_version;
};
_Static_assert(sizeof(struct mb2_efi_memory_map) == 16, "multiboot 2, 3.6.17");

struct reader {
	struct handover *h;
	struct rsdp_copy *rsdp;
	/* Of two memory maps the EFI one is better: it tells runtime services memory. */
	const u8 *memory_map, *efi_map;
	u32 memory_map_size, efi_map_size;
	bool boot_services; /* GRUB left them running: their map is not final */
};

/* Text in a tag ends at its NUL or at the tag's end. */
static size_t text_length(const u8 *text, size_t max)
{
	const u8 *nul = memchr(text, 0, max);

	return nul ? (size_t)(nul - text) : max;
}

/* The first word of a module's command line names it; a path before the name does not count. */
static const char *module_name(const char *cmdline, size_t len, size_t *name_len)
{
	size_t start = 0, end = 0;

	for (; end < len && cmdline[end] != ' '; end++)
		if (cmdline[end] == '/')
			start = end + 1;
	*name_len = end - start;
	return cmdline + start;
}

static void read_module(struct reader *r, const u8 *tag, u32 size)
{
	struct mb2_module module;
	struct handover_file *file = NULL;
	const char *name;
	size_t len;

	if (size < sizeof(module)) {
		handover_note(r->h, "boot loader", "malformed module, ignored");
		return;
	}
	memcpy(&module, tag, sizeof(module));
	name = module_name((const char *)tag + sizeof(module),
			   text_length(tag + sizeof(module), size - sizeof(module)), &len);
	if (module.end < module.start || !IS_ALIGNED(module.start, PAGE_SIZE)) {
		handover_note(r->h, "boot loader", "module outside page bounds, ignored");
	} else if (handover_is_config(r->h, name, len)) {
		r->h->config_base = module.start;
		r->h->config_size = module.end - module.start;
	} else if ((file = handover_add_file(r->h, name, len))) {
		file->base = module.start;
		file->size = module.end - module.start;
	}
}

static void read_framebuffer(struct reader *r, const u8 *tag, u32 size)
{
	struct mb2_framebuffer fb = { 0 };
	enum handover_pixel_format format = HANDOVER_PIXEL_NONE;

	if (size < MB2_FRAMEBUFFER_SIZE)
		return;
	memcpy(&fb, tag, MB2_FRAMEBUFFER_SIZE);
	if (fb.type != MB2_FRAMEBUFFER_RGB || fb.bpp != 32 || fb.red_size != 8 ||
	    fb.green_size != 8 || fb.blue_size != 8 || fb.green_position != 8)
		return;
	if (fb.red_position == 16 && fb.blue_position == 0)
		format = HANDOVER_PIXEL_BGRX;
	else if (fb.red_position == 0 && fb.blue_position == 16)
		format = HANDOVER_PIXEL_RGBX;
	if (format == HANDOVER_PIXEL_NONE || (u64)fb.width * 4 > fb.pitch)
		return;
	r->h->framebuffer = (struct handover_framebuffer){
		.base = fb.address,
		.size = (u64)fb.pitch * fb.height,
		.width = fb.width,
		.height = fb.height,
		.pitch = fb.pitch,
		.format = format,
	};
}

/* Both versions may be there; the newer one has the XSDT's address. */
static void read_rsdp(struct reader *r, const u8 *tag, u32 size, bool newer)
{
	u32 len = size - sizeof(struct mb2_tag);

	if (!len || (r->rsdp->size && !newer))
		return;
	r->rsdp->size = MIN(len, RSDP_MAX_SIZE);
	memcpy(r->rsdp->bytes, tag + sizeof(struct mb2_tag), r->rsdp->size);
}

static void read_tag(struct reader *r, u32 type, const u8 *tag, u32 size)
{
	const u8 *body = tag + sizeof(struct mb2_tag);
	const u32 len = size - sizeof(struct mb2_tag);

	switch (type) {
	case MB2_CMDLINE:
		handover_read_cmdline(r->h, (const char *)body, text_length(body, len));
		break;
	case MB2_LOADER_NAME:
		handover_copy_text(r->h->firmware, sizeof(r->h->firmware), (const char *)body,
				   text_length(body, len));
		break;
	case MB2_MODULE:
		read_module(r, tag, size);
		break;
	case MB2_MEMORY_MAP:
		r->memory_map = tag;
		r->memory_map_size = size;
		break;
	case MB2_FRAMEBUFFER:
		read_framebuffer(r, tag, size);
		break;
	case MB2_EFI64_SYSTEM_TABLE:
		if (len >= sizeof(r->h->efi_system_table))
			memcpy(&r->h->efi_system_table, body, sizeof(r->h->efi_system_table));
		break;
	case MB2_RSDP_OLD:
	case MB2_RSDP_NEW:
		read_rsdp(r, tag, size, type == MB2_RSDP_NEW);
		break;
	case MB2_EFI_MEMORY_MAP:
		r->efi_map = tag;
		r->efi_map_size = size;
		break;
	case MB2_EFI_BOOT_SERVICES:
		r->boot_services = true;
		break;
	default:
		break;
	}
}

/* Calls read_tag() for every tag of this type, or for all but that type. */
static enum firn_err walk(struct reader *r, const u8 *info, u32 total, u32 type, bool only)
{
	u64 at = sizeof(struct mb2_info);
	struct mb2_tag tag;

	while (at + sizeof(tag) <= total) {
		memcpy(&tag, info + at, sizeof(tag));
		if (tag.size < sizeof(tag))
			return ERR_FORMAT;
		if (at + tag.size > total)
			return ERR_TRUNCATED;
		if (!tag.type)
			return FIRN_OK;
		if ((tag.type == type) == only)
			read_tag(r, tag.type, info + at, tag.size);
		at += ALIGN_UP((u64)tag.size, MB2_TAG_ALIGN);
	}
	return ERR_TRUNCATED; /* no end tag */
}

static enum handover_memory_type memory_type(u32 type)
{
	switch (type) {
	case MB2_MEMORY_AVAILABLE:
		return HANDOVER_MEM_FREE;
	case MB2_MEMORY_ACPI:
	case MB2_MEMORY_NVS:
		return HANDOVER_MEM_ACPI;
	default:
		return HANDOVER_MEM_RESERVED;
	}
}

static enum firn_err add_memory_map(const struct reader *r)
{
	struct mb2_memory_map map;
	struct mb2_memory_entry entry;
	u32 at = sizeof(map);

	if (r->memory_map_size < sizeof(map))
		return ERR_TRUNCATED;
	memcpy(&map, r->memory_map, sizeof(map));
	if (map.entry_size < sizeof(entry))
		return ERR_FORMAT;
	for (; r->memory_map_size - at >= map.entry_size; at += map.entry_size) {
		memcpy(&entry, r->memory_map + at, sizeof(entry));
		memory_map_add(r->h, entry.base, entry.length, memory_type(entry.type));
	}
	return FIRN_OK;
}

static enum firn_err add_efi_map(const struct reader *r)
{
	struct mb2_efi_memory_map map;

	if (r->efi_map_size < sizeof(map))
		return ERR_TRUNCATED;
	memcpy(&map, r->efi_map, sizeof(map));
	return efi_memory_map_add(r->h, r->efi_map + sizeof(map), r->efi_map_size - sizeof(map),
				  map.descriptor_size);
}

enum firn_err multiboot2_read_info(const void *info, size_t max_size, struct handover *h,
				   struct rsdp_copy *rsdp)
{
	struct reader r = { .h = h, .rsdp = rsdp };
	struct mb2_info head;
	enum firn_err err = ERR_TRUNCATED;

	if (max_size < sizeof(head))
		return ERR_TRUNCATED;
	memcpy(&head, info, sizeof(head));
	if (head.total_size > max_size)
		return ERR_TRUNCATED;

	/* Modules come last: which of them is the configuration depends on the command line. */
	err = walk(&r, info, head.total_size, MB2_MODULE, false);
	if (!err)
		err = walk(&r, info, head.total_size, MB2_MODULE, true);
	if (err)
		return err;

	err = ERR_NOENT;
	if (r.efi_map && !r.boot_services)
		err = add_efi_map(&r);
	if (err && r.memory_map)
		err = add_memory_map(&r);
	return err;
}
