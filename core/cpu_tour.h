/* SPDX-License-Identifier: MIT */
/* Work that visits every CPU in turn, between its guests' entries, and comes back to the boot CPU. */
#ifndef FIRN_CORE_CPU_TOUR_H
#define FIRN_CORE_CPU_TOUR_H

#include "core/work.h"

struct cpu_tour {
	void (*visit)(struct cpu_tour *tour); /* on each CPU; NULL = only wait for it to come by */
	void (*done)(struct cpu_tour *tour);  /* on the boot CPU; the tour may start again here */
	unsigned cpu;			      /* where it goes next */
	struct work work;
};

/* Boot CPU. The tour is not under way. */
void cpu_tour_start(struct cpu_tour *tour);

#endif
