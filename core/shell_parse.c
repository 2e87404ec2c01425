/* SPDX-License-Identifier: MIT */
/* From a line of text to a command with its arguments. */
#include "core/shell_parse.h"

#include <string.h>

#include "core/shell_edit.h"
#include "core/suggest.h"

#define JSON_FLAG "--json"
#define VM_GROUP  "vm"
#define OPTION	  "--"	/* begins words that are no arguments */
#define ANY_WORDS "..." /* at the end of a command's arguments */

const struct shell_command *shell_find(const char *name)
{
	for (size_t i = 0; i < shell_nr_commands; i++)
		if (strcmp(shell_commands[i].name, name) == 0)
			return &shell_commands[i];
	return NULL;
}

void shell_unknown(const char *name)
{
	struct suggestion best = { 0 };

	for (size_t i = 0; i < shell_nr_commands; i++)
		suggest(&best, name, strlen(name), shell_commands[i].name);
	if (best.word)
		shell_print("unknown command \"%s\", did you mean \"%s\"?\n", name, best.word);
	else
		shell_print("unknown command \"%s\"; \"help\" lists the commands\n", name);
}

/* Words of args; those in brackets may be left out and come last, as does "...". */
static void count_args(const struct shell_command *cmd, unsigned *min, unsigned *max)
{
	*min = *max = 0;
	for (const char *c = cmd->args; *c; c++) {
		if (c != cmd->args && c[-1] != ' ')
			continue;
		if (strcmp(c, ANY_WORDS) == 0) {
			*max = SHELL_MAX_WORDS;
			return;
		}
		++*max;
		*min += *c != '[';
	}
}

/* The commands that are also "vm NAME". */
static void print_actions(void)
{
	const char *separator = "";

	for (size_t i = 0; i < shell_nr_commands; i++) {
		if (!(shell_commands[i].flags & SHELL_VM))
			continue;
		shell_print("%s %s", separator, shell_commands[i].name);
		separator = ",";
	}
	shell_print("\n");
}

void shell_print_usage(const struct shell_command *cmd)
{
	shell_print("usage: %s%s%s%s\n", cmd->name, *cmd->args ? " " : "", cmd->args,
		    cmd->flags & SHELL_JSON ? " [" JSON_FLAG "]" : "");
	if (strcmp(cmd->name, VM_GROUP) == 0) {
		shell_print("ACTION is one of");
		print_actions();
	}
}

/* Splits in place. False = more words than any command takes. */
static bool split(char *text, struct shell_line *line, char **name)
{
	char *save, *word = strtok_r(text, " ", &save);

	*line = (struct shell_line){ 0 };
	*name = word;
	while (word && (word = strtok_r(NULL, " ", &save))) {
		if (strcmp(word, JSON_FLAG) == 0)
			line->json = true;
		else if (line->nr_args == SHELL_MAX_WORDS)
			return false;
		else
			line->arg[line->nr_args++] = word;
	}
	return true;
}

/* The first word that looks like an option and is none of this command's; NULL = all are. */
static const char *unknown_option(const struct shell_command *cmd, const struct shell_line *line)
{
	for (unsigned i = 0; i < line->nr_args && !(cmd->flags & SHELL_LINE); i++)
		if (strncmp(line->arg[i], OPTION, strlen(OPTION)) == 0 &&
		    !strstr(cmd->args, line->arg[i]))
			return line->arg[i];
	return NULL;
}

static bool check_args(const struct shell_command *cmd, const struct shell_line *line, bool split)
{
	const char *option = unknown_option(cmd, line);
	unsigned min, max;

	count_args(cmd, &min, &max);
	if (option)
		shell_print("%s has no %s\n", cmd->name, option);
	else if (line->json && !(cmd->flags & (SHELL_JSON | SHELL_LINE)))
		shell_print("%s has no " JSON_FLAG "\n", cmd->name);
	else if (line->nr_args < min)
		shell_print("%s: missing argument\n", cmd->name);
	else if (line->nr_args > max || !split)
		shell_print("%s: too many arguments\n", cmd->name);
	else
		return true;
	shell_print_usage(cmd);
	return false;
}

/* "vm start NAME" is "start NAME". Other words behind "vm" are left to the command vm. */
static void leave_group(struct shell_line *line, char **name)
{
	const struct shell_command *cmd;

	if (strcmp(*name, VM_GROUP) != 0 || !line->nr_args)
		return;
	cmd = shell_find(line->arg[0]);
	if (!cmd || !(cmd->flags & SHELL_VM))
		return;
	*name = line->arg[0];
	line->nr_args--;
	memmove(&line->arg[0], &line->arg[1], line->nr_args * sizeof(line->arg[0]));
	line->arg[line->nr_args] = NULL;
}

/* As shell_check(), with the command's arguments. */
static const struct shell_command *parse(char *text, struct shell_line *line)
{
	const struct shell_command *cmd;
	char *name;
	bool fits = split(text, line, &name);

	if (!name)
		return NULL;
	leave_group(line, &name);
	cmd = shell_find(name);
	if (!cmd)
		shell_unknown(name);
	return cmd && check_args(cmd, line, fits) ? cmd : NULL;
}

const struct shell_command *shell_check(char *text)
{
	struct shell_line line;

	return parse(text, &line);
}

enum shell_result shell_execute(char *text)
{
	struct shell_line line;
	const struct shell_command *cmd = parse(text, &line);

	return cmd ? cmd->run(&line) : SHELL_DONE;
}

enum shell_result shell_vm_group(const struct shell_line *line)
{
	shell_print("there is no \"%s %s\", only", VM_GROUP, line->arg[0]);
	print_actions();
	return SHELL_DONE;
}
