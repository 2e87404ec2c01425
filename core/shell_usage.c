/* SPDX-License-Identifier: MIT */
/* What vCPUs and VMs did between two looks: differences of the counters that they keep anyway. */
#include "core/shell_usage.h"

#include <stdlib.h>
#include <string.h>

#include "core/arch.h"
#include "core/shell.h"

struct vcpu_look {
	struct usage usage;
	bool seen;
	u64 run, steal;
	u64 exits[]; /* arch_nr_exits() */
};

struct vm_look {
	struct usage usage;
	struct vcpu_look *vcpu[VM_MAX_VCPUS];
};

struct usage_look {
	u64 tsc, interval;
	unsigned nr_vms;
	struct vm_look vm[];
};

static unsigned nr_reasons(void)
{
	return MIN(arch_nr_exits(), (unsigned)SHELL_EXITS_MAX);
}

struct usage_look *usage_begin(void)
{
	struct usage_look *look = calloc(1, sizeof(*look) + vm_count() * sizeof(look->vm[0]));

	if (look)
		look->nr_vms = vm_count();
	return look;
}

void usage_end(struct usage_look *look)
{
	for (unsigned i = 0; look && i < look->nr_vms; i++)
		for (unsigned j = 0; j < VM_MAX_VCPUS; j++)
			free(look->vm[i].vcpu[j]);
	free(look);
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
static void update_vcpu(struct vcpu_look *look, const struct vcpu *vcpu, u64 interval,
			u64 *vm_exits)
{
	u64 run = advance(&look->run, vcpu->run_tsc),
	    steal = advance(&look->steal, vcpu->steal_tsc);
	u64 exits[SHELL_EXITS_MAX];

	for (unsigned reason = 0; reason < nr_reasons(); reason++)
		exits[reason] = advance(&look->exits[reason], arch_exit_count(vcpu, reason));
	look->usage = (struct usage){ 0 };
	if (look->seen && interval) {
		look->usage.run = MIN(run, interval);
		look->usage.steal = MIN(steal, interval - look->usage.run);
		if (vcpu->vm->state == VM_RUNNING)
			look->usage.halted = interval - look->usage.run - look->usage.steal;
		sum_exits(&look->usage, exits);
		for (unsigned reason = 0; reason < nr_reasons(); reason++)
			vm_exits[reason] += exits[reason];
	}
	look->seen = true;
}

static enum firn_err update_vm(struct vm_look *look, const struct vm *vm, u64 interval)
{
	u64 exits[SHELL_EXITS_MAX] = { 0 };

	look->usage = (struct usage){ 0 };
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu_look *vcpu = look->vcpu[i];

		if (!vcpu)
			vcpu = calloc(1, sizeof(*vcpu) + nr_reasons() * sizeof(vcpu->exits[0]));
		if (!vcpu)
			return ERR_NOMEM;
		look->vcpu[i] = vcpu;
		update_vcpu(vcpu, vm->vcpu[i], interval, exits);
		look->usage.run += vcpu->usage.run;
		look->usage.steal += vcpu->usage.steal;
		look->usage.halted += vcpu->usage.halted;
	}
	sum_exits(&look->usage, exits);
	return FIRN_OK;
}

enum firn_err usage_update(struct usage_look *look)
{
	u64 now = clock_tsc();
	enum firn_err err = FIRN_OK;

	look->interval = look->tsc ? now - look->tsc : 0;
	look->tsc = now;
	for (unsigned i = 0; i < look->nr_vms && err == FIRN_OK; i++)
		err = update_vm(&look->vm[i], vm_by_id(i), look->interval);
	return err;
}

u64 usage_interval(const struct usage_look *look)
{
	return look->interval;
}

const struct usage *usage_of_vm(const struct usage_look *look, const struct vm *vm)
{
	return &look->vm[vm->id].usage;
}

const struct usage *usage_of_vcpu(const struct usage_look *look, const struct vcpu *vcpu)
{
	return &look->vm[vcpu->vm->id].vcpu[vcpu->id]->usage;
}
