/* SPDX-License-Identifier: MIT */
/*
 * How late a timer is at most, in TSC ticks, while Firn has much to do for the guest: its console's
 * text, which fills a screen again and again, and memory that is touched for the first time.
 */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/lateness.h"

#define TIMERS	   5000
#define COLUMNS	   100
#define LETTERS	   26
#define NEW_MEMORY (16 * MiB) /* from here on nothing was touched */
#define NEW_CHUNK  (2 * MiB)
#define NEW_CHUNKS 7

/* With each line the screen scrolls, and what was in any of its cells changes. */
static void print_one(void)
{
	static unsigned printed;
	unsigned line = printed / COLUMNS, column = printed % COLUMNS;

	printed++;
	console_put(column == COLUMNS - 1 ? '\n' : (char)('a' + (line + column) % LETTERS));
}

static void touch_one(void)
{
	static unsigned touched;

	*(volatile u8 *)(NEW_MEMORY + (u64)touched++ * NEW_CHUNK) = 1;
}

static void report(const char *name, unsigned count, void (*meanwhile)(void))
{
	u64 most = 0;

	for (unsigned n = 0; n < count; n++) {
		u64 late = lateness(n % 2, meanwhile);

		most = MAX(most, late);
	}
	print("\nbench %s-most %llu\n", name, (unsigned long long)most);
	/* Not early: as a difference that would be a huge number. */
	check(name, most < guest_tsc_khz() * 1000, "%llu ticks", (unsigned long long)most);
}

GUEST_TEST(bench_late)
{
	apic_init();
	lateness_init();
	report("timer-late-printing", TIMERS, print_one);
	report("timer-late-touching", NEW_CHUNKS, touch_one);
}
