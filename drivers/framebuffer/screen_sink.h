/* SPDX-License-Identifier: MIT */
/* A log sink on a text screen that is drawn some 20 times a second, however much is written. */
#ifndef FIRN_DRIVERS_SCREEN_SINK_H
#define FIRN_DRIVERS_SCREEN_SINK_H

#include "core/log.h"
#include "core/spinlock.h"
#include "core/timer.h"
#include "core/work.h"
#include "drivers/framebuffer/text_screen.h"

struct screen_sink {
	struct log_sink sink;
	struct spinlock lock; /* all below */
	struct text_screen screen;
	u64 drawn;	    /* TSC */
	struct work work;   /* on the boot CPU: arms the timer */
	struct timer timer; /* of the boot CPU: draws what came since */
};

/* Boot CPU. */
void screen_sink_add(struct screen_sink *sink, const char *name, unsigned cols, unsigned rows,
		     void (*draw_cell)(unsigned col, unsigned row, u8 ch));

#endif
