/* SPDX-License-Identifier: MIT */
/* Work queues: a lock-free stack per CPU that its owner takes whole and turns round. */
#include "core/work.h"

#include "core/arch.h"
#include "core/log.h"

static struct work_queue {
	struct work *newest;
} __aligned(CACHE_LINE) queues[MAX_CPUS];

bool work_post(unsigned cpu, struct work *work)
{
	struct work **newest;
	struct work *older;

	BUG_ON(cpu >= MAX_CPUS);
	if (__atomic_exchange_n(&work->queued, 1, __ATOMIC_ACQ_REL))
		return false;

	newest = &queues[cpu].newest;
	older = __atomic_load_n(newest, __ATOMIC_RELAXED);
	do
		work->next = older;
	while (!__atomic_compare_exchange_n(newest, &older, work, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED));

	/* Whoever found the queue empty kicks for all who post until it is taken. */
	if (!older)
		cpu_kick(cpu);
	return true;
}

/* Takes the whole queue; returns it oldest first. */
static struct work *take_all(void)
{
	struct work *work =
		__atomic_exchange_n(&queues[cpu_index()].newest, NULL, __ATOMIC_ACQUIRE);
	struct work *oldest = NULL, *next;

	for (; work; work = next) {
		next = work->next;
		work->next = oldest;
		oldest = work;
	}
	return oldest;
}

void work_run(void)
{
	struct work *next;

	if (likely(!work_pending()))
		return;
	for (struct work *work = take_all(); work; work = next) {
		next = work->next;
		/*
		 * From here on it can be posted again, by its own run() too, which may also free it.
		 * A full barrier: whoever finds it queued still is promised that run() sees what
		 * came before the post, so run() may read nothing before this store is seen.
		 */
		__atomic_exchange_n(&work->queued, 0, __ATOMIC_SEQ_CST);
		work->run(work);
	}
}

bool work_pending(void)
{
	return __atomic_load_n(&queues[cpu_index()].newest, __ATOMIC_RELAXED);
}

struct work *const *work_pending_at(void)
{
	return &queues[cpu_index()].newest;
}
