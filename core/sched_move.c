/* SPDX-License-Identifier: MIT */
/*
 * vCPUs that go to another CPU. Only the CPU that has a vCPU gives it away, while it waits; nothing
 * is locked. A CPU with too little to do asks by work for one; a CPU with too much looks for an idle
 * one. Whatever is posted to the old CPU afterwards goes after the vCPU (core/vcpu.c).
 */
#include "core/sched_queue.h"

/* So often a CPU that has something to do looks whether others have more. */
#define BALANCE_NS (100 * 1000 * 1000)

static u32 nr_idle; /* atomic: CPUs whose idle is set */

static u32 load_of(const struct run_queue *q)
{
	return __atomic_load_n(&q->load, __ATOMIC_RELAXED);
}

static unsigned index_of(const struct run_queue *q)
{
	return (unsigned)(q - run_queues);
}

/* True when it was the other way round. */
static bool change_idle(struct run_queue *q, bool idle)
{
	if (__atomic_exchange_n(&q->idle, idle, __ATOMIC_SEQ_CST) == idle)
		return false;
	__atomic_add_fetch(&nr_idle, idle ? 1 : -1, __ATOMIC_SEQ_CST);
	return true;
}

void sched_set_idle(struct run_queue *q, bool idle)
{
	if (!__atomic_load_n(&q->reserved, __ATOMIC_RELAXED) && sched_cpu_is_ready(index_of(q)))
		change_idle(q, idle);
}

static void give(struct run_queue *q, struct vcpu *vcpu, unsigned to)
{
	queue_remove(q, vcpu);
	queue_leave(q, vcpu);
	if (q->last == vcpu)
		sched_tell_last(q);
	if (q->polled == vcpu)
		q->polled = NULL;
	vcpu->slice_left = 0;
	arch_vcpu_unload(vcpu);
	vcpu->sched.in_transit = true;
	vcpu->moves++;
	q->stats.given++;
	/* From here on it belongs to the other CPU, which leaves it alone until the work arrives. */
	__atomic_store_n(&vcpu->cpu, to, __ATOMIC_RELEASE);
	work_post(to, &vcpu->sched.arrive_work);
}

void sched_arrived(struct vcpu *vcpu)
{
	vcpu->sched.left_at = this_queue()->min_vtime;
	vcpu->sched.arrived_at = clock_tsc();
}

/*
 * Does it make things better, or at least pass an imbalance on that nobody can undo, so that it does
 * not always hit the same ones? What would leave this CPU with nothing stays.
 */
static bool may_give(const struct run_queue *q, const struct vcpu *vcpu, unsigned to)
{
	u32 here = load_of(q), there = load_of(&run_queues[to]), weight = vcpu->sched.weight;

	return vcpu != q->turn && weight < here && here > there && weight <= here - there &&
	       sched_allowed(vcpu, to);
}

/* The one that has been here longest. */
static struct vcpu *choose(const struct run_queue *q, unsigned to)
{
	struct vcpu *best = NULL;

	for (struct vcpu *v = q->head; v; v = v->next)
		if (may_give(q, v, to) && (!best || v->sched.arrived_at < best->sched.arrived_at))
			best = v;
	return best;
}

void sched_asked(struct work *work)
{
	struct run_queue *q = this_queue();
	unsigned to = index_of(container_of(work, struct run_queue, ask_work));
	struct vcpu *vcpu = choose(q, to);

	if (vcpu)
		give(q, vcpu, to);
}

void sched_offer(struct run_queue *q)
{
	if (!__atomic_load_n(&nr_idle, __ATOMIC_SEQ_CST))
		return;
	for (unsigned cpu = nr_cpus(); cpu-- > 0;) {
		struct vcpu *vcpu;

		if (!__atomic_load_n(&run_queues[cpu].idle, __ATOMIC_RELAXED))
			continue;
		vcpu = choose(q, cpu);
		/* Of several CPUs that offer, one gets through. */
		if (vcpu && change_idle(&run_queues[cpu], false)) {
			give(q, vcpu, cpu);
			return;
		}
	}
}

void sched_ask(struct run_queue *q)
{
	struct run_queue *busiest = NULL;

	if (__atomic_load_n(&q->reserved, __ATOMIC_RELAXED) || !sched_cpu_is_ready(index_of(q)))
		return;
	for (unsigned cpu = 0; cpu < nr_cpus(); cpu++) {
		struct run_queue *other = &run_queues[cpu];

		if (__atomic_load_n(&other->nr_queued, __ATOMIC_SEQ_CST) &&
		    load_of(other) > load_of(busiest ? busiest : q))
			busiest = other;
	}
	if (!busiest)
		return;
	work_post(index_of(busiest), &q->ask_work);
}

void sched_balance(struct run_queue *q, u64 now)
{
	if (now < q->balance_at)
		return;
	q->balance_at = now + clock_ns_to_tsc(BALANCE_NS);
	sched_ask(q);
}
