/* SPDX-License-Identifier: MIT */
/* Conversion between two tick rates by one multiplication, good for the whole 64-bit range. */
#ifndef FIRN_X86_CLOCK_SCALE_H
#define FIRN_X86_CLOCK_SCALE_H

#include "core/types.h"

/* ticks * to / from = ticks * mult >> shift */
struct clock_scale {
	u64 mult;
	unsigned shift;
};

/*
 * from and to: ticks of the two clocks in the same time, 1..2^62. The relative error is below
 * 2^-61 as long as to / from is between 2^-62 and 2^62.
 */
void clock_scale_init(struct clock_scale *scale, u64 from, u64 to);

/* Rounds down; ~0 when the result does not fit. */
static inline u64 clock_scale(const struct clock_scale *scale, u64 ticks)
{
	unsigned __int128 product = (unsigned __int128)ticks * scale->mult >> scale->shift;

	return product >> 64 ? ~0ull : (u64)product;
}

#endif
