/* SPDX-License-Identifier: MIT */
/* Finding sections of a PE image in memory, and the lines of its file index. No firmware calls. */
#ifndef FIRN_BOOT_EFI_PE_SECTIONS_H
#define FIRN_BOOT_EFI_PE_SECTIONS_H

#include "core/err.h"

struct pe_section {
	const u8 *data;
	u64 size; /* bytes, without the padding to whole pages */
};

/*
 * Finds the section of this name (at most 8 characters) in an image as the firmware loaded it.
 * ERR_NOENT when there is none, ERR_FORMAT or ERR_TRUNCATED when headers or the section leave the
 * image.
 */
enum firn_err pe_find_section(const void *image, size_t image_size, const char *name,
			      struct pe_section *section);

/*
 * The next non-empty line of text at *at, without its end (LF or CR LF); advances *at. False at
 * the end.
 */
bool pe_next_line(const struct pe_section *text, u64 *at, const char **line, size_t *len);

#endif
