/* SPDX-License-Identifier: MIT */
/*
 * The command top: CPUs, VMs and vCPUs, what they did in the last second. Between two tables
 * nothing is measured that is not counted anyway.
 */
#include <stdio.h>
#include <string.h>

#include "core/arch.h"
#include "core/shell_cpus.h"
#include "core/shell_job.h"
#include "core/shell_repeat.h"
#include "core/shell_usage.h"

#define INTERVAL_NS 1000000000ull
#define ONCE	    "--once"
/* ECMA-48: cursor to the first column of the first line, erase what follows. */
#define CLEAR_SCREEN "\033[H\033[J"
#define TABLE_FORMAT "%-*s %4s %4s  %-16s"

static struct {
	struct shell_repeat repeat;
	struct shell_job job;
	struct usage_sample *sample;
	const struct vm *only; /* NULL = all of them */
	bool json, once;
	struct cpu_times cpu[MAX_CPUS]; /* at the last sample */
} top;

/* Of a second. */
static u64 rate(u64 count)
{
	u64 ns = clock_tsc_to_ns(usage_interval(top.sample));

	return ns ? count * NS_PER_S / ns : 0;
}

static bool is_shown(const struct vm *vm)
{
	return !top.only || vm == top.only;
}

/*
 * Table
 */

static void print_usage(const struct usage *usage)
{
	const u64 ticks[] = { usage->run, usage->steal, usage->halted };
	u64 interval = usage_interval(top.sample);

	/* Not permille(): a VM's sum may be more than one CPU's time. */
	for (unsigned i = 0; i < ARRAY_SIZE(ticks); i++) {
		u64 share = interval ? ticks[i] * PERMILLE / interval : 0;

		shell_print(" %4llu.%llu %%", (unsigned long long)(share / 10),
			    (unsigned long long)(share % 10));
	}
	shell_print(" %9llu ", (unsigned long long)rate(usage->exits));
	for (unsigned i = 0; i < USAGE_TOP && usage->top[i].count; i++)
		shell_print("%s %s %u %%", i ? "," : "", arch_exit_name(usage->top[i].reason),
			    permille(usage->top[i].count, usage->exits) / 10);
	shell_print("\n");
}

static void print_vm(const struct vm *vm, int width)
{
	char id[16], cpu[16];

	shell_print(TABLE_FORMAT, width, vm->config->name, "all", "", vm_state_name[vm->state]);
	print_usage(usage_of_vm(top.sample, vm));
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		const struct vcpu *vcpu = vm->vcpu[i];

		snprintf(id, sizeof(id), "%u", i);
		snprintf(cpu, sizeof(cpu), "%u", vcpu_cpu(vcpu));
		shell_print(TABLE_FORMAT, width, "", id, cpu, vcpu_state_name[vcpu->state]);
		print_usage(usage_of_vcpu(top.sample, vcpu));
	}
}

static void print_table(void)
{
	const int width = shell_vm_width(SHELL_VM_COLUMN);

	if (!top.once)
		shell_print(CLEAR_SCREEN);
	shell_print("CPU   GUEST    IDLE    FIRN\n");
	for (unsigned cpu = 0; cpu < nr_cpus(); cpu++) {
		struct cpu_times now = cpu_times(cpu);

		shell_print("%3u ", cpu);
		shell_print_cpu_shares(&top.cpu[cpu], &now);
		shell_print("\n");
	}
	shell_print(TABLE_FORMAT " %8s %8s %8s %9s  %s\n", width, "VM", "VCPU", "CPU", "STATE",
		    "USE", "STEAL", "HALTED", "EXITS/S", "MOST FREQUENT");
	for (unsigned i = 0; i < vm_count(); i++)
		if (is_shown(vm_by_id(i)))
			print_vm(vm_by_id(i), width);
}

/*
 * JSON
 */

static void json_usage(const struct usage *usage)
{
	shell_print("\"run_ns\":%llu,\"steal_ns\":%llu,\"halted_ns\":%llu,\"exits\":%llu,\"top\":[",
		    (unsigned long long)clock_tsc_to_ns(usage->run),
		    (unsigned long long)clock_tsc_to_ns(usage->steal),
		    (unsigned long long)clock_tsc_to_ns(usage->halted),
		    (unsigned long long)usage->exits);
	for (unsigned i = 0; i < USAGE_TOP && usage->top[i].count; i++) {
		shell_print("%s{\"reason\":%u,\"name\":", i ? "," : "", usage->top[i].reason);
		shell_json_string(arch_exit_name(usage->top[i].reason));
		shell_print(",\"count\":%llu}", (unsigned long long)usage->top[i].count);
	}
	shell_print("]");
}

static void json_vm(const struct vm *vm)
{
	shell_print("\n{\"name\":");
	shell_json_string(vm->config->name);
	shell_print(",\"state\":\"%s\",", vm_state_name[vm->state]);
	json_usage(usage_of_vm(top.sample, vm));
	shell_print(",\"vcpus\":[");
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		const struct vcpu *vcpu = vm->vcpu[i];

		shell_print("%s\n {\"vcpu\":%u,\"cpu\":%u,\"state\":\"%s\",", i ? "," : "", i,
			    vcpu_cpu(vcpu), vcpu_state_name[vcpu->state]);
		json_usage(usage_of_vcpu(top.sample, vcpu));
		shell_print("}");
	}
	shell_print("]}");
}

static void print_json(void)
{
	const char *separator = "";

	shell_print("{\"interval_ns\":%llu,\"cpus\":[",
		    (unsigned long long)clock_tsc_to_ns(usage_interval(top.sample)));
	for (unsigned cpu = 0; cpu < nr_cpus(); cpu++) {
		struct cpu_times now = cpu_times(cpu), *last = &top.cpu[cpu];

		shell_print("%s\n{\"cpu\":%u,\"total_ns\":%llu,\"guest_ns\":%llu,\"idle_ns\":%llu}",
			    cpu ? "," : "", cpu, (unsigned long long)(now.total - last->total),
			    (unsigned long long)(now.guest - last->guest),
			    (unsigned long long)(now.idle - last->idle));
	}
	shell_print("],\"vms\":[");
	for (unsigned i = 0; i < vm_count(); i++) {
		if (!is_shown(vm_by_id(i)))
			continue;
		shell_print("%s", separator);
		separator = ",";
		json_vm(vm_by_id(i));
	}
	shell_print("]}\n");
}

/*
 * Sampling
 */

/* The first sample only begins the interval. */
static enum shell_result sampled(struct shell_job *job)
{
	(void)job;
	if (usage_update(top.sample) != FIRN_OK) {
		shell_print("out of memory\n");
		top.repeat.last = true;
		return SHELL_DONE;
	}
	if (usage_interval(top.sample)) {
		(top.json ? print_json : print_table)();
		top.repeat.last = top.once;
	}
	for (unsigned cpu = 0; cpu < nr_cpus(); cpu++)
		top.cpu[cpu] = cpu_times(cpu);
	return SHELL_DONE;
}

static enum shell_result step(struct shell_repeat *repeat)
{
	(void)repeat;
	return shell_job_start(&top.job, 0, nr_cpus() - 1);
}

static void ended(struct shell_repeat *repeat)
{
	(void)repeat;
	usage_end(top.sample);
	top.sample = NULL;
}

static bool parse(const struct shell_line *line)
{
	top.json = line->json;
	top.once = line->json;
	top.only = NULL;
	for (unsigned i = 0; i < line->nr_args; i++) {
		if (strcmp(line->arg[i], ONCE) == 0) {
			top.once = true;
			continue;
		}
		top.only = shell_vm(line->arg[i]);
		if (!top.only)
			return false;
	}
	return true;
}

enum shell_result shell_top(const struct shell_line *line)
{
	if (!parse(line))
		return SHELL_DONE;
	top.sample = usage_begin();
	if (!top.sample) {
		shell_print("out of memory\n");
		return SHELL_DONE;
	}
	top.repeat = (struct shell_repeat){ step, ended, INTERVAL_NS, false };
	if (!top.job.running)
		top.job.done = sampled;
	return shell_repeat_start(&top.repeat);
}
