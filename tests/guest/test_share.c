/* SPDX-License-Identifier: MIT */
/* How much of the CPUs each vCPU gets: all count for the same time, "ms=" of the command line. */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/printf.h"
#include "tests/guest/lib/smp.h"

#define DEFAULT_MS 1000
#define PATIENCE   (10000 * guest_tsc_khz()) /* others have the CPU meanwhile */

static struct counter {
	volatile u64 count;
	volatile unsigned there, done;
} counter[SMP_MAX];

static volatile u64 end; /* 0: not all are there yet */

static void count_until_end(void)
{
	struct counter *mine = &counter[smp_id()];

	mine->there = 1;
	while (!end)
		cpu_relax();
	while (rdtsc() < end)
		mine->count++;
	mine->done = 1;
}

static void other_main(void)
{
	count_until_end();
	for (;;)
		__asm__ volatile("cli; hlt");
}

static u64 milliseconds(void)
{
	char text[16];
	const char *ms = guest_option("ms", text, sizeof(text));
	u64 value = 0;

	while (*ms >= '0' && *ms <= '9')
		value = value * 10 + (u64)(*ms++ - '0');
	return value ? value : DEFAULT_MS;
}

GUEST_TEST(share)
{
	unsigned count = smp_count(1);
	u64 least = ~0ull, sum = 0;
	bool all = true;

	if (!count)
		return;
	apic_init();
	smp_prepare(other_main);
	for (unsigned id = 1; id < count; id++) {
		smp_start(id);
		all &= wait_count(&counter[id].there, 1, PATIENCE);
	}
	end = rdtsc() + milliseconds() * guest_tsc_khz();
	count_until_end();
	for (unsigned id = 0; id < count; id++) {
		all &= wait_count(&counter[id].done, 1, PATIENCE);
		least = MIN(least, counter[id].count);
		sum += counter[id].count;
	}
	check("every processor comes to the end", all, "not all %u", count);
	check("every processor gets its share", least > sum / count / 2, "%llu of %llu",
	      (unsigned long long)least, (unsigned long long)sum);
	print("share: %u processors, %llu, least %llu\n", count, (unsigned long long)sum,
	      (unsigned long long)least);
}
