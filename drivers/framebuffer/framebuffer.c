/* SPDX-License-Identifier: MIT */
/* Log sink on a linear framebuffer of 32 bits per pixel. */
#include "drivers/framebuffer/framebuffer.h"

#include "arch/x86/paging.h"
#include "core/log.h"
#include "drivers/framebuffer/font.h"
#include "drivers/framebuffer/screen_sink.h"

#define BYTES_PER_PIXEL 4
#define MIN_COLS	40
#define MIN_ROWS	10

/* Greys: the same in every order of the colour channels. */
#define FOREGROUND 0x00c0c0c0u
#define BACKGROUND 0x00000000u

static struct screen_sink sink;
static u8 *pixels;
static u32 pitch;

static void draw_glyph(unsigned col, unsigned row, u8 ch)
{
	const u8 *glyph = font[ch - FONT_FIRST];
	u8 *cell = pixels + (u64)row * FONT_CELL_HEIGHT * pitch +
		   (u64)col * FONT_CELL_WIDTH * BYTES_PER_PIXEL;

	for (unsigned y = 0; y < FONT_CELL_HEIGHT; y++, cell += pitch) {
		volatile u32 *line = (volatile u32 *)cell;
		unsigned dots = glyph[y / 2] << (FONT_CELL_WIDTH - FONT_COLS - 1);

		for (unsigned x = 0; x < FONT_CELL_WIDTH; x++)
			line[x] = dots & BIT(FONT_CELL_WIDTH - 1 - x) ? FOREGROUND : BACKGROUND;
	}
}

static bool usable(const struct handover_framebuffer *fb)
{
	return fb->base && fb->format != HANDOVER_PIXEL_NONE &&
	       fb->width >= MIN_COLS * FONT_CELL_WIDTH &&
	       fb->height >= MIN_ROWS * FONT_CELL_HEIGHT && fb->pitch % BYTES_PER_PIXEL == 0 &&
	       fb->pitch / BYTES_PER_PIXEL >= fb->width && (u64)fb->pitch * fb->height <= fb->size;
}

void framebuffer_init(const struct handover_framebuffer *fb)
{
	if (!fb->base)
		return;
	if (!usable(fb)) {
		log_warn("framebuffer: %ux%u, pitch %u, %lu bytes, format %u: not usable",
			 fb->width, fb->height, fb->pitch, (unsigned long)fb->size, fb->format);
		return;
	}
	pitch = fb->pitch;
	pixels = mmio_map(fb->base, (u64)pitch * fb->height, MMIO_WC);
	if (!pixels)
		return;
	screen_sink_add(&sink, "framebuffer", fb->width / FONT_CELL_WIDTH,
			fb->height / FONT_CELL_HEIGHT, draw_glyph);
	log_info("framebuffer: %ux%u", fb->width, fb->height);
}
