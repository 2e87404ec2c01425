/* SPDX-License-Identifier: MIT */
/* The order of a run queue. A list: a CPU has few vCPUs at a time that want to run. */
#include "core/sched_queue.h"

/* How much of its share a vCPU that was away may catch up with, and make others catch up with. */
#define CREDIT_NS (5 * 1000 * 1000)
#define DEBT_NS	  (2 * SCHED_SLICE_NS)

struct run_queue run_queues[MAX_CPUS];

static void publish(struct run_queue *q)
{
	u32 running = q->running ? q->running->sched.weight : 0;

	__atomic_store_n(&q->load, q->weight + running, __ATOMIC_RELAXED);
}

static void advance(struct run_queue *q)
{
	const struct vcpu *first = q->head;

	if (q->running && (!first || vtime_before(q->running->sched.vtime, first->sched.vtime)))
		first = q->running;
	if (first && vtime_before(q->min_vtime, first->sched.vtime))
		q->min_vtime = first->sched.vtime;
}

void queue_insert(struct run_queue *q, struct vcpu *vcpu)
{
	struct vcpu **link = &q->head;

	while (*link && !vtime_before(vcpu->sched.vtime, (*link)->sched.vtime))
		link = &(*link)->next;
	vcpu->next = *link;
	*link = vcpu;
	__atomic_store_n(&vcpu->queued, true, __ATOMIC_RELAXED);
	q->weight += vcpu->sched.weight;
	publish(q);
	/* Before the look for idle CPUs; an idle CPU looks here after it has said that it is idle. */
	__atomic_fetch_add(&q->nr_queued, 1, __ATOMIC_SEQ_CST);
}

void queue_remove(struct run_queue *q, struct vcpu *vcpu)
{
	struct vcpu **link = &q->head;

	while (*link != vcpu)
		link = &(*link)->next;
	*link = vcpu->next;
	__atomic_store_n(&vcpu->queued, false, __ATOMIC_RELAXED);
	q->weight -= vcpu->sched.weight;
	publish(q);
	__atomic_fetch_sub(&q->nr_queued, 1, __ATOMIC_SEQ_CST);
	if (q->turn == vcpu)
		q->turn = NULL;
	if (q->favoured == vcpu)
		q->favoured = NULL;
}

void queue_enter(struct run_queue *q, struct vcpu *vcpu)
{
	struct vcpu_sched *s = &vcpu->sched;
	s64 credit = (s64)sched_vtime(clock_ns_to_tsc(CREDIT_NS), s->weight);
	s64 debt = (s64)sched_vtime(clock_ns_to_tsc(DEBT_NS), s->weight);
	s64 lead = (s64)((u64)s->lead - (q->min_vtime - s->left_at));

	s->vtime = q->min_vtime + (u64)MAX(-credit, MIN(lead, debt));
	queue_insert(q, vcpu);
}

void queue_leave(struct run_queue *q, struct vcpu *vcpu)
{
	struct vcpu_sched *s = &vcpu->sched;

	advance(q);
	s->lead = (s64)(s->vtime - q->min_vtime);
	s->left_at = q->min_vtime;
}

void queue_charge(struct run_queue *q, u64 now)
{
	if (q->running)
		q->running->sched.vtime +=
			sched_vtime(now - q->charged_at, q->running->sched.weight);
	q->charged_at = now;
	advance(q);
}

void queue_set_running(struct run_queue *q, struct vcpu *vcpu, u64 now)
{
	queue_charge(q, now);
	q->running = vcpu;
	publish(q);
}

void sched_account(struct vcpu *vcpu, enum sched_phase next, u64 now)
{
	u64 *const counter[] = {
		[PHASE_IDLE] = &vcpu->idle_tsc,
		[PHASE_WAITING] = &vcpu->steal_tsc,
		[PHASE_RUNNING] = &vcpu->run_tsc,
	};

	*counter[vcpu->sched.phase] += now - vcpu->sched.since;
	vcpu->sched.phase = next;
	vcpu->sched.since = now;
}
