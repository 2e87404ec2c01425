/* SPDX-License-Identifier: MIT */
/* The firmware's 16-bit text. */
#include "boot/efi/loader.h"

#define NO_ASCII '\1'

size_t text_narrow(char *to, size_t size, const CHAR16 *from, size_t max)
{
	size_t len = 0;

	for (; len < max && len < size - 1 && from[len]; len++)
		to[len] = from[len] <= '~' ? (char)from[len] : NO_ASCII;
	to[len] = '\0';
	return len;
}
