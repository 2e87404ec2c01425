/* SPDX-License-Identifier: MIT */
/* Separate files from the server that the loader came from, whatever protocol fetches them. */
#ifndef FIRN_BOOT_EFI_NETWORK_H
#define FIRN_BOOT_EFI_NETWORK_H

#include "boot/efi/loader.h"

struct network_source {
	struct loader *l;
	/*
	 * Loads a file from the loader's own folder. Returns its address and size in bytes, or 0
	 * after a message. name is shorter than HANDOVER_NAME_MAX.
	 */
	u64 (*fetch)(struct network_source *source, const char *name, u64 *size);
};

/* Loads the configuration, then each file that it names, once. */
void network_load_all(struct network_source *source);

/* console_note() for a text from UnicodeSPrint(). */
void network_note(struct loader *l, const char *what, const CHAR16 *text);

#endif
