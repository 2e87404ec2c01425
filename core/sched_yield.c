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

/* By turns, since the scheduler can't know who holds what. */
void sched_spin_exit(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	unsigned first = __atomic_load_n(&vm->yielded_to, __ATOMIC_RELAXED);

	for (unsigned i = 1; i <= vm->nr_vcpus; i++) {
		unsigned id = (first + i) % vm->nr_vcpus;

		if (vm->vcpu[id] == vcpu || !is_waiting(vm->vcpu[id]))
			continue;
		__atomic_store_n(&vm->yielded_to, id, __ATOMIC_RELAXED);
		sched_yield_to(vm->vcpu[id]);
		return;
	}
}
