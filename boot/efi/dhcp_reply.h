/* SPDX-License-Identifier: MIT */
/* What a DHCPv4 reply says about the boot file and its server. No firmware calls. */
#ifndef FIRN_BOOT_EFI_DHCP_REPLY_H
#define FIRN_BOOT_EFI_DHCP_REPLY_H

#include "core/types.h"

#define DHCP_FOLDER_MAX 256

struct dhcp_boot {
	u8 server[4];		      /* IPv4 address */
	char folder[DHCP_FOLDER_MAX]; /* of the boot file, with its last separator; "" = none */
};

/*
 * Reads the reply in packet (size bytes; what follows its end option is not looked at). False when
 * it names no boot file or no server, is cut off, or when the boot file's path cannot be used.
 */
bool dhcp_boot_read(const void *packet, size_t size, struct dhcp_boot *boot);

#endif
