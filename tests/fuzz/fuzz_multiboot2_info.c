/* SPDX-License-Identifier: MIT */
/* Any bytes as multiboot 2 information; whatever it says, the memory map stays in order. */
#include <stdlib.h>

#include "boot/handover_build.h"
#include "boot/multiboot2/info.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct handover h;
	struct rsdp_copy rsdp = { 0 };

	handover_init(&h, HANDOVER_MULTIBOOT2);
	multiboot2_read_info(data, size, &h, &rsdp);
	handover_claim_memory(&h, 2 * MiB, PAGE_SIZE);
	if (h.nr_memory > HANDOVER_MAX_MEMORY || h.nr_files > HANDOVER_MAX_FILES)
		abort();
	for (u32 i = 1; i < h.nr_memory; i++)
		if (h.memory[i].base < h.memory[i - 1].base + h.memory[i - 1].size)
			abort();
	return 0;
}
