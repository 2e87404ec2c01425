/* SPDX-License-Identifier: MIT */
/* The CPUs of the machine: finding, starting and parking them. */
#ifndef FIRN_X86_SMP_H
#define FIRN_X86_SMP_H

#include "boot/handover.h"
#include "core/err.h"

/*
 * Lists the CPUs: MADT, else the hand-over's list, else the boot CPU alone. Logs what it found.
 * ERR_FULL when there are more than MAX_CPUS (the first MAX_CPUS are used).
 */
enum firn_err cpus_enumerate(const struct handover *h);

/* How many CPUs were listed: no more come online. Boot CPU, after cpus_enumerate(). */
unsigned cpus_listed(void);

/*
 * Starts every other CPU, one after the other (SDM 3A 8.4.4.1); each runs ap_main on its own
 * stack, which must not return. A CPU that does not come up, or whose TSC disagrees, is left out
 * with a warning. Returns the number of CPUs online. Boot CPU, after interrupts_init().
 */
unsigned cpus_start(void (*ap_main)(void));

/*
 * Ends all other CPUs: each runs cpu_leave (VMXOFF) and halts for good. A CPU that does not
 * answer gets an NMI and runs virt_cpu_emergency_disable() instead. Bounded (about 200 ms).
 * Returns how many answered neither. May be called on any CPU; NULL: nothing to leave.
 */
unsigned cpus_park_others(void (*cpu_leave)(void));

/*
 * Panic: stops the others by NMI, each after virt_cpu_emergency_disable(). Takes no lock.
 * Returns how many did not answer in time.
 */
unsigned cpus_stop_others(void);
/* True when a panic or cpus_park_others() wants this CPU; called by the NMI handler. */
bool cpus_stop_wanted(void);
/* The answer to it: leave virtualization, say so, halt. NMI context. */
void cpus_stop_self(void) __noreturn;

/* Wakes one parked CPU by NMI to run this, without waiting. False: no CPU is parked. */
bool cpus_send_parked(void (*run)(void));

#endif
