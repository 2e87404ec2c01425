/* SPDX-License-Identifier: MIT */
/* Registers that the DSDT uses: CPU hotplug, generic event device, pvpanic; without an event. */
#include "tests/guest/lib/guest.h"

#define SELECTOR 0xcd8
#define STATUS	 0xcdc
#define COMMAND	 0xcdd
#define DATA	 0xce0
#define EJECT	 BIT(3)
#define EVENTS	 0x604
#define PVPANIC	 0x505
#define MAX_CPUS 64 /* more are not looked for */

static void check_registers(void)
{
	outl(SELECTOR, 0);
	outb(COMMAND, 0);
	check_eq("CPU hotplug: the modern interface", inl(SELECTOR), 0);
	check_eq("CPU hotplug: CPU 0 is there, without an event", inb(STATUS), 1);
	outb(STATUS, EJECT);
	check_eq("CPU hotplug: CPU 0 can't be ejected", inb(STATUS), 1);
	outl(SELECTOR, ~0u);
	check("CPU hotplug: an invalid selector reads 0",
	      inl(SELECTOR) == 0 && inb(STATUS) == 0 && inl(DATA) == 0, "status 0x%x data 0x%x",
	      inb(STATUS), inl(DATA));
	outl(SELECTOR, 0);
	outb(COMMAND, 3);
	check_eq("CPU hotplug: id of CPU 0", inl(DATA), cpuid(1, 0).ebx >> 24);
}

/* In the way that the interface's specification describes. */
static void check_enumeration(void)
{
	unsigned present = 0, cpu = 0;

	outl(SELECTOR, 0);
	outb(COMMAND, 0);
	do {
		present += inb(STATUS) & 1;
		outl(SELECTOR, ++cpu);
	} while (inl(DATA) != 0 && cpu < MAX_CPUS);
	check("CPU hotplug: CPUs are counted", present >= 1 && present <= cpu && cpu < MAX_CPUS,
	      "%u of %u", present, cpu);
}

GUEST_TEST(hotplug)
{
	check_registers();
	check_enumeration();
	check_eq("events: none", inl(EVENTS), 0);
	check_eq("pvpanic: panicked, crash kernel, shutdown", inb(PVPANIC), 7);
}
