/* SPDX-License-Identifier: MIT */
/*
 * Filling in struct handover: what both loaders do in the same way. One CPU, no locks, no firmware
 * calls, no allocation.
 */
#ifndef FIRN_BOOT_HANDOVER_BUILD_H
#define FIRN_BOOT_HANDOVER_BUILD_H

#include "boot/handover.h"

/* Clears h and sets magic, version, source and the default configuration name "firn.conf". */
void handover_init(struct handover *h, enum handover_source source);

/*
 * Copies len bytes of outside text as a NUL-terminated string; what is not printable ASCII becomes
 * '?'. Returns false when it had to be cut.
 */
bool handover_copy_text(char *dst, size_t size, const char *src, size_t len);

/* Appends "what: problem" to h->message, unless it just said so; a full one ends in "...". */
void handover_note(struct handover *h, const char *what, const char *problem);

/*
 * Reads "config=NAME" in the loader's command line (any bytes: firmware may pass binary data) and
 * makes NAME the configuration's file name. Without it nothing changes.
 */
void handover_read_cmdline(struct handover *h, const char *cmdline, size_t len);

/* True when this file is the configuration. FAT names have no case of their own, so none here. */
bool handover_is_config(const struct handover *h, const char *name, size_t len);

/*
 * Reserves the next file entry under this name; the caller sets base and size, or gives the entry
 * back by handover_drop_file() when it can't. NULL after a note when the name is unusable or taken
 * or there are too many files.
 */
struct handover_file *handover_add_file(struct handover *h, const char *name, size_t len);
void handover_drop_file(struct handover *h);

/*
 * Marks image, configuration, files and [self, self + size) in the memory map as LOADER, and
 * physical page 0 as RESERVED.
 */
void handover_claim_memory(struct handover *h, u64 self, u64 size);

#endif
