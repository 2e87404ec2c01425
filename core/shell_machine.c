/* SPDX-License-Identifier: MIT */
/* Commands about the machine: memory, log, capabilities, version, its end. */
#include <string.h>

#include "core/epoch.h"
#include "core/files.h"
#include "core/heap.h"
#include "core/machine.h"
#include "core/pmem.h"
#include "core/shell.h"
#include "version.h"

/*
 * mem
 */

static void mem_json(const struct pmem_stats *st)
{
	shell_print("{\"total\":%llu,\"free\":%llu,\"used\":{", (unsigned long long)st->total,
		    (unsigned long long)st->free);
	for (unsigned i = 0; i < PMEM_USES; i++) {
		shell_print("%s", i ? "," : "");
		shell_json_string(pmem_use_name[i]);
		shell_print(":%llu", (unsigned long long)st->used[i]);
	}
	shell_print("},\"heap\":%llu,\"files\":%llu,\"deferred\":%u,\"vms\":[",
		    (unsigned long long)heap_size(), (unsigned long long)files_total_size(),
		    epoch_pending());
	for (unsigned i = 0; i < vm_count(); i++) {
		shell_print("%s{\"name\":", i ? "," : "");
		shell_json_string(vm_by_id(i)->config->name);
		shell_print(",\"memory\":%llu}", (unsigned long long)vm_by_id(i)->config->memory);
	}
	shell_print("]}\n");
}

static void mem_row(const char *what, const char *detail, u64 bytes)
{
	shell_print("%-4s %-*s %12llu KiB\n", what, shell_vm_width(SHELL_VM_COLUMN), detail,
		    (unsigned long long)(bytes / KiB));
}

static void mem_table(const struct pmem_stats *st)
{
	mem_row("RAM", "", st->total);
	mem_row("free", "", st->free);
	for (unsigned i = 0; i < PMEM_USES; i++)
		mem_row("used", pmem_use_name[i], st->used[i]);
	for (unsigned i = 0; i < vm_count(); i++)
		mem_row("VM", vm_by_id(i)->config->name, vm_by_id(i)->config->memory);
	shell_print("The heap has %llu KiB, files of the image %llu KiB; %u blocks wait to be "
		    "freed.\n",
		    (unsigned long long)(heap_size() / KiB),
		    (unsigned long long)(files_total_size() / KiB), epoch_pending());
}

enum shell_result shell_mem(const struct shell_line *line)
{
	struct pmem_stats st;

	pmem_get_stats(&st);
	if (line->json)
		mem_json(&st);
	else
		mem_table(&st);
	return SHELL_DONE;
}

/*
 * log
 */

static void print_log(void)
{
	char piece[512];
	u64 pos = 0;
	size_t n;

	while ((n = log_read(&pos, piece, sizeof(piece))) > 0)
		shell_write(piece, n);
	shell_print("(consoles show %s and above)\n", log_level_name[log_get_level()]);
}

enum shell_result shell_log(const struct shell_line *line)
{
	if (!line->nr_args) {
		print_log();
		return SHELL_DONE;
	}
	for (unsigned i = 0; i < LOG_LEVELS; i++)
		if (strcmp(log_level_name[i], line->arg[0]) == 0) {
			log_set_level(i);
			return SHELL_DONE;
		}
	shell_print("level \"%s\": expected error, warning, info or debug\n", line->arg[0]);
	return SHELL_DONE;
}

/*
 * The rest
 */

enum shell_result shell_caps(const struct shell_line *line)
{
	(void)line;
	arch_shell_caps();
	return SHELL_DONE;
}

enum shell_result shell_mitigations(const struct shell_line *line)
{
	arch_shell_mitigations(line->json);
	return SHELL_DONE;
}

enum shell_result shell_version(const struct shell_line *line)
{
	(void)line;
	shell_print("Firn %s\n", FIRN_VERSION);
	return SHELL_DONE;
}

/* The prompt does not come back, but by Ctrl-C when a VM does not stop. */
enum shell_result shell_shutdown(const struct shell_line *line)
{
	if (line->nr_args)
		return shell_power_button(line);
	machine_shutdown(MACHINE_POWER_OFF);
	return SHELL_PENDING;
}

enum shell_result shell_reboot(const struct shell_line *line)
{
	(void)line;
	machine_shutdown(MACHINE_REBOOT);
	return SHELL_PENDING;
}

enum shell_result shell_crash_host(const struct shell_line *line)
{
	(void)line;
	panic("asked for at the console");
}
