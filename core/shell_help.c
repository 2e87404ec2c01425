/* SPDX-License-Identifier: MIT */
/* Help, and what could stand at the place of a word: completion. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/shell_edit.h"
#include "core/shell_parse.h"

#define HELP_COLUMN 30

#define WORD_SIZE   32
#define SEPARATORS  " []|"
#define JSON_OPTION "--json"

static void add_kind(const char *kind, void (*add)(const char *word))
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
	if (strcmp(kind, "TEST") == 0)
		for (size_t i = 0; i < arch_nr_selftests; i++)
			add(arch_selftests[i].name);
}

/* What may stand for one word of a command's arguments, which ends at a blank: "[on|off]", "VM". */
static void add_words(const char *arg, bool options, void (*add)(const char *word))
{
	char word[WORD_SIZE];

	while (*arg && *arg != ' ') {
		size_t len = strcspn(arg, SEPARATORS);

		snprintf(word, sizeof(word), "%.*s", (int)len, arg);
		if (isupper((unsigned char)word[0]) && !options)
			add_kind(word, add);
		else if (word[0] && options == (word[0] == '-'))
			add(word);
		arg += len;
		arg += *arg && *arg != ' ';
	}
}

/* The next one, NULL at the end. */
static const char *next_arg(const char *arg)
{
	arg += strcspn(arg, " ");
	return *arg ? arg + 1 : NULL;
}

/* Of those that may be left out, the ones that follow may come first. */
static void add_args(const struct shell_command *cmd, unsigned index, bool options,
		     void (*add)(const char *word))
{
	const char *arg = *cmd->args ? cmd->args : NULL;

	while (arg && index--)
		arg = next_arg(arg);
	while (arg) {
		add_words(arg, options, add);
		arg = *arg == '[' ? next_arg(arg) : NULL;
	}
	if (options && cmd->flags & SHELL_JSON)
		add(JSON_OPTION);
}

void shell_candidates(const char *line, void (*add)(const char *word))
{
	const struct shell_command *cmd;
	char name[SHELL_LINE_MAX];
	unsigned index = 0;
	bool options;

	line += strspn(line, " ");
	/* The word that is being typed is behind the last space. */
	for (const char *c = line; *c; c++)
		index += *c == ' ' && c[-1] != ' ';
	if (index == 0) {
		add_kind("COMMAND", add);
		return;
	}
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(line, " "), line);
	options = strrchr(line, ' ')[1] == '-';
	cmd = shell_find(name);
	if (cmd)
		add_args(cmd, index - 1, options, add);
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
