/* SPDX-License-Identifier: MIT */
/* The hypervisor's ELF file into memory (System V ABI, chapters 4 and 5). */
#include "boot/efi/elf_load.h"

#include <string.h>

struct elf_header {
	u8 magic[4];
	u8 class, encoding, version, abi, pad[8];
	u16 type, machine;
	u32 version2;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct elf_header) == 64, "Elf64_Ehdr");

struct elf_segment {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct elf_segment) == 56, "Elf64_Phdr");

enum {
	ELF_CLASS_64 = 2,
	ELF_LITTLE_ENDIAN = 1,
	ELF_EXECUTABLE = 2,
	ELF_X86_64 = 62,
	ELF_PT_LOAD = 1,
	ELF_PF_X = 1,
	ELF_MAX_SEGMENTS = 16,
};

static enum firn_err check_header(const struct elf_header *eh, size_t size, const char **why)
{
	enum firn_err err = ERR_FORMAT;

	if (memcmp(eh->magic, "\177ELF", sizeof(eh->magic)))
		*why = "no ELF file";
	else if (eh->class != ELF_CLASS_64 || eh->encoding != ELF_LITTLE_ENDIAN ||
		 eh->machine != ELF_X86_64 || eh->type != ELF_EXECUTABLE)
		*why = "no static x86-64 program";
	else if (eh->phentsize != sizeof(struct elf_segment) || !eh->phnum ||
		 eh->phnum > ELF_MAX_SEGMENTS)
		*why = "no usable table of segments";
	else if (eh->phoff > size || size - eh->phoff < eh->phnum * sizeof(struct elf_segment))
		*why = "table of segments beyond the end of the file", err = ERR_TRUNCATED;
	else
		err = FIRN_OK;
	return err;
}

static enum firn_err check_segment(const struct elf_segment *ph, size_t size, u64 link_base,
				   const char **why)
{
	enum firn_err err = ERR_RANGE;

	if (ph->offset > size || size - ph->offset < ph->filesz)
		*why = "segment beyond the end of the file", err = ERR_TRUNCATED;
	else if (ph->filesz > ph->memsz)
		*why = "segment larger in the file than in memory", err = ERR_FORMAT;
	else if (ph->vaddr < link_base || ph->vaddr - link_base > ELF_IMAGE_MAX ||
		 ELF_IMAGE_MAX - (ph->vaddr - link_base) < ph->memsz)
		*why = "segment outside the address range of the image";
	else
		err = FIRN_OK;
	return err;
}

static struct elf_segment get_segment(const void *file, const struct elf_header *eh, unsigned i)
{
	struct elf_segment ph;

	memcpy(&ph, (const u8 *)file + eh->phoff + i * sizeof(ph), sizeof(ph));
	return ph;
}

enum firn_err elf_measure(const void *file, size_t size, u64 link_base, struct elf_image *image,
			  const char **why)
{
	struct elf_header eh;
	enum firn_err err;
	bool entry_found = false;

	if (size < sizeof(eh)) {
		*why = "shorter than an ELF header";
		return ERR_TRUNCATED;
	}
	memcpy(&eh, file, sizeof(eh));
	*image = (struct elf_image){ .entry = eh.entry };
	err = check_header(&eh, size, why);
	for (unsigned i = 0; i < eh.phnum && !err; i++) {
		const struct elf_segment ph = get_segment(file, &eh, i);

		if (ph.type != ELF_PT_LOAD)
			continue;
		err = check_segment(&ph, size, link_base, why);
		if (err)
			break;
		image->size = MAX(image->size, ph.vaddr - link_base + ph.memsz);
		if ((ph.flags & ELF_PF_X) && eh.entry >= ph.vaddr &&
		    eh.entry - ph.vaddr < ph.filesz)
			entry_found = true;
	}
	if (!err && !entry_found) {
		*why = "entry point outside the executable segments";
		err = ERR_RANGE;
	}
	return err;
}

void elf_place(const void *file, const struct elf_image *image, u64 link_base, void *memory)
{
	struct elf_header eh;

	memcpy(&eh, file, sizeof(eh));
	memset(memory, 0, image->size);
	for (unsigned i = 0; i < eh.phnum; i++) {
		const struct elf_segment ph = get_segment(file, &eh, i);

		if (ph.type == ELF_PT_LOAD)
			memcpy((u8 *)memory + (ph.vaddr - link_base), (const u8 *)file + ph.offset,
			       ph.filesz);
	}
}
