/* SPDX-License-Identifier: MIT */
/* Linux bzImages: any bytes give a sound plan or a clear refusal. */
#include "tests/fuzz/loader_fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	fuzz_plan(data, size, 0, linux_detect, linux_plan);
	return 0;
}
