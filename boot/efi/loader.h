/* SPDX-License-Identifier: MIT */
/* The EFI loader: what its parts share. Everything runs on the boot CPU with boot services. */
#ifndef FIRN_BOOT_EFI_LOADER_H
#define FIRN_BOOT_EFI_LOADER_H

#include <efi.h>
#include <efilib.h>

#include "boot/efi/early_paging.h"
#include "boot/handover.h"

/* One block below 4 GiB: struct handover, then the page tables. */
#define LOADER_TABLES_OFFSET ALIGN_UP(sizeof(struct handover), PAGE_SIZE)
#define LOADER_BLOCK_SIZE    (LOADER_TABLES_OFFSET + EARLY_PAGING_TABLES * PAGE_SIZE)

struct loader {
	EFI_HANDLE handle;
	EFI_LOADED_IMAGE *self;
	struct handover *h; /* at the start of the block */
	u64 entry;	    /* virtual address of firn_entry64 */
	void *trampoline;   /* one page below 4 GiB */
};

/* console.c: tells what went wrong on the firmware's console and in the hand-over. */
void console_note(struct loader *l, const char *what, const char *problem, EFI_STATUS status);
/* Prints a fatal problem, returns status. */
EFI_STATUS console_fatal(const char *what, const char *problem, EFI_STATUS status);
/* Leaves a message readable: waits for a key, or 10 s. */
void console_wait(void);

/*
 * text.c: at most max characters as a string; returns its length. What is no ASCII becomes a
 * control character, which no name may have and handover_copy_text() shows as '?'.
 */
size_t text_narrow(char *to, size_t size, const CHAR16 *from, size_t max);

/* memory.c: pages of type EfiLoaderData, 0 when there are none; bytes may be any number. */
u64 memory_allocate(u64 bytes);	      /* below 4 GiB as long as there is room, else anywhere */
u64 memory_allocate_low(u64 bytes);   /* below 4 GiB */
u64 memory_allocate_image(u64 bytes); /* below 4 GiB and 2 MiB-aligned */
void memory_free(u64 base, u64 bytes);
/* Ends boot services and fills h->memory. On success no firmware service may be called. */
EFI_STATUS memory_exit_boot_services(struct loader *l);

/* sections.c: what is embedded in the loader's own file. */
EFI_STATUS sections_load_image(struct loader *l);
bool sections_load_files(struct loader *l); /* false: nothing embedded, look at the volume */

/*
 * Configuration and files from where the loader came from; all but an absent configuration is
 * reported there. False: it came from elsewhere.
 */
bool volume_load_files(struct loader *l); /* volume.c: \firn\, or iPXE's */
bool tftp_load_files(struct loader *l);	  /* tftp_boot.c: PXE; reports an absent one, too */
bool http_load_files(struct loader *l);	  /* http_boot.c: HTTP boot; likewise */

/* firmware.c, framebuffer.c, cpus.c, clock.c: what only the firmware knows. */
void firmware_read(struct loader *l);
void framebuffer_read(struct loader *l);
void cpus_read(struct loader *l);
void clock_read(struct loader *l);

/* enter.S: position-independent code, copied below 4 GiB. */
extern const u8 enter_start[] __attribute__((visibility("hidden")));
extern const u8 enter_end[] __attribute__((visibility("hidden")));
typedef void enter_fn(u64 handover, u64 cr3, u64 entry) __attribute__((sysv_abi)); /* no return */

#endif
