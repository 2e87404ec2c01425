/* SPDX-License-Identifier: MIT */
/* Help, and what could stand at the place of a word: completion. */
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/shell_edit.h"
#include "core/shell_parse.h"

#define HELP_COLUMN 30

/* Copies word number index of text, NULL when there are not as many. */
static const char *nth_word(const char *text, unsigned index, char *buf, size_t size)
{
	for (;;) {
		size_t len;

		text += strspn(text, " []");
		len = strcspn(text, " []");
		if (!len)
			return NULL;
		if (index-- == 0) {
			snprintf(buf, size, "%.*s", (int)len, text);
			return buf;
		}
		text += len;
	}
}

static void add_names(const char *kind, void (*add)(const char *word))
{
	bool actions = strcmp(kind, "ACTION") == 0;

	if (actions || strcmp(kind, "COMMAND") == 0)
		for (size_t i = 0; i < shell_nr_commands; i++)
			if (!actions || (shell_commands[i].flags & SHELL_VM))
				add(shell_commands[i].name);
	if (strcmp(kind, "VM") == 0)
		for (unsigned i = 0; i < vm_count(); i++)
			add(vm_by_id(i)->config->name);
	if (strcmp(kind, "LEVEL") == 0)
		for (unsigned i = 0; i < LOG_LEVELS; i++)
			add(log_level_name[i]);
}

void shell_candidates(const char *line, void (*add)(const char *word))
{
	const struct shell_command *cmd;
	char name[SHELL_LINE_MAX], kind[16];
	unsigned index = 0;

	/* The word that is being typed is behind the last space. */
	for (const char *c = line; *c; c++)
		index += *c == ' ' && c > line && c[-1] != ' ';
	if (index == 0) {
		add_names("COMMAND", add);
		return;
	}
	cmd = shell_find(nth_word(line, 0, name, sizeof(name)));
	if (cmd && nth_word(cmd->args, index - 1, kind, sizeof(kind)))
		add_names(kind, add);
}

/* The text begins in one column; behind longer arguments, in the next line. */
static void help_line(const struct shell_command *cmd)
{
	int width = HELP_COLUMN - 1 - (int)strlen(cmd->name);

	shell_print("%s %-*s", cmd->name, width, cmd->args);
	if ((int)strlen(cmd->args) >= width)
		shell_print("\n%*s", HELP_COLUMN, "");
	shell_print("%s\n", cmd->help);
}

static void help_all(void)
{
	for (size_t i = 0; i < shell_nr_commands; i++)
		help_line(&shell_commands[i]);
	shell_print("Keys: Ctrl-] to the last guest and back, Tab completes, arrow up and down for "
		    "history,\nCtrl-U clears the line, Ctrl-C stops an answer.\n");
}

enum shell_result shell_help(const struct shell_line *line)
{
	const struct shell_command *cmd;

	if (!line->nr_args) {
		help_all();
		return SHELL_DONE;
	}
	cmd = shell_find(line->arg[0]);
	if (cmd) {
		shell_print("%s\n", cmd->help);
		shell_print_usage(cmd);
	} else {
		shell_unknown(line->arg[0]);
	}
	return SHELL_DONE;
}
