/* SPDX-License-Identifier: MIT */
/* The command watch: another command, again and again. */
#include <stdio.h>
#include <string.h>

#include "core/arch.h"
#include "core/shell_edit.h"
#include "core/shell_parse.h"
#include "core/shell_repeat.h"

#define MAX_MS 3600000u

static struct {
	struct shell_repeat repeat;
	char line[SHELL_LINE_MAX];
	u64 runs, start_ns;
} watch;

static enum shell_result step(struct shell_repeat *repeat)
{
	char line[SHELL_LINE_MAX];

	(void)repeat;
	watch.runs++;
	strcpy(line, watch.line);
	return shell_execute(line);
}

static void ended(struct shell_repeat *repeat)
{
	(void)repeat;
	shell_print("%llu time%s in %llu ms\n", (unsigned long long)watch.runs,
		    watch.runs == 1 ? "" : "s",
		    (unsigned long long)((clock_ns() - watch.start_ns) / NS_PER_MS));
}

/* As it was typed, but for the number of blanks. */
static void join(const struct shell_line *line)
{
	int len = 0;

	for (unsigned i = 1; i < line->nr_args; i++)
		len += snprintf(watch.line + len, sizeof(watch.line) - (size_t)len, "%s ",
				line->arg[i]);
	if (line->json)
		snprintf(watch.line + len, sizeof(watch.line) - (size_t)len, "--json");
}

/* Judged once, not at each step. */
static bool can_repeat(void)
{
	char line[SHELL_LINE_MAX];
	const struct shell_command *cmd;

	strcpy(line, watch.line);
	cmd = shell_check(line);
	if (cmd && cmd->flags & SHELL_REPEATS)
		shell_print("%s goes on until a key by itself\n", cmd->name);
	return cmd && !(cmd->flags & SHELL_REPEATS);
}

enum shell_result shell_watch(const struct shell_line *line)
{
	u64 ms;

	if (!shell_number("interval", line->arg[0], &ms))
		return SHELL_DONE;
	if (ms == 0 || ms > MAX_MS) {
		shell_print("interval %s: expected 1 to %u ms\n", line->arg[0], MAX_MS);
		return SHELL_DONE;
	}
	join(line);
	if (!can_repeat())
		return SHELL_DONE;
	watch.repeat = (struct shell_repeat){ .step = step,
					      .ended = ended,
					      .interval_ns = ms * NS_PER_MS };
	watch.runs = 0;
	watch.start_ns = clock_ns();
	return shell_repeat_start(&watch.repeat);
}
