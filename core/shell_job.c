/* SPDX-License-Identifier: MIT */
/* Work that visits CPUs for a command of the prompt, and the time limit for their answer. */
#include "core/shell_job.h"

#include "core/arch.h"
#include "core/timer.h"

#define ANSWER_NS 1000000000ull

static struct shell_job *current; /* the one that the prompt waits for */
static struct timer time_limit;

static void forget(void)
{
	timer_cancel(&time_limit);
	current->abandoned = true;
	current = NULL;
}

void shell_job_abandon(void)
{
	if (current)
		forget();
}

static void too_late(struct timer *timer)
{
	(void)timer;
	shell_print("CPU %u does not answer\n",
		    (unsigned)__atomic_load_n(&current->cpu, __ATOMIC_RELAXED));
	forget();
	shell_finish();
}

static void come_back(struct work *work)
{
	struct shell_job *job = container_of(work, struct shell_job, work);

	job->running = false;
	if (job->abandoned)
		return;
	timer_cancel(&time_limit);
	current = NULL;
	if (job->done(job) == SHELL_DONE)
		shell_finish();
}

static void go_to(struct shell_job *job, unsigned cpu)
{
	__atomic_store_n(&job->cpu, cpu, __ATOMIC_RELAXED);
	work_post(cpu, &job->work);
}

static void visit(struct work *work)
{
	struct shell_job *job = container_of(work, struct shell_job, work);
	unsigned here = cpu_index(), wanted = job->vcpu ? vcpu_cpu(job->vcpu) : here;
	unsigned next = job->cpu + 1;

	if (wanted != here) { /* the vCPU moved meanwhile */
		job->last = wanted;
		go_to(job, wanted);
		return;
	}
	if (job->visit)
		job->visit(job);
	if (next > job->last) {
		work->run = come_back;
		work_post(0, work);
	} else {
		go_to(job, next);
	}
}

static enum shell_result start(struct shell_job *job, const struct vcpu *vcpu, unsigned first,
			       unsigned last)
{
	if (job->running) {
		shell_print("CPU %u has not answered the last time yet\n",
			    (unsigned)__atomic_load_n(&job->cpu, __ATOMIC_RELAXED));
		return SHELL_DONE;
	}
	job->vcpu = vcpu;
	job->last = last;
	job->running = true;
	job->abandoned = false;
	job->work.run = visit;
	current = job;
	time_limit.fire = too_late;
	timer_set(&time_limit, clock_tsc() + clock_ns_to_tsc(ANSWER_NS));
	go_to(job, first);
	return SHELL_PENDING;
}

enum shell_result shell_job_start(struct shell_job *job, unsigned first, unsigned last)
{
	return start(job, NULL, first, last);
}

enum shell_result shell_job_ask(struct shell_job *job, const struct vcpu *vcpu)
{
	unsigned cpu = vcpu_cpu(vcpu);

	return start(job, vcpu, cpu, cpu);
}
