/* SPDX-License-Identifier: MIT */
/* Commands that reach a running guest through its ACPI: vCPUs come and go, the power button. */
#include "core/shell.h"
#include "core/vdev/vdevs.h"

/* NULL when it says so itself. */
static struct vm *running_vm(const char *name)
{
	struct vm *vm = shell_vm(name);

	if (!vm || vm->state == VM_RUNNING)
		return vm;
	shell_print("VM %s is %s: this needs a VM that is running\n", vm->config->name,
		    vm_state_name[vm->state]);
	return NULL;
}

enum shell_result shell_add_cpu(const struct shell_line *line)
{
	struct vm *vm = running_vm(line->arg[0]);
	unsigned id;

	if (!vm)
		return SHELL_DONE;
	if (cpu_hotplug_add(&vm->vdevs->cpus, &id) == FIRN_OK)
		shell_print("VM %s has vCPU %u now\n", vm->config->name, id);
	else
		shell_print("VM %s has all of its %u vCPU%s: max-cpus in firn.conf allows for "
			    "more\n",
			    vm->config->name, vm->nr_vcpus, vm->nr_vcpus == 1 ? "" : "s");
	return SHELL_DONE;
}

enum shell_result shell_remove_cpu(const struct shell_line *line)
{
	struct vm *vm = running_vm(line->arg[0]);
	struct vcpu *vcpu = vm ? shell_vcpu(vm, line->arg[1]) : NULL;

	if (!vcpu)
		return SHELL_DONE;
	switch (cpu_hotplug_remove(&vm->vdevs->cpus, vcpu->id)) {
	case FIRN_OK:
		shell_print("VM %s is asked to give vCPU %u back\n", vm->config->name, vcpu->id);
		break;
	case ERR_INVALID:
		shell_print("vCPU 0 stays: the guest started with it\n");
		break;
	default:
		shell_print("VM %s does not have vCPU %u now\n", vm->config->name, vcpu->id);
		break;
	}
	return SHELL_DONE;
}

/* Whether and when it stops is up to the guest. */
enum shell_result shell_power_button(const struct shell_line *line)
{
	struct vm *vm = running_vm(line->arg[0]);

	if (!vm)
		return SHELL_DONE;
	ged_raise(&vm->vdevs->ged, GED_POWER_BUTTON);
	shell_print("VM %s: power button pressed\n", vm->config->name);
	return SHELL_DONE;
}
