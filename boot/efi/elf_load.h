/* SPDX-License-Identifier: MIT */
/* The hypervisor's ELF file into memory. No firmware calls. */
#ifndef FIRN_BOOT_EFI_ELF_LOAD_H
#define FIRN_BOOT_EFI_ELF_LOAD_H

#include "core/err.h"

#define ELF_IMAGE_MAX (64 * MiB)

struct elf_image {
	u64 entry; /* virtual */
	u64 size;  /* bytes from link_base on, with bss */
};

/*
 * Checks every header of the file: a static x86-64 ELF whose loadable segments lie in
 * [link_base, link_base + ELF_IMAGE_MAX), with its entry in one that is executable. Fails with
 * ERR_TRUNCATED, ERR_FORMAT or ERR_RANGE, and *why as a text.
 */
enum firn_err elf_measure(const void *file, size_t size, u64 link_base, struct elf_image *image,
			  const char **why);

/* Places a file that elf_measure() found good, in image->size bytes of memory; the rest is 0. */
void elf_place(const void *file, const struct elf_image *image, u64 link_base, void *memory);

#endif
