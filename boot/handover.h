/* SPDX-License-Identifier: MIT */
/*
 * What the loader hands to Firn. The EFI loader and the multiboot 2 entry both build exactly
 * this; nothing behind it knows which one ran.
 *
 * Entry state (firn_entry64 in boot/multiboot2/entry64.S, the ELF's 64-bit entry): long mode,
 * interrupts off, CR4.PAE, EFER.LME, flat 64-bit CS, the low 4 GiB identity-mapped and the
 * image mapped at its link address; RDI = physical address of struct handover (below 4 GiB).
 */
#ifndef FIRN_BOOT_HANDOVER_H
#define FIRN_BOOT_HANDOVER_H

#include "core/types.h"

#define HANDOVER_MAGIC	 0x4e524946u /* "FIRN" */
#define HANDOVER_VERSION 1

#define HANDOVER_MAX_MEMORY 256
#define HANDOVER_MAX_FILES  64
#define HANDOVER_MAX_CPUS   256
#define HANDOVER_NAME_MAX   64

enum handover_source {
	HANDOVER_EFI = 1,
	HANDOVER_MULTIBOOT2 = 2
};

/* Physical memory as Firn sees it after the firmware is gone. Sorted, not overlapping. */
enum handover_memory_type {
	HANDOVER_MEM_FREE = 1,	   /* usable at once */
	HANDOVER_MEM_LOADER = 2,   /* image, handover, config, files, early page tables */
	HANDOVER_MEM_ACPI = 3,	   /* ACPI tables (reclaimable, kept) */
	HANDOVER_MEM_RUNTIME = 4,  /* EFI runtime code and data, must stay mapped for its calls */
	HANDOVER_MEM_RESERVED = 5, /* everything else that is not RAM for us */
};

struct handover_memory {
	u64 base; /* bytes, page aligned (FREE is rounded inwards, the others outwards) */
	u64 size;
	u32 type; /* enum handover_memory_type */
	u32 pad;
};

struct handover_file {
	char name[HANDOVER_NAME_MAX]; /* as firn.conf names it, no path */
	u64 base;		      /* physical, page aligned */
	u64 size;		      /* bytes */
};

enum handover_pixel_format {
	HANDOVER_PIXEL_NONE,
	HANDOVER_PIXEL_BGRX,
	HANDOVER_PIXEL_RGBX
};

struct handover_framebuffer {
	u64 base; /* physical; 0 = none */
	u64 size;
	u32 width, height; /* pixels */
	u32 pitch;	   /* bytes per line */
	u32 format;	   /* enum handover_pixel_format; 32 bits per pixel */
};

struct handover {
	u32 magic;
	u16 version;
	u16 source;	   /* enum handover_source */
	char firmware[64]; /* vendor and revision, or the boot loader's name */

	u64 image_base; /* physical address that the image's link address maps to */
	u64 image_size; /* bytes, including bss */

	u64 rsdp;	      /* physical, 0 = none */
	u64 efi_system_table; /* physical, 0 = none */
	s64 boot_time;	      /* seconds since 1970-01-01 UTC at hand-over, 0 = unknown */
	u64 boot_time_tsc;    /* TSC when boot_time was read */
	u64 loader_tsc;	      /* TSC at the jump to Firn */

	struct handover_framebuffer framebuffer;

	u64 config_base; /* text of firn.conf; 0 = none found */
	u64 config_size;
	char config_name[HANDOVER_NAME_MAX]; /* for messages, e.g. "firn.conf" */

	/* Loader problems that must be shown on Firn's consoles (e.g. unreadable file); may be "" */
	char message[256];

	u32 nr_memory, nr_files, nr_cpus, pad;
	struct handover_memory memory[HANDOVER_MAX_MEMORY];
	struct handover_file files[HANDOVER_MAX_FILES];
	/* APIC ids of enabled CPUs from EFI MP services; used only where there is no MADT. */
	u32 cpu_apic_id[HANDOVER_MAX_CPUS];
};

_Static_assert(offsetof(struct handover, memory) % 8 == 0, "handover arrays are aligned");

#endif
