/* SPDX-License-Identifier: MIT */
/*
 * Halt polling: when a vCPU's HLTs were short before, its CPU waits for the end of the next one
 * without going to sleep itself. Only with nothing else to do, and for a short time.
 */
#include "core/sched_queue.h"
#include "core/work.h"

#define BUDGET_FIRST_NS (10 * 1000)
#define BUDGET_MAX_NS	(50 * 1000)

bool sched_poll(struct run_queue *q, u64 start)
{
	u64 budget = q->polled && arch_vcpu_may_poll(q->polled) ? q->polled->sched.poll_budget : 0;
	u64 now = start;
	bool hit;

	if (!budget)
		return false;
	do {
		arch_relax();
		now = clock_tsc();
		hit = work_pending() || now >= timer_next();
	} while (!hit && now - start < budget);
	q->stats.polls++;
	q->stats.poll_hits += hit;
	q->stats.poll_tsc += now - start;
	return hit;
}

/* Grows as long as more would have helped; a long HLT says that it does not. */
void sched_poll_learn(struct run_queue *q, u64 waited)
{
	u64 max = clock_ns_to_tsc(BUDGET_MAX_NS), *budget;

	if (!q->polled)
		return;
	budget = &q->polled->sched.poll_budget;
	if (waited > max)
		*budget = 0;
	else if (waited > *budget)
		*budget = MIN(MAX(2 * *budget, clock_ns_to_tsc(BUDGET_FIRST_NS)), max);
	q->polled = NULL;
}
