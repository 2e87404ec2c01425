/* SPDX-License-Identifier: MIT */
/* Commands that go on until a key: their timer, and which of their steps are shown. */
#include "core/shell_repeat.h"

#include "core/arch.h"
#include "core/shell_job.h"
#include "core/shell_output.h"
#include "core/timer.h"

/* People read no faster, and the line to them stays free for the guests and the log. */
#define SHOW_EVERY_NS 250000000ull

static struct shell_repeat *current;
static struct timer timer;
static u64 next_step, next_show; /* TSC */

bool shell_repeat_active(void)
{
	return current;
}

static void end(void)
{
	struct shell_repeat *repeat = current;

	current = NULL;
	shell_output_mute(false);
	repeat->ended(repeat);
	shell_finish();
}

bool shell_repeat_goes_on(void)
{
	u64 now = clock_tsc();

	if (!current)
		return false;
	shell_output_mute(false);
	shell_output_flush();
	if (current->last) {
		end();
		return true;
	}
	next_step = MAX(next_step + clock_ns_to_tsc(current->interval_ns), now);
	timer_set(&timer, next_step);
	return true;
}

static void step(struct timer *unused)
{
	u64 now = clock_tsc();
	bool show = now >= next_show && shell_output_flush();

	(void)unused;
	shell_output_mute(!show);
	if (show)
		next_show = now + clock_ns_to_tsc(SHOW_EVERY_NS);
	if (current->step(current) == SHELL_DONE)
		shell_repeat_goes_on();
}

/* By the timer, so that the command which starts it has returned before the first step. */
enum shell_result shell_repeat_start(struct shell_repeat *repeat)
{
	BUG_ON(current);
	current = repeat;
	repeat->last = false;
	next_step = next_show = clock_tsc();
	timer.fire = step;
	timer_set(&timer, next_step);
	return SHELL_PENDING;
}

void shell_repeat_stop(void)
{
	if (!current)
		return;
	timer_cancel(&timer);
	shell_job_abandon();
	end();
}
