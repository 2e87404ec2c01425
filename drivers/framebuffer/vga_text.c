/* SPDX-License-Identifier: MIT */
/* Log sink on VGA text mode. */
#include "arch/x86/paging.h"
#include "core/log.h"
#include "drivers/framebuffer/framebuffer.h"
#include "drivers/framebuffer/screen_sink.h"

#define VGA_TEXT_BASE 0xb8000
#define VGA_COLS      80
#define VGA_ROWS      25
#define VGA_GREY      0x0700 /* attribute: light grey on black */
#define VGA_CURSOR    '_'

static struct screen_sink sink;
static volatile u16 *cells;

static void draw_cell(unsigned col, unsigned row, u8 ch)
{
	cells[row * VGA_COLS + col] = VGA_GREY | (ch == TEXT_SCREEN_CURSOR ? VGA_CURSOR : ch);
}

void vga_text_init(void)
{
	cells = mmio_map(VGA_TEXT_BASE, VGA_COLS * VGA_ROWS * sizeof(*cells), MMIO_UC);
	if (!cells)
		return;
	screen_sink_add(&sink, "vga", VGA_COLS, VGA_ROWS, draw_cell);
}
