/* SPDX-License-Identifier: MIT */
/* Timers: one sorted list per CPU. A CPU has few of them, so a list beats anything cleverer. */
#include "core/timer.h"

#include "core/arch.h"
#include "core/log.h"

/* Touched by its own CPU only. */
static struct timer_cpu {
	struct timer *armed; /* by deadline, equal ones in the order they were set */
	struct timer *due;   /* taken by timer_run(), not fired yet */
	u64 next;	     /* deadline of the first armed one */
} timer_cpus[MAX_CPUS] = { [0 ... MAX_CPUS - 1] = { .next = TIMER_NEVER } };

static void update_next(struct timer_cpu *cpu)
{
	cpu->next = cpu->armed ? cpu->armed->deadline : TIMER_NEVER;
}

static bool unlink_from(struct timer **link, struct timer *timer)
{
	while (*link && *link != timer)
		link = &(*link)->next;
	if (!*link)
		return false;
	*link = timer->next;
	return true;
}

void timer_cancel(struct timer *timer)
{
	struct timer_cpu *cpu = &timer_cpus[cpu_index()];

	if (!timer->armed)
		return;
	/* Not found: it was set on another CPU. */
	BUG_ON(!unlink_from(&cpu->armed, timer) && !unlink_from(&cpu->due, timer));
	timer->armed = false;
	update_next(cpu);
}

void timer_set(struct timer *timer, u64 deadline)
{
	struct timer_cpu *cpu = &timer_cpus[cpu_index()];
	struct timer **link = &cpu->armed;

	timer_cancel(timer);
	if (deadline == TIMER_NEVER)
		return;
	while (*link && (*link)->deadline <= deadline)
		link = &(*link)->next;
	timer->deadline = deadline;
	timer->next = *link;
	timer->armed = true;
	*link = timer;
	update_next(cpu);
}

void timer_run(u64 now)
{
	struct timer_cpu *cpu = &timer_cpus[cpu_index()];
	struct timer **end = &cpu->armed, *timer;

	/* Taken off first: what a handler arms, even in the past, waits for the next call. */
	while (*end && (*end)->deadline <= now)
		end = &(*end)->next;
	if (end == &cpu->armed)
		return;
	cpu->due = cpu->armed;
	cpu->armed = *end;
	*end = NULL;
	update_next(cpu);

	arch_enter_shared();
	while ((timer = cpu->due)) {
		cpu->due = timer->next;
		timer->armed = false;
		timer->fire(timer);
	}
}

u64 timer_next(void)
{
	return timer_cpus[cpu_index()].next;
}

const u64 *timer_next_at(void)
{
	return &timer_cpus[cpu_index()].next;
}
