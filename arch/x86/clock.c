/* SPDX-License-Identifier: MIT */
/* The host clock: TSC ticks to time and back, wall clock, delays. */
#include "arch/x86/clock.h"

#include "arch/x86/clock_scale.h"
#include "arch/x86/cpu.h"
#include "arch/x86/tsc_calibrate.h"
#include "arch/x86/x86.h"
#include "core/log.h"

#define US_PER_MS	 1000
#define ASSUMED_KHZ	 1000000
#define PORT_DELAY	 0x80 /* POST codes: an access takes about 1 us on a PC's ISA bus */
#define MISTRUST_PERCENT 1

static u64 tsc_khz; /* 0 until calibrated */
static u64 start_tsc;
static struct clock_scale tsc_to_ns, ns_to_tsc;
static s64 boot_time;
static u64 boot_time_tsc;

u64 clock_tsc(void)
{
	return rdtsc();
}

u64 clock_tsc_khz(void)
{
	return tsc_khz;
}

u64 clock_tsc_to_ns(u64 ticks)
{
	return clock_scale(&tsc_to_ns, ticks);
}

u64 clock_ns_to_tsc(u64 ns)
{
	return clock_scale(&ns_to_tsc, ns);
}

u64 clock_ns(void)
{
	return clock_tsc_to_ns(rdtsc() - start_tsc);
}

s64 clock_wall(u32 *ns)
{
	u64 since;

	if (!boot_time || !tsc_khz)
		return 0;
	since = clock_tsc_to_ns(rdtsc() - boot_time_tsc);
	*ns = (u32)(since % NS_PER_S);
	return boot_time + (s64)(since / NS_PER_S);
}

void clock_delay_us(unsigned us)
{
	u64 start = rdtsc(), ticks = tsc_khz * us / US_PER_MS;

	if (!tsc_khz) {
		for (unsigned i = 0; i < us; i++)
			inb(PORT_DELAY);
		return;
	}
	while (rdtsc() - start < ticks)
		cpu_relax();
}

static bool differ(u64 a, u64 b)
{
	u64 difference = a > b ? a - b : b - a;

	return difference * 100 > b * MISTRUST_PERCENT;
}

/* CPUID's figure is exact where it is right; some hypervisors and emulators make it up. */
static u64 choose_khz(void)
{
	u64 claimed = tsc_khz_from_cpuid();
	const char *timer = NULL;
	u64 measured = tsc_khz_measure(&timer);

	if (!measured)
		return claimed;
	if (claimed && differ(claimed, measured))
		log_warn("clock: CPUID claims a TSC of %lu kHz, but %s shows %lu kHz",
			 (unsigned long)claimed, timer, (unsigned long)measured);
	else if (claimed)
		return claimed;
	log_debug("clock: measured by %s", timer);
	return measured;
}

enum firn_err clock_init(const struct handover *h)
{
	u64 khz = choose_khz();
	enum firn_err err = khz ? FIRN_OK : ERR_NOENT;

	if (!khz) {
		khz = ASSUMED_KHZ;
		log_warn("clock: no timer to measure the TSC with, %lu kHz assumed",
			 (unsigned long)khz);
	}
	clock_scale_init(&tsc_to_ns, khz, NS_PER_MS);
	clock_scale_init(&ns_to_tsc, NS_PER_MS, khz);
	start_tsc = h->loader_tsc;
	boot_time = h->boot_time;
	boot_time_tsc = h->boot_time_tsc;
	tsc_khz = khz;
	if (!cpu_features.invariant_tsc)
		log_warn("clock: CPUID does not promise a TSC of constant rate");
	log_info("clock: TSC %lu.%03lu MHz", (unsigned long)(khz / 1000),
		 (unsigned long)(khz % 1000));
	return err;
}
