/* SPDX-License-Identifier: MIT */
/* ELF files, with the names of the System V ABI, chapters 4 and 5: those of guests, and Firn's own. */
#ifndef FIRN_CORE_ELF_FORMAT_H
#define FIRN_CORE_ELF_FORMAT_H

#include "core/types.h"

#define ELF_MAGIC      "\177ELF"
#define ELF_MAGIC_SIZE 4

/* Indices of ident, and what stands there */
#define EI_CLASS    4
#define EI_DATA	    5
#define ELFCLASS32  1
#define ELFCLASS64  2
#define ELFDATA2LSB 1

#define ET_EXEC	  2
#define ET_DYN	  3
#define EM_386	  3
#define EM_X86_64 62

struct elf32_header {
	u8 ident[16];
	u16 type, machine;
	u32 version, entry, phoff, shoff, flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct elf32_header) == 52, "Elf32_Ehdr");

struct elf64_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct elf64_header) == 64, "Elf64_Ehdr");

#define PT_LOAD 1
#define PT_NOTE 4
#define PF_X	1

struct elf32_phdr {
	u32 type, offset, vaddr, paddr, filesz, memsz, flags, align;
};
_Static_assert(sizeof(struct elf32_phdr) == 32, "Elf32_Phdr");

struct elf64_phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct elf64_phdr) == 56, "Elf64_Phdr");

struct elf_note {
	u32 name_size, desc_size, type;
};
_Static_assert(sizeof(struct elf_note) == 12, "Elf64_Nhdr");

#endif
