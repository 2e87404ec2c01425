/* SPDX-License-Identifier: MIT */
/* Console font: 5x8 dots, shown in a cell of 8x16 pixels with every line doubled. */
#ifndef FIRN_DRIVERS_FONT_H
#define FIRN_DRIVERS_FONT_H

#include "core/types.h"

#define FONT_FIRST	 ' '
#define FONT_LAST	 0x7f
#define FONT_ROWS	 8
#define FONT_COLS	 5
#define FONT_CELL_WIDTH	 8
#define FONT_CELL_HEIGHT (2 * FONT_ROWS)

/* One byte a line from the top; bit 4 is the leftmost dot. */
extern const u8 font[FONT_LAST - FONT_FIRST + 1][FONT_ROWS];

#endif
