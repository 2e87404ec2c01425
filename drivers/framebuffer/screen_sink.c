/* SPDX-License-Identifier: MIT */
/*
 * Log sink on a text screen. Drawing is far slower than writing, so the boot CPU does it, piece by
 * piece: guests run in between, and who writes waits for a few cells at most.
 */
#include "drivers/framebuffer/screen_sink.h"

#include "core/arch.h"

#define STEP_NS		 100000ull  /* a piece takes about this long */
#define STEP_INTERVAL_NS 2000000ull /* from the start of one to that of the next */
#define LOCKED_CELLS	 16	    /* drawn without giving up the lock */
#define BOOT_INTERVAL_NS 50000000ull

/* Before the boot CPU's loop runs nobody else draws, and no guest waits. */
static void draw_at_boot(struct screen_sink *s)
{
	if (clock_tsc() < s->drawn + clock_ns_to_tsc(BOOT_INTERVAL_NS))
		return;
	text_screen_draw(&s->screen, TEXT_SCREEN_ALL);
	s->drawn = clock_tsc();
}

static void write_text(struct log_sink *sink, const char *text, size_t len)
{
	struct screen_sink *s = container_of(sink, struct screen_sink, sink);
	bool begin;

	spin_lock(&s->lock);
	text_screen_write(&s->screen, text, len);
	if (!s->in_steps)
		draw_at_boot(s);
	begin = !s->drawing;
	s->drawing = true;
	spin_unlock(&s->lock);
	if (begin)
		work_post(0, &s->work);
}

/* No lock: its holder may be stopped. Row and column are always inside, whatever it was doing. */
static void write_text_sync(struct log_sink *sink, const char *text, size_t len)
{
	struct screen_sink *s = container_of(sink, struct screen_sink, sink);

	text_screen_write(&s->screen, text, len);
	text_screen_draw(&s->screen, TEXT_SCREEN_ALL);
}

static void begin_drawing(struct work *work)
{
	struct screen_sink *s = container_of(work, struct screen_sink, work);

	spin_lock(&s->lock);
	s->in_steps = true;
	spin_unlock(&s->lock);
	timer_set(&s->timer, s->drawn + clock_ns_to_tsc(STEP_INTERVAL_NS));
}

/* Drawing ends when all is shown; what is written later begins it again. */
static bool draw_some(struct screen_sink *s)
{
	bool more;

	spin_lock(&s->lock);
	more = !text_screen_draw(&s->screen, LOCKED_CELLS);
	s->drawing = more;
	spin_unlock(&s->lock);
	return more;
}

static void step(struct timer *timer)
{
	struct screen_sink *s = container_of(timer, struct screen_sink, timer);
	u64 end;
	bool more;

	s->drawn = clock_tsc();
	end = s->drawn + clock_ns_to_tsc(STEP_NS);
	do
		more = draw_some(s);
	while (more && clock_tsc() < end);
	if (more)
		timer_set(timer, s->drawn + clock_ns_to_tsc(STEP_INTERVAL_NS));
}

void screen_sink_add(struct screen_sink *s, const char *name, unsigned cols, unsigned rows,
		     void (*draw_cell)(unsigned col, unsigned row, u8 ch))
{
	text_screen_init(&s->screen, cols, rows, draw_cell);
	s->sink.name = name;
	s->sink.write = write_text;
	s->sink.write_sync = write_text_sync;
	s->work.run = begin_drawing;
	s->timer.fire = step;
	log_add_sink(&s->sink);
}
