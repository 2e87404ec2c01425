/* SPDX-License-Identifier: MIT */
/* The command trace: the last exits of a vCPU. */
#include <string.h>

#include "core/arch.h"
#include "core/exit_trace.h"
#include "core/shell.h"

static struct exit_record records[EXIT_TRACE_LEN];

static void print_records(const struct vcpu *vcpu)
{
	unsigned n = exit_trace_copy(vcpu, records);

	if (!n) {
		shell_print("nothing recorded; trace %s %u on starts\n", vcpu->vm->config->name,
			    vcpu->id);
		return;
	}
	shell_print("%12s  %-22s %-18s %s\n", "NS SINCE", "EXIT", "RIP", "INFO");
	for (unsigned i = 0; i < n; i++) {
		u64 since = i ? clock_tsc_to_ns(records[i].tsc - records[i - 1].tsc) : 0;
		const char *name = arch_exit_name(records[i].reason);

		shell_print("%12llu  %-22s 0x%016llx 0x%llx\n", (unsigned long long)since,
			    name ? name : "?", (unsigned long long)records[i].rip,
			    (unsigned long long)records[i].info);
	}
}

static void set(struct vcpu *vcpu, bool on)
{
	enum firn_err err = exit_trace_set(vcpu, on);

	if (err != FIRN_OK)
		shell_print("cannot trace: %s\n", firn_strerror(err));
}

enum shell_result shell_trace(const struct shell_line *line)
{
	struct vm *vm = shell_vm(line->arg[0]);
	struct vcpu *vcpu = vm ? shell_vcpu(vm, line->arg[1]) : NULL;
	const char *what = line->arg[2];

	if (!vcpu)
		return SHELL_DONE;
	if (!what)
		print_records(vcpu);
	else if (strcmp(what, "on") == 0 || strcmp(what, "off") == 0)
		set(vcpu, strcmp(what, "on") == 0);
	else
		shell_print("\"%s\": expected on or off\n", what);
	return SHELL_DONE;
}
