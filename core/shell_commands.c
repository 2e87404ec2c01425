/* SPDX-License-Identifier: MIT */
/* The table of commands, and what they share. docs/management.md describes the same commands. */
#include "core/shell.h"

#include <ctype.h>

const struct shell_command shell_commands[] = {
	{ "help", "[COMMAND]", "this list, or how to use one command", false, shell_help },
	{ "vms", "", "the VMs: state, vCPUs, memory, CPUs", true, shell_vms },
	{ "console", "VM", "give the keyboard and the screen to a VM", false, shell_console },
	{ "start", "VM", "start a stopped or crashed VM", false, shell_start },
	{ "stop", "VM", "stop a VM at once, as if it lost power", false, shell_stop },
	{ "pause", "VM", "hold a running VM", false, shell_pause },
	{ "resume", "VM", "let a paused VM go on", false, shell_resume },
	{ "reset", "VM", "start a VM over", false, shell_reset },
	{ "exits", "[VM]", "why guests left to Firn, and how often", true, shell_exits },
	{ "trace", "VM VCPU [on|off]", "the last exits of a vCPU", false, shell_trace },
	{ "regs", "VM VCPU [REGISTER]", "registers by name, group (msr, cs...) or id", false,
	  shell_regs },
	{ "set", "VM VCPU REGISTER VALUE", "change a register of a paused VM", false, shell_set },
	{ "dump", "VM ADDRESS LENGTH", "guest-physical memory in hexadecimal", false, shell_dump },
	{ "cpus", "", "the CPUs: virtualization, time in guests and idle", true, shell_cpus },
	{ "mem", "", "memory of the machine by use", true, shell_mem },
	{ "log", "[LEVEL]", "show the log, or choose what consoles show of it", false, shell_log },
	{ "caps", "", "what the processor can do and what it lacks", false, shell_caps },
	{ "version", "", "the version of Firn", false, shell_version },
	{ "shutdown", "", "stop all VMs and power off", false, shell_shutdown },
	{ "crash-host", "", "stop Firn as by a fault of its own, to test what follows", false,
	  shell_crash_host },
	{ "reboot", "", "stop all VMs and start the machine again", false, shell_reboot },
};
const size_t shell_nr_commands = ARRAY_SIZE(shell_commands);

const char *const log_level_name[LOG_LEVELS] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warning",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

struct vm *shell_vm(const char *name)
{
	struct vm *vm = vm_by_name(name);

	if (vm)
		return vm;
	if (vm_count() == 0) {
		shell_print("there is no VM \"%s\", and no other\n", name);
		return NULL;
	}
	shell_print("there is no VM \"%s\", only", name);
	for (unsigned i = 0; i < vm_count(); i++)
		shell_print("%s %s", i ? "," : "", vm_by_id(i)->config->name);
	shell_print("\n");
	return NULL;
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
