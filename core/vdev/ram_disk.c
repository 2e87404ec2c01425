/* SPDX-License-Identifier: MIT */
/* Copy-on-write disk in memory. */
#include "core/vdev/ram_disk.h"

#include <stdlib.h>
#include <string.h>

#include "core/arch.h"
#include "core/pmem.h"

static const u8 zeros[PAGE_SIZE];

/* Of all memory, this part is not for disks: page tables of guests' memory in small pages take 1/512 of it. */
#define RESERVE_DIVISOR 256

static u64 nr_blocks(const struct ram_disk *disk)
{
	return DIV_ROUND_UP(disk->size, RAM_DISK_BLOCK);
}

static bool is_own(u64 block)
{
	return block != RAM_DISK_IMAGE && block != RAM_DISK_ZERO;
}

static void free_block(u64 block)
{
	if (is_own(block))
		pmem_free(block, RAM_DISK_BLOCK, PMEM_DISK);
}

enum firn_err ram_disk_init(struct ram_disk *disk, const void *image, u64 image_size)
{
	memset(disk, 0, sizeof(*disk));
	disk->image = image;
	disk->image_size = image_size;
	disk->size = ALIGN_UP(image_size, RAM_DISK_SECTOR);
	disk->block = calloc(nr_blocks(disk) + 1, sizeof(*disk->block));
	return disk->block ? FIRN_OK : ERR_NOMEM;
}

void ram_disk_destroy(struct ram_disk *disk)
{
	for (u64 i = 0; disk->block && i < nr_blocks(disk); i++)
		free_block(disk->block[i]);
	free(disk->block);
	disk->block = NULL;
}

/* Of *len bytes from offset, those in the same block. */
static void stay_in_block(u64 offset, u32 *len)
{
	*len = MIN(*len, (u32)(RAM_DISK_BLOCK - offset % RAM_DISK_BLOCK));
}

const void *ram_disk_peek(struct ram_disk *disk, u64 offset, u32 *len)
{
	u64 block = disk->block[offset / RAM_DISK_BLOCK];

	stay_in_block(offset, len);
	if (is_own(block))
		return (u8 *)phys_to_virt(block) + offset % RAM_DISK_BLOCK;
	if (block == RAM_DISK_IMAGE && offset < disk->image_size) {
		*len = MIN(*len, disk->image_size - offset);
		return disk->image + offset;
	}
	*len = MIN(*len, (u32)sizeof(zeros));
	return zeros;
}

static void copy_block(struct ram_disk *disk, u64 index, u8 *to)
{
	u64 start = index * RAM_DISK_BLOCK, len = 0;

	if (disk->block[index] == RAM_DISK_IMAGE && start < disk->image_size)
		len = MIN(RAM_DISK_BLOCK, disk->image_size - start);
	memcpy(to, disk->image + start, len);
	memset(to + len, 0, RAM_DISK_BLOCK - len);
}

/* A VM that fills its disks takes nothing that other VMs can't go on without. 0 = none. */
static u64 alloc_block(void)
{
	struct pmem_stats st;

	pmem_get_stats(&st);
	if (st.free < RAM_DISK_BLOCK + st.total / RESERVE_DIVISOR)
		return 0;
	return pmem_alloc(RAM_DISK_BLOCK, PAGE_SIZE, PMEM_ANY, PMEM_DISK);
}

void *ram_disk_own(struct ram_disk *disk, u64 offset, u32 *len)
{
	u64 index = offset / RAM_DISK_BLOCK, block = disk->block[index];

	stay_in_block(offset, len);
	if (!is_own(block)) {
		block = alloc_block();
		if (!block)
			return NULL;
		copy_block(disk, index, phys_to_virt(block));
		disk->block[index] = block;
	}
	return (u8 *)phys_to_virt(block) + offset % RAM_DISK_BLOCK;
}

static void zero_block(struct ram_disk *disk, u64 index)
{
	free_block(disk->block[index]);
	disk->block[index] = RAM_DISK_ZERO;
}

/* The last block of a disk is whole even if the disk ends inside it. */
static bool is_whole_block(const struct ram_disk *disk, u64 offset, u64 end)
{
	return offset % RAM_DISK_BLOCK == 0 &&
	       (end - offset >= RAM_DISK_BLOCK || end == disk->size);
}

bool ram_disk_zero(struct ram_disk *disk, u64 offset, u64 len)
{
	u64 end = offset + len;
	u32 n;

	for (; offset < end; offset += n) {
		void *part;

		n = MIN(end - offset, RAM_DISK_BLOCK);
		if (is_whole_block(disk, offset, end)) {
			zero_block(disk, offset / RAM_DISK_BLOCK);
			continue;
		}
		part = ram_disk_own(disk, offset, &n);
		if (!part)
			return false;
		memset(part, 0, n);
	}
	return true;
}

void ram_disk_discard(struct ram_disk *disk, u64 offset, u64 len)
{
	u64 end = offset + len;

	for (offset = ALIGN_UP(offset, RAM_DISK_BLOCK); offset < end; offset += RAM_DISK_BLOCK)
		if (is_whole_block(disk, offset, end))
			zero_block(disk, offset / RAM_DISK_BLOCK);
}
