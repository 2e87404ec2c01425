/* SPDX-License-Identifier: MIT */
/* Starting processors: the first one's side of smp.S. */
#include "tests/guest/lib/smp.h"

#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/printf.h"

#define ICR_BUSY BIT(12)
#define PATIENCE (300 * late_ticks())

extern char ap_trampoline[], ap_trampoline_end[];
void ap_main(void);

static void (*main_function)(void);

void ap_main(void)
{
	tables_load();
	main_function();
}

unsigned smp_id(void)
{
	return cpuid(1, 0).ebx >> 24;
}

unsigned smp_count(unsigned least)
{
	char option[8];
	unsigned count = 0;

	for (const char *c = guest_option("cpus", option, sizeof(option)); *c; c++)
		count = count * 10 + (unsigned)(*c - '0');

	return check("command line has cpus=", count >= least && count <= SMP_MAX, "cpus=%s",
		     option)
		       ? count
		       : 0;
}

void smp_prepare(void (*fn)(void))
{
	main_function = fn;
	memcpy((void *)(u64)SMP_TRAMPOLINE, ap_trampoline, ap_trampoline_end - ap_trampoline);
}

void smp_send(unsigned id, u32 icr)
{
	u64 start = rdtsc();

	if (apic_in_x2apic_mode()) {
		wrmsr(X2APIC_ICR, (u64)id << 32 | icr);
		return;
	}
	apic_write(APIC_ICR_HIGH, id << 24);
	apic_write(APIC_ICR_LOW, icr);
	while ((apic_read(APIC_ICR_LOW) & ICR_BUSY) && rdtsc() - start < PATIENCE)
		cpu_relax();
}

void smp_send_sipi(unsigned id)
{
	smp_send(id, ICR_STARTUP);
}

void smp_start(unsigned id)
{
	smp_send(id, ICR_INIT | ICR_ASSERT);
	spin_ticks(late_ticks());
	smp_send_sipi(id);
}
