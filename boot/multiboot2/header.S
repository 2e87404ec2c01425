/* SPDX-License-Identifier: MIT */
/* Multiboot 2 header: what GRUB should do for us (multiboot 2, 3.1). */
#include "boot/image.h"
#include "boot/entry.h"

	.section .multiboot2, "a"
	.balign 8
header:
	.long MB2_HEADER_MAGIC
	.long MB2_ARCH_I386
	.long header_end - header
	.long -(MB2_HEADER_MAGIC + MB2_ARCH_I386 + (header_end - header))

	/* The ELF's own entry is for 64-bit loaders; this one is physical, before relocation. */
	.balign 8
	.short MB2_TAG_ENTRY, 0
	.long 12
	.long multiboot2_entry32 - IMAGE_LINK_BASE + IMAGE_LOAD_BASE

	/* Files are handed on in place, so they have to start on a page. */
	.balign 8
	.short MB2_TAG_MODULE_ALIGN, 0
	.long 8

	/* With UEFI below GRUB, the firmware may sit where we are linked. */
	.balign 8
	.short MB2_TAG_RELOCATABLE, MB2_TAG_OPTIONAL
	.long 24
	.long IMAGE_LOAD_BASE, 0xffffffff, IMAGE_ALIGN, MB2_LOAD_LOWEST

	.balign 8
	.short MB2_TAG_FRAMEBUFFER, MB2_TAG_OPTIONAL
	.long 20
	.long 1024, 768, 32

	.balign 8
	.short MB2_TAG_END, 0
	.long 8
header_end:

	.section .note.GNU-stack, "", @progbits
