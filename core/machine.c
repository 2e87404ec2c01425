/* SPDX-License-Identifier: MIT */
/* The machine as a whole: VMs started at boot, shut-down when all is done. */
#include "core/machine.h"

#include "core/console.h"
#include "core/pmem.h"
#include "core/sched.h"
#include "core/vm.h"

static const struct firn_config *config;
static bool ending, start_failed;
static unsigned refused; /* VMs of the configuration that were not made */
static enum machine_end wanted_end;

unsigned machine_exit_status(void)
{
	unsigned status = start_failed;

	for (unsigned i = 0; i < vm_count(); i++) {
		const struct vm *vm = vm_by_id(i);

		if (vm->crashes)
			status = MAX(status, 1u);
		if (vm->reported)
			status = MAX(status, (unsigned)vm->exit_status);
	}
	return status;
}

void machine_cannot_start(void)
{
	start_failed = true;
}

static bool is_alive(const struct vm *vm)
{
	return vm->state == VM_RUNNING || vm->state == VM_PAUSED;
}

static bool any_vm_alive(void)
{
	for (unsigned i = 0; i < vm_count(); i++)
		if (is_alive(vm_by_id(i)))
			return true;
	return false;
}

/* Started again, a VM looks as if nothing had happened. */
static void list_crashes(void)
{
	for (unsigned i = 0; i < vm_count(); i++) {
		const struct vm *vm = vm_by_id(i);

		if (vm->crashes)
			log_error("VM %s crashed %u time%s, at last: %s", vm->config->name,
				  vm->crashes, vm->crashes == 1 ? "" : "s", vm->last_crash);
	}
}

static void end_if_idle(void)
{
	if (!ending || any_vm_alive())
		return;
	list_crashes();
	log_info("%s", wanted_end == MACHINE_REBOOT ? "rebooting" : "powering off");
	arch_machine_end(wanted_end);
}

void machine_shutdown(enum machine_end end)
{
	ending = true;
	wanted_end = end;
	for (unsigned i = 0; i < vm_count(); i++)
		if (is_alive(vm_by_id(i)))
			vm_stop(vm_by_id(i));
	end_if_idle();
}

static void vm_changed(struct vm *vm, enum vm_transition done)
{
	if (done == VM_RESET && !is_alive(vm))
		start_failed = true;
	if (ending || any_vm_alive()) {
		end_if_idle();
		return;
	}
	if (config->shutdown_when_idle)
		machine_shutdown(MACHINE_POWER_OFF);
	else
		console_focus(NULL);
}

void machine_drop_wrong(struct firn_config *cfg)
{
	refused += cfg->nr_vms;
	config_drop_wrong(cfg);
	refused -= cfg->nr_vms;
}

unsigned machine_vms_refused(void)
{
	return refused;
}

/* All memory is handed out when VMs are made, whether they start or not. */
void machine_check_memory(struct firn_config *cfg)
{
	struct pmem_stats st;
	u64 left;

	pmem_get_stats(&st);
	left = ALIGN_DOWN(st.free, MiB);
	for (unsigned i = 0; i < cfg->nr_vms; i++) {
		struct vm_config *vc = &cfg->vm[i];

		if (vc->memory > left) {
			log_error("firn.conf:%u: VM %s wants %llu MiB of memory, %llu MiB are free",
				  vc->memory_line ? vc->memory_line : vc->line, vc->name,
				  (unsigned long long)(vc->memory / MiB),
				  (unsigned long long)(left / MiB));
			vc->wrong = true;
			start_failed = true;
		} else {
			left -= vc->memory;
		}
	}
}

static void start_vm(const struct vm_config *vc)
{
	struct load_error error;
	struct vm *vm;

	if (vm_create(vc, &vm, &error) != FIRN_OK) {
		start_failed = true;
		refused++;
		log_error("firn.conf:%u: VM %s cannot be made: %s", vc->line, vc->name, error.text);
		return;
	}
	if (!vc->autostart)
		return;
	if (vm_start(vm, &error) != FIRN_OK) {
		start_failed = true;
		log_error("firn.conf:%u: VM %s cannot start: %s", vc->line, vc->name, error.text);
		return;
	}
	log_info("VM %s: %u vCPU%s, %llu MiB, kernel %s", vc->name, vc->cpus,
		 vc->cpus == 1 ? "" : "s", (unsigned long long)(vc->memory / MiB), vc->kernel.name);
}

void machine_start_vms(const struct firn_config *cfg)
{
	config = cfg;
	vm_transition_hook = vm_changed;
	sched_plan(cfg);
	for (unsigned i = 0; i < cfg->nr_vms; i++)
		start_vm(&cfg->vm[i]);
	for (unsigned i = 0; i < vm_count(); i++)
		if (vm_by_id(i)->state == VM_RUNNING) {
			console_focus(vm_by_id(i));
			return;
		}
	if (cfg->shutdown_when_idle && cfg->nr_vms)
		machine_shutdown(MACHINE_POWER_OFF);
}
