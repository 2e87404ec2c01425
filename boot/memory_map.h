/* SPDX-License-Identifier: MIT */
/* The hand-over's memory map: sorted, merged, without overlaps, whatever the firmware gave. */
#ifndef FIRN_BOOT_MEMORY_MAP_H
#define FIRN_BOOT_MEMORY_MAP_H

#include "boot/handover.h"

/*
 * Adds [base, base + size) bytes. Where ranges overlap the higher enum handover_memory_type wins,
 * so the order of calls does not matter. FREE is rounded inwards to pages, everything else
 * outwards; what lies above the architecture's 52 physical address bits is cut off.
 *
 * A map that outgrows HANDOVER_MAX_MEMORY loses its smallest FREE ranges, with a note: memory that
 * is not listed is not used. Not for two CPUs at a time.
 */
void memory_map_add(struct handover *h, u64 base, u64 size, enum handover_memory_type type);

#endif
