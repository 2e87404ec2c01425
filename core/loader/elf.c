/* SPDX-License-Identifier: MIT */
/* ELF files as outside input: every offset is checked before it is used. */
#include "core/loader/elf.h"

#include <stdio.h>
#include <string.h>

#include "core/elf_format.h"

#define NOTE_ALIGN 4

static bool inside(u64 offset, u64 len, u64 size)
{
	return offset <= size && len <= size - offset;
}

#define FAIL(plan, code, ...) ((plan) ? plan_fail(plan, code, __VA_ARGS__) : (code))

bool elf_detect(const struct loader_file *file)
{
	return file->size >= ELF_MAGIC_SIZE && memcmp(file->data, ELF_MAGIC, ELF_MAGIC_SIZE) == 0;
}

/* The fields that both classes have, in one form. */
static bool read_header(struct elf_image *elf, struct elf64_header *h, size_t *phentsize)
{
	struct elf32_header h32;

	if (elf->size < sizeof(h32))
		return false;
	memcpy(&h32, elf->data, sizeof(h32));
	elf->is64 = h32.ident[EI_CLASS] == ELFCLASS64;
	if (elf->is64) {
		if (elf->size < sizeof(*h))
			return false;
		memcpy(h, elf->data, sizeof(*h));
		*phentsize = sizeof(struct elf64_phdr);
		return true;
	}
	*h = (struct elf64_header){ .type = h32.type,
				    .machine = h32.machine,
				    .entry = h32.entry,
				    .phoff = h32.phoff,
				    .phentsize = h32.phentsize,
				    .phnum = h32.phnum };
	memcpy(h->ident, h32.ident, sizeof(h->ident));
	*phentsize = sizeof(struct elf32_phdr);
	return true;
}

static enum firn_err check_header(struct load_plan *plan, struct elf_image *elf)
{
	struct elf64_header h;
	size_t phentsize;

	if (!read_header(elf, &h, &phentsize))
		return FAIL(plan, ERR_TRUNCATED, "the ELF header is cut off");
	if ((h.ident[EI_CLASS] != ELFCLASS32 && h.ident[EI_CLASS] != ELFCLASS64) ||
	    h.ident[EI_DATA] != ELFDATA2LSB)
		return FAIL(plan, ERR_FORMAT, "ELF class %u, data encoding %u: expected 1 or 2, 1",
			    h.ident[EI_CLASS], h.ident[EI_DATA]);
	if (h.machine != EM_386 && h.machine != EM_X86_64)
		return FAIL(plan, ERR_FORMAT, "ELF machine %u is neither i386 (3) nor x86-64 (62)",
			    h.machine);
	if (h.type != ET_EXEC && h.type != ET_DYN)
		return FAIL(plan, ERR_FORMAT, "ELF type %u is not an executable", h.type);
	if (h.phentsize != phentsize || h.phnum == 0)
		return FAIL(plan, ERR_FORMAT, "%u ELF program headers of %u bytes, expected of %zu",
			    h.phnum, h.phentsize, phentsize);
	if (!inside(h.phoff, (u64)h.phnum * phentsize, elf->size))
		return FAIL(plan, ERR_TRUNCATED,
			    "ELF program headers at 0x%llx are beyond the end of the file (0x%llx)",
			    (unsigned long long)h.phoff, (unsigned long long)elf->size);
	elf->entry = h.entry;
	elf->phoff = h.phoff;
	elf->phnum = h.phnum;
	return FIRN_OK;
}

static enum firn_err check_segment(struct load_plan *plan, const struct elf_image *elf, unsigned i)
{
	struct elf_segment s = elf_segment(elf, i);

	if (s.type != PT_LOAD && s.type != PT_NOTE)
		return FIRN_OK;
	if (!inside(s.offset, s.filesz, elf->size))
		return FAIL(plan, ERR_TRUNCATED,
			    "ELF segment %u: 0x%llx bytes at 0x%llx, but the file has 0x%llx", i,
			    (unsigned long long)s.filesz, (unsigned long long)s.offset,
			    (unsigned long long)elf->size);
	if (s.type == PT_LOAD && s.memsz < s.filesz)
		return FAIL(plan, ERR_FORMAT,
			    "ELF segment %u: 0x%llx bytes in the file but 0x%llx in memory", i,
			    (unsigned long long)s.filesz, (unsigned long long)s.memsz);
	return FIRN_OK;
}

enum firn_err elf_open(struct load_plan *plan, const struct loader_file *file,
		       struct elf_image *elf)
{
	enum firn_err err;

	*elf = (struct elf_image){ .data = file->data, .size = file->size };
	err = check_header(plan, elf);
	for (unsigned i = 0; err == FIRN_OK && i < elf->phnum; i++)
		err = check_segment(plan, elf, i);
	return err;
}

struct elf_segment elf_segment(const struct elf_image *elf, unsigned index)
{
	struct elf32_phdr p32;
	struct elf64_phdr p;

	if (elf->is64) {
		memcpy(&p, elf->data + elf->phoff + index * sizeof(p), sizeof(p));
		return (struct elf_segment){ .type = p.type,
					     .offset = p.offset,
					     .filesz = p.filesz,
					     .paddr = p.paddr,
					     .vaddr = p.vaddr,
					     .memsz = p.memsz,
					     .align = p.align };
	}
	memcpy(&p32, elf->data + elf->phoff + index * sizeof(p32), sizeof(p32));
	return (struct elf_segment){ .type = p32.type,
				     .offset = p32.offset,
				     .filesz = p32.filesz,
				     .paddr = p32.paddr,
				     .vaddr = p32.vaddr,
				     .memsz = p32.memsz,
				     .align = p32.align };
}

static const u8 *find_note_in(const u8 *notes, u64 size, u64 align, const char *name, u32 type,
			      u32 *desc_size)
{
	size_t name_size = strlen(name) + 1;
	struct elf_note note;

	for (u64 at = 0; inside(at, sizeof(note), size);) {
		u64 name_at = at + sizeof(note), desc_at;

		memcpy(&note, notes + at, sizeof(note));
		desc_at = at + ALIGN_UP(sizeof(note) + note.name_size, align);
		if (!inside(name_at, note.name_size, size) ||
		    !inside(desc_at, note.desc_size, size))
			return NULL;
		if (note.type == type && note.name_size == name_size &&
		    memcmp(notes + name_at, name, name_size) == 0) {
			*desc_size = note.desc_size;
			return notes + desc_at;
		}
		at = ALIGN_UP(desc_at + note.desc_size, align);
	}
	return NULL;
}

const u8 *elf_find_note(const struct elf_image *elf, const char *name, u32 type, u32 *desc_size)
{
	for (unsigned i = 0; i < elf->phnum; i++) {
		struct elf_segment s = elf_segment(elf, i);
		u64 align = s.align == 2 * NOTE_ALIGN ? 2 * NOTE_ALIGN : NOTE_ALIGN;
		const u8 *desc;

		if (s.type != PT_NOTE)
			continue;
		desc = find_note_in(elf->data + s.offset, s.filesz, align, name, type, desc_size);
		if (desc)
			return desc;
	}
	return NULL;
}

static enum firn_err claim_segment(struct load_plan *plan, const struct elf_image *elf, unsigned i,
				   u64 *end)
{
	struct elf_segment s = elf_segment(elf, i);
	struct plan_range range;
	enum firn_err err;

	if (s.type != PT_LOAD || s.memsz == 0)
		return FIRN_OK;
	range = (struct plan_range){ .gpa = s.paddr,
				     .len = s.memsz,
				     .data = elf->data + s.offset,
				     .data_len = s.filesz,
				     .zero_rest = true };
	snprintf(range.what, sizeof(range.what), "ELF segment %u", i);
	err = plan_claim(plan, &range);
	if (err == FIRN_OK)
		*end = MAX(*end, s.paddr + s.memsz);
	return err;
}

enum firn_err elf_claim_segments(struct load_plan *plan, const struct elf_image *elf, u64 *end)
{
	enum firn_err err = FIRN_OK;

	*end = 0;
	for (unsigned i = 0; err == FIRN_OK && i < elf->phnum; i++)
		err = claim_segment(plan, elf, i, end);
	if (err == FIRN_OK && *end == 0)
		return plan_fail(plan, ERR_FORMAT, "the ELF file has nothing to load");
	return err;
}

bool elf_entry_address(const struct elf_image *elf, u64 *gpa)
{
	for (unsigned i = 0; i < elf->phnum; i++) {
		struct elf_segment s = elf_segment(elf, i);

		if (s.type == PT_LOAD && elf->entry >= s.vaddr && elf->entry - s.vaddr < s.memsz) {
			*gpa = s.paddr + (elf->entry - s.vaddr);
			return true;
		}
	}
	return false;
}

bool elf_is_loaded(const struct elf_image *elf, u64 gpa)
{
	for (unsigned i = 0; i < elf->phnum; i++) {
		struct elf_segment s = elf_segment(elf, i);

		if (s.type == PT_LOAD && gpa >= s.paddr && gpa - s.paddr < s.memsz)
			return true;
	}
	return false;
}
