/* SPDX-License-Identifier: MIT */
/* Whatever a DHCP server sends: the folder is a string that fits and ends in a separator. */
#include <stdlib.h>
#include <string.h>

#include "boot/efi/dhcp_reply.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct dhcp_boot boot;

	if (dhcp_boot_read(data, size, &boot)) {
		const size_t len = strnlen(boot.folder, sizeof(boot.folder));

		if (len == sizeof(boot.folder) ||
		    (len && boot.folder[len - 1] != '/' && boot.folder[len - 1] != '\\'))
			abort();
	}
	return 0;
}
