/* SPDX-License-Identifier: MIT */
/* Timer of the local APIC: wakes an idle or guest-running CPU (arch_set_wakeup in core/arch.h). */
#ifndef FIRN_X86_APIC_TIMER_H
#define FIRN_X86_APIC_TIMER_H

#include "core/types.h"

/* Measures the timer's rate where there is no TSC-deadline mode (about 2 ms). Boot CPU. */
void apic_timer_calibrate(void);
/* Chooses the mode on this CPU; nothing armed. By apic_init_cpu(). */
void apic_timer_init_cpu(void);

/*
 * Deadline that this CPU's timer is set to and that has not fired: while it is the wanted one,
 * arch_set_wakeup() need not be called. It may fire early: whoever waits sets it again.
 */
const u64 *apic_timer_armed(void);

/* Handler of IRQ_VECTOR_TIMER. */
void apic_timer_interrupt(void *arg);

#endif
