/* SPDX-License-Identifier: MIT */
/* A virtual CPU as the scheduler and the console see it. */
#ifndef FIRN_CORE_VCPU_H
#define FIRN_CORE_VCPU_H

#include "arch_vcpu.h"
#include "core/exit_trace.h"
#include "core/types.h"
#include "core/vm.h"
#include "core/work.h"

enum vcpu_state {
	VCPU_WAIT_SIPI, /* after reset or INIT of an application processor */
	VCPU_RUNNABLE,
	VCPU_HALTED,  /* HLT: runs again when an interrupt or another event is pending */
	VCPU_STOPPED, /* its VM does not run */
	VCPU_STATES,
};
extern const char *const vcpu_state_name[VCPU_STATES];

/* Asynchronous events, owned by atomics: reading or writing registers can't lose them. */
#define VCPU_EVENT_NMI	  BIT(0)
#define VCPU_EVENT_INIT	  BIT(1)
#define VCPU_EVENT_SIPI	  BIT(2) /* with its vector in VCPU_SIPI_VECTOR */
#define VCPU_EVENT_STOP	  BIT(3) /* leave the guest: pause, reset, stop of the VM */
#define VCPU_EVENT_UNHALT BIT(4) /* the next HLT, or this one, ends at once; vcpu_unhalt() */
/* In the same word, so that SIPI and vector are posted, taken and dropped as one. */
#define VCPU_SIPI_VECTOR       0xff000000u
#define VCPU_SIPI_VECTOR_SHIFT 24
/* Those that vcpu_service() handles outside of the guest. */
#define VCPU_EVENTS_STOPPING (VCPU_EVENT_INIT | VCPU_EVENT_SIPI | VCPU_EVENT_STOP)

/* The scheduler's part of a vCPU (core/sched*.c). Touched by its CPU only. */
struct vcpu_sched {
	u32 weight;		 /* 1..SCHED_WEIGHT_MAX */
	u8 phase;		 /* enum sched_phase */
	bool in_transit;	 /* it moves: belongs to its new CPU, which has not begun with it */
	bool in_kernel;		 /* when it lost the CPU, atomic */
	bool throttled;		 /* waits for the next period of its VM's cap */
	u64 since;		 /* TSC when the phase began */
	u64 vtime;		 /* in the queue and while it runs */
	s64 lead;		 /* else: how far it was ahead of the others when it left, */
	u64 left_at;		 /* and where those were */
	u64 arrived_at;		 /* TSC of its last move */
	u64 poll_budget;	 /* TSC ticks to poll when it halts */
	struct work arrive_work; /* to its new CPU */
	struct work yield_work;	 /* somebody yields to it */
};

struct vcpu {
	struct vm *vm;
	unsigned id;
	unsigned cpu;		  /* the physical CPU that runs it, atomic: vcpu_cpu() */
	u32 state;		  /* enum vcpu_state; written by its CPU only */
	u32 resume_state;	  /* state to go on with after a pause */
	u32 events;		  /* VCPU_EVENT_*, atomic */
	bool from_start;	  /* the next start resets registers first */
	bool queued;		  /* on its CPU's run queue, atomic */
	struct vcpu *next;	  /* run queue */
	u64 slice_left;		  /* of its turn, TSC ticks; 0 = the next one is whole */
	struct work wake_work;	  /* vcpu_notify() from another CPU */
	struct work start_work;	  /* on its CPU: begin or go on */
	struct exit_trace *trace; /* NULL = never switched on; core/exit_trace.h */
	u64 run_tsc;		  /* time spent in the guest, TSC ticks */
	u64 idle_tsc;		  /* time it was halted or stopped, TSC ticks */
	u64 steal_tsc;		  /* time it was ready but did not run, TSC ticks */
	u64 moves;		  /* to another CPU */
	u64 yields;		  /* of its turn, to another vCPU */
	struct vcpu_sched sched;
	struct arch_vcpu arch;
};

/*
 * Where it runs. Only that CPU moves it away: on it the answer holds until the next pass of the
 * loop, elsewhere it may be old already. Work that is posted there has to look again when it runs,
 * and to go on to the new CPU.
 */
static inline unsigned vcpu_cpu(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->cpu, __ATOMIC_ACQUIRE);
}

/* Sets event bits (but not SIPI) and makes the vCPU notice: wakes it from HLT or kicks its CPU. Any CPU. */
void vcpu_post_event(struct vcpu *vcpu, u32 events);
/* The INIT signal: a SIPI or an NMI that came before it is void. Any CPU. */
void vcpu_post_init(struct vcpu *vcpu);
/* A SIPI: void while another one is pending, and when the vCPU does not wait for one. Any CPU. */
void vcpu_post_sipi(struct vcpu *vcpu, u8 vector);
/* Something it may wait for happened (interrupt posted): wake or kick. Any CPU. */
void vcpu_notify(struct vcpu *vcpu);

/*
 * Ends the vCPU's HLT without an interrupt; before the HLT, it is remembered until the next one.
 * Any CPU.
 */
void vcpu_unhalt(struct vcpu *vcpu);

/* Is anything of it traced? On the path of each exit. Any CPU. */
static inline bool exit_trace_is_on(const struct vcpu *vcpu)
{
	const struct exit_trace *t = __atomic_load_n(&vcpu->trace, __ATOMIC_ACQUIRE);

	return unlikely(t != NULL) && __atomic_load_n(&t->kinds, __ATOMIC_RELAXED);
}

/* A halted vCPU runs again, and what woke it by vcpu_unhalt() is used up. On its CPU. */
static inline void vcpu_end_halt(struct vcpu *vcpu)
{
	vcpu->state = VCPU_RUNNABLE;
	if (__atomic_load_n(&vcpu->events, __ATOMIC_RELAXED) & VCPU_EVENT_UNHALT)
		__atomic_and_fetch(&vcpu->events, ~(u32)VCPU_EVENT_UNHALT, __ATOMIC_ACQ_REL);
}

/* First thing for a new vCPU: its place and its work items. Boot CPU. */
void vcpu_setup(struct vcpu *vcpu, struct vm *vm, unsigned id, unsigned cpu);

/* INIT, SIPI and STOP, between two runs. On its CPU. */
void vcpu_service(struct vcpu *vcpu);

/*
 * Provided by arch/. On the vCPU's CPU, outside of the guest.
 */
enum vcpu_stop {
	VCPU_STOP_PREEMPTED,
	VCPU_STOP_HALTED,
	VCPU_STOP_EVENT
};
/* Runs the guest until it halts, its slice ends (TSC), work is posted, or an event wants it out. */
enum vcpu_stop arch_vcpu_run(struct vcpu *vcpu, u64 slice_end);
/* It lost the CPU though it could go on (not by HLT or a stop), after a whole instruction. */
void arch_vcpu_preempted(struct vcpu *vcpu);
/* It is going to run after it was off the CPU; steal_tsc is up to date. Right before the entry. */
void arch_vcpu_scheduled_in(struct vcpu *vcpu);
/* May its CPU poll when it halts, or does the guest poll itself before? */
bool arch_vcpu_may_poll(const struct vcpu *vcpu);
/* Is it in the guest's kernel? After a run, before another vCPU runs on the CPU. */
bool arch_vcpu_in_kernel(struct vcpu *vcpu);
/* Would HLT end now? */
bool vcpu_can_wake(struct vcpu *vcpu);
/* Power-on state; boot: what the boot vCPU starts with, NULL for the others. */
void arch_vcpu_reset(struct vcpu *vcpu, const struct boot_state *boot);
void arch_vcpu_init(struct vcpu *vcpu); /* INIT signal */
void arch_vcpu_sipi(struct vcpu *vcpu, u8 vector);
void arch_vcpu_resumed(struct vcpu *vcpu); /* after a pause */
/* Everything this CPU holds of the vCPU, timers too, goes back to memory; it may move or end. */
void arch_vcpu_unload(struct vcpu *vcpu);
/* After a move, on the new CPU: its timers run here from now on. */
void arch_vcpu_arrived(struct vcpu *vcpu);
/*
 * The part of a VM, whose memory is there, and of its vCPUs that is arch/'s. ERR_NOMEM. Destroying also
 * follows a create that failed. Any CPU, VM not running.
 */
enum firn_err arch_vcpu_create(struct vcpu *vcpu);
void arch_vcpu_destroy(struct vcpu *vcpu);
enum firn_err arch_vm_create(struct vm *vm);
void arch_vm_destroy(struct vm *vm);
/* Why VMs can't have "cet = yes" on this machine, for people; NULL: they can. Any CPU. */
const char *arch_cet_lacks(void);
/* Guest memory was forgotten: nothing of it stays mapped. VM not running. */
void arch_vm_forget_memory(struct vm *vm);
void arch_vm_reset(struct vm *vm); /* VM-wide state, before its vCPUs start */

#endif
