/* SPDX-License-Identifier: MIT */
/* Multiboot 2 information (what GRUB tells) into struct handover. */
#ifndef FIRN_BOOT_MULTIBOOT2_INFO_H
#define FIRN_BOOT_MULTIBOOT2_INFO_H

#include "boot/handover.h"
#include "core/err.h"

#define RSDP_MAX_SIZE 64 /* ACPI 6.5, 5.2.5.3: revision 2 has 36 bytes */

/* GRUB gives a copy of the RSDP inside its information, which does not outlive the boot. */
struct rsdp_copy {
	u32 size; /* 0 = none given */
	u8 bytes[RSDP_MAX_SIZE] __aligned(8);
};

/*
 * Reads the information of at most max_size bytes at info: memory map, modules, framebuffer, RSDP,
 * EFI system table, command line, loader name. Problems that leave a usable machine become notes
 * in h->message. ERR_TRUNCATED or ERR_FORMAT when the structure itself can't be walked, ERR_NOENT
 * when there is no memory map. h must be initialised.
 */
enum firn_err multiboot2_read_info(const void *info, size_t max_size, struct handover *h,
				   struct rsdp_copy *rsdp);

#endif
