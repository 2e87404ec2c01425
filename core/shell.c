/* SPDX-License-Identifier: MIT */
/* The firn> prompt: from typed bytes to a running command and back to the prompt. */
#include "core/shell.h"

#include <stdio.h>
#include <string.h>

#include "core/byte_ring.h"
#include "core/console.h"
#include "core/shell_edit.h"
#include "core/shell_job.h"
#include "core/shell_output.h"

#define TYPE_AHEAD 1024
#define CTRL_C	   0x03
#define CTRL_U	   0x15
#define BELL	   "\a"
#define JSON_FLAG  "--json"

static u8 ahead_bytes[TYPE_AHEAD];

static struct {
	bool ready;   /* shell_init() was called */
	bool away;    /* a VM has the focus */
	bool busy;    /* a command runs, or its output is not out yet */
	bool pending; /* shell_finish() has not come yet */
	struct byte_ring ahead;
} shell = { .ahead = { .size = TYPE_AHEAD, .byte = ahead_bytes } };

/*
 * Parsing
 */

static const struct shell_command *find_command(const char *name)
{
	for (size_t i = 0; i < shell_nr_commands; i++)
		if (strcmp(shell_commands[i].name, name) == 0)
			return &shell_commands[i];
	return NULL;
}

/*
 * Changes (insert, delete, replace a character, swap two neighbours) that lead from a to b: the
 * optimal string alignment, with the three rows of its table that matter.
 */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][SHELL_LINE_MAX + 1] = { 0 };
	size_t i, j, len_a = strlen(a), len_b = strlen(b);

	for (i = 0; i <= len_a; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3];
		const unsigned *above2 = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (j = 1; j <= len_b; j++) {
			if (i == 0) {
				row[j] = (unsigned)j;
				continue;
			}
			row[j] = MIN(above[j - 1] + (a[i - 1] != b[j - 1]),
				     MIN(row[j - 1], above[j]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = MIN(row[j], above2[j - 2] + 1);
		}
	}
	return rows[len_a % 3][len_b];
}

static void unknown_command(const char *name)
{
	const char *nearest = NULL;
	unsigned best = (unsigned)(strlen(name) + 1) / 3 + 1; /* one slip in three letters */

	for (size_t i = 0; i < shell_nr_commands; i++) {
		const char *candidate = shell_commands[i].name;
		unsigned d = distance(name, candidate);

		if (strncmp(candidate, name, strlen(name)) == 0)
			d = 1;
		if (d < best) {
			best = d;
			nearest = candidate;
		}
	}
	if (nearest)
		shell_print("unknown command \"%s\", did you mean \"%s\"?\n", name, nearest);
	else
		shell_print("unknown command \"%s\"; \"help\" lists the commands\n", name);
}

/* Words of args; those in brackets may be left out and come last. */
static void count_args(const struct shell_command *cmd, unsigned *min, unsigned *max)
{
	*min = *max = 0;
	for (const char *c = cmd->args; *c; c++) {
		if (c != cmd->args && c[-1] != ' ')
			continue;
		++*max;
		*min += *c != '[';
	}
}

static void print_usage(const struct shell_command *cmd)
{
	shell_print("usage: %s%s%s%s\n", cmd->name, *cmd->args ? " " : "", cmd->args,
		    cmd->json ? " [" JSON_FLAG "]" : "");
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

static bool check_args(const struct shell_command *cmd, const struct shell_line *line, bool split)
{
	unsigned min, max;

	count_args(cmd, &min, &max);
	if (line->json && !cmd->json)
		shell_print("%s has no " JSON_FLAG "\n", cmd->name);
	else if (line->nr_args < min)
		shell_print("%s: missing argument\n", cmd->name);
	else if (line->nr_args > max || !split)
		shell_print("%s: too many arguments\n", cmd->name);
	else
		return true;
	print_usage(cmd);
	return false;
}

static enum shell_result execute(char *text)
{
	const struct shell_command *cmd;
	struct shell_line line;
	char *name;
	bool fits = split(text, &line, &name);

	if (!name)
		return SHELL_DONE;
	cmd = find_command(name);
	if (!cmd) {
		unknown_command(name);
		return SHELL_DONE;
	}
	return check_args(cmd, &line, fits) ? cmd->run(&line) : SHELL_DONE;
}

/*
 * Running
 */

static void run(char *text)
{
	if (shell.away) { /* from shell_run(): the editor showed nothing */
		log_fresh_line();
		log_write_raw(SHELL_PROMPT, strlen(SHELL_PROMPT));
		log_write_raw(text, strlen(text));
		log_write_raw("\n", 1);
	}
	edit_hide();
	shell.busy = true;
	shell.pending = true;
	if (execute(text) == SHELL_DONE)
		shell.pending = false;
}

/* Goes on as far as it can: output, then the prompt, then what was typed ahead. */
static void proceed(void)
{
	for (;;) {
		char *text;

		if (shell.busy) {
			if (!shell_output_flush() || shell.pending)
				return;
			shell.busy = false;
			if (!shell.away)
				edit_show();
		}
		if (!ring_used(&shell.ahead))
			return;
		text = edit_input(ring_get(&shell.ahead));
		if (text)
			run(text);
	}
}

void shell_finish(void)
{
	shell.pending = false;
	proceed();
}

void shell_output_ready(void)
{
	if (shell.busy)
		proceed();
}

static void interrupt(void)
{
	shell_job_abandon();
	shell_output_discard();
	shell.ahead.tail = shell.ahead.head;
	shell.pending = false;
	shell_print("^C\n");
}

void shell_input(u8 byte)
{
	if (shell.busy && byte == CTRL_C)
		interrupt();
	else if (ring_room(&shell.ahead))
		ring_put(&shell.ahead, byte);
	else
		log_write_raw(BELL, 1);
	proceed();
}

void shell_enter(void)
{
	shell.away = false;
	if (shell.ready && !shell.busy)
		edit_show();
}

void shell_leave(void)
{
	shell.away = true;
	edit_hide();
}

void shell_init(void)
{
	static const char hint[] = "Ctrl-] switches between a guest's console and the firn> "
				   "prompt; \"help\" lists "
				   "the commands there.\n";

	log_fresh_line();
	log_write_raw(hint, sizeof(hint) - 1);
	shell.ready = true;
	if (!shell.away)
		edit_show();
}

void shell_run(const char *line)
{
	size_t len = strlen(line);

	if (len + 2 > ring_room(&shell.ahead)) {
		log_error("console: no room for the command \"%.40s\"", line);
		return;
	}
	ring_put(&shell.ahead, CTRL_U);
	for (size_t i = 0; i < len; i++)
		ring_put(&shell.ahead, (u8)line[i]);
	ring_put(&shell.ahead, '\r');
	proceed();
}

/*
 * Completion and help
 */

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
	if (strcmp(kind, "COMMAND") == 0)
		for (size_t i = 0; i < shell_nr_commands; i++)
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
	cmd = find_command(nth_word(line, 0, name, sizeof(name)));
	if (cmd && nth_word(cmd->args, index - 1, kind, sizeof(kind)))
		add_names(kind, add);
}

static void help_all(void)
{
	for (size_t i = 0; i < shell_nr_commands; i++) {
		const struct shell_command *cmd = &shell_commands[i];

		shell_print("%-8s %-22s %s\n", cmd->name, cmd->args, cmd->help);
	}
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
	cmd = find_command(line->arg[0]);
	if (cmd) {
		shell_print("%s\n", cmd->help);
		print_usage(cmd);
	} else {
		unknown_command(line->arg[0]);
	}
	return SHELL_DONE;
}
