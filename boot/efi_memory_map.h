/* SPDX-License-Identifier: MIT */
/* EFI memory descriptors (UEFI 7.2.3) into the hand-over's memory map. */
#ifndef FIRN_BOOT_EFI_MEMORY_MAP_H
#define FIRN_BOOT_EFI_MEMORY_MAP_H

#include "boot/handover.h"
#include "core/err.h"

/*
 * Adds the map as GetMemoryMap() gave it, for the time after ExitBootServices(). What the loader
 * took is free in here: mark it by handover_claim_memory(). ERR_FORMAT when desc_size can't be.
 */
enum firn_err efi_memory_map_add(struct handover *h, const void *map, size_t size,
				 size_t desc_size);

#endif
