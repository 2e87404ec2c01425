/* SPDX-License-Identifier: MIT */
/* How late the TSC-deadline timer's interrupt is. */
#ifndef FIRN_GUEST_LATENESS_H
#define FIRN_GUEST_LATENESS_H

#include "core/types.h"

/* Ticks; no multiple of anything that the host does regularly. */
#define LATENESS_PERIOD 20011

/* x2APIC mode, and the timer's interrupt. After apic_init(). */
void lateness_init(void);
/* Ticks from a deadline to the handler's first instruction; meanwhile (may be NULL) runs with interrupts open. */
u64 lateness(bool halted, void (*meanwhile)(void));

#endif
