/* SPDX-License-Identifier: MIT */
/*
 * A command that goes on until a key: a step, a pause, the next step. One at a time. While the
 * consoles are behind, or are to get a rest, steps are taken but print nothing. Boot CPU.
 */
#ifndef FIRN_CORE_SHELL_REPEAT_H
#define FIRN_CORE_SHELL_REPEAT_H

#include "core/shell.h"

struct shell_repeat {
	/* SHELL_PENDING: shell_finish() follows. */
	enum shell_result (*step)(struct shell_repeat *repeat);
	/* After the last step; may print. */
	void (*ended)(struct shell_repeat *repeat);
	u64 interval_ns; /* from step to step; one that takes longer delays the next */
	bool last;	 /* set by a step: there will be no other */
};

/* What a command with SHELL_REPEATS returns. */
enum shell_result shell_repeat_start(struct shell_repeat *repeat);
bool shell_repeat_active(void);
/* Ends it, if there is one; a step in progress prints nothing any more. */
void shell_repeat_stop(void);
/* A step is done, if there was one: true = the command goes on. */
bool shell_repeat_goes_on(void);

#endif
