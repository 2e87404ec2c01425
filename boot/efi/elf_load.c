/* SPDX-License-Identifier: MIT */
/* The hypervisor's ELF file into memory (System V ABI, chapters 4 and 5). */
#include "boot/efi/elf_load.h"

#include <string.h>

#include "core/elf_format.h"

#define MAX_SEGMENTS 16

static enum firn_err check_header(const struct elf64_header *eh, size_t size, const char **why)
{
	enum firn_err err = ERR_FORMAT;

	if (memcmp(eh->ident, ELF_MAGIC, ELF_MAGIC_SIZE))
		*why = "no ELF file";
	else if (eh->ident[EI_CLASS] != ELFCLASS64 || eh->ident[EI_DATA] != ELFDATA2LSB ||
		 eh->machine != EM_X86_64 || eh->type != ET_EXEC)
		*why = "no static x86-64 program";
	else if (eh->phentsize != sizeof(struct elf64_phdr) || !eh->phnum ||
		 eh->phnum > MAX_SEGMENTS)
		*why = "no usable table of segments";
	else if (eh->phoff > size || size - eh->phoff < eh->phnum * sizeof(struct elf64_phdr))
		*why = "table of segments beyond the end of the file", err = ERR_TRUNCATED;
	else
		err = FIRN_OK;
	return err;
}

static enum firn_err check_segment(const struct elf64_phdr *ph, size_t size, u64 link_base,
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

static struct elf64_phdr get_segment(const void *file, const struct elf64_header *eh, unsigned i)
{
	struct elf64_phdr ph;

	memcpy(&ph, (const u8 *)file + eh->phoff + i * sizeof(ph), sizeof(ph));
	return ph;
}

enum firn_err elf_measure(const void *file, size_t size, u64 link_base, struct elf_image *image,
			  const char **why)
{
	struct elf64_header eh;
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
		const struct elf64_phdr ph = get_segment(file, &eh, i);

		if (ph.type != PT_LOAD)
			continue;
		err = check_segment(&ph, size, link_base, why);
		if (err)
			break;
		image->size = MAX(image->size, ph.vaddr - link_base + ph.memsz);
		if ((ph.flags & PF_X) && eh.entry >= ph.vaddr && eh.entry - ph.vaddr < ph.filesz)
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
	struct elf64_header eh;

	memcpy(&eh, file, sizeof(eh));
	memset(memory, 0, image->size);
	for (unsigned i = 0; i < eh.phnum; i++) {
		const struct elf64_phdr ph = get_segment(file, &eh, i);

		if (ph.type == PT_LOAD)
			memcpy((u8 *)memory + (ph.vaddr - link_base), (const u8 *)file + ph.offset,
			       ph.filesz);
	}
}
