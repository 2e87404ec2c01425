/* SPDX-License-Identifier: MIT */
/* Where the hypervisor's image is linked, and is until kaslr_start(). Also included by assembly code: only plain numbers. */
#ifndef FIRN_BOOT_IMAGE_H
#define FIRN_BOOT_IMAGE_H

/* The same two constants are in linker.ld. */
#define IMAGE_LINK_BASE 0xffffffff80000000
#define IMAGE_LOAD_BASE 0x1000000

/* Large pages map the image early, so its physical base must be aligned to them. */
#define IMAGE_ALIGN 0x200000

#endif
