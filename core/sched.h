/* SPDX-License-Identifier: MIT */
/* The loop of each CPU, and which vCPU runs where and when. */
#ifndef FIRN_CORE_SCHED_H
#define FIRN_CORE_SCHED_H

#include "core/cpu_set.h"
#include "core/vcpu.h"

#define SCHED_WEIGHT_DEFAULT CONFIG_WEIGHT_DEFAULT
#define SCHED_WEIGHT_MAX     CONFIG_WEIGHT_MAX

/* Within this time each waiting vCPU has a turn, as far as that leaves turns of a useful length. */
#define SCHED_LATENCY_NS   (30 * 1000 * 1000)
#define SCHED_SLICE_NS	   (10 * 1000 * 1000) /* the longest turn */
#define SCHED_SLICE_MIN_NS (2 * 1000 * 1000)

/*
 * The CPU wants to run this vCPU: puts it into its queue; harmless when it is there, runs, or is
 * held back by its cap. One that was away may come before the running one. On the vCPU's CPU.
 */
void sched_enqueue(struct vcpu *vcpu);
/* It can't go on (stop, INIT): out of the queue, if it is there. On its CPU, when it does not run. */
void sched_dequeue(struct vcpu *vcpu);
/* A vCPU that moved here begins. On its new CPU, before sched_enqueue(). */
void sched_arrived(struct vcpu *vcpu);

/*
 * The vCPU that runs on this CPU waits for target: a target that waits for its turn gets it before
 * the others, as far as that is fair to them; on the same CPU the caller gives up its own turn.
 * From an exit, on any CPU.
 */
void sched_yield_to(struct vcpu *target);
/* Somebody, perhaps on another CPU, yielded to this vCPU. On its CPU, between two runs. */
void sched_favour(struct vcpu *vcpu);
/* The vCPU, in an exit, spins: yields to one of its VM that waits and may hold what it spins for. */
void sched_spin_exit(struct vcpu *vcpu);

/* The calling CPU can run guests; vCPUs are only placed on such CPUs. */
void sched_cpu_ready(void);
bool sched_cpu_is_ready(unsigned cpu);

/*
 * Which CPUs a VM may use (sched_pin.c). Boot CPU.
 */

/* Before VMs are made: they share the CPUs as all of this configuration together asks for. */
void sched_plan(const struct firn_config *config);
/* Decides vm->cpus and vm->dedicated. ERR_NOENT: none of the CPUs that it is pinned to is there. */
enum firn_err sched_admit(struct vm *vm);
/* Where the vCPU with this id of an admitted VM begins: the CPU with the least to do. */
unsigned sched_place(const struct vm *vm, unsigned id);
/* Its VM, or for a dedicated VM the vCPU, is allowed there. Any CPU. */
bool sched_allowed(const struct vcpu *vcpu, unsigned cpu);

/* Called by the loop of the boot CPU on each pass: consoles that have no interrupt. */
extern void (*cpu_loop_poll)(void);

/* Work, timers, vCPUs, idle, for ever. Interrupts off. */
void cpu_loop(void) __noreturn;

struct sched_stats {
	u64 guest_tsc, idle_tsc; /* TSC ticks that this CPU ran guests and had nothing to do */
	u64 poll_tsc;		 /* part of idle_tsc: polling for the end of a HLT */
	u64 polls, poll_hits;	 /* how often it polled, and did not have to sleep then */
	u64 switches;		 /* a vCPU ran that was not the last one */
	u64 given;		 /* vCPUs that went from here to another CPU */
};
/* Any CPU. */
struct sched_stats sched_get_stats(unsigned cpu);

#endif
