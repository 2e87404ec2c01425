/* SPDX-License-Identifier: MIT */
/* selftest cet: what Firn's control-flow enforcement stops, and what must go on working with it. */
#include "arch/x86/selftest_cet.h"

#include <string.h>

#include "arch/x86/cet_host.h"
#include "arch/x86/cpu.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/msr.h"
#include "arch/x86/probe.h"
#include "core/log.h"
#include "core/work.h"

#define NMIS 3

/* selftest_cet_branches.S: NULL if the CPU lets pass what they do. */
const char *selftest_cet_ret(void);
const char *selftest_cet_jump(void);
const char *selftest_cet_call(void);
const char *selftest_cet_overflow(void);

/* A function that faults returns early, which IRET alone could not do with a shadow stack. */
static const char *probe_fault(void)
{
	return wrmsr_safe(MSR_IA32_PL3_SSP, 1) ? NULL : "a fault became an answer";
}

/* The stack of NMIs is free again each time. */
static const char *take_nmis(void)
{
	u64 before = this_cpu()->nmi_count;

	for (unsigned i = 0; i < NMIS; i++)
		nmi_dispatch();
	return this_cpu()->nmi_count == before + NMIS ? "every NMI returned" : NULL;
}

static const struct cet_case {
	const char *name;
	const char *part; /* of CET that it needs */
	bool (*part_is_on)(void);
	const char *(*run)(void); /* what stopped it, if there is no panic; NULL: nothing */
} cases[] = {
	{ "ret", "shadow stacks", cet_host_shadow_stacks, selftest_cet_ret },
	{ "jump", "branch tracking", cet_host_branch_tracking, selftest_cet_jump },
	{ "call", "branch tracking", cet_host_branch_tracking, selftest_cet_call },
	{ "overflow", "shadow stacks", cet_host_shadow_stacks, selftest_cet_overflow },
	{ "probe", "shadow stacks", cet_host_shadow_stacks, probe_fault },
	{ "nmi", "shadow stacks", cet_host_shadow_stacks, take_nmis },
};

static const struct cet_case *running;

static void run(struct work *work)
{
	const char *result = running->run();

	(void)work;
	if (!result)
		panic("selftest cet %s: nothing stopped it", running->name);
	log_info("selftest cet %s on CPU %u: %s", running->name, cpu_index(), result);
}

static const struct cet_case *find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(cases) && name; i++)
		if (strcmp(cases[i].name, name) == 0)
			return &cases[i];
	return NULL;
}

enum shell_result selftest_cet(const struct shell_line *line)
{
	static struct work work = { .run = run };
	const struct cet_case *chosen = find(line->arg[1]);
	u64 cpu = 0;

	if (!chosen)
		shell_print("expected ret, jump, call, overflow, probe or nmi\n");
	else if (line->arg[2] && !shell_number("CPU", line->arg[2], &cpu))
		return SHELL_DONE;
	else if (cpu >= nr_cpus())
		shell_print("there is no CPU %llu, only 0 to %u\n", (unsigned long long)cpu,
			    nr_cpus() - 1);
	else if (!chosen->part_is_on())
		shell_print("not done, for nothing would stop it: no %s\n", chosen->part);
	else {
		running = chosen;
		work_post((unsigned)cpu, &work);
	}
	return SHELL_DONE;
}
