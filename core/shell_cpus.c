/* SPDX-License-Identifier: MIT */
/* The command cpus: where the time of each CPU went, and its virtualization. */
#include "core/shell_cpus.h"

#include "core/arch.h"
#include "core/sched.h"
#include "core/shell_job.h"

static struct cpu_times last_sample[MAX_CPUS];

struct cpu_times cpu_times(unsigned cpu)
{
	struct sched_stats stats = sched_get_stats(cpu);

	return (struct cpu_times){ clock_ns(), clock_tsc_to_ns(stats.guest_tsc),
				   clock_tsc_to_ns(stats.idle_tsc) };
}

unsigned permille(u64 part, u64 total)
{
	return total ? (unsigned)MIN(part * PERMILLE / total, (u64)PERMILLE) : 0;
}

void shell_print_share(unsigned thousandths)
{
	shell_print("%3u.%u %%", thousandths / 10, thousandths % 10);
}

void shell_print_cpu_shares(const struct cpu_times *before, const struct cpu_times *now)
{
	u64 total = now->total - before->total;
	unsigned guest = permille(now->guest - before->guest, total);
	unsigned idle = permille(now->idle - before->idle, total);

	shell_print_share(guest);
	shell_print(" ");
	shell_print_share(idle);
	shell_print(" ");
	shell_print_share(PERMILLE - MIN(guest + idle, (unsigned)PERMILLE));
}

static enum shell_result print_json(struct shell_job *job)
{
	(void)job;
	shell_print("[");
	for (unsigned cpu = 0; cpu < nr_cpus(); cpu++) {
		struct cpu_times t = cpu_times(cpu);

		shell_print("%s\n{\"cpu\":%u,\"id\":%u,\"status\":", cpu ? "," : "", cpu,
			    arch_cpu_hardware_id(cpu));
		shell_json_string(arch_cpu_status(cpu));
		shell_print(",\"total_ns\":%llu,\"guest_ns\":%llu,\"idle_ns\":%llu}",
			    (unsigned long long)t.total, (unsigned long long)t.guest,
			    (unsigned long long)t.idle);
	}
	shell_print("\n]\n");
	return SHELL_DONE;
}

static enum shell_result print_table(struct shell_job *job)
{
	(void)job;
	shell_print("CPU    ID   GUEST    IDLE    FIRN  VIRTUALIZATION\n");
	for (unsigned cpu = 0; cpu < nr_cpus(); cpu++) {
		struct cpu_times now = cpu_times(cpu);

		shell_print("%3u %5u ", cpu, arch_cpu_hardware_id(cpu));
		shell_print_cpu_shares(&last_sample[cpu], &now);
		shell_print("  %s\n", arch_cpu_status(cpu));
		last_sample[cpu] = now;
	}
	return SHELL_DONE;
}

/* The visit ends each CPU's sleep or run, so that what it counts is up to date. */
enum shell_result shell_cpus(const struct shell_line *line)
{
	static struct shell_job job;

	if (!job.running)
		job.done = line->json ? print_json : print_table;
	return shell_job_start(&job, 0, nr_cpus() - 1);
}
