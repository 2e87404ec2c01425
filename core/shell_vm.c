/* SPDX-License-Identifier: MIT */
/* Commands about VMs: list, life, console, exits, memory dump. */
#include <stdio.h>
#include <stdlib.h>

#include "core/console.h"
#include "core/guest_memory.h"
#include "core/shell.h"
#include "core/shell_cpus.h"

/*
 * vms
 */

/* A CPU may run several vCPUs of one VM; it is named once. */
static bool cpu_named_before(const struct vm *vm, unsigned index)
{
	for (unsigned i = 0; i < index; i++)
		if (vcpu_cpu(vm->vcpu[i]) == vcpu_cpu(vm->vcpu[index]))
			return true;
	return false;
}

static void print_cpus(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		if (!cpu_named_before(vm, i))
			shell_print("%s%u", i ? "," : "", vcpu_cpu(vm->vcpu[i]));
}

static unsigned present_vcpus(const struct vm *vm)
{
	unsigned count = 0;

	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		count += vm_has_vcpu(vm, i);
	return count;
}

/* Those it has, and how many it may have where that differs: 2/4. */
static const char *vcpu_counts(const struct vm *vm)
{
	static char text[16];
	unsigned present = present_vcpus(vm);

	if (present == vm->nr_vcpus)
		snprintf(text, sizeof(text), "%u", present);
	else
		snprintf(text, sizeof(text), "%u/%u", present, vm->nr_vcpus);
	return text;
}

/* What made a VM leave its last state says nothing any more once it runs again. */
static const char *reason(const struct vm *vm)
{
	return vm->state == VM_RUNNING ? "" : vm->reason;
}

static unsigned restarts(const struct vm *vm)
{
	return vm->starts ? vm->starts - 1 : 0;
}

static void vms_json(void)
{
	shell_print("[");
	for (unsigned i = 0; i < vm_count(); i++) {
		const struct vm *vm = vm_by_id(i);

		shell_print("%s\n{\"name\":", i ? "," : "");
		shell_json_string(vm->config->name);
		shell_print(",\"state\":\"%s\",\"abi\":%u,\"vcpus\":%u,\"max_vcpus\":%u,"
			    "\"memory\":%llu,\"crashes\":%u,\"restarts\":%u,\"cpus\":[",
			    vm_state_name[vm->state], vm->abi, present_vcpus(vm), vm->nr_vcpus,
			    (unsigned long long)vm->config->memory, vm->crashes, restarts(vm));
		print_cpus(vm);
		shell_print("],\"reason\":");
		shell_json_string(reason(vm));
		shell_print("}");
	}
	shell_print("\n]\n");
}

static void vms_table(void)
{
	const int width = shell_vm_width(SHELL_VM_COLUMN);

	shell_print("%-*s %-8s %5s %11s %7s %8s  %s\n", width, "NAME", "STATE", "VCPUS", "MEMORY",
		    "CRASHES", "RESTARTS", "CPUS  REASON");
	for (unsigned i = 0; i < vm_count(); i++) {
		const struct vm *vm = vm_by_id(i);

		shell_print("%-*s %-8s %5s %7llu MiB %7u %8u  ", width, vm->config->name,
			    vm_state_name[vm->state], vcpu_counts(vm),
			    (unsigned long long)(vm->config->memory / MiB), vm->crashes,
			    restarts(vm));
		print_cpus(vm);
		shell_print("%s%s\n", *reason(vm) ? "  " : "", reason(vm));
	}
}

enum shell_result shell_vms(const struct shell_line *line)
{
	if (line->json) {
		vms_json();
		return SHELL_DONE;
	}
	if (vm_count())
		vms_table();
	else
		shell_print("There are no VMs.\n");
	shell_print_refused();
	return SHELL_DONE;
}

/*
 * Life
 */

enum shell_result shell_console(const struct shell_line *line)
{
	struct vm *vm = shell_vm(line->arg[0]);

	if (!vm)
		return SHELL_DONE;
	console_focus(vm);
	if (vm->state != VM_RUNNING)
		shell_print("VM %s is %s\n", vm->config->name, vm_state_name[vm->state]);
	return SHELL_DONE;
}

enum shell_result shell_start(const struct shell_line *line)
{
	struct vm *vm = shell_vm(line->arg[0]);
	struct load_error error = { "" };
	enum firn_err err;

	if (!vm)
		return SHELL_DONE;
	err = vm_start(vm, &error);
	if (err == FIRN_OK)
		shell_print("VM %s runs\n", vm->config->name);
	else
		shell_print("VM %s cannot start: %s\n", vm->config->name,
			    error.text[0] ? error.text : firn_strerror(err));
	return SHELL_DONE;
}

/* Success is told by the log, when the VM has got there. */
static enum shell_result change(const struct shell_line *line, enum firn_err (*fn)(struct vm *vm),
				const char *needs)
{
	struct vm *vm = shell_vm(line->arg[0]);
	enum firn_err err;
	u32 state;

	if (!vm)
		return SHELL_DONE;
	state = vm->state;
	err = fn(vm);
	if (err == ERR_STATE)
		shell_print("VM %s is %s: this needs a VM that is %s\n", vm->config->name,
			    vm_state_name[state], needs);
	else if (err != FIRN_OK)
		shell_print("VM %s: %s\n", vm->config->name, firn_strerror(err));
	return SHELL_DONE;
}

enum shell_result shell_stop(const struct shell_line *line)
{
	return change(line, vm_stop, "not stopped");
}

enum shell_result shell_pause(const struct shell_line *line)
{
	return change(line, vm_pause, "running");
}

enum shell_result shell_reset(const struct shell_line *line)
{
	return change(line, vm_reset, "not stopped");
}

enum shell_result shell_resume(const struct shell_line *line)
{
	return change(line, vm_resume, "paused");
}

/*
 * exits
 */

struct exit_sum {
	unsigned reason;
	u64 count;
};

static int by_count(const void *a, const void *b)
{
	const struct exit_sum *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->reason < y->reason ? -1 : 1;
}

/* The reasons that happened, most frequent first; returns how many there are. */
static unsigned sum_exits(const struct vm *vm, struct exit_sum *sums, u64 *total)
{
	unsigned n = 0;

	*total = 0;
	for (unsigned reason = 0; reason < MIN(arch_nr_exits(), (unsigned)SHELL_EXITS_MAX);
	     reason++) {
		u64 count = 0;

		for (unsigned i = 0; i < vm->nr_vcpus; i++)
			count += arch_exit_count(vm->vcpu[i], reason);
		if (count)
			sums[n++] = (struct exit_sum){ reason, count };
		*total += count;
	}
	qsort(sums, n, sizeof(*sums), by_count);
	return n;
}

static void exits_json(const struct vm *vm)
{
	struct exit_sum sums[SHELL_EXITS_MAX];
	u64 total;
	unsigned n = sum_exits(vm, sums, &total);

	shell_print("{\"vm\":");
	shell_json_string(vm->config->name);
	shell_print(",\"total\":%llu,\"exits\":[", (unsigned long long)total);
	for (unsigned i = 0; i < n; i++) {
		shell_print("%s\n {\"reason\":%u,\"name\":", i ? "," : "", sums[i].reason);
		shell_json_string(arch_exit_name(sums[i].reason));
		shell_print(",\"count\":%llu}", (unsigned long long)sums[i].count);
	}
	shell_print("]}");
}

static void exits_table(const struct vm *vm)
{
	struct exit_sum sums[SHELL_EXITS_MAX];
	u64 total;
	unsigned n = sum_exits(vm, sums, &total);

	shell_print("VM %s: %llu exits\n", vm->config->name, (unsigned long long)total);
	for (unsigned i = 0; i < n; i++) {
		shell_print("%14llu ", (unsigned long long)sums[i].count);
		shell_print_share(permille(sums[i].count, total));
		shell_print("  %s (%u)\n", arch_exit_name(sums[i].reason), sums[i].reason);
	}
}

enum shell_result shell_exits(const struct shell_line *line)
{
	const struct vm *only = line->nr_args ? shell_vm(line->arg[0]) : NULL;
	const char *separator = "\n";

	if (line->nr_args && !only)
		return SHELL_DONE;
	if (line->json)
		shell_print("[");
	for (unsigned i = 0; i < vm_count(); i++) {
		const struct vm *vm = vm_by_id(i);

		if (only && vm != only)
			continue;
		if (!line->json) {
			exits_table(vm);
			continue;
		}
		shell_print("%s", separator);
		separator = ",\n";
		exits_json(vm);
	}
	if (line->json)
		shell_print("\n]\n");
	return SHELL_DONE;
}

/*
 * dump
 */

#define DUMP_ROW 16
#define DUMP_MAX 4096

/* Formatted as a whole: guests of this CPU wait meanwhile. */
static void dump_row(u64 gpa, const u8 *bytes, size_t len)
{
	static const char digit[] = "0123456789abcdef";
	char hex[3 * DUMP_ROW + 2], text[DUMP_ROW + 1] = "";
	char *to = hex;

	memset(hex, ' ', sizeof(hex));
	for (size_t i = 0; i < len; i++) {
		to += i == DUMP_ROW / 2 ? 2 : 1;
		*to++ = digit[bytes[i] >> 4];
		*to++ = digit[bytes[i] & 0xf];
		text[i] = bytes[i] >= ' ' && bytes[i] < 0x7f ? (char)bytes[i] : '.';
	}
	hex[sizeof(hex) - 1] = '\0';
	shell_print("%012llx %s  %s\n", (unsigned long long)gpa, hex, text);
}

enum shell_result shell_dump(const struct shell_line *line)
{
	struct vm *vm = shell_vm(line->arg[0]);
	u8 bytes[DUMP_ROW];
	u64 gpa, len;

	if (!vm || !shell_number("address", line->arg[1], &gpa) ||
	    !shell_number("length", line->arg[2], &len))
		return SHELL_DONE;
	if (len == 0 || len > DUMP_MAX) {
		shell_print("length %s: expected 1 to %u bytes\n", line->arg[2], DUMP_MAX);
		return SHELL_DONE;
	}
	while (len) {
		size_t n = MIN(len, (u64)DUMP_ROW);

		if (guest_read(&vm->memory, gpa, bytes, n) != FIRN_OK) {
			shell_print("%012llx is outside of the VM's memory\n",
				    (unsigned long long)gpa);
			break;
		}
		dump_row(gpa, bytes, n);
		gpa += n;
		len -= n;
	}
	return SHELL_DONE;
}
