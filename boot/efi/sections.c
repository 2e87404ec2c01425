/* SPDX-License-Identifier: MIT */
/* What is embedded in the loader's own file: hypervisor, configuration, guest files. */
#include "boot/efi/loader.h"

#include <string.h>

#include "boot/efi/elf_load.h"
#include "boot/efi/pe_sections.h"
#include "boot/handover_build.h"
#include "boot/image.h"

#define SECTION_IMAGE  ".firn"
#define SECTION_CONFIG ".conf"
#define SECTION_INDEX  ".files" /* one line for each file: its name */
#define SECTION_FILE   ".f00"	/* and so on: the files in the order of the index */

static enum firn_err find(struct loader *l, const char *name, struct pe_section *section)
{
	return pe_find_section(l->self->ImageBase, l->self->ImageSize, name, section);
}

EFI_STATUS sections_load_image(struct loader *l)
{
	const char *why = "not found: this file was not built with a hypervisor";
	struct pe_section section;
	struct elf_image image;

	if (find(l, SECTION_IMAGE, &section))
		return console_fatal(SECTION_IMAGE, why, EFI_LOAD_ERROR);
	if (elf_measure(section.data, section.size, IMAGE_LINK_BASE, &image, &why))
		return console_fatal(SECTION_IMAGE, why, EFI_LOAD_ERROR);
	l->h->image_size = ALIGN_UP(image.size, PAGE_SIZE);
	l->h->image_base = memory_allocate_image(l->h->image_size);
	if (!l->h->image_base)
		return console_fatal(SECTION_IMAGE, "no room below 4 GiB", EFI_OUT_OF_RESOURCES);
	elf_place(section.data, &image, IMAGE_LINK_BASE, (void *)l->h->image_base);
	l->entry = image.entry;
	return EFI_SUCCESS;
}

/* Sections made by Firn's tools start on pages and stay where they are; others are copied. */
static u64 place(const struct pe_section *section)
{
	u64 base = (u64)section->data;

	if (!IS_ALIGNED(base, PAGE_SIZE)) {
		base = memory_allocate(section->size);
		if (base)
			memcpy((void *)base, section->data, section->size);
	}
	return base;
}

static void load_file(struct loader *l, unsigned index, const char *name, size_t len)
{
	char section_name[] = SECTION_FILE;
	struct handover_file *file = handover_add_file(l->h, name, len);
	struct pe_section section;
	const char *problem = NULL;

	if (!file)
		return;
	section_name[sizeof(SECTION_FILE) - 3] = (char)('0' + index / 10);
	section_name[sizeof(SECTION_FILE) - 2] = (char)('0' + index % 10);
	if (find(l, section_name, &section))
		problem = "embedded file is missing or cut off";
	else if (!(file->base = place(&section)))
		problem = "no memory for this embedded file";
	if (problem) {
		console_note(l, file->name, problem, EFI_SUCCESS);
		handover_drop_file(l->h);
	} else {
		file->size = section.size;
	}
}

bool sections_load_files(struct loader *l)
{
	struct pe_section section;
	const char *name;
	size_t len;
	u64 at = 0;
	enum firn_err err = find(l, SECTION_CONFIG, &section);

	if (err == ERR_NOENT)
		return false;
	if (err || !(l->h->config_base = place(&section))) {
		console_note(l, SECTION_CONFIG, "embedded configuration cannot be read",
			     EFI_SUCCESS);
		return true;
	}
	l->h->config_size = section.size;

	if (find(l, SECTION_INDEX, &section))
		return true;
	for (unsigned i = 0; pe_next_line(&section, &at, &name, &len); i++) {
		if (i == HANDOVER_MAX_FILES) {
			console_note(l, SECTION_INDEX, "too many embedded files", EFI_SUCCESS);
			break;
		}
		load_file(l, i, name, len);
	}
	return true;
}
