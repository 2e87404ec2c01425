/* SPDX-License-Identifier: MIT */
/* Multiboot 1 kernels: any bytes give a sound plan or a clear refusal. */
#include "tests/fuzz/loader_fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	fuzz_plan(data, size, 1, multiboot_detect, multiboot_plan);
	return 0;
}
