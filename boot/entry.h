/* SPDX-License-Identifier: MIT */
/* Numbers that entry code needs. For assembly: arch/x86/regs.h is C only. */
#ifndef FIRN_BOOT_ENTRY_H
#define FIRN_BOOT_ENTRY_H

/* Multiboot 2 header and machine state (multiboot 2, 3.1 and 3.2). */
#define MB2_HEADER_MAGIC     0xe85250d6
#define MB2_BOOTLOADER_MAGIC 0x36d76289
#define MB2_ARCH_I386	     0
#define MB2_TAG_END	     0
#define MB2_TAG_ENTRY	     3
#define MB2_TAG_FRAMEBUFFER  5
#define MB2_TAG_MODULE_ALIGN 6
#define MB2_TAG_RELOCATABLE  10
#define MB2_TAG_OPTIONAL     1
#define MB2_LOAD_LOWEST	     1

/* CR0: PE, MP, ET, NE, WP, AM, PG; in particular not CD and NW, which some BIOSes leave set. */
#define BOOT_CR0      0x80050033
#define BOOT_CR0_PG   0x80000000
#define BOOT_CR4      0x20 /* PAE */
#define BOOT_CR4_LA57 0x1000
#define EFER_MSR      0xc0000080
#define BOOT_EFER     0x100 /* LME */
#define RFLAGS_CLEAR  0x2   /* bit 1 is always set */

/* CPUID 80000001h EDX */
#define CPUID_EXT_MAX 0x80000000
#define CPUID_EXT     0x80000001
#define CPUID_EXT_LM  (1 << 29)

/* Page tables (SDM 3A 4.5): a high image address is in the last PML4 entry, last but one PDPTE. */
#define TABLE_SIZE	 4096
#define TABLE_PRESENT_RW 0x3
#define LARGE_PRESENT_RW 0x83
#define LARGE_SIZE	 0x200000
#define IDENTITY_TABLES	 4 /* page directories of 1 GiB each */
#define IDENTITY_LARGE	 (IDENTITY_TABLES * 512)
#define IMAGE_PML4E	 511
#define IMAGE_PDPTE	 510

/* boot_gdt: null, 64-bit code, data. */
#define BOOT_GDT_LIMIT (3 * 8 - 1)

#define BOOT_CODE64 0x08
#define BOOT_DATA   0x10
#define BOOT_CODE32 0x18 /* only in the EFI loader */

/* Flat, present, accessed (the tables are read-only), 4 GiB limit: SDM 3A 3.4.5. */
#define GDT_CODE64 0x00af9b000000ffff
#define GDT_DATA   0x00cf93000000ffff
#define GDT_CODE32 0x00cf9b000000ffff

#define BOOT_STACK_SIZE 16384

#endif
