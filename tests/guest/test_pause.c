/* SPDX-License-Identifier: MIT */
/* What a guest sees of a pause: the clock's flag, and time that only goes forward. */
#include "tests/guest/lib/fault.h"
#include "tests/guest/lib/guest.h"
#include "tests/guest/lib/pv.h"

#define GUEST_STOPPED BIT(1)
#define WAIT_TICKS    (600000 * guest_tsc_khz()) /* for who types "pause" */
#define SLICES_TICKS  (40 * guest_tsc_khz())
#define TSC_JUMP      1000000

static volatile struct pv_clock clock;

static u64 clock_ns(void)
{
	u64 delta = rdtsc() - clock.tsc_timestamp;

	delta = clock.tsc_shift >= 0 ? delta << clock.tsc_shift : delta >> -clock.tsc_shift;
	return clock.system_time + (u64)((unsigned __int128)delta * clock.tsc_to_system_mul >> 32);
}

GUEST_TEST(pause)
{
	u64 start, before, after;

	wrmsr(MSR_PV_SYSTEM_TIME, (u64)&clock | PV_ENABLE);
	check_eq("before a pause the clock is stable and was not stopped", clock.flags,
		 PV_CLOCK_STABLE);
	print("waiting for a pause\n");
	start = rdtsc();
	do
		before = clock_ns();
	while (clock.flags == PV_CLOCK_STABLE && rdtsc() - start < WAIT_TICKS);
	after = clock_ns();
	check_eq("a pause sets GUEST_STOPPED", clock.flags, PV_CLOCK_STABLE | GUEST_STOPPED);
	check("time goes on from where it was", after >= before, "%llu after %llu",
	      (unsigned long long)after, (unsigned long long)before);
	check("the version is even", clock.version % 2 == 0, "%u", clock.version);
	wrmsr(MSR_IA32_TSC_ADJUST, rdmsr(MSR_IA32_TSC_ADJUST) + TSC_JUMP);
	check_eq("an update keeps the flag until the guest clears it", clock.flags,
		 PV_CLOCK_STABLE | GUEST_STOPPED);
	clock.flags = PV_CLOCK_STABLE;
	spin_ticks(SLICES_TICKS);
	wrmsr(MSR_IA32_TSC_ADJUST, rdmsr(MSR_IA32_TSC_ADJUST) + TSC_JUMP);
	check_eq("cleared, it stays away", clock.flags, PV_CLOCK_STABLE);
	before = after;
	after = clock_ns();
	check("the TSC's jumps are none of the clock", after >= before, "%llu after %llu",
	      (unsigned long long)after, (unsigned long long)before);
}
