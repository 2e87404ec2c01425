/* SPDX-License-Identifier: MIT */
/* Log sink on a text screen: drawing is far slower than writing, so it is done now and then. */
#include "drivers/framebuffer/screen_sink.h"

#include "core/arch.h"

#define DRAW_INTERVAL_NS 50000000ull

static void draw(struct screen_sink *s)
{
	text_screen_draw(&s->screen);
	s->drawn = clock_tsc();
}

static u64 next_draw(const struct screen_sink *s)
{
	return s->drawn + clock_ns_to_tsc(DRAW_INTERVAL_NS);
}

static void write_text(struct log_sink *sink, const char *text, size_t len)
{
	struct screen_sink *s = container_of(sink, struct screen_sink, sink);
	bool later;

	spin_lock(&s->lock);
	text_screen_write(&s->screen, text, len);
	later = clock_tsc() < next_draw(s);
	if (!later)
		draw(s);
	spin_unlock(&s->lock);
	if (later)
		work_post(0, &s->work);
}

/* No lock: its holder may be stopped. Row and column are always inside, whatever it was doing. */
static void write_text_sync(struct log_sink *sink, const char *text, size_t len)
{
	struct screen_sink *s = container_of(sink, struct screen_sink, sink);

	text_screen_write(&s->screen, text, len);
	text_screen_draw(&s->screen);
}

static void arm_timer(struct work *work)
{
	struct screen_sink *s = container_of(work, struct screen_sink, work);

	if (!s->timer.armed)
		timer_set(&s->timer, next_draw(s));
}

static void timer_fire(struct timer *timer)
{
	struct screen_sink *s = container_of(timer, struct screen_sink, timer);

	spin_lock(&s->lock);
	draw(s);
	spin_unlock(&s->lock);
}

void screen_sink_add(struct screen_sink *s, const char *name, unsigned cols, unsigned rows,
		     void (*draw_cell)(unsigned col, unsigned row, u8 ch))
{
	text_screen_init(&s->screen, cols, rows, draw_cell);
	s->sink.name = name;
	s->sink.write = write_text;
	s->sink.write_sync = write_text_sync;
	s->work.run = arm_timer;
	s->timer.fire = timer_fire;
	log_add_sink(&s->sink);
}
