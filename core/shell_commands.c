/* SPDX-License-Identifier: MIT */
/* The table of commands, and what they share. docs/management.md describes the same commands. */
#include "core/shell.h"

#include <ctype.h>
#include <string.h>

#include "core/machine.h"
#include "core/suggest.h"

#define FEW_VMS 8 /* so many are named when there is no such VM */

const struct shell_command shell_commands[] = {
	{ "help", "[COMMAND]", "this list, or how to use one command", 0, shell_help },
	{ "vms", "", "the VMs: state, vCPUs, memory, CPUs", SHELL_JSON, shell_vms },
	{ "vm", "ACTION VM ...", "start, stop, pause... of a VM: as the commands of these names", 0,
	  shell_vm_group },
	{ "console", "VM", "give the keyboard and the screen to a VM", 0, shell_console },
	{ "start", "VM", "start a stopped or crashed VM", SHELL_VM, shell_start },
	{ "stop", "VM", "stop a VM at once, as if it lost power", SHELL_VM, shell_stop },
	{ "pause", "VM", "hold a running VM", SHELL_VM, shell_pause },
	{ "resume", "VM", "let a paused VM go on", SHELL_VM, shell_resume },
	{ "reset", "VM", "start a VM over", SHELL_VM, shell_reset },
	{ "add-cpu", "VM", "give a running VM one more vCPU", SHELL_VM, shell_add_cpu },
	{ "remove-cpu", "VM VCPU", "ask a VM's guest to give a vCPU back", SHELL_VM,
	  shell_remove_cpu },
	{ "top", "[VM] [--once]", "what CPUs and vCPUs do, every second until a key",
	  SHELL_JSON | SHELL_REPEATS, shell_top },
	{ "exits", "[VM]", "why guests left to Firn, and how often", SHELL_JSON, shell_exits },
	{ "trace", "VM [VCPU] [on|off] [exit] [irq] [mmio]",
	  "the last exits, interrupts and accesses to devices", SHELL_JSON, shell_trace },
	{ "regs", "VM VCPU|all [REGISTER]", "registers by name, group (msr, cs...) or id", 0,
	  shell_regs },
	{ "set", "VM VCPU REGISTER VALUE", "change a register of a paused VM", 0, shell_set },
	{ "dump", "VM ADDRESS LENGTH", "guest-physical memory in hexadecimal", 0, shell_dump },
	{ "dirty", "VM [start|stop|verify]", "the pages that a VM writes", 0, shell_dirty },
	{ "cpus", "", "the CPUs: virtualization, time in guests and idle", SHELL_JSON, shell_cpus },
	{ "switches", "", "network interfaces of VMs and their traffic", SHELL_JSON,
	  shell_switches },
	{ "mem", "", "memory of the machine by use", SHELL_JSON, shell_mem },
	{ "pci", "", "the machine's PCI functions", SHELL_JSON, shell_pci },
	{ "log", "[LEVEL]", "show the log, or choose what consoles show of it", 0, shell_log },
	{ "caps", "", "what the processor can do and what it lacks", 0, shell_caps },
	{ "mitigations", "", "speculation attacks: what the processor is open to, and what is done",
	  SHELL_JSON, shell_mitigations },
	{ "watch", "MS COMMAND ...", "a command again and again until a key",
	  SHELL_LINE | SHELL_REPEATS, shell_watch },
	{ "version", "", "the version of Firn", 0, shell_version },
	{ "shutdown", "[VM]", "press a VM's power button; alone: stop all VMs and power off",
	  SHELL_VM, shell_shutdown },
	{ "crash-host", "", "stop Firn as by a fault of its own, to test what follows", 0,
	  shell_crash_host },
	{ "selftest", "[TEST] [CASE|VM] [CPU]", "a fault of Firn's own, to see that it is stopped",
	  0, shell_selftest },
	{ "reboot", "", "stop all VMs and start the machine again", 0, shell_reboot },
};
const size_t shell_nr_commands = ARRAY_SIZE(shell_commands);

const char *const log_level_name[LOG_LEVELS] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warning",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

static void no_vm_of_few(const char *name)
{
	shell_print("there is no VM \"%s\", ", name);
	for (unsigned i = 0; i < vm_count(); i++)
		shell_print("%s %s", i ? "," : "only", vm_by_id(i)->config->name);
	shell_print("%s\n", vm_count() ? "" : "and no other");
}

static void no_vm_of_many(const char *name)
{
	struct suggestion best = { 0 };

	for (unsigned i = 0; i < vm_count(); i++)
		suggest(&best, name, strlen(name), vm_by_id(i)->config->name);
	if (best.word)
		shell_print("there is no VM \"%s\", did you mean \"%s\"?\n", name, best.word);
	else
		shell_print("there is no VM \"%s\"; \"vms\" lists them\n", name);
}

struct vm *shell_vm(const char *name)
{
	struct vm *vm = vm_by_name(name);

	if (!vm && vm_count() <= FEW_VMS)
		no_vm_of_few(name);
	else if (!vm)
		no_vm_of_many(name);
	if (!vm)
		shell_print_refused();
	return vm;
}

void shell_print_refused(void)
{
	unsigned refused = machine_vms_refused();

	if (refused == 1)
		shell_print("1 VM of the configuration was not made; \"log\" says why\n");
	else if (refused)
		shell_print("%u VMs of the configuration were not made; \"log\" says why\n",
			    refused);
}

int shell_vm_width(size_t least)
{
	for (unsigned i = 0; i < vm_count(); i++)
		least = MAX(least, strlen(vm_by_id(i)->config->name));
	return (int)least;
}

/* -1 = no digit in this base. */
static int digit_value(char c, unsigned base)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	if (base == 16 && isxdigit((unsigned char)c))
		return tolower((unsigned char)c) - 'a' + 10;
	return -1;
}

/* strtoull() would take signs, blanks and a second prefix as well. */
bool shell_number(const char *what, const char *text, u64 *value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *c = hex ? text + 2 : text;
	const unsigned base = hex ? 16 : 10;
	bool fits = true;

	*value = 0;
	do {
		int digit = digit_value(*c, base);

		if (digit < 0) {
			shell_print("%s \"%s\": expected a number, decimal or 0x...\n", what, text);
			return false;
		}
		fits = fits && !__builtin_mul_overflow(*value, base, value) &&
		       !__builtin_add_overflow(*value, (u64)digit, value);
	} while (*++c);
	if (!fits)
		shell_print("%s \"%s\": more than 64 bits\n", what, text);
	return fits;
}

struct vcpu *shell_vcpu(struct vm *vm, const char *text)
{
	u64 number;

	if (!shell_number("vCPU", text, &number))
		return NULL;
	if (number < vm->nr_vcpus)
		return vm->vcpu[number];
	shell_print("VM %s has no vCPU %llu, only 0", vm->config->name, (unsigned long long)number);
	if (vm->nr_vcpus > 1)
		shell_print(" to %u", vm->nr_vcpus - 1);
	shell_print("\n");
	return NULL;
}
