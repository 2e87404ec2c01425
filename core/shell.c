/* SPDX-License-Identifier: MIT */
/* The firn> prompt: from typed bytes to a running command and back to the prompt. */
#include "core/shell.h"

#include <string.h>

#include "core/byte_ring.h"
#include "core/console.h"
#include "core/shell_edit.h"
#include "core/shell_job.h"
#include "core/shell_output.h"
#include "core/shell_parse.h"
#include "core/shell_repeat.h"

#define TYPE_AHEAD 1024

static u8 ahead_bytes[TYPE_AHEAD];

static struct {
	bool ready;   /* shell_init() was called */
	bool away;    /* a VM has the focus */
	bool busy;    /* a command runs, or its output is not out yet */
	u32 ticket;   /* of the running command */
	bool pending; /* shell_finish() has not come yet */
	struct byte_ring ahead;
} shell = { .ahead = { .size = TYPE_AHEAD, .byte = ahead_bytes } };

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
	if (shell_execute(text) == SHELL_DONE)
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

u32 shell_ticket(void)
{
	return shell.ticket;
}

void shell_finish(void)
{
	shell.ticket++;
	if (shell_repeat_goes_on())
		return;
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
	shell.ticket++;
	shell.pending = false;
	shell_print("^C\n");
}

void shell_input(u8 byte)
{
	bool repeating = shell_repeat_active();

	if (repeating)
		shell_repeat_stop();
	if (shell.busy && byte == CTRL_C)
		interrupt();
	else if (repeating)
		return;
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
	shell_repeat_stop();
}

void shell_init(void)
{
	static const char hint[] = "Ctrl-] switches between a guest's console and the firn> "
				   "prompt; "
				   "\"help\" lists the commands there.\n";

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
