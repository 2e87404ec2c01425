/* SPDX-License-Identifier: MIT */
/* Memory from the firmware, and its end: the memory map and ExitBootServices(). */
#include "boot/efi/loader.h"

#include "boot/efi_memory_map.h"
#include "boot/handover_build.h"
#include "boot/image.h"

#define LOW_MEMORY_LAST (4 * GiB - 1)

/* Sizes come from volumes and servers; firmware would compute with them and overflow. */
#define ALLOCATION_MAX (1024 * GiB)

/* Room for descriptors that appear between asking for the map's size and the map. */
#define MAP_SLACK     (64 * sizeof(EFI_MEMORY_DESCRIPTOR) + PAGE_SIZE)
#define EXIT_ATTEMPTS 8

static UINTN pages(u64 bytes)
{
	return MAX(DIV_ROUND_UP(bytes, PAGE_SIZE), 1);
}

static u64 allocate(EFI_ALLOCATE_TYPE how, u64 last, u64 bytes)
{
	EFI_PHYSICAL_ADDRESS base = last;

	if (bytes > ALLOCATION_MAX ||
	    EFI_ERROR(BS->AllocatePages(how, EfiLoaderData, pages(bytes), &base)))
		base = 0;
	return base;
}

u64 memory_allocate_low(u64 bytes)
{
	return allocate(AllocateMaxAddress, LOW_MEMORY_LAST, bytes);
}

u64 memory_allocate(u64 bytes)
{
	u64 base = memory_allocate_low(bytes);

	return base ? base : allocate(AllocateAnyPages, 0, bytes);
}

u64 memory_allocate_image(u64 bytes)
{
	const u64 size = pages(bytes) * PAGE_SIZE;
	const u64 block = memory_allocate_low(size + IMAGE_ALIGN);
	const u64 base = ALIGN_UP(block, (u64)IMAGE_ALIGN);

	if (!block)
		return 0;
	if (base > block)
		memory_free(block, base - block);
	if (base < block + IMAGE_ALIGN)
		memory_free(base + size, block + IMAGE_ALIGN - base);
	return base;
}

void memory_free(u64 base, u64 bytes)
{
	BS->FreePages(base, pages(bytes));
}

struct efi_map {
	u8 *buffer;
	UINTN capacity; /* bytes */
	UINTN size;
	UINTN key;
	UINTN descriptor_size;
};

static EFI_STATUS get_map(struct efi_map *map)
{
	UINT32 version;

	map->size = map->capacity;
	return BS->GetMemoryMap(&map->size, (EFI_MEMORY_DESCRIPTOR *)map->buffer, &map->key,
				&map->descriptor_size, &version);
}

/* The map changes with every allocation, and after the first exit attempt there may be none. */
static EFI_STATUS prepare_map(struct efi_map *map)
{
	EFI_STATUS status = get_map(map);

	if (status != EFI_BUFFER_TOO_SMALL)
		return EFI_ERROR(status) ? status : EFI_DEVICE_ERROR;
	map->capacity = map->size + MAP_SLACK;
	map->buffer = (u8 *)memory_allocate(map->capacity);
	return map->buffer ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;
}

EFI_STATUS memory_exit_boot_services(struct loader *l)
{
	struct efi_map map = { 0 };
	EFI_STATUS status = prepare_map(&map);

	if (EFI_ERROR(status))
		return console_fatal("memory map", "the firmware does not give it", status);

	/* A stale key is normal: the firmware's own timers may allocate (UEFI 7.4.6). */
	status = EFI_INVALID_PARAMETER;
	for (unsigned i = 0; i < EXIT_ATTEMPTS && status == EFI_INVALID_PARAMETER; i++) {
		status = get_map(&map);
		if (!EFI_ERROR(status))
			status = BS->ExitBootServices(l->handle, map.key);
	}
	if (EFI_ERROR(status))
		return console_fatal("ExitBootServices", "refused by the firmware", status);

	if (efi_memory_map_add(l->h, map.buffer, map.size, map.descriptor_size))
		handover_note(l->h, "EFI memory map", "malformed");
	handover_claim_memory(l->h, (u64)l->h, LOADER_BLOCK_SIZE);
	return EFI_SUCCESS;
}
