/* SPDX-License-Identifier: MIT */
/* Log sink on VGA text mode. */
#include "arch/x86/paging.h"
#include "core/log.h"
#include "drivers/framebuffer/framebuffer.h"
#include "drivers/framebuffer/text_screen.h"

#define VGA_TEXT_BASE 0xb8000
#define VGA_COLS      80
#define VGA_ROWS      25
#define VGA_GREY      0x0700 /* attribute: light grey on black */
#define VGA_CURSOR    '_'

static struct text_screen screen;
static volatile u16 *cells;

static void draw_cell(struct text_screen *s, unsigned col, unsigned row, u8 ch)
{
	(void)s;
	cells[row * VGA_COLS + col] = VGA_GREY | (ch == TEXT_SCREEN_CURSOR ? VGA_CURSOR : ch);
}

static void vga_write(struct log_sink *sink, const char *text, size_t len)
{
	(void)sink;
	text_screen_write(&screen, text, len);
}

static struct log_sink sink = {
	.name = "vga",
	.write = vga_write,
	.write_sync = vga_write,
};

void vga_text_init(void)
{
	cells = mmio_map(VGA_TEXT_BASE, VGA_COLS * VGA_ROWS * sizeof(*cells), MMIO_UC);
	if (!cells)
		return;
	text_screen_init(&screen, VGA_COLS, VGA_ROWS, draw_cell);
	log_add_sink(&sink);
}
