/* SPDX-License-Identifier: MIT */
/* A VM with memory and small made-up kernels, for the tests of the guest loaders. */
#ifndef FIRN_TESTS_LOADER_FIXTURE_H
#define FIRN_TESTS_LOADER_FIXTURE_H

#include "core/loader.h"
#include "core/vm.h"

#define FIXTURE_MEMORY (32 * MiB)

struct fixture {
	struct vm_config config;
	struct vm vm;
	u8 *ram; /* the guest's memory; filled with FIXTURE_FILL */
	struct loader_images img;
	u8 kernel[64 * KiB];
	u8 initrd[10000];
	struct boot_state boot;
	struct load_error err;
};
#define FIXTURE_FILL 0xa5

/* cmocka setup and teardown: *state is a struct fixture with no kernel yet. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

enum firn_err fixture_load(struct fixture *f);
/* Loading and checking fail alike, with this text in the message, and guest memory is untouched. */
void fixture_refuses(struct fixture *f, enum firn_err code, const char *text);

void put16(u8 *at, u16 value);
void put32(u8 *at, u32 value);
void put64(u8 *at, u64 value);
u32 get32(const u8 *at);
u64 get64(const u8 *at);

/* ELF files: one PT_LOAD at file offset ELF_CODE, then optionally one PT_NOTE at ELF_NOTE. */
#define ELF_NOTE	0x200u
#define ELF_CODE	0x1000u
#define ELF_PADDR	0x200000u
#define ELF_FILESZ	0x800u
#define ELF_MEMSZ	0x3000u
#define ELF_ENTRY	(ELF_PADDR + 0x10)
#define ELF64_PHDR_SIZE 56
#define ELF32_PHDR_SIZE 32
void make_elf(struct fixture *f, bool is64, unsigned phnum);
u8 *elf_phdr(struct fixture *f, unsigned index);
/* Makes segment index a PT_NOTE with one Xen PHYS32_ENTRY note. */
void make_pvh_note(struct fixture *f, unsigned index, u64 entry, u32 desc_size);

/* GDT entry that boot state's selector picks, from guest memory. */
u64 boot_descriptor(const struct fixture *f, u16 selector);

#endif
