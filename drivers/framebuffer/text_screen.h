/* SPDX-License-Identifier: MIT */
/* A terminal's screen as text: cursor, scrolling, the control characters that matter. */
#ifndef FIRN_DRIVERS_TEXT_SCREEN_H
#define FIRN_DRIVERS_TEXT_SCREEN_H

#include "core/types.h"

#define TEXT_SCREEN_MAX_COLS 240
#define TEXT_SCREEN_MAX_ROWS 100
#define TEXT_SCREEN_CURSOR   0x7f /* drawn as a glyph */

struct text_screen {
	unsigned cols, rows;
	/* Shows a character 0x20..0x7f. Reading a screen back is slow, so it is never asked for. */
	void (*draw_cell)(unsigned col, unsigned row, u8 ch);

	unsigned col, row; /* cursor; col == cols: the next character starts a new line */
	u8 escape;	   /* state of an escape sequence */
	unsigned param[2], nr_params;
	unsigned top;	   /* index of the screen's first line in cell: scrolling moves no text */
	unsigned next_row; /* to draw */
	unsigned current;  /* so many rows before it are shown as they are */
	u8 cell[TEXT_SCREEN_MAX_ROWS][TEXT_SCREEN_MAX_COLS];
	u8 shown[TEXT_SCREEN_MAX_ROWS][TEXT_SCREEN_MAX_COLS];
};

/* Blank screen; cols and rows are cut to the limits above. */
void text_screen_init(struct text_screen *screen, unsigned cols, unsigned rows,
		      void (*draw_cell)(unsigned col, unsigned row, u8 ch));

/*
 * Any bytes: CR, LF (with CR implied), BS, TAB, CSI sequences H, J and K (ECMA-48); other
 * sequences are swallowed, other bytes shown as '?'. Draws nothing. Callers serialize.
 */
void text_screen_write(struct text_screen *screen, const char *text, size_t len);

/*
 * Draws cells that are not shown as they are, and the cursor, from where the last call ended. A cell
 * that is drawn takes one of the budget, and so does a row that is looked at. True = all is shown.
 */
bool text_screen_draw(struct text_screen *screen, unsigned budget);
#define TEXT_SCREEN_ALL (~0u)

#endif
