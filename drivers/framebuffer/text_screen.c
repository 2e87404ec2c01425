/* SPDX-License-Identifier: MIT */
/* Text screen: what it should show, and what of that is on it. */
#include "drivers/framebuffer/text_screen.h"

#include <string.h>

#define TAB_WIDTH 8
#define PARAM_MAX 9999

enum escape_state {
	ESCAPE_NONE,
	ESCAPE_START,
	ESCAPE_CSI,
	ESCAPE_OTHER
};

static u8 *line(struct text_screen *s, unsigned row)
{
	return s->cell[(s->top + row) % s->rows];
}

static void scroll(struct text_screen *s)
{
	s->top = (s->top + 1) % s->rows;
	memset(line(s, s->rows - 1), ' ', s->cols);
}

static void new_line(struct text_screen *s)
{
	s->col = 0;
	if (s->row + 1 < s->rows)
		s->row++;
	else
		scroll(s);
}

static void show(struct text_screen *s, u8 ch)
{
	if (s->col >= s->cols)
		new_line(s);
	line(s, s->row)[s->col++] = ch;
}

static void erase(struct text_screen *s, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		line(s, i / s->cols)[i % s->cols] = ' ';
}

/* From the cursor to the end of line or screen; with a parameter from its start, or all of it. */
static void erase_part(struct text_screen *s, unsigned start, unsigned end)
{
	unsigned cursor = s->row * s->cols + MIN(s->col, s->cols - 1);

	erase(s, s->param[0] == 0 ? cursor : start, s->param[0] == 1 ? cursor + 1 : end);
}

static void move_to(struct text_screen *s, unsigned row, unsigned col)
{
	s->row = MIN(row ? row - 1 : 0, s->rows - 1);
	s->col = MIN(col ? col - 1 : 0, s->cols - 1);
}

static void csi_end(struct text_screen *s, char command)
{
	switch (command) {
	case 'H':
		move_to(s, s->param[0], s->param[1]);
		break;
	case 'J':
		erase_part(s, 0, s->rows * s->cols);
		break;
	case 'K':
		erase_part(s, s->row * s->cols, (s->row + 1) * s->cols);
		break;
	}
	s->escape = ESCAPE_NONE;
}

static void csi(struct text_screen *s, u8 ch)
{
	if (ch >= '0' && ch <= '9') {
		if (s->nr_params < ARRAY_SIZE(s->param))
			s->param[s->nr_params] =
				MIN(s->param[s->nr_params] * 10 + (ch - '0'), (unsigned)PARAM_MAX);
	} else if (ch == ';') {
		s->nr_params++;
	} else if (ch >= '@' && ch <= '~') {
		csi_end(s, ch);
	} else if (ch < ' ') {
		s->escape = ESCAPE_NONE;
	}
}

static void escape(struct text_screen *s, u8 ch)
{
	switch (s->escape) {
	case ESCAPE_START:
		memset(s->param, 0, sizeof(s->param));
		s->nr_params = 0;
		s->escape = ch == '[' ? ESCAPE_CSI : ch < '0' ? ESCAPE_OTHER : ESCAPE_NONE;
		break;
	case ESCAPE_CSI:
		csi(s, ch);
		break;
	default: /* intermediate bytes are below '0', the final byte ends it (ECMA-35 13.2) */
		if (ch >= '0')
			s->escape = ESCAPE_NONE;
	}
}

static void put(struct text_screen *s, u8 ch)
{
	switch (ch) {
	case '\n':
		new_line(s);
		break;
	case '\r':
		s->col = 0;
		break;
	case '\b':
		s->col -= s->col > 0;
		break;
	case '\t':
		do
			show(s, ' ');
		while (s->col % TAB_WIDTH && s->col < s->cols);
		break;
	case '\a':
	case '\0':
		break;
	case 0x1b:
		s->escape = ESCAPE_START;
		break;
	default:
		show(s, ch >= ' ' && ch < 0x7f ? ch : '?');
	}
}

void text_screen_init(struct text_screen *s, unsigned cols, unsigned rows,
		      void (*draw_cell)(unsigned col, unsigned row, u8 ch))
{
	memset(s, 0, sizeof(*s)); /* shown: nothing known */
	s->cols = MIN(cols, (unsigned)TEXT_SCREEN_MAX_COLS);
	s->rows = MIN(rows, (unsigned)TEXT_SCREEN_MAX_ROWS);
	s->draw_cell = draw_cell;
	erase(s, 0, s->rows * s->cols);
}

void text_screen_write(struct text_screen *s, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s->escape)
			escape(s, text[i]);
		else
			put(s, text[i]);
	}
	s->current = 0;
}

/* False when the budget did not do for it. */
static bool draw_cell(struct text_screen *s, unsigned col, unsigned row, u8 ch, unsigned *budget)
{
	if (s->shown[row][col] == ch)
		return true;
	if (!*budget)
		return false;
	--*budget;
	s->draw_cell(col, row, ch);
	s->shown[row][col] = ch;
	return true;
}

static bool draw_row(struct text_screen *s, unsigned row, unsigned *budget)
{
	unsigned cursor = row == s->row ? MIN(s->col, s->cols - 1) : s->cols;
	const u8 *text = line(s, row);

	if (!*budget)
		return false;
	--*budget;
	if (cursor == s->cols && !memcmp(text, s->shown[row], s->cols))
		return true;
	for (unsigned col = 0; col < s->cols; col++)
		if (!draw_cell(s, col, row, col == cursor ? TEXT_SCREEN_CURSOR : text[col], budget))
			return false;
	return true;
}

bool text_screen_draw(struct text_screen *s, unsigned budget)
{
	while (s->current < s->rows) {
		if (!draw_row(s, s->next_row, &budget))
			return false;
		s->next_row = (s->next_row + 1) % s->rows;
		s->current++;
	}
	return true;
}
