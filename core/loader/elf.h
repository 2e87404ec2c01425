/* SPDX-License-Identifier: MIT */
/* Bounds-checked view of an ELF file, 32- or 64-bit, little endian, x86 (System V ABI, chapter 4 and 5). */
#ifndef FIRN_CORE_LOADER_ELF_H
#define FIRN_CORE_LOADER_ELF_H

#include "core/loader/plan.h"

/* A program header, whatever the class of the file. */
struct elf_segment {
	u32 type;
	u64 offset, filesz; /* in the file; checked to lie inside it for PT_LOAD and PT_NOTE */
	u64 paddr, vaddr, memsz, align;
};

struct elf_image {
	const u8 *data;
	u64 size;
	bool is64;
	u64 entry;
	u64 phoff;
	unsigned phnum;
};

/* Does it start with the ELF magic number? */
bool elf_detect(const struct loader_file *file);

/*
 * Checks headers and the bounds of all segments that matter. plan carries the error text; NULL
 * when only the answer counts.
 */
enum firn_err elf_open(struct load_plan *plan, const struct loader_file *file,
		       struct elf_image *elf);
struct elf_segment elf_segment(const struct elf_image *elf, unsigned index);

/* The descriptor of the first such note in a PT_NOTE segment; NULL when there is none. */
const u8 *elf_find_note(const struct elf_image *elf, const char *name, u32 type, u32 *desc_size);

/* Claims guest memory for every PT_LOAD at p_paddr. end: highest address in use. */
enum firn_err elf_claim_segments(struct load_plan *plan, const struct elf_image *elf, u64 *end);
/* Where e_entry, a linear address, is loaded; false when no segment has it. */
bool elf_entry_address(const struct elf_image *elf, u64 *gpa);
/* Is gpa inside a loaded segment? */
bool elf_is_loaded(const struct elf_image *elf, u64 gpa);

#endif
