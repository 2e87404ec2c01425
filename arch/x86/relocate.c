/* SPDX-License-Identifier: MIT */
/* Relocation of the image by the table in it. No CPU registers here. */
#include "arch/x86/relocate.h"

#include <string.h>

static u64 read_place(const u8 *place, bool wide)
{
	u64 value;
	s32 narrow;

	if (wide) {
		memcpy(&value, place, sizeof(value));
		return value;
	}
	memcpy(&narrow, place, sizeof(narrow));
	return (u64)(s64)narrow;
}

static enum firn_err check_place(const u8 *image, u64 size, u64 offset, bool wide, u64 slide)
{
	u64 length = wide ? sizeof(u64) : sizeof(s32), moved;

	if (size < length || offset > size - length)
		return ERR_RANGE;
	moved = read_place(image + offset, wide) + slide;
	return wide || (u64)(s64)(s32)moved == moved ? FIRN_OK : ERR_RANGE;
}

static void move_place(u8 *place, bool wide, u64 slide)
{
	u64 value = read_place(place, wide) + slide;

	memcpy(place, &value, wide ? sizeof(u64) : sizeof(s32));
}

static enum firn_err walk(u8 *image, u64 size, const u16 *table, size_t words, u64 slide,
			  bool check)
{
	enum firn_err err = FIRN_OK;
	u64 offset = 0;

	for (size_t i = 0; i < words && !err; i++) {
		bool wide = table[i] & RELOCATION_WIDE;

		if (!table[i])
			return FIRN_OK;
		offset += table[i] & RELOCATION_DISTANCE;
		if (table[i] == RELOCATION_FAR)
			continue;
		if (check)
			err = check_place(image, size, offset, wide, slide);
		else
			move_place(image + offset, wide, slide);
	}
	return err ? err : ERR_TRUNCATED;
}

enum firn_err image_relocate(void *image, u64 size, const u16 *table, size_t words, u64 slide)
{
	enum firn_err err = walk(image, size, table, words, slide, true);

	return err ? err : walk(image, size, table, words, slide, false);
}
