/* SPDX-License-Identifier: MIT */
/* A command's question to other CPUs: work that visits them in turn and comes back. */
#ifndef FIRN_CORE_SHELL_JOB_H
#define FIRN_CORE_SHELL_JOB_H

#include "core/shell.h"
#include "core/work.h"

struct shell_job {
	/* On each CPU; NULL: to be there is all, it brings the CPU's counters up to date. */
	void (*visit)(struct shell_job *job);
	/* On the boot CPU: prints the answer. SHELL_PENDING: it started the next job. */
	enum shell_result (*done)(struct shell_job *job);
	/* Not NULL: the one CPU to visit is this vCPU's, wherever it moves. */
	const struct vcpu *vcpu;
	u32 cpu; /* where it is or goes next, atomic */
	unsigned last;
	bool running, abandoned; /* boot CPU only */
	struct work work;
};

/*
 * Visits CPUs first to last and calls done; a CPU that does not answer in time is named in place
 * of that. SHELL_DONE (already printed why) when the job still waits for such a CPU.
 */
enum shell_result shell_job_start(struct shell_job *job, unsigned first, unsigned last);
/* The same for the CPU of a vCPU. */
enum shell_result shell_job_ask(struct shell_job *job, const struct vcpu *vcpu);
/* Ctrl-C: the answer of the running job, if there is one, will not be printed. */
void shell_job_abandon(void);

#endif
