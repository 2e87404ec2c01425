/* SPDX-License-Identifier: MIT */
/* What core/ needs from the processor. Implemented by arch/x86 and, for unit tests, arch/fake. */
#ifndef FIRN_CORE_ARCH_H
#define FIRN_CORE_ARCH_H

/*
 * cpu_index(): index of the running CPU, 0..nr_cpus()-1; 0 is the boot CPU.
 * arch_enter_shared(): before code that VMs share, when a guest may have run on this CPU.
 */
#include <arch_cpu.h>

#include "core/types.h"

#define MAX_CPUS 256

/* Physical memory through the direct map. Valid for RAM known to pmem, in any context. */
void *phys_to_virt(u64 pa);
u64 virt_to_phys(const void *va); /* direct map addresses only */

unsigned nr_cpus(void); /* CPUs online */

/* Makes a CPU leave its guest or its idle wait soon. Never lost; own CPU allowed. */
void cpu_kick(unsigned cpu);

/*
 * Time. The TSC is the one host clock: invariant and equal on all CPUs (checked at bring-up).
 * Timers are kept in TSC ticks; nanoseconds are for people and for guest interfaces.
 */
u64 clock_tsc(void);
u64 clock_tsc_khz(void);
u64 clock_ns(void); /* since Firn started */
u64 clock_tsc_to_ns(u64 ticks);
u64 clock_ns_to_tsc(u64 ns);
/* Seconds since 1970-01-01 UTC, and nanoseconds of the current one. 0 = unknown: so is *ns. */
s64 clock_wall(u32 *ns);

/* The next time at which this CPU must be woken from idle (TSC); ~0ull = no need. */
void arch_set_wakeup(u64 tsc_deadline);

/* In a loop that waits: takes interrupts that have come, lets the CPU breathe. Interrupts off. */
void arch_relax(void);

/* Sleeps until an interrupt or a kick, atomically against one just before. Interrupts off around it. */
void arch_idle(void);

#endif
