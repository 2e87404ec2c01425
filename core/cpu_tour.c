/* SPDX-License-Identifier: MIT */
/* A tour of the CPUs: one work item that posts itself onwards. */
#include "core/cpu_tour.h"

#include "core/arch.h"

static void come_back(struct work *work)
{
	struct cpu_tour *tour = container_of(work, struct cpu_tour, work);

	tour->done(tour);
}

static void stop_by(struct work *work)
{
	struct cpu_tour *tour = container_of(work, struct cpu_tour, work);
	unsigned next = ++tour->cpu;

	if (tour->visit)
		tour->visit(tour);
	if (next == nr_cpus())
		work->run = come_back;
	work_post(next == nr_cpus() ? 0 : next, work);
}

void cpu_tour_start(struct cpu_tour *tour)
{
	tour->cpu = 0;
	tour->work.run = stop_by;
	work_post(0, &tour->work);
}
