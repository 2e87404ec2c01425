/* SPDX-License-Identifier: MIT */
/*
 * Processors that count what reaches them. Who got a message is known without waiting for time to
 * pass: an interrupt of a lower class that is sent after it arrives after it.
 */
#ifndef FIRN_GUEST_TARGETS_H
#define FIRN_GUEST_TARGETS_H

#include "tests/guest/lib/segments.h"
#include "tests/guest/lib/smp.h"

#define VECTOR_HIT  0x91 /* counted */
#define VECTOR_WEAK 0x22 /* counted as well, of the class that a TPR of TPR_HOLDS_WEAK holds back */
#define VECTOR_JOB  0x31

#define TPR_HOLDS_WEAK 0x20

#define FLAT_MODEL 0xffffffff /* DFR */

/* One for each processor, by APIC id. */
struct target {
	volatile unsigned starts, done; /* done: number of the last job */
	volatile unsigned hits, level;	/* level: with the TMR's bit set */
	volatile unsigned nmis;
};
extern struct target target[SMP_MAX];
extern unsigned targets;	      /* 0..targets-1 take part, */
extern unsigned targets_hole;	      /* but for this one; 0 = none */
extern void (*volatile on_hit)(void); /* called before the end of the interrupt, if not NULL */

/* What they run. */
void target_main(void);
/* After apic_init(). Starts the others; a failed check and false if they don't come. */
bool targets_start(unsigned count);
/* Calls fn on each processor. What was sent before has arrived then, an NMI too. */
bool targets_do(void (*fn)(unsigned id));
/* All counts are 0 again, those of starts too. */
void targets_clear(void);
/* Who got interrupts, or NMIs, as a set of APIC ids; a failed check if one got several. All answer. */
u64 targets_hit(void);
u64 targets_nmi(void);
/* Who has started; those that are wanted get time, the others a little of it. */
u64 targets_started(u64 wants);
/* Until these processors' LAPICs are disabled by software, as they are when an INIT was carried out. */
void targets_wait_disabled(u64 who);
/* Gives the processor back, by INIT and ejection: from now on it is the hole. */
void target_remove(unsigned id);
/* Clears, sends (as smp_send()), and compares who got it. */
bool check_send(const char *name, u32 dest, u32 icr, u64 wants);

/* TPRs of the first four: two are set by the register, two by CR8. Below the class of VECTOR_JOB. */
void set_tprs(u32 a, u32 b, u32 c, u32 d);

/* Jobs: modes of the LAPIC, logical ids of the flat model, TPR 0. */
void to_xapic(unsigned id);
void to_x2apic(unsigned id);
void to_flat(unsigned id);

#endif
