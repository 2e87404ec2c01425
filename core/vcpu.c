/* SPDX-License-Identifier: MIT */
/* vCPU events: how other CPUs and devices reach a vCPU, and what its own CPU does about it. */
#include "core/vcpu.h"

#include "core/arch.h"
#include "core/sched.h"

const char *const vcpu_state_name[VCPU_STATES] = {
	[VCPU_WAIT_SIPI] = "waiting for SIPI",
	[VCPU_RUNNABLE] = "running",
	[VCPU_HALTED] = "halted",
	[VCPU_STOPPED] = "stopped",
};

static u32 take_events(struct vcpu *vcpu, u32 mask)
{
	return __atomic_fetch_and(&vcpu->events, ~mask, __ATOMIC_ACQ_REL) & mask;
}

/* It moved after the work was posted: the work goes after it. */
static bool follows(const struct vcpu *vcpu, struct work *work)
{
	unsigned cpu = vcpu_cpu(vcpu);

	if (cpu != cpu_index())
		work_post(cpu, work);
	return cpu != cpu_index();
}

/* On its CPU, not in the guest (work and timers run between entries only). */
static void wake(struct vcpu *vcpu)
{
	/* Its arrival looks at everything. */
	if (vcpu->sched.in_transit)
		return;
	if (vcpu->state != VCPU_STOPPED &&
	    (__atomic_load_n(&vcpu->events, __ATOMIC_ACQUIRE) & VCPU_EVENTS_STOPPING))
		vcpu_service(vcpu);
	else if (vcpu->state == VCPU_HALTED && vcpu_can_wake(vcpu))
		sched_enqueue(vcpu);
}

static void wake_work(struct work *work)
{
	struct vcpu *vcpu = container_of(work, struct vcpu, wake_work);

	if (!follows(vcpu, work))
		wake(vcpu);
}

static void arrive_work(struct work *work)
{
	struct vcpu *vcpu = container_of(work, struct vcpu, sched.arrive_work);

	vcpu->sched.in_transit = false;
	sched_arrived(vcpu);
	arch_vcpu_arrived(vcpu);
	vcpu_service(vcpu);
}

static void yield_work(struct work *work)
{
	struct vcpu *vcpu = container_of(work, struct vcpu, sched.yield_work);

	if (!follows(vcpu, work))
		sched_favour(vcpu);
}

/*
 * A request to stop may have come since the start was posted, and one of the last run may be left
 * over: the transition, which is raised before the event is posted, tells them apart.
 */
static void renew_stop_event(struct vcpu *vcpu)
{
	take_events(vcpu, VCPU_EVENT_STOP);
	if (__atomic_load_n(&vcpu->vm->transition, __ATOMIC_ACQUIRE) != VM_NO_TRANSITION)
		__atomic_or_fetch(&vcpu->events, VCPU_EVENT_STOP, __ATOMIC_RELEASE);
}

static void start_work(struct work *work)
{
	struct vcpu *vcpu = container_of(work, struct vcpu, start_work);

	if (vcpu->from_start) {
		arch_vcpu_reset(vcpu, vcpu->id == 0 ? &vcpu->vm->boot : NULL);
		vcpu->resume_state = vcpu->id == 0 ? VCPU_RUNNABLE : VCPU_WAIT_SIPI;
		vcpu->from_start = false;
	} else {
		arch_vcpu_resumed(vcpu);
	}
	vcpu->state = vcpu->resume_state;
	renew_stop_event(vcpu);
	vcpu_service(vcpu);
}

void vcpu_setup(struct vcpu *vcpu, struct vm *vm, unsigned id, unsigned cpu)
{
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->cpu = cpu;
	vcpu->state = VCPU_STOPPED;
	vcpu->wake_work.run = wake_work;
	vcpu->start_work.run = start_work;
	vcpu->sched.arrive_work.run = arrive_work;
	vcpu->sched.yield_work.run = yield_work;
	vcpu->sched.weight = vm->config->weight ? vm->config->weight : SCHED_WEIGHT_DEFAULT;
	vcpu->sched.since = clock_tsc();
}

void vcpu_notify(struct vcpu *vcpu)
{
	unsigned cpu = vcpu_cpu(vcpu);

	if (cpu != cpu_index())
		work_post(cpu, &vcpu->wake_work);
	else if (!vcpu->sched.in_transit && vcpu->state == VCPU_HALTED && vcpu_can_wake(vcpu))
		sched_enqueue(vcpu);
}

void vcpu_post_event(struct vcpu *vcpu, u32 events)
{
	__atomic_or_fetch(&vcpu->events, events, __ATOMIC_RELEASE);
	/* Also on its own CPU by work: a handler in the middle of an exit goes on undisturbed. */
	work_post(vcpu_cpu(vcpu), &vcpu->wake_work);
}

void vcpu_unhalt(struct vcpu *vcpu)
{
	__atomic_or_fetch(&vcpu->events, VCPU_EVENT_UNHALT, __ATOMIC_SEQ_CST);
	vcpu_notify(vcpu);
}

static void stop(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	vcpu->resume_state = vcpu->state;
	vcpu->state = VCPU_STOPPED;
	sched_dequeue(vcpu);
	arch_vcpu_unload(vcpu);
	if (__atomic_sub_fetch(&vm->active_vcpus, 1, __ATOMIC_ACQ_REL) == 0)
		work_post(0, &vm->transition_work);
}

/*
 * INIT clears an earlier SIPI, so a SIPI that is seen together with INIT came after it
 * (SDM 3A 8.4.4.1).
 */
void vcpu_service(struct vcpu *vcpu)
{
	u32 events = take_events(vcpu, VCPU_EVENT_INIT | VCPU_EVENT_SIPI | VCPU_SIPI_VECTOR);

	if (events & VCPU_EVENT_INIT) {
		take_events(vcpu, VCPU_EVENT_UNHALT);
		arch_vcpu_init(vcpu);
		vcpu->state = VCPU_WAIT_SIPI;
		sched_dequeue(vcpu);
		if (!vm_has_vcpu(vcpu->vm, vcpu->id))
			arch_vcpu_unload(vcpu);
	}
	if ((events & VCPU_EVENT_SIPI) && vcpu->state == VCPU_WAIT_SIPI &&
	    vm_has_vcpu(vcpu->vm, vcpu->id)) {
		arch_vcpu_sipi(vcpu, (u8)(events >> VCPU_SIPI_VECTOR_SHIFT));
		vcpu->state = VCPU_RUNNABLE;
	}
	if (take_events(vcpu, VCPU_EVENT_STOP))
		stop(vcpu);
	else if (vcpu->state == VCPU_RUNNABLE || vcpu->state == VCPU_HALTED)
		sched_enqueue(vcpu);
}
