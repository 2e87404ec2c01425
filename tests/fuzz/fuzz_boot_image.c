/* SPDX-License-Identifier: MIT */
/* Any bytes as the loader's own PE image, with an ELF file in its section .firn. */
#include <stdlib.h>

#include "boot/efi/elf_load.h"
#include "boot/efi/pe_sections.h"

#define LINK_BASE 0xffffffff80000000ull
#define PLACE_MAX MiB

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void load_elf(const void *file, size_t size)
{
	struct elf_image image;
	const char *why = NULL;

	if (elf_measure(file, size, LINK_BASE, &image, &why)) {
		if (!why)
			abort();
	} else if (image.size <= PLACE_MAX) {
		void *memory = malloc(image.size);

		elf_place(file, &image, LINK_BASE, memory);
		free(memory);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct pe_section section;
	const char *line;
	size_t len;
	u64 at = 0;

	load_elf(data, size);
	if (!pe_find_section(data, size, ".firn", &section))
		load_elf(section.data, section.size);
	if (!pe_find_section(data, size, ".files", &section))
		while (pe_next_line(&section, &at, &line, &len))
			if (!len || line + len > (const char *)section.data + section.size)
				abort();
	return 0;
}
