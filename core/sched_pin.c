/* SPDX-License-Identifier: MIT */
/*
 * Which CPUs a VM may use, and where its vCPUs begin. A VM that is pinned to at least as many CPUs
 * as it has vCPUs, which no other VM is pinned to, has them for itself: it is dedicated.
 */
#include "core/arch.h"
#include "core/log.h"
#include "core/sched_queue.h"

_Static_assert(CPU_SET_SIZE == MAX_CPUS, "a set has room for every CPU");

static const struct firn_config *plan; /* NULL: VMs know nothing of each other */

static bool is_pinned(const struct vm_config *vc)
{
	return cpu_set_count(&vc->pin) > 0;
}

static struct cpu_set usable(const struct vm_config *vc)
{
	struct cpu_set set = { { 0 } };

	for (unsigned cpu = 0; cpu < nr_cpus(); cpu++)
		if (sched_cpu_is_ready(cpu) && (!is_pinned(vc) || cpu_set_has(&vc->pin, cpu)))
			cpu_set_add(&set, cpu);
	return set;
}

/* Pinned to enough CPUs, and no other VM is pinned to one of them. */
static bool could_be_dedicated(const struct vm_config *vc)
{
	struct cpu_set mine = usable(vc);

	if (!plan || !is_pinned(vc) || vc->cap || vc->max_cpus > cpu_set_count(&mine))
		return false;
	for (unsigned i = 0; i < plan->nr_vms; i++) {
		struct cpu_set other = usable(&plan->vm[i]);

		if (&plan->vm[i] != vc && is_pinned(&plan->vm[i]) && cpu_set_meet(&mine, &other))
			return false;
	}
	return true;
}

static struct cpu_set without_dedicated(struct cpu_set set)
{
	for (unsigned i = 0; plan && i < plan->nr_vms; i++) {
		struct cpu_set taken = usable(&plan->vm[i]);

		for (unsigned w = 0; could_be_dedicated(&plan->vm[i]) && w < ARRAY_SIZE(set.word);
		     w++)
			set.word[w] &= ~taken.word[w];
	}
	return set;
}

/* There is a VM without pin, and it would have no CPU left: then all share. */
static bool nobody_is_dedicated(void)
{
	for (unsigned i = 0; plan && i < plan->nr_vms; i++) {
		struct cpu_set rest = without_dedicated(usable(&plan->vm[i]));

		if (!is_pinned(&plan->vm[i]) && !cpu_set_count(&rest))
			return true;
	}
	return false;
}

static void warn_of_missing(const struct vm_config *vc)
{
	for (unsigned cpu = 0; cpu < CPU_SET_SIZE; cpu++) {
		if (!cpu_set_has(&vc->pin, cpu))
			continue;
		if (cpu >= nr_cpus())
			log_warn("firn.conf:%u: VM %s: there is no CPU %u", vc->pin_line, vc->name,
				 cpu);
		else if (!sched_cpu_is_ready(cpu))
			log_warn("firn.conf:%u: VM %s: CPU %u can't run guests", vc->pin_line,
				 vc->name, cpu);
	}
}

static void reserve(const struct vm_config *vc)
{
	for (unsigned cpu = 0; cpu < nr_cpus(); cpu++)
		if (cpu_set_has(&vc->pin, cpu))
			__atomic_store_n(&run_queues[cpu].reserved, 1, __ATOMIC_RELAXED);
}

void sched_plan(const struct firn_config *config)
{
	plan = config;
	for (unsigned i = 0; i < config->nr_vms; i++)
		warn_of_missing(&config->vm[i]);
	if (nobody_is_dedicated())
		log_warn("VMs without pin have no CPU of their own: they share those of others");
	for (unsigned i = 0; i < config->nr_vms; i++)
		if (could_be_dedicated(&config->vm[i]) && !nobody_is_dedicated())
			reserve(&config->vm[i]);
}

enum firn_err sched_admit(struct vm *vm)
{
	bool sharing = nobody_is_dedicated();

	vm->cpus = usable(vm->config);
	vm->dedicated = !sharing && could_be_dedicated(vm->config);
	if (!is_pinned(vm->config) && !sharing)
		vm->cpus = without_dedicated(vm->cpus);
	return cpu_set_count(&vm->cpus) ? FIRN_OK : ERR_NOENT;
}

bool sched_allowed(const struct vcpu *vcpu, unsigned cpu)
{
	if (vcpu->vm->dedicated)
		return cpu == vcpu_cpu(vcpu);
	return cpu_set_has(&vcpu->vm->cpus, cpu);
}

static unsigned weight_on(const struct vm *vm, unsigned cpu)
{
	unsigned weight = 0;

	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpu[i] && vcpu_cpu(vm->vcpu[i]) == cpu)
			weight += vm->vcpu[i]->sched.weight;
	return weight;
}

/* Of equal ones the last: the boot CPU, which serves the consoles, comes after the others. */
unsigned sched_place(const struct vm *vm, unsigned id)
{
	unsigned best = 0, least = ~0u;

	if (vm->dedicated)
		return cpu_set_member(&vm->cpus, id);
	for (unsigned cpu = 0; cpu < nr_cpus(); cpu++) {
		unsigned weight = weight_on(vm, cpu);

		if (!cpu_set_has(&vm->cpus, cpu))
			continue;
		for (unsigned i = 0; i < vm_count(); i++)
			weight += weight_on(vm_by_id(i), cpu);
		if (weight <= least) {
			least = weight;
			best = cpu;
		}
	}
	return best;
}
