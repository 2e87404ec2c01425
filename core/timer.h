/* SPDX-License-Identifier: MIT */
/* Per-CPU timers in TSC ticks. A timer is set, fires and is cancelled on one and the same CPU. */
#ifndef FIRN_CORE_TIMER_H
#define FIRN_CORE_TIMER_H

#include "core/types.h"

struct timer {
	u64 deadline; /* TSC */
	void (*fire)(struct timer *timer);
	struct timer *next; /* sorted list of the CPU */
	bool armed;
};

#define TIMER_NEVER (~0ull)

void timer_set(struct timer *timer, u64 deadline); /* re-arms if armed */
void timer_cancel(struct timer *timer);		   /* harmless if not armed */
/* Fires what is due on this CPU; called by the CPU loop. A timer that re-arms in the past fires once a call. */
void timer_run(u64 now);
/* Earliest deadline on this CPU or TIMER_NEVER. */
u64 timer_next(void);
/* Where it is kept, for a loop that stays on this CPU. */
const u64 *timer_next_at(void);

#endif
