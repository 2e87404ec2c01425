/* SPDX-License-Identifier: MIT */
/*
 * Caps: of each period a VM gets at most so much time, all its vCPUs together. What its vCPUs on
 * several CPUs use too much of at once is taken from the next periods.
 */
#include "core/sched_queue.h"

#define PERIOD_NS (100 * 1000 * 1000)
#define PERCENT	  100

/* Lock held. */
static void begin_period(struct vm_cap *cap, unsigned percent, u64 now)
{
	u64 period = clock_ns_to_tsc(PERIOD_NS), gone;

	if (now < cap->period_end)
		return;
	gone = (now - cap->period_end) / period + 1;
	cap->period_end += gone * period;
	cap->used -= MIN(cap->used, gone * (period * percent / PERCENT));
}

u64 sched_cap_left(struct vm *vm, u64 now)
{
	u64 quota, left;

	if (!vm->config->cap)
		return ~0ull;
	quota = clock_ns_to_tsc(PERIOD_NS) * vm->config->cap / PERCENT;
	spin_lock(&vm->cap.lock);
	begin_period(&vm->cap, vm->config->cap, now);
	left = quota - MIN(quota, vm->cap.used);
	spin_unlock(&vm->cap.lock);
	return left;
}

void sched_cap_charge(struct vm *vm, u64 ran)
{
	if (!vm->config->cap)
		return;
	spin_lock(&vm->cap.lock);
	vm->cap.used += ran;
	spin_unlock(&vm->cap.lock);
}

static u64 next_period(struct vm *vm)
{
	u64 end;

	spin_lock(&vm->cap.lock);
	end = vm->cap.period_end;
	spin_unlock(&vm->cap.lock);
	return end;
}

static void arm(struct run_queue *q)
{
	u64 first = TIMER_NEVER;

	for (const struct vcpu *v = q->throttled; v; v = v->next)
		first = MIN(first, next_period(v->vm));
	timer_set(&q->cap_timer, first);
}

void sched_refill(struct timer *timer)
{
	struct run_queue *q = container_of(timer, struct run_queue, cap_timer);
	struct vcpu *next;

	for (struct vcpu *v = q->throttled; v; v = next) {
		next = v->next;
		v->sched.throttled = false;
		queue_enter(q, v);
	}
	q->throttled = NULL;
}

void sched_throttle(struct run_queue *q, struct vcpu *vcpu)
{
	queue_remove(q, vcpu);
	queue_leave(q, vcpu);
	if (q->last == vcpu)
		sched_tell_last(q);
	vcpu->slice_left = 0;
	vcpu->sched.throttled = true;
	vcpu->next = q->throttled;
	q->throttled = vcpu;
	arm(q);
}

void sched_unthrottle(struct run_queue *q, struct vcpu *vcpu)
{
	struct vcpu **link = &q->throttled;

	while (*link != vcpu)
		link = &(*link)->next;
	*link = vcpu->next;
	vcpu->sched.throttled = false;
	arm(q);
}
