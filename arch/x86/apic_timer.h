/* SPDX-License-Identifier: MIT */
/* Timer of the local APIC: wakes an idle or guest-running CPU (arch_set_wakeup in core/arch.h). */
#ifndef FIRN_X86_APIC_TIMER_H
#define FIRN_X86_APIC_TIMER_H

/* Measures the timer's rate where there is no TSC-deadline mode (about 2 ms). Boot CPU. */
void apic_timer_calibrate(void);
/* Chooses the mode on this CPU; nothing armed. By apic_init_cpu(). */
void apic_timer_init_cpu(void);

#endif
