/* SPDX-License-Identifier: MIT */
/* Moving the image to other virtual addresses than those it was linked for. */
#ifndef FIRN_X86_RELOCATE_H
#define FIRN_X86_RELOCATE_H

#include "core/err.h"

/*
 * The table that tools/relocations makes: a word for each place of the image that holds an address
 * of it, in ascending order, and 0 at the end. Its low bits are the distance from the last place;
 * the greatest distance means that there is no place yet.
 */
#define RELOCATION_WIDE	    BIT(15) /* 8 bytes, else 4, sign-extended */
#define RELOCATION_DISTANCE 0x7fff
#define RELOCATION_FAR	    RELOCATION_DISTANCE

/*
 * Adds slide to all places of the image. ERR_RANGE: a place is outside of the image, or what it
 * holds would not fit; ERR_TRUNCATED: the table has no end. Nothing was changed then.
 */
enum firn_err image_relocate(void *image, u64 size, const u16 *table, size_t words, u64 slide);

#endif
