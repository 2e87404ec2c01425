/* SPDX-License-Identifier: MIT */
/* Faults of Firn's own that its protection must stop, for "selftest" at the prompt. */
#include <string.h>

#include "core/shell.h"

#define SMASHED 24 /* behind an array of 16: the guard, but not the return address */

/* The array's size is hidden from the compiler, which would refuse to write behind it. */
static __noinline void write_behind(char *array, size_t bytes)
{
	__asm__ volatile("" : "+r"(array));
	memset(array, 'A', bytes);
}

static enum shell_result smash_stack(const struct shell_line *line)
{
	char array[16];

	(void)line;
	write_behind(array, SMASHED);
	shell_print("nothing noticed that the stack is smashed\n");
	return SHELL_DONE;
}

const struct selftest arch_selftests[] = {
	{ "stack", "write behind an array on the stack", smash_stack },
};
const size_t arch_nr_selftests = ARRAY_SIZE(arch_selftests);
