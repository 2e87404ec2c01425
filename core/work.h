/* SPDX-License-Identifier: MIT */
/* Work posted to a CPU: how CPUs talk. Multi-producer list drained by its CPU, in posting order. */
#ifndef FIRN_CORE_WORK_H
#define FIRN_CORE_WORK_H

#include "core/types.h"

struct work {
	struct work *next;
	void (*run)(struct work *work); /* on the target CPU, to completion; may post again */
	u32 queued;			/* atomic: posting a queued work again does nothing */
};

/* Posts and kicks the CPU. Any CPU. Returns false when it was already queued. */
bool work_post(unsigned cpu, struct work *work);
/* Runs everything queued for this CPU at the time of the call. */
void work_run(void);
bool work_pending(void); /* for this CPU */
/* Where this is kept, for a loop that stays on this CPU: not NULL while work is pending. */
struct work *const *work_pending_at(void);

#endif
