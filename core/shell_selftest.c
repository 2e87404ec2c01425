/* SPDX-License-Identifier: MIT */
/* Faults of Firn's own by command. */
#include <string.h>

#include "core/shell.h"

enum shell_result shell_selftest(const struct shell_line *line)
{
	for (size_t i = 0; i < arch_nr_selftests && line->nr_args; i++)
		if (strcmp(arch_selftests[i].name, line->arg[0]) == 0)
			return arch_selftests[i].run(line);
	if (line->nr_args)
		shell_print("there is no self-test \"%s\", only:\n", line->arg[0]);
	for (size_t i = 0; i < arch_nr_selftests; i++)
		shell_print("%-10s %s\n", arch_selftests[i].name, arch_selftests[i].help);
	return SHELL_DONE;
}
