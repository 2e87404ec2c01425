/* SPDX-License-Identifier: MIT */
/* What vCPUs and VMs did between two samples: differences of the counters that they keep anyway. */
#include "core/shell_usage.h"

#include <stdlib.h>
#include <string.h>

#include "core/arch.h"
#include "core/shell.h"

struct vcpu_sample {
	struct usage usage;
	bool seen;
	u64 run, steal;
	u64 exits[]; /* arch_nr_exits() */
};

struct vm_sample {
	struct usage usage;
	struct vcpu_sample *vcpu[VM_MAX_VCPUS];
};

struct usage_sample {
	u64 tsc, interval;
	unsigned nr_vms;
	struct vm_sample vm[];
};

static unsigned nr_reasons(void)
{
	return MIN(arch_nr_exits(), (unsigned)SHELL_EXITS_MAX);
}

struct usage_sample *usage_begin(void)
{
	struct usage_sample *sample =
		calloc(1, sizeof(*sample) + vm_count() * sizeof(sample->vm[0]));

	if (sample)
		sample->nr_vms = vm_count();
	return sample;
}

void usage_end(struct usage_sample *sample)
{
	for (unsigned i = 0; sample && i < sample->nr_vms; i++)
		for (unsigned j = 0; j < VM_MAX_VCPUS; j++)
			free(sample->vm[i].vcpu[j]);
	free(sample);
}

/* Keeps the list sorted, most frequent first. */
static void rank(struct usage *usage, unsigned reason, u64 count)
{
	unsigned place = USAGE_TOP;

	while (place > 0 && count > usage->top[place - 1].count)
		place--;
	if (place == USAGE_TOP)
		return;
	memmove(&usage->top[place + 1], &usage->top[place],
		(USAGE_TOP - 1 - place) * sizeof(usage->top[0]));
	usage->top[place].reason = reason;
	usage->top[place].count = count;
}

static void sum_exits(struct usage *usage, const u64 *counts)
{
	for (unsigned reason = 0; reason < nr_reasons(); reason++) {
		usage->exits += counts[reason];
		rank(usage, reason, counts[reason]);
	}
}

static u64 advance(u64 *last, u64 now)
{
	u64 moved = now - *last;

	*last = now;
	return moved;
}

/* Adds its exits to those of its VM. */
static void update_vcpu(struct vcpu_sample *sample, const struct vcpu *vcpu, u64 interval,
			u64 *vm_exits)
{
	u64 run = advance(&sample->run, vcpu->run_tsc),
	    steal = advance(&sample->steal, vcpu->steal_tsc);
	u64 exits[SHELL_EXITS_MAX];

	for (unsigned reason = 0; reason < nr_reasons(); reason++)
		exits[reason] = advance(&sample->exits[reason], arch_exit_count(vcpu, reason));
	sample->usage = (struct usage){ 0 };
	if (sample->seen && interval) {
		sample->usage.run = MIN(run, interval);
		sample->usage.steal = MIN(steal, interval - sample->usage.run);
		if (vcpu->vm->state == VM_RUNNING)
			sample->usage.halted = interval - sample->usage.run - sample->usage.steal;
		sum_exits(&sample->usage, exits);
		for (unsigned reason = 0; reason < nr_reasons(); reason++)
			vm_exits[reason] += exits[reason];
	}
	sample->seen = true;
}

static enum firn_err update_vm(struct vm_sample *sample, const struct vm *vm, u64 interval)
{
	u64 exits[SHELL_EXITS_MAX] = { 0 };

	sample->usage = (struct usage){ 0 };
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu_sample *vcpu = sample->vcpu[i];

		if (!vcpu)
			vcpu = calloc(1, sizeof(*vcpu) + nr_reasons() * sizeof(vcpu->exits[0]));
		if (!vcpu)
			return ERR_NOMEM;
		sample->vcpu[i] = vcpu;
		update_vcpu(vcpu, vm->vcpu[i], interval, exits);
		sample->usage.run += vcpu->usage.run;
		sample->usage.steal += vcpu->usage.steal;
		sample->usage.halted += vcpu->usage.halted;
	}
	sum_exits(&sample->usage, exits);
	return FIRN_OK;
}

enum firn_err usage_update(struct usage_sample *sample)
{
	u64 now = clock_tsc();
	enum firn_err err = FIRN_OK;

	sample->interval = sample->tsc ? now - sample->tsc : 0;
	sample->tsc = now;
	for (unsigned i = 0; i < sample->nr_vms && err == FIRN_OK; i++)
		err = update_vm(&sample->vm[i], vm_by_id(i), sample->interval);
	return err;
}

u64 usage_interval(const struct usage_sample *sample)
{
	return sample->interval;
}

const struct usage *usage_of_vm(const struct usage_sample *sample, const struct vm *vm)
{
	return &sample->vm[vm->id].usage;
}

const struct usage *usage_of_vcpu(const struct usage_sample *sample, const struct vcpu *vcpu)
{
	return &sample->vm[vcpu->vm->id].vcpu[vcpu->id]->usage;
}
