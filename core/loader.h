/* SPDX-License-Identifier: MIT */
/*
 * Guest loaders: from kernel, initrd and modules to guest memory and the boot vCPU's registers.
 * Formats: Linux bzImage (boot protocol 2.06 and later), PVH ELF, multiboot 1.
 *
 * Checking is pure: it plans where everything goes and refuses whatever loading would refuse, so
 * the host's image tools use it as well. Nothing is written before the whole plan stands.
 */
#ifndef FIRN_CORE_LOADER_H
#define FIRN_CORE_LOADER_H

#include "core/config.h"
#include "core/err.h"

struct vm;

struct loader_file {
	const char *name; /* for messages, and argument 0 of multiboot command lines */
	const void *data;
	u64 size; /* bytes; 0 = none (initrd) */
};

struct loader_module {
	struct loader_file file;
	const char *args;
};

/* Everything stays with the caller and is only read; it must live until loading is done. */
struct loader_images {
	struct loader_file kernel;
	struct loader_file initrd; /* PVH and multiboot: the first module */
	unsigned nr_modules;
	struct loader_module module[CONFIG_MAX_MODULES];
	const char *cmdline;
};

enum boot_mode {
	BOOT_PROTECTED, /* CR0.PE, no paging, CR4 0, flat 32-bit segments */
	BOOT_LONG,	/* CR0.PE|PG, CR4.PAE, EFER.LME|LMA, flat 64-bit code segment */
};

/* What the boot vCPU starts with; RFLAGS is 2 and what is not listed is 0 or as after reset. */
struct boot_state {
	enum boot_mode mode;
	u64 rip;
	u64 rax, rbx, rsi;
	u64 cr3; /* BOOT_LONG: identity map of the low 4 GiB */
	u64 gdt_base;
	u16 gdt_limit;
	u16 code_selector;
	u16 data_selector;
};

/* What is wrong and where, in words for the user; no newline at the end. */
struct load_error {
	char text[192];
};

enum loader_format {
	LOADER_UNKNOWN,
	LOADER_MULTIBOOT,
	LOADER_PVH,
	LOADER_LINUX
};

/* By what the kernel file looks like from outside; says nothing about its validity. Pure. */
enum loader_format loader_detect(const struct loader_images *img);
const char *loader_format_name(enum loader_format format);

/*
 * Would these images start in a VM with so many bytes of memory? Pure but for malloc.
 * ERR_FORMAT (malformed), ERR_TRUNCATED, ERR_UNSUPPORTED, ERR_RANGE (does not fit), ERR_NOMEM.
 */
enum firn_err loader_check(const struct loader_images *img, u64 memory, struct load_error *err);

/*
 * Puts the images into the memory of a VM that does not run and says how its boot vCPU starts.
 * Memory must be laid out as core/guest_layout.h says. Errors as above; then nothing was written.
 */
enum firn_err loader_load(struct vm *vm, const struct loader_images *img, struct boot_state *out,
			  struct load_error *err);

/* The guest's memory map as E820 types it (ACPI 6.4, 15.4). */
enum memory_map_type {
	MEMORY_MAP_RAM = 1,
	MEMORY_MAP_RESERVED = 2
};

struct memory_map_entry {
	u64 base, size; /* bytes */
	enum memory_map_type type;
};

#define MEMORY_MAP_MAX 5

/* Fills map, sorted by address, for a VM with so many bytes of memory; returns the entries used. */
unsigned loader_memory_map(u64 memory, struct memory_map_entry map[MEMORY_MAP_MAX]);

#endif
