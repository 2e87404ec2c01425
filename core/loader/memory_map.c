/* SPDX-License-Identifier: MIT */
/* The memory map that guests get from every loader. */
#include "core/guest_layout.h"
#include "core/loader.h"

unsigned loader_memory_map(u64 memory, struct memory_map_entry map[MEMORY_MAP_MAX])
{
	u64 below = guest_ram_below_hole(memory), above = guest_ram_above_4g(memory);
	unsigned n = 0;

	map[n++] = (struct memory_map_entry){ 0, MIN(below, GUEST_LOW_RAM_END), MEMORY_MAP_RAM };
	map[n++] = (struct memory_map_entry){ GUEST_LOW_RAM_END, GUEST_HIGH_RAM - GUEST_LOW_RAM_END,
					      MEMORY_MAP_RESERVED };
	if (below > GUEST_HIGH_RAM)
		map[n++] = (struct memory_map_entry){ GUEST_HIGH_RAM, below - GUEST_HIGH_RAM,
						      MEMORY_MAP_RAM };
	/* Linux uses ECAM only where the map reserves it (PCI Firmware 3.3, 4.1.2). */
	map[n++] =
		(struct memory_map_entry){ GUEST_ECAM_BASE, GUEST_ECAM_SIZE, MEMORY_MAP_RESERVED };
	if (above)
		map[n++] = (struct memory_map_entry){ GUEST_HOLE_END, above, MEMORY_MAP_RAM };
	return n;
}
