/* SPDX-License-Identifier: MIT */
/* Multiboot 1 information, copied out of the way of tests that use low memory. */
#include "tests/guest/lib/guest.h"
#include "tests/guest/lib/printf.h"

#define MBI_MEMORY  BIT(0)
#define MBI_CMDLINE BIT(2)
#define MBI_MODULES BIT(3)
#define MBI_MMAP    BIT(6)
#define MBI_LOADER  BIT(9)

struct multiboot_info {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	u32 mmap_length, mmap_addr, drives_length, drives_addr, config_table, boot_loader_name;
};

struct multiboot_module {
	u32 start, end, string, reserved;
};

struct multiboot_mmap {
	u32 size;
	u64 base, len;
	u32 type;
} __packed;

struct guest_boot guest_boot;

static void copy_text(char *to, size_t size, u32 from)
{
	const char *s = (const char *)(u64)from;
	size_t n = MIN(strlen(s), size - 1);

	memcpy(to, s, n);
	to[n] = '\0';
}

static void copy_modules(const struct multiboot_info *mbi)
{
	const struct multiboot_module *mod = (const void *)(u64)mbi->mods_addr;

	guest_boot.nr_modules = MIN(mbi->mods_count, ARRAY_SIZE(guest_boot.module));
	for (unsigned i = 0; i < guest_boot.nr_modules; i++) {
		guest_boot.module[i].start = mod[i].start;
		guest_boot.module[i].end = mod[i].end;
		copy_text(guest_boot.module[i].args, sizeof(guest_boot.module[i].args),
			  mod[i].string);
	}
}

static void copy_memory_map(const struct multiboot_info *mbi)
{
	u64 at = mbi->mmap_addr, end = at + mbi->mmap_length;

	while (at < end && guest_boot.nr_memory < ARRAY_SIZE(guest_boot.memory)) {
		const struct multiboot_mmap *e = (const void *)at;

		guest_boot.memory[guest_boot.nr_memory++] =
			(struct guest_memory){ e->base, e->len, e->type };
		at += e->size + sizeof(e->size);
	}
}

void boot_info_init(u32 magic, u32 info)
{
	const struct multiboot_info *mbi = (const void *)(u64)info;

	guest_boot.magic = magic;
	guest_boot.flags = mbi->flags;
	if (mbi->flags & MBI_MEMORY) {
		guest_boot.mem_lower = mbi->mem_lower;
		guest_boot.mem_upper = mbi->mem_upper;
	}
	if (mbi->flags & MBI_CMDLINE)
		copy_text(guest_boot.cmdline, sizeof(guest_boot.cmdline), mbi->cmdline);
	if (mbi->flags & MBI_LOADER)
		copy_text(guest_boot.loader, sizeof(guest_boot.loader), mbi->boot_loader_name);
	if (mbi->flags & MBI_MODULES)
		copy_modules(mbi);
	if (mbi->flags & MBI_MMAP)
		copy_memory_map(mbi);
}

const char *guest_option(const char *key, char *buf, size_t size)
{
	size_t len = strlen(key), n = 0;

	for (const char *p = guest_boot.cmdline; *p; p++) {
		if ((p > guest_boot.cmdline && p[-1] != ' ') || memcmp(p, key, len) != 0 ||
		    p[len] != '=')
			continue;
		for (p += len + 1; *p && *p != ' ' && n + 1 < size; p++)
			buf[n++] = *p;
		break;
	}
	buf[n] = '\0';
	return buf;
}
