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
static struct cpu_set dedicated_cpus;  /* of all dedicated VMs */

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
	for (const struct vm_config *other = plan->vm; other < plan->vm + plan->nr_vms; other++) {
		struct cpu_set theirs;

		if (other == vc || !is_pinned(other))
			continue;
		theirs = usable(other);
		if (cpu_set_meet(&mine, &theirs))
			return false;
	}
	return true;
}

/* There is a VM without pin, and it would have no CPU left. */
static bool somebody_has_none_left(const struct firn_config *config)
{
	bool found = false;

	for (unsigned i = 0; i < config->nr_vms && !found; i++) {
		struct cpu_set rest = usable(&config->vm[i]);

		cpu_set_subtract(&rest, &dedicated_cpus);
		found = !is_pinned(&config->vm[i]) && !cpu_set_count(&rest);
	}
	return found;
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

void sched_plan(const struct firn_config *config)
{
	plan = config;
	dedicated_cpus = (struct cpu_set){ { 0 } };
	for (unsigned i = 0; i < config->nr_vms; i++) {
		struct cpu_set set = usable(&config->vm[i]);

		warn_of_missing(&config->vm[i]);
		if (could_be_dedicated(&config->vm[i]))
			cpu_set_unite(&dedicated_cpus, &set);
	}
	if (somebody_has_none_left(config)) {
		log_warn("VMs without pin have no CPU of their own: they share those of others");
		dedicated_cpus = (struct cpu_set){ { 0 } };
	}
	for (unsigned cpu = 0; cpu < nr_cpus(); cpu++)
		if (cpu_set_has(&dedicated_cpus, cpu))
			__atomic_store_n(&run_queues[cpu].reserved, 1, __ATOMIC_RELAXED);
}

enum firn_err sched_admit(struct vm *vm)
{
	vm->cpus = usable(vm->config);
	vm->dedicated = could_be_dedicated(vm->config) && cpu_set_meet(&vm->cpus, &dedicated_cpus);
	if (!is_pinned(vm->config))
		cpu_set_subtract(&vm->cpus, &dedicated_cpus);
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
