/* SPDX-License-Identifier: MIT */
/* A log sink on a text screen that the boot CPU draws in small pieces, however much is written. */
#ifndef FIRN_DRIVERS_SCREEN_SINK_H
#define FIRN_DRIVERS_SCREEN_SINK_H

#include "core/log.h"
#include "core/spinlock.h"
#include "core/timer.h"
#include "core/work.h"
#include "drivers/framebuffer/text_screen.h"

struct screen_sink {
	struct log_sink sink;
	struct spinlock lock; /* screen, in_steps, drawing */
	struct text_screen screen;
	bool in_steps;	  /* the boot CPU's loop runs: who writes does not draw any more */
	bool drawing;	  /* the work or the timer is on its way */
	u64 drawn;	  /* TSC at the start of the last step; at boot, behind the last drawing */
	struct work work; /* on the boot CPU: sets the timer */
	struct timer timer; /* of the boot CPU: draws a piece */
};

/* Boot CPU. */
void screen_sink_add(struct screen_sink *sink, const char *name, unsigned cols, unsigned rows,
		     void (*draw_cell)(unsigned col, unsigned row, u8 ch));

#endif
