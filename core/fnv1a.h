/* SPDX-License-Identifier: MIT */
/* FNV-1a, 64 bits: a hash for data that nobody chooses in order to make two of them alike. */
#ifndef FIRN_CORE_FNV1A_H
#define FIRN_CORE_FNV1A_H

#include "core/types.h"

#define FNV1A_OFFSET_BASIS 0xcbf29ce484222325ull
#define FNV1A_PRIME	   0x100000001b3ull

/* data: a byte, or a whole word where it only has to tell changes. hash begins as the offset basis. */
static inline u64 fnv1a(u64 hash, u64 data)
{
	return (hash ^ data) * FNV1A_PRIME;
}

#endif
