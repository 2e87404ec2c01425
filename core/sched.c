/* SPDX-License-Identifier: MIT */
/* The loop of each CPU: work, due timers, a vCPU, else sleep. Everything runs to completion. */
#include "core/sched.h"

#include "core/epoch.h"
#include "core/log.h"
#include "core/sched_queue.h"
#include "core/work.h"

/* A vCPU that wakes up ends the turn of one that is further ahead of it than this. */
#define WAKE_GRANULARITY_NS (1000 * 1000)

void (*cpu_loop_poll)(void);

/* Its arrival is all that is needed: the running vCPU leaves the guest for work. */
static void turn_work(struct work *work)
{
	(void)work;
}

void sched_cpu_ready(void)
{
	struct run_queue *q = this_queue();

	q->turn_work.run = turn_work;
	q->ask_work.run = sched_asked;
	q->cap_timer.fire = sched_refill;
	__atomic_store_n(&q->ready, 1, __ATOMIC_RELEASE);
}

bool sched_cpu_is_ready(unsigned cpu)
{
	return __atomic_load_n(&run_queues[cpu].ready, __ATOMIC_ACQUIRE);
}

struct sched_stats sched_get_stats(unsigned cpu)
{
	return run_queues[cpu].stats;
}

void sched_end_turn(struct run_queue *q)
{
	q->turn = NULL;
	if (!q->running)
		return;
	q->turn_over = true;
	work_post(cpu_index(), &q->turn_work);
}

static void preempt_if_before(struct run_queue *q, const struct vcpu *woken)
{
	const struct vcpu *current = q->running ? q->running : q->turn;
	u64 margin;

	if (!current)
		return;
	margin = sched_vtime(clock_ns_to_tsc(WAKE_GRANULARITY_NS), woken->sched.weight);
	if (vtime_before(woken->sched.vtime + margin, current->sched.vtime))
		sched_end_turn(q);
}

void sched_enqueue(struct vcpu *vcpu)
{
	struct run_queue *q = this_queue();
	u64 now;

	if (vcpu->queued || vcpu->sched.throttled || q->running == vcpu)
		return;
	now = clock_tsc();
	sched_account(vcpu, PHASE_WAITING, now);
	queue_charge(q, now);
	queue_enter(q, vcpu);
	preempt_if_before(q, vcpu);
}

void sched_dequeue(struct vcpu *vcpu)
{
	struct run_queue *q = this_queue();

	if (q->last == vcpu)
		q->last = NULL;
	if (q->polled == vcpu)
		q->polled = NULL;
	if (vcpu->sched.throttled)
		sched_unthrottle(q, vcpu);
	if (vcpu->queued) {
		queue_remove(q, vcpu);
		queue_leave(q, vcpu);
	}
	vcpu->slice_left = 0;
	sched_account(vcpu, PHASE_IDLE, clock_tsc());
}

void sched_tell_last(struct run_queue *q)
{
	struct vcpu *last = q->last;

	q->last = NULL;
	if (last && last->state == VCPU_RUNNABLE)
		arch_vcpu_preempted(last);
}

/* Whoever yields may only help another one that is not far ahead of the rest. */
static bool is_fair(const struct run_queue *q, const struct vcpu *vcpu)
{
	u64 margin = sched_vtime(clock_ns_to_tsc(SCHED_SLICE_NS), vcpu->sched.weight);

	return !vtime_before(q->head->sched.vtime + margin, vcpu->sched.vtime);
}

static struct vcpu *choose(struct run_queue *q)
{
	if (q->turn)
		return q->turn;
	if (q->favoured && is_fair(q, q->favoured))
		return q->favoured;
	return q->head;
}

/* The next one to run, out of the queue; those whose VM has used up its cap are put aside. */
static struct vcpu *take_next(struct run_queue *q)
{
	struct vcpu *vcpu;

	while ((vcpu = choose(q)) && !sched_cap_left(vcpu->vm, clock_tsc()))
		sched_throttle(q, vcpu);
	if (vcpu)
		queue_remove(q, vcpu);
	if (q->last != vcpu)
		sched_tell_last(q);
	q->turn_over = false;
	queue_set_running(q, vcpu, clock_tsc());
	return vcpu;
}

/* TSC ticks. The queue is without it. */
static u64 slice_of(const struct run_queue *q, const struct vcpu *vcpu)
{
	u64 ns = (u64)SCHED_LATENCY_NS * vcpu->sched.weight / (q->weight + vcpu->sched.weight);

	return clock_ns_to_tsc(MAX(SCHED_SLICE_MIN_NS, MIN(ns, SCHED_SLICE_NS)));
}

static u64 slice_end(struct run_queue *q, struct vcpu *vcpu, u64 now)
{
	u64 left;

	if (vcpu->vm->dedicated)
		return ~0ull;
	if (!vcpu->slice_left)
		vcpu->slice_left = slice_of(q, vcpu);
	left = sched_cap_left(vcpu->vm, now);
	return now + MIN(vcpu->slice_left, left);
}

static void begin_run(struct run_queue *q, struct vcpu *vcpu, u64 now)
{
	if (unlikely(!vcpu->run_tsc))
		log_debug("VM %s: vCPU %u first runs %llu us after the hand-over",
			  vcpu->vm->config->name, vcpu->id,
			  (unsigned long long)(clock_ns() / NS_PER_US));
	sched_account(vcpu, PHASE_RUNNING, now);
	if (q->last == vcpu)
		return;
	q->stats.switches++;
	arch_vcpu_scheduled_in(vcpu);
}

static void end_run(struct run_queue *q, struct vcpu *vcpu, u64 ran, u64 now)
{
	queue_set_running(q, NULL, now);
	sched_cap_charge(vcpu->vm, ran);
	q->stats.guest_tsc += ran;
	vcpu->slice_left = !q->turn_over && ran < vcpu->slice_left ? vcpu->slice_left - ran : 0;
	q->last = NULL;
	q->polled = NULL;
}

/* Work came in between, or its time is over: it waits, in the first case for the rest of it. */
static void put_back(struct run_queue *q, struct vcpu *vcpu, u64 now)
{
	sched_account(vcpu, PHASE_WAITING, now);
	queue_insert(q, vcpu);
	q->turn = vcpu->slice_left ? vcpu : NULL;
	if (vcpu->state != VCPU_RUNNABLE)
		return;
	q->last = vcpu;
	/* Of a VM with one vCPU nobody asks. */
	if (vcpu->vm->nr_vcpus > 1 && !vcpu->slice_left)
		__atomic_store_n(&vcpu->sched.in_kernel, arch_vcpu_in_kernel(vcpu),
				 __ATOMIC_RELAXED);
}

static void run(struct run_queue *q, struct vcpu *vcpu)
{
	u64 start = clock_tsc(), now;
	u64 end = slice_end(q, vcpu, start);
	enum vcpu_stop stop;

	begin_run(q, vcpu, start);
	stop = arch_vcpu_run(vcpu, end);
	arch_enter_shared();
	now = clock_tsc();
	end_run(q, vcpu, now - start, now);
	if (stop == VCPU_STOP_PREEMPTED) {
		put_back(q, vcpu, now);
		return;
	}
	vcpu->slice_left = 0;
	queue_leave(q, vcpu);
	sched_account(vcpu, PHASE_IDLE, now);
	if (stop == VCPU_STOP_EVENT)
		vcpu_service(vcpu);
	else
		q->polled = vcpu;
}

/* Interrupts are off from the check to the sleep, so a kick in between ends the sleep. */
static void idle(struct run_queue *q)
{
	u64 start = clock_tsc();

	sched_set_idle(q, true);
	sched_ask(q);
	if (!sched_poll(q, start)) {
		arch_set_wakeup(timer_next());
		epoch_cpu_idle(true);
		if (!work_pending())
			arch_idle();
		epoch_cpu_idle(false);
	}
	sched_set_idle(q, false);
	sched_poll_learn(q, clock_tsc() - start);
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
	vcpu = take_next(q);
	if (!vcpu) {
		idle(q);
		return;
	}
	if (q->head)
		sched_offer(q);
	sched_balance(q, clock_tsc());
	run(q, vcpu);
}

void cpu_loop(void)
{
	struct run_queue *q = this_queue();

	for (;;)
		pass(q);
}
