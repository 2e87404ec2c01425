/* SPDX-License-Identifier: MIT */
/* A virtual CPU as the scheduler and the console see it. */
#ifndef FIRN_CORE_VCPU_H
#define FIRN_CORE_VCPU_H

#include "arch_vcpu.h"
#include "core/types.h"
#include "core/vm.h"

enum vcpu_state {
	VCPU_WAIT_SIPI, /* after reset/INIT of an application processor */
	VCPU_RUNNABLE,
	VCPU_HALTED, /* HLT: runs again when an interrupt or another event is pending */
	VCPU_STOPPED, /* its VM does not run */
};

/* Asynchronous events, owned by atomics: reading or writing registers can't lose them. */
#define VCPU_EVENT_NMI	BIT(0)
#define VCPU_EVENT_INIT BIT(1)
#define VCPU_EVENT_SIPI BIT(2) /* vector in sipi_vector, stored before the bit is set */
#define VCPU_EVENT_STOP BIT(3) /* leave the guest: pause, reset, stop of the VM */

struct vcpu {
	struct vm *vm;
	unsigned id;
	unsigned cpu;	/* the physical CPU that runs it */
	u32 state;	/* enum vcpu_state; written by its CPU only */
	u32 events;	/* VCPU_EVENT_*, atomic */
	u8 sipi_vector; /* atomic */
	bool queued;	/* on its CPU's run queue */
	struct vcpu *next; /* run queue */
	u64 run_tsc;	   /* time spent in the guest, TSC ticks */
	struct arch_vcpu arch;
};

/* Sets event bits and makes the vCPU notice: wakes it from HLT or kicks its CPU. Any CPU. */
void vcpu_post_event(struct vcpu *vcpu, u32 events);
/* Something it may wait for happened (interrupt posted): wake or kick. Any CPU. */
void vcpu_notify(struct vcpu *vcpu);

#endif
