/* SPDX-License-Identifier: MIT */
/* One kind of exit, again and again: what=cpuid or what=device, count=N of the command line. */
#include "tests/guest/lib/guest.h"

#define DEFAULT_COUNT 1000
#define CMOS_INDEX    0x70

static unsigned number_of(const char *text)
{
	unsigned value = 0;

	while (*text >= '0' && *text <= '9')
		value = value * 10 + (unsigned)(*text++ - '0');
	return value ? value : DEFAULT_COUNT;
}

GUEST_TEST(storm)
{
	char what[16], number[16];
	unsigned count = number_of(guest_option("count", number, sizeof(number)));
	bool device = guest_option("what", what, sizeof(what))[0] == 'd';

	for (unsigned i = 0; i < count; i++) {
		if (device)
			outb(CMOS_INDEX, 0);
		else
			__asm__ volatile("cpuid" : : "a"(0), "c"(0) : "rbx", "rdx", "memory");
	}
	check("the storm is over", true, "it is not");
}
