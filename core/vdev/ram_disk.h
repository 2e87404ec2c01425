/* SPDX-License-Identifier: MIT */
/*
 * A disk whose contents at boot are a file of the boot medium. What is written is kept in memory of
 * its own, 64 KiB at a time, until Firn ends; the file stays as it is.
 */
#ifndef FIRN_VDEV_RAM_DISK_H
#define FIRN_VDEV_RAM_DISK_H

#include "core/err.h"
#include "core/spinlock.h"

#define RAM_DISK_SECTOR 512ull
#define RAM_DISK_BLOCK	(64 * KiB)

struct ram_disk {
	struct spinlock lock; /* of blocks and what is in them */
	const u8 *image;
	u64 image_size;
	u64 size;   /* bytes: that of the image, rounded up to whole sectors with zeros */
	u64 *block; /* per block: physical address of its own memory, or one of the two below */
};
#define RAM_DISK_IMAGE 0ull /* still as in the image */
#define RAM_DISK_ZERO  1ull /* reads as zeros */

/* image lives as long as the disk. ERR_NOMEM. */
enum firn_err ram_disk_init(struct ram_disk *disk, const void *image, u64 image_size);
void ram_disk_destroy(struct ram_disk *disk);

/*
 * Lock held, offset below disk->size. Where the bytes are that begin there, and how many of them,
 * at most *len, are in one piece.
 */
const void *ram_disk_peek(struct ram_disk *disk, u64 offset, u32 *len);
/* The same for writing; NULL: out of memory. */
void *ram_disk_own(struct ram_disk *disk, u64 offset, u32 *len);
/* Lock held, [offset, offset + len) in the disk: reads as zeros from now on. False: out of memory. */
bool ram_disk_zero(struct ram_disk *disk, u64 offset, u64 len);
/* Gives memory of whole blocks back; they read as zeros. What else is in the range stays. Lock held. */
void ram_disk_discard(struct ram_disk *disk, u64 offset, u64 len);

#endif
