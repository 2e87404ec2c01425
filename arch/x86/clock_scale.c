/* SPDX-License-Identifier: MIT */
/* Fixed-point factor with as many significant bits as fit. */
#include "arch/x86/clock_scale.h"

/* Long division, bit by bit: to / from with the binary point as far left as 64 bits allow. */
void clock_scale_init(struct clock_scale *scale, u64 from, u64 to)
{
	u64 mult = to / from, rest = to % from;
	unsigned shift = 0;

	while (mult < BIT(62) && shift < 127) {
		rest <<= 1;
		mult = mult << 1 | (rest >= from);
		if (rest >= from)
			rest -= from;
		shift++;
	}
	scale->mult = mult;
	scale->shift = shift;
}
