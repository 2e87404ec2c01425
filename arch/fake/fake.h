/* SPDX-License-Identifier: MIT */
/* Controls of the fake machine that unit tests run core/ on: CPUs, clock, memory, panic. */
#ifndef FIRN_ARCH_FAKE_FAKE_H
#define FIRN_ARCH_FAKE_FAKE_H

#include <setjmp.h>

#include "core/arch.h"

/* Back to one CPU, time 0 at 1 GHz, no memory, no kicks. */
void fake_reset(void);

/* CPU that the calling thread is; every thread starts as CPU 0. */
void fake_set_cpu(unsigned cpu);
void fake_set_nr_cpus(unsigned count);

/* The TSC stands still until it is set. fake_set_clock_ns() sets it through the frequency. */
void fake_set_tsc(u64 tsc);
/* Each reading of the TSC moves it on by this much; 0 (default): only the test moves it. */
void fake_set_tsc_step(u64 ticks);
void fake_add_tsc(u64 ticks); /* by several threads, too */
void fake_set_tsc_khz(u64 khz);
void fake_set_clock_ns(u64 ns);
void fake_set_wall_seconds(s64 seconds); /* when the clock is 0 */
void fake_set_wall(s64 seconds, u32 ns);

/*
 * RAM at physical address base, zeroed; phys_to_virt() of anything outside aborts the test.
 * Replaces earlier RAM; fake_reset() frees it.
 */
void *fake_set_ram(u64 base, u64 size);

/* Bytes that VMs have by guest_memory_take(), and how many they may; no limit after fake_reset(). */
u64 fake_guest_memory(void);
void fake_limit_guest_memory(u64 bytes);

/* What the CPU's random number instruction gives; NULL (fake_reset()) = a sequence that looks random. */
extern bool (*fake_hw_random)(u64 *value);

unsigned fake_kicks(unsigned cpu); /* cpu_kick() calls since fake_reset() */
u64 fake_wakeup(unsigned cpu);	   /* last arch_set_wakeup() on that CPU, ~0 = none */

/* True when the statement ends in panic(). A panic outside of this aborts the test. */
#define fake_panics(statement)                  \
	({                                      \
		volatile bool panicked_ = true; \
		jmp_buf here_;                  \
		fake_panic_target = &here_;     \
		if (setjmp(here_) == 0) {       \
			statement;              \
			panicked_ = false;      \
		}                               \
		fake_panic_target = NULL;       \
		panicked_;                      \
	})
extern _Thread_local jmp_buf *fake_panic_target;
extern _Thread_local char fake_panic_text[256]; /* of the last caught panic */

#endif
