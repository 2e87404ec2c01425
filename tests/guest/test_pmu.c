/* SPDX-License-Identifier: MIT */
/* Performance counters as CPUID announces them, and the query of many events at once. */
#include "tests/guest/lib/fault.h"
#include "tests/guest/lib/guest.h"
#include "tests/guest/lib/hypercall.h"

#define CPUID_FIRN	  0x40000100
#define CPUID_FIRN_INFO	  0x40000101
#define FIRN_NAME	  0x6e726946 /* "Firn" */
#define HC_EVENT_INFO	  0x46000000
#define ENTRY_SIZE	  16
#define MAX_ENTRIES	  256
#define COUNTABLE	  BIT(0)
#define POISON		  0xa5a5a5a5
#define NOT_MEMORY	  0xd0000000ull /* PCI, without a device */
#define EINVAL		  ((u64)-22)
#define EFAULT		  ((u64)-14)
#define ENOSYS		  ((u64)-1000)
#define MSR_PMC0	  0xc1
#define MSR_PERFEVTSEL0	  0x186
#define MSR_FIXED_CTRL	  0x38d
#define MSR_GLOBAL_STATUS 0x38e
#define MSR_GLOBAL_CTRL	  0x38f
#define EVENT_CYCLES	  0x53003c
#define EVENT_RAW	  0x20000
#define RAW_CYCLES	  0x3c
#define LOOPS		  100000

struct event {
	u32 idx, output;
	u64 data;
};
static struct event events[MAX_ENTRIES] __aligned(4096);

static void fill(void)
{
	for (unsigned i = 0; i < MAX_ENTRIES; i++)
		events[i] = (struct event){ i, POISON, ~0ull };
}

static u64 event_info(u64 gpa, u64 count, u64 flags)
{
	return hypercall4(HC_EVENT_INFO, gpa, count, flags, 0);
}

static bool untouched(void)
{
	for (unsigned i = 0; i < MAX_ENTRIES; i++)
		if (events[i].idx != i || events[i].output != POISON || events[i].data != ~0ull)
			return false;
	return true;
}

/* The end of the RAM that starts at 1 MiB: behind it there is nothing. */
static u64 ram_end(void)
{
	u64 end = 0;

	for (unsigned i = 0; i < guest_boot.nr_memory; i++)
		if (guest_boot.memory[i].type == 1 && guest_boot.memory[i].base >= 1 * MiB)
			end = guest_boot.memory[i].base + guest_boot.memory[i].size;
	return end;
}

static void check_errors(void)
{
	const u64 at = (u64)events, end = ram_end();
	const struct {
		const char *name;
		u64 gpa, count, flags, result;
	} calls[] = {
		{ "flags 1", at, 1, 1, EINVAL },
		{ "flags 1 << 63", at, 1, BIT(63), EINVAL },
		{ "address + 8", at + 8, 1, 0, EINVAL },
		{ "address + 1", at + 1, 1, 0, EINVAL },
		{ "no entry", at, 0, 0, EINVAL },
		{ "257 entries", at, MAX_ENTRIES + 1, 0, EINVAL },
		{ "1 << 60 entries", at, BIT(60), 0, EINVAL },
		{ "(1 << 60) + 1 entries", at, BIT(60) + 1, 0, EINVAL },
		{ "1 << 32 entries", at, BIT(32), 0, EINVAL },
		{ "-1 entries", at, ~0ull, 0, EINVAL },
		{ "PCI memory", NOT_MEMORY, 1, 0, EFAULT },
		{ "address 1 << 52", BIT(52), 1, 0, EFAULT },
		{ "up to 1 << 64", -(u64)ENTRY_SIZE, 1, 0, EFAULT },
		{ "across 1 << 64", -(u64)ENTRY_SIZE, 2, 0, EFAULT },
		{ "behind RAM", end, 1, 0, EFAULT },
		{ "across the end of RAM", end - ENTRY_SIZE, 2, 0, EFAULT },
	};
	struct event *last = (struct event *)(end - ENTRY_SIZE);

	fill();
	*last = (struct event){ 0, POISON, 0 };
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
		check_eq(calls[i].name, event_info(calls[i].gpa, calls[i].count, calls[i].flags),
			 calls[i].result);
	check("errors write nothing", untouched() && last->output == POISON, "0x%x", last->output);
	check_eq("the last 16 bytes of RAM", event_info(end - ENTRY_SIZE, 1, 0), 0);
	check("and they are written", last->output <= COUNTABLE, "0x%x", last->output);
}

/* What the answers should be, by CPUID. */
static bool countable(u32 event)
{
	struct cpuid_regs r = cpuid(0xa, 0);

	return (r.eax & 0xff) && event < r.eax >> 24 && event < 32 && !(r.ebx >> event & 1);
}

static void check_answers(void)
{
	unsigned wrong = 0;

	fill();
	check_eq("256 entries", event_info((u64)events, MAX_ENTRIES, 0), 0);
	for (unsigned i = 0; i < MAX_ENTRIES; i++)
		wrong += events[i].idx != i || events[i].output != countable(i) ||
			 events[i].data != ~0ull;
	check_eq("all as CPUID says", wrong, 0);
	fill();
	events[0] = (struct event){ EVENT_RAW, POISON, RAW_CYCLES };
	events[1] = (struct event){ EVENT_RAW, POISON, EVENT_CYCLES };
	check_eq("raw events", event_info((u64)events, 2, 0), 0);
	check_eq("raw event: cycles", events[0].output, countable(0));
	check_eq("raw event with enable", events[1].output, 0);
	check_eq("the entry behind them", events[2].output, POISON);
}

static void check_counting(void)
{
	u64 before, after;

	wrmsr(MSR_GLOBAL_CTRL, 0);
	wrmsr(MSR_PERFEVTSEL0, EVENT_CYCLES);
	wrmsr(MSR_PMC0, 0);
	before = rdmsr(MSR_PMC0);
	wrmsr(MSR_GLOBAL_CTRL, 1);
	for (volatile unsigned i = 0; i < LOOPS; i++)
		;
	after = rdmsr(MSR_PMC0);
	check("cycles are counted", after - before >= LOOPS, "%llu",
	      (unsigned long long)(after - before));
	wrmsr(MSR_GLOBAL_CTRL, 0);
	before = rdmsr(MSR_PMC0);
	check_eq("and not when counting is off", rdmsr(MSR_PMC0), before);
	check_wrmsr_gp("event select: UMASK2", MSR_PERFEVTSEL0, BIT(40));
	check_wrmsr_gp("GLOBAL_STATUS is read-only", MSR_GLOBAL_STATUS, 1);
	wrmsr(MSR_PERFEVTSEL0, 0);
}

static void rdpmc(void *index)
{
	u32 low, high;

	__asm__ volatile("rdpmc" : "=a"(low), "=d"(high) : "c"(*(u32 *)index));
}

static void check_absence(void)
{
	u32 index = 0;

	check_rdmsr_gp("no IA32_PMC0", MSR_PMC0);
	check_wrmsr_gp("no IA32_PERFEVTSEL0", MSR_PERFEVTSEL0, 0);
	check_wrmsr_gp("no IA32_FIXED_CTR_CTRL", MSR_FIXED_CTRL, 0);
	check_rdmsr_gp("no IA32_PERF_GLOBAL_CTRL", MSR_GLOBAL_CTRL);
	check_fault("RDPMC without counters", rdpmc, &index, VECTOR_GP, 0);
}

GUEST_TEST(pmu)
{
	struct cpuid_regs firn = cpuid(CPUID_FIRN, 0);
	bool named = firn.ebx == FIRN_NAME && firn.ecx == FIRN_NAME && firn.edx == FIRN_NAME;
	char option[8];

	check_eq("Firn's leaf is there with pmu = yes", named,
		 guest_option("pmu", option, sizeof(option))[0] == 'y');
	if (cpuid(0, 0).eax >= 0xa && (cpuid(0xa, 0).eax & 0xff))
		check_counting();
	else
		check_absence();
	if (!named) {
		check_eq("PMU_EVENT_INFO", event_info((u64)events, 1, 0), ENOSYS);
		return;
	}
	check_eq("highest leaf of Firn's", firn.eax, CPUID_FIRN_INFO);
	check_eq("PMU_EVENT_INFO is offered", cpuid(CPUID_FIRN_INFO, 0).eax, 1);
	check_errors();
	check_answers();
}
