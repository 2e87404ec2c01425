/* SPDX-License-Identifier: MIT */
/* Directed yield: a vCPU that waits for another one lets it run. */
#include "core/sched_queue.h"

static bool is_waiting(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->queued, __ATOMIC_RELAXED);
}

void sched_favour(struct vcpu *vcpu)
{
	struct run_queue *q = this_queue();

	if (vcpu->sched.in_transit || !vcpu->queued || q->turn == vcpu)
		return;
	q->favoured = vcpu;
	sched_end_turn(q);
}

void sched_yield_to(struct vcpu *target)
{
	struct vcpu *self = this_queue()->running;
	unsigned cpu = vcpu_cpu(target);

	if (!self || !is_waiting(target))
		return;
	self->yields++;
	if (cpu == cpu_index())
		sched_favour(target);
	else
		work_post(cpu, &target->sched.yield_work);
}

/* The next one by turns, since the scheduler can't know who holds what; NULL = nobody. */
static struct vcpu *find_waiting(const struct vcpu *vcpu, bool in_kernel)
{
	const struct vm *vm = vcpu->vm;
	unsigned last = __atomic_load_n(&vm->yielded_to, __ATOMIC_RELAXED);

	for (unsigned i = 1; i <= vm->nr_vcpus; i++) {
		struct vcpu *other = vm->vcpu[(last + i) % vm->nr_vcpus];

		if (other != vcpu && is_waiting(other) &&
		    (!in_kernel || __atomic_load_n(&other->sched.in_kernel, __ATOMIC_RELAXED)))
			return other;
	}
	return NULL;
}

/* Locks that others spin for are held in the kernel, as a rule. */
void sched_spin_exit(struct vcpu *vcpu)
{
	struct vcpu *other = find_waiting(vcpu, true);

	if (!other)
		other = find_waiting(vcpu, false);
	if (!other)
		return;
	__atomic_store_n(&vcpu->vm->yielded_to, other->id, __ATOMIC_RELAXED);
	sched_yield_to(other);
}
