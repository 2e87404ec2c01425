/* SPDX-License-Identifier: MIT */
/* What vCPUs and VMs did between two samples, for the command top. Boot CPU. */
#ifndef FIRN_CORE_SHELL_USAGE_H
#define FIRN_CORE_SHELL_USAGE_H

#include "core/vcpu.h"

#define USAGE_TOP 3

struct usage {
	u64 run, steal, halted; /* TSC ticks; halted: what is left of the time its VM ran */
	u64 exits;
	struct {
		unsigned reason;
		u64 count; /* 0 = there are not as many reasons */
	} top[USAGE_TOP];
};

struct usage_sample;

/* What is to be compared with the next sample. NULL = no memory. */
struct usage_sample *usage_begin(void);
void usage_end(struct usage_sample *sample);

/*
 * Compares with the last sample of all VMs; counters are up to date after a visit of all CPUs. A vCPU
 * that is seen for the first time has done nothing yet. ERR_NOMEM.
 */
enum firn_err usage_update(struct usage_sample *sample);
/* TSC ticks between the last two samples; 0 = there was one only. */
u64 usage_interval(const struct usage_sample *sample);
const struct usage *usage_of_vm(const struct usage_sample *sample, const struct vm *vm);
const struct usage *usage_of_vcpu(const struct usage_sample *sample, const struct vcpu *vcpu);

#endif
