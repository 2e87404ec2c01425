/* SPDX-License-Identifier: MIT */
/* More processors: starting them, and interrupts to them. After apic_init(). */
#ifndef FIRN_GUEST_SMP_H
#define FIRN_GUEST_SMP_H

#include "core/types.h"
#include "tests/guest/lib/segments.h" /* SMP_MAX */

#define SMP_TRAMPOLINE 0x9000u /* where SIPIs send a processor */

#define ICR_LOWEST	 (1u << 8)
#define ICR_NMI		 (4u << 8)
#define ICR_INIT	 (5u << 8)
#define ICR_SIPI	 (6u << 8)
#define ICR_STARTUP	 (ICR_SIPI | BIT(14) | SMP_TRAMPOLINE >> 12)
#define ICR_ALL		 (2u << 18)
#define ICR_ALL_BUT_SELF (3u << 18)

/* APIC id of the running processor. */
unsigned smp_id(void);
/* Number of vCPUs from the command line's "cpus="; 1..SMP_MAX, else a failed check and 0. */
unsigned smp_count(unsigned least);
/* What processors that are started from now on run: with the first one's tables, interrupts off. */
void smp_prepare(void (*fn)(void));
/* INIT and SIPI; does not wait for what the other one does. */
void smp_start(unsigned id);
void smp_send_sipi(unsigned id);
/* In the mode of the running processor; in xAPIC mode waits, bounded, until the message is on its way. */
void smp_send(unsigned id, u32 icr);

#endif
