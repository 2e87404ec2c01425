/* SPDX-License-Identifier: MIT */
/* Where a CPU's time went, for commands of the prompt. */
#ifndef FIRN_CORE_SHELL_CPUS_H
#define FIRN_CORE_SHELL_CPUS_H

#include "core/types.h"

/* Since Firn started, ns; what is left of total is Firn's own. Up to date after a visit of the CPU. */
struct cpu_times {
	u64 total, guest, idle;
};
struct cpu_times cpu_times(unsigned cpu);

#define PERMILLE 1000
/* part of total in thousandths, 0..PERMILLE */
unsigned permille(u64 part, u64 total);
/* As "12.3 %" in seven columns. */
void shell_print_share(unsigned thousandths);
/* The three shares of the time between two samples. */
void shell_print_cpu_shares(const struct cpu_times *before, const struct cpu_times *now);

#endif
