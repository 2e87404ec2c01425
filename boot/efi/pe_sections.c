/* SPDX-License-Identifier: MIT */
/* Finding sections of a PE image in memory (PE/COFF specification, 3 and 4). */
#include "boot/efi/pe_sections.h"

#include <string.h>

#define DOS_MAGIC     0x5a4d
#define DOS_PE_OFFSET 0x3c /* of the u32 that tells where the PE header is */
#define PE_MAGIC      0x00004550

struct pe_header {
	u32 magic;
	u16 machine;
	u16 nr_sections;
	u32 timestamp, symbols, nr_symbols;
	u16 optional_size;
	u16 characteristics;
};
_Static_assert(sizeof(struct pe_header) == 24, "PE/COFF 3.3");

#define SECTION_NAME_SIZE 8
struct section_header {
	char name[SECTION_NAME_SIZE]; /* NUL-padded, not terminated */
	u32 virtual_size;
	u32 virtual_address;
	u32 raw_size;
	u32 raw_offset;
	u32 relocations, line_numbers;
	u16 nr_relocations, nr_line_numbers;
	u32 characteristics;
};
_Static_assert(sizeof(struct section_header) == 40, "PE/COFF 4");

/* Copies size bytes at this offset of the image, when they are in it. */
static bool read_at(const void *image, size_t image_size, u64 offset, void *to, size_t size)
{
	bool inside = offset <= image_size && image_size - offset >= size;

	if (inside)
		memcpy(to, (const u8 *)image + offset, size);
	return inside;
}

static enum firn_err take_section(const void *image, size_t image_size,
				  const struct section_header *sh, struct pe_section *section)
{
	/* Some tools leave the virtual size 0; the raw one may have padding, so it comes second. */
	const u64 size = sh->virtual_size ? sh->virtual_size : sh->raw_size;

	if (sh->virtual_address > image_size || image_size - sh->virtual_address < size)
		return ERR_TRUNCATED;
	*section = (struct pe_section){ (const u8 *)image + sh->virtual_address, size };
	return FIRN_OK;
}

enum firn_err pe_find_section(const void *image, size_t image_size, const char *name,
			      struct pe_section *section)
{
	char padded[SECTION_NAME_SIZE] = { 0 };
	struct pe_header pe;
	u16 dos_magic;
	u32 pe_offset;
	u64 table;

	memcpy(padded, name, MIN(strlen(name), SECTION_NAME_SIZE));
	if (!read_at(image, image_size, 0, &dos_magic, sizeof(dos_magic)) ||
	    dos_magic != DOS_MAGIC ||
	    !read_at(image, image_size, DOS_PE_OFFSET, &pe_offset, sizeof(pe_offset)) ||
	    !read_at(image, image_size, pe_offset, &pe, sizeof(pe)) || pe.magic != PE_MAGIC)
		return ERR_FORMAT;

	table = (u64)pe_offset + sizeof(pe) + pe.optional_size;
	for (unsigned i = 0; i < pe.nr_sections; i++) {
		struct section_header sh;

		if (!read_at(image, image_size, table + i * sizeof(sh), &sh, sizeof(sh)))
			return ERR_TRUNCATED;
		if (!memcmp(sh.name, padded, sizeof(padded)))
			return take_section(image, image_size, &sh, section);
	}
	return ERR_NOENT;
}

bool pe_next_line(const struct pe_section *text, u64 *at, const char **line, size_t *len)
{
	const char *chars = (const char *)text->data;
	u64 start = *at, end;

	while (start < text->size && (chars[start] == '\n' || chars[start] == '\r'))
		start++;
	end = start;
	while (end < text->size && chars[end] && chars[end] != '\n' && chars[end] != '\r')
		end++;
	*at = end;
	*line = chars + start;
	*len = end - start;
	return end > start;
}
