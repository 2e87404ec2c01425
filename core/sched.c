/* SPDX-License-Identifier: MIT */
/* The loop of each CPU: work, due timers, a vCPU, else sleep. Everything runs to completion. */
#include "core/sched.h"

#include "core/arch.h"
#include "core/epoch.h"
#include "core/log.h"
#include "core/timer.h"
#include "core/work.h"

#define NS_PER_US 1000

struct run_queue {
	struct vcpu *head, **tail;
	struct vcpu *running;
	struct work yield_work;
	bool yielded; /* the running one gave up its turn */
	struct sched_stats stats;
	u32 ready; /* atomic: can run guests */
};

static struct run_queue queues[MAX_CPUS];

void (*cpu_loop_poll)(void);

static struct run_queue *this_queue(void)
{
	return &queues[cpu_index()];
}

void sched_cpu_ready(void)
{
	__atomic_store_n(&this_queue()->ready, 1, __ATOMIC_RELEASE);
}

bool sched_cpu_is_ready(unsigned cpu)
{
	return __atomic_load_n(&queues[cpu].ready, __ATOMIC_ACQUIRE);
}

struct sched_stats sched_get_stats(unsigned cpu)
{
	return queues[cpu].stats;
}

void sched_enqueue(struct vcpu *vcpu)
{
	struct run_queue *q = this_queue();

	if (vcpu->queued || q->running == vcpu)
		return;
	if (!q->head)
		q->tail = &q->head;
	vcpu->queued = true;
	vcpu->next = NULL;
	*q->tail = vcpu;
	q->tail = &vcpu->next;
}

/* Work came in between: what is left of its slice is its own, before all others. */
static void enqueue_first(struct run_queue *q, struct vcpu *vcpu)
{
	if (!q->head)
		q->tail = &vcpu->next;
	vcpu->queued = true;
	vcpu->next = q->head;
	q->head = vcpu;
}

static struct vcpu *dequeue(struct run_queue *q)
{
	struct vcpu *vcpu = q->head;

	if (!vcpu)
		return NULL;
	q->head = vcpu->next;
	vcpu->queued = false;
	return vcpu;
}

/* Its arrival ends the run of the vCPU that yielded. */
static void yield_work_run(struct work *work)
{
	(void)work;
}

static void unlink_vcpu(struct run_queue *q, struct vcpu *vcpu)
{
	struct vcpu **link = &q->head;

	while (*link != vcpu)
		link = &(*link)->next;
	*link = vcpu->next;
	if (q->tail == &vcpu->next)
		q->tail = link;
}

void sched_yield_to(struct vcpu *target)
{
	struct run_queue *q = this_queue();

	if (target->cpu != cpu_index() || !target->queued || !q->running)
		return;
	unlink_vcpu(q, target);
	enqueue_first(q, target);
	q->yielded = true;
	q->yield_work.run = yield_work_run;
	work_post(cpu_index(), &q->yield_work);
}

static void run(struct run_queue *q, struct vcpu *vcpu)
{
	u64 start = clock_tsc(), ran;
	enum vcpu_stop stop;

	if (vcpu->state != VCPU_RUNNABLE && vcpu->state != VCPU_HALTED)
		return;
	if (unlikely(!vcpu->run_tsc))
		log_debug("VM %s: vCPU %u first runs %llu us after the hand-over",
			  vcpu->vm->config->name, vcpu->id,
			  (unsigned long long)(clock_ns() / NS_PER_US));
	q->running = vcpu;
	if (!vcpu->slice_left)
		vcpu->slice_left = clock_ns_to_tsc(SCHED_SLICE_NS);
	stop = arch_vcpu_run(vcpu, start + vcpu->slice_left);
	q->running = NULL;
	ran = clock_tsc() - start;
	vcpu->slice_left =
		stop == VCPU_STOP_PREEMPTED && ran < vcpu->slice_left ? vcpu->slice_left - ran : 0;
	vcpu->run_tsc += ran;
	if (q->yielded)
		vcpu->slice_left = 0;
	q->yielded = false;
	q->stats.guest_tsc += ran;
	if (stop == VCPU_STOP_EVENT)
		vcpu_service(vcpu);
	else if (vcpu->slice_left)
		enqueue_first(q, vcpu);
	else if (stop == VCPU_STOP_PREEMPTED)
		sched_enqueue(vcpu);
}

/* Interrupts are off from the check to the sleep, so a kick in between ends the sleep. */
static void idle(struct run_queue *q)
{
	u64 start = clock_tsc();

	arch_set_wakeup(timer_next());
	epoch_cpu_idle(true);
	if (!work_pending())
		arch_idle();
	epoch_cpu_idle(false);
	q->stats.idle_tsc += clock_tsc() - start;
}

static void pass(struct run_queue *q)
{
	struct vcpu *vcpu;

	epoch_quiescent();
	work_run();
	timer_run(clock_tsc());
	if (cpu_index() == 0 && cpu_loop_poll)
		cpu_loop_poll();
	vcpu = dequeue(q);
	if (vcpu)
		run(q, vcpu);
	else
		idle(q);
}

void cpu_loop(void)
{
	struct run_queue *q = this_queue();

	for (;;)
		pass(q);
}
