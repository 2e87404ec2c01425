/* SPDX-License-Identifier: MIT */
/* EFI memory descriptors (UEFI 7.2.3) into the hand-over's memory map. */
#include "boot/efi_memory_map.h"

#include <string.h>

#include "boot/memory_map.h"

/* Own declarations: the multiboot 2 entry gets the same map and has no EFI headers. */
struct efi_descriptor {
	u32 type;
	u32 pad;
	u64 physical_start;
	u64 virtual_start;
	u64 pages;
	u64 attribute;
};
_Static_assert(sizeof(struct efi_descriptor) == 40, "EFI_MEMORY_DESCRIPTOR");

enum efi_type {
	EFI_LOADER_CODE = 1,
	EFI_LOADER_DATA = 2,
	EFI_BOOT_CODE = 3,
	EFI_BOOT_DATA = 4,
	EFI_RUNTIME_CODE = 5,
	EFI_RUNTIME_DATA = 6,
	EFI_CONVENTIONAL = 7,
	EFI_ACPI_RECLAIM = 9,
	EFI_ACPI_NVS = 10,
};

#define EFI_ATTRIBUTE_WB BIT(3)
#define EFI_ATTRIBUTE_SP BIT(18) /* "specific purpose": the firmware wants it left alone */

static enum handover_memory_type memory_type(const struct efi_descriptor *d)
{
	enum handover_memory_type type = HANDOVER_MEM_RESERVED;

	switch (d->type) {
	case EFI_LOADER_CODE:
	case EFI_LOADER_DATA:
	case EFI_BOOT_CODE:
	case EFI_BOOT_DATA:
	case EFI_CONVENTIONAL:
		if ((d->attribute & EFI_ATTRIBUTE_WB) && !(d->attribute & EFI_ATTRIBUTE_SP))
			type = HANDOVER_MEM_FREE;
		break;
	case EFI_ACPI_RECLAIM:
	case EFI_ACPI_NVS:
		type = HANDOVER_MEM_ACPI;
		break;
	case EFI_RUNTIME_CODE:
	case EFI_RUNTIME_DATA:
		type = HANDOVER_MEM_RUNTIME;
		break;
	default:
		break;
	}
	return type;
}

enum firn_err efi_memory_map_add(struct handover *h, const void *map, size_t size, size_t desc_size)
{
	const u8 *at = map;

	/* The firmware's descriptors may be longer than the ones that we know. */
	if (desc_size < sizeof(struct efi_descriptor))
		return ERR_FORMAT;
	for (; size >= desc_size; at += desc_size, size -= desc_size) {
		struct efi_descriptor d;

		memcpy(&d, at, sizeof(d));
		memory_map_add(h, d.physical_start,
			       MIN(d.pages, UINT64_MAX >> PAGE_SHIFT) << PAGE_SHIFT,
			       memory_type(&d));
	}
	return FIRN_OK;
}
