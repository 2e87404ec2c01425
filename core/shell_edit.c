/* SPDX-License-Identifier: MIT */
/* Line editor: editing at the end of the line, history, completion. */
#include "core/shell_edit.h"

#include <stdio.h>
#include <string.h>

#include "core/log.h"

#define HISTORY 8

#define BACKSPACE 0x08
#define ESC	  0x1b
#define DEL	  0x7f
#define ERASE	  "\b \b"

_Static_assert(sizeof(SHELL_PROMPT) + SHELL_LINE_MAX <= LOG_PROMPT_MAX, "a line is shown whole");

static struct {
	bool shown;
	bool after_cr; /* a newline that follows belongs to the same key */
	enum {
		KEY_PLAIN,
		KEY_ESC,
		KEY_SEQUENCE
	} key;
	size_t len;
	char line[SHELL_LINE_MAX];
	char accepted[SHELL_LINE_MAX];
	char history[HISTORY][SHELL_LINE_MAX];
	unsigned nr_history;	    /* ever added */
	unsigned back;		    /* how far up; 0 = the new line */
	char stash[SHELL_LINE_MAX]; /* the new line while an older one is shown */
} edit;

/* Writes text, or the whole prompt if it is NULL; the log shows what is typed so far from now on. */
static void echo(const char *text)
{
	char prompt[LOG_PROMPT_MAX];

	if (!edit.shown)
		return;
	snprintf(prompt, sizeof(prompt), SHELL_PROMPT "%s", edit.line);
	if (!text)
		text = prompt;
	log_set_prompt(prompt, text, strlen(text));
}

void edit_show(void)
{
	edit.shown = true;
	log_fresh_line();
	echo(NULL);
}

void edit_hide(void)
{
	edit.shown = false;
	log_set_prompt("", "", 0);
}

static void append(const char *text, size_t len)
{
	char added[SHELL_LINE_MAX];

	if (edit.len + len >= SHELL_LINE_MAX) {
		echo(BELL);
		return;
	}
	memcpy(added, text, len);
	added[len] = '\0';
	memcpy(edit.line + edit.len, added, len + 1);
	edit.len += len;
	echo(added);
}

static void erase(size_t count)
{
	char text[sizeof(ERASE) * SHELL_LINE_MAX];
	char *end = text;

	for (; count && edit.len; count--) {
		edit.line[--edit.len] = '\0';
		end = stpcpy(end, ERASE);
	}
	*end = '\0';
	echo(end == text ? BELL : text);
}

static void replace(const char *line)
{
	if (edit.len)
		erase(edit.len);
	append(line, strlen(line));
}

static void clear(void)
{
	edit.len = 0;
	edit.line[0] = '\0';
	edit.back = 0;
}

/*
 * History
 */

static char *history_entry(unsigned back)
{
	return edit.history[(edit.nr_history - back) % HISTORY];
}

static void remember(const char *line)
{
	if (!*line || (edit.nr_history && strcmp(history_entry(1), line) == 0))
		return;
	strcpy(edit.history[edit.nr_history++ % HISTORY], line);
}

static void older(void)
{
	if (edit.back == MIN(edit.nr_history, (unsigned)HISTORY)) {
		echo(BELL);
		return;
	}
	if (edit.back == 0)
		strcpy(edit.stash, edit.line);
	replace(history_entry(++edit.back));
}

static void newer(void)
{
	if (edit.back == 0) {
		echo(BELL);
		return;
	}
	edit.back--;
	replace(edit.back ? history_entry(edit.back) : edit.stash);
}

/*
 * Completion
 */

static struct {
	const char *word;
	size_t word_len;
	unsigned count;
	size_t common_len; /* of what all candidates begin with */
	char common[SHELL_LINE_MAX];
} tab;

static const char *last_word(void)
{
	const char *space = strrchr(edit.line, ' ');

	return space ? space + 1 : edit.line;
}

static bool matches(const char *candidate)
{
	return strncmp(candidate, tab.word, tab.word_len) == 0;
}

static void count_candidate(const char *candidate)
{
	size_t same = 0;

	if (!matches(candidate))
		return;
	if (tab.count++ == 0) {
		tab.common_len = MIN(strlen(candidate), sizeof(tab.common) - 1);
		memcpy(tab.common, candidate, tab.common_len);
		return;
	}
	while (same < tab.common_len && candidate[same] == tab.common[same])
		same++;
	tab.common_len = same;
}

static void list_candidate(const char *candidate)
{
	if (!matches(candidate))
		return;
	log_write_raw(candidate, strlen(candidate));
	log_write_raw("  ", 2);
}

static void list_candidates(void)
{
	if (!edit.shown)
		return;
	log_set_prompt("", "\n", 1);
	shell_candidates(edit.line, list_candidate);
	log_write_raw("\n", 1);
	edit_show();
}

static void complete(void)
{
	tab.word = last_word();
	tab.word_len = strlen(tab.word);
	tab.count = 0;
	shell_candidates(edit.line, count_candidate);
	if (!tab.count) {
		echo(BELL);
	} else if (tab.common_len > tab.word_len) {
		append(tab.common + tab.word_len, tab.common_len - tab.word_len);
		if (tab.count == 1)
			append(" ", 1);
	} else if (tab.count == 1) {
		append(" ", 1);
	} else {
		list_candidates();
	}
}

/*
 * Keys
 */

/* Arrow keys are ESC [ A or ESC O A (ECMA-48 CUU, DEC application mode); others do nothing. */
static void escape_sequence(u8 byte)
{
	const u8 first_final = 0x40;

	if (edit.key == KEY_ESC) {
		edit.key = byte == '[' || byte == 'O' ? KEY_SEQUENCE : KEY_PLAIN;
		return;
	}
	if (byte < first_final)
		return;
	edit.key = KEY_PLAIN;
	if (byte == 'A')
		older();
	else if (byte == 'B')
		newer();
}

static char *accept(void)
{
	strcpy(edit.accepted, edit.line);
	remember(edit.line);
	clear();
	if (edit.shown)
		log_set_prompt("", "\n", 1);
	return edit.accepted;
}

static void control_key(u8 byte)
{
	switch (byte) {
	case BACKSPACE:
	case DEL:
		erase(1);
		break;
	case CTRL_U:
		if (edit.len)
			erase(edit.len);
		edit.back = 0;
		break;
	case CTRL_C:
		clear();
		if (edit.shown) {
			log_set_prompt("", "^C\n", 3);
			edit_show();
		}
		break;
	case '\t':
		complete();
		break;
	case ESC:
		edit.key = KEY_ESC;
		break;
	default:
		echo(BELL);
	}
}

char *edit_input(u8 byte)
{
	bool after_cr = edit.after_cr;
	const char text = (char)byte;

	edit.after_cr = byte == '\r';
	if (edit.key != KEY_PLAIN) {
		escape_sequence(byte);
		return NULL;
	}
	if (byte == '\n' && after_cr)
		return NULL;
	if (byte == '\r' || byte == '\n')
		return accept();
	if (byte >= ' ' && byte < DEL)
		append(&text, 1);
	else
		control_key(byte);
	return NULL;
}
