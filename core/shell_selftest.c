/* SPDX-License-Identifier: MIT */
/* Faults of Firn's own by command. */
#include <string.h>

#include "core/shell.h"

static const struct selftest *find(const char *name)
{
	for (size_t i = 0; i < arch_nr_selftests; i++)
		if (strcmp(arch_selftests[i].name, name) == 0)
			return &arch_selftests[i];
	return NULL;
}

enum shell_result shell_selftest(const struct shell_line *line)
{
	const struct selftest *test = line->nr_args ? find(line->arg[0]) : NULL;

	if (test && line->nr_args <= 1 + test->max_args)
		return test->run(line);
	if (test) {
		shell_print("selftest %s: too many arguments\n", test->name);
		return SHELL_DONE;
	}
	if (line->nr_args)
		shell_print("there is no self-test \"%s\", only:\n", line->arg[0]);
	for (size_t i = 0; i < arch_nr_selftests; i++)
		shell_print("%-10s %s\n", arch_selftests[i].name, arch_selftests[i].help);
	return SHELL_DONE;
}
