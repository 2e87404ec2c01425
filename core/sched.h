/* SPDX-License-Identifier: MIT */
/* The loop of each CPU and its run queue. */
#ifndef FIRN_CORE_SCHED_H
#define FIRN_CORE_SCHED_H

#include "core/vcpu.h"

#define SCHED_SLICE_NS (10 * 1000 * 1000)

/* Puts a runnable vCPU on this CPU's queue; harmless when it is queued. On the vCPU's CPU. */
void sched_enqueue(struct vcpu *vcpu);

/*
 * The vCPU that runs on this CPU waits for target: a target that waits for its turn gets it before
 * the others; on the same CPU the caller gives up its own. Any CPU, from an exit; else no effect.
 */
void sched_yield_to(struct vcpu *target);

/* The calling CPU can run guests; vCPUs are only placed on such CPUs. */
void sched_cpu_ready(void);
bool sched_cpu_is_ready(unsigned cpu);

/* Called by the loop of the boot CPU on each pass: consoles that have no interrupt. */
extern void (*cpu_loop_poll)(void);

/* Work, timers, vCPUs, idle, for ever. Interrupts off. */
void cpu_loop(void) __noreturn;

/* TSC ticks that this CPU ran guests and idled. Any CPU. */
struct sched_stats {
	u64 guest_tsc, idle_tsc;
};
struct sched_stats sched_get_stats(unsigned cpu);

#endif
