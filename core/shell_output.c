/* SPDX-License-Identifier: MIT */
/*
 * Output of commands: kept in memory and written as the consoles take it, so that a long answer
 * on a slow line never holds the boot CPU.
 */
#include "core/shell_output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/console.h"
#include "core/shell.h"

#define FIRST_SIZE 1024
#define MAX_SIZE   (1024 * KiB)
#define LONG_LINE  1024

static struct {
	char *text;
	size_t len, size, shown;
	bool muted;
	bool cut; /* there was no memory for all of it */
} out;

static bool make_room(size_t len)
{
	size_t size = out.size ? out.size : FIRST_SIZE;
	char *text;

	if (len > MAX_SIZE - out.len)
		return false;
	while (size < out.len + len)
		size *= 2;
	if (size == out.size)
		return true;
	text = realloc(out.text, size);
	if (!text)
		return false;
	out.text = text;
	out.size = size;
	return true;
}

void shell_write(const char *text, size_t len)
{
	if (out.muted)
		return;
	if (out.cut || !make_room(len)) {
		out.cut = true;
		return;
	}
	memcpy(out.text + out.len, text, len);
	out.len += len;
}

void shell_print(const char *fmt, ...)
{
	va_list ap, again;
	char text[256];
	int n;

	if (out.muted)
		return;
	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n >= 0 && (size_t)n < sizeof(text)) {
		shell_write(text, n);
	} else if (n >= 0 && !out.cut && make_room((size_t)n + 1)) {
		vsnprintf(out.text + out.len, (size_t)n + 1, fmt, again);
		out.len += n;
	} else {
		out.cut = true;
	}
	va_end(again);
	va_end(ap);
}

/* RFC 8259 7. Bytes above 0x7f are shown as '?': nobody said that they are UTF-8. */
void shell_json_string(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	shell_print("\"");
	for (; *c; c++) {
		if (*c == '"' || *c == '\\')
			shell_print("\\%c", *c);
		else if (*c < ' ')
			shell_print("\\u%04x", *c);
		else
			shell_print("%c", *c < 0x7f ? *c : '?');
	}
	shell_print("\"");
}

void shell_output_mute(bool mute)
{
	out.muted = mute;
}

void shell_output_discard(void)
{
	free(out.text);
	out.text = NULL;
	out.len = out.size = out.shown = 0;
	out.cut = false;
}

/*
 * Whole lines, as many as fit: lines of the log may come in between. A line that does not fit
 * waits for room, unless it is longer than what is sure to come.
 */
static size_t piece(size_t room)
{
	size_t left = out.len - out.shown, n = MIN(left, room);
	const char *start = out.text + out.shown;

	for (size_t end = n; end > 0; end--)
		if (start[end - 1] == '\n')
			return end;
	return n == left || n >= LONG_LINE ? n : 0;
}

bool shell_output_flush(void)
{
	static const char cut[] = "(the rest is cut: out of memory)\n";

	while (out.shown < out.len) {
		size_t n = piece(console_tx_room());

		if (!n)
			return false;
		if (out.shown == 0)
			log_fresh_line();
		log_write_raw(out.text + out.shown, n);
		out.shown += n;
	}
	if (out.cut) {
		log_fresh_line();
		log_write_raw(cut, sizeof(cut) - 1);
	}
	shell_output_discard();
	return true;
}
