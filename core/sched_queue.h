/* SPDX-License-Identifier: MIT */
/*
 * The run queue of a CPU. It is ordered by virtual time, which passes the slower for a vCPU the
 * greater its weight is: the one that had the least of its share comes first. Virtual time wraps;
 * it is compared by differences. Touched by its own CPU only, but for what is called atomic.
 */
#ifndef FIRN_CORE_SCHED_QUEUE_H
#define FIRN_CORE_SCHED_QUEUE_H

#include "core/arch.h"
#include "core/sched.h"
#include "core/timer.h"

struct run_queue {
	struct vcpu *head;    /* waiting, by virtual time, equal ones as they came */
	struct vcpu *running; /* in arch_vcpu_run() */
	struct vcpu *turn; /* waits, but the rest of its slice is its own: work came in between */
	struct vcpu *last; /* ran last, waits, and has not been told that it lost the CPU */
	struct vcpu *favoured;	/* somebody yielded to it: comes next, if that is not unfair */
	struct vcpu *polled;	/* halted last: its HLT may end soon */
	bool turn_over;		/* the running one leaves before the end of its slice */
	u32 weight;		/* of all that wait */
	u64 min_vtime;		/* of all, never goes back */
	u64 charged_at;		/* TSC up to which the running one's virtual time is right */
	u64 balance_at;		/* TSC */
	struct vcpu *throttled; /* their VM has used up its cap; until cap_timer fires */
	struct timer cap_timer;
	struct work turn_work; /* ends the run of the running one */
	struct work ask_work;  /* visits a CPU that has more to do */
	struct sched_stats stats;
	/* atomic */
	u32 load;      /* weight of all that wait or run */
	u32 nr_queued; /* those that wait */
	u32 idle;      /* has nothing to run, and nobody has given it anything yet */
	u32 ready;     /* can run guests */
	u32 reserved;  /* for one VM alone: takes nothing from others */
} __aligned(CACHE_LINE);

extern struct run_queue run_queues[MAX_CPUS];

static inline struct run_queue *this_queue(void)
{
	return &run_queues[cpu_index()];
}

/* How far virtual time goes for a vCPU of this weight in so many TSC ticks. */
static inline u64 sched_vtime(u64 ticks, u32 weight)
{
	return ticks * SCHED_WEIGHT_MAX / weight;
}

static inline bool vtime_before(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

/* Puts a vCPU that was away into the order: with what it missed, within bounds. */
void queue_enter(struct run_queue *q, struct vcpu *vcpu);
/* The same for one that has just been running or is put back: its virtual time holds. */
void queue_insert(struct run_queue *q, struct vcpu *vcpu);
void queue_remove(struct run_queue *q, struct vcpu *vcpu);
/* It goes away (halts, stops, moves): remembers how far it is from the others. */
void queue_leave(struct run_queue *q, struct vcpu *vcpu);
/* Virtual time of the running one up to now. */
void queue_charge(struct run_queue *q, u64 now);
void queue_set_running(struct run_queue *q, struct vcpu *vcpu, u64 now);

/* What a vCPU's time is counted as from now on. */
enum sched_phase {
	PHASE_IDLE,
	PHASE_WAITING,
	PHASE_RUNNING
};
void sched_account(struct vcpu *vcpu, enum sched_phase next, u64 now);
/* It is not told twice: the vCPU that ran last has lost the CPU to another one, or moves. */
void sched_tell_last(struct run_queue *q);
/* The running one leaves the guest now, or the one whose turn it is loses the rest of it. */
void sched_end_turn(struct run_queue *q);

/* sched_cap.c: TSC ticks that its VM may still use in this period; ~0 = no cap. Any CPU. */
u64 sched_cap_left(struct vm *vm, u64 now);
void sched_cap_charge(struct vm *vm, u64 ran);
/* The vCPU, which waits, goes on in the next period. On its CPU. */
void sched_throttle(struct run_queue *q, struct vcpu *vcpu);
/* All that are held back look again whether there is time for them. */
void sched_refill(struct timer *timer);
void sched_unthrottle(struct run_queue *q, struct vcpu *vcpu);

/* sched_move.c */
void sched_set_idle(struct run_queue *q, bool idle);
/* Gives one of those that wait to an idle CPU. */
void sched_offer(struct run_queue *q);
/* On the CPU that is asked. */
void sched_asked(struct work *work);
/* Asks the CPU with the most to do for one of its waiting vCPUs. */
void sched_ask(struct run_queue *q);
void sched_balance(struct run_queue *q, u64 now);

/* sched_poll.c: waits a moment for the end of the HLT; true = something came, no need to sleep. */
bool sched_poll(struct run_queue *q, u64 start);
/* How long the CPU had nothing to do: what to expect the next time. */
void sched_poll_learn(struct run_queue *q, u64 waited);

#endif
