/* SPDX-License-Identifier: MIT */
/* KVM paravirtual clock: structure, rate, monotonic time, wall clock, bad addresses. */
#include "tests/guest/lib/fault.h"
#include "tests/guest/lib/guest.h"

#define MSR_WALL_CLOCK	    0x4b564d00
#define MSR_SYSTEM_TIME	    0x4b564d01
#define MSR_WALL_CLOCK_OLD  0x11
#define MSR_SYSTEM_TIME_OLD 0x12
#define CLOCK_ENABLE	    1
#define TSC_STABLE	    BIT(0)
#define GUEST_STOPPED	    BIT(1)
#define NS_PER_SECOND	    1000000000ull
#define YEAR_2000	    946684800ull
#define YEAR_2100	    4102444800ull
#define NO_MEMORY	    0xd0000000ull
#define READS		    10000

struct system_time {
	u32 version, pad;
	u64 tsc_timestamp, system_time;
	u32 tsc_to_system_mul;
	s8 tsc_shift;
	u8 flags, pad2[2];
};
_Static_assert(sizeof(struct system_time) == 32, "KVM ABI");

struct wall_clock {
	u32 version, sec, nsec;
};

static volatile struct system_time area __aligned(64);
static volatile struct wall_clock wall __aligned(16);

static u64 clock_ns(void)
{
	u64 delta = rdtsc() - area.tsc_timestamp;

	if (area.tsc_shift >= 0)
		delta <<= area.tsc_shift;
	else
		delta >>= -area.tsc_shift;
	return area.system_time + (u64)((unsigned __int128)delta * area.tsc_to_system_mul >> 32);
}

static void check_rate(void)
{
	u64 khz = (1000000ull << 32) / area.tsc_to_system_mul, want = guest_tsc_khz();

	khz = area.tsc_shift >= 0 ? khz >> area.tsc_shift : khz << -area.tsc_shift;
	check("multiplier and shift give the TSC frequency", khz + 2 >= want && khz <= want + 2,
	      "%llu kHz, expected %llu", (unsigned long long)khz, (unsigned long long)want);
}

static void check_monotonic(void)
{
	u64 last = clock_ns(), start = last, tsc = rdtsc(), ns;
	bool ok = true;

	for (unsigned i = 0; i < READS; i++) {
		ns = clock_ns();
		ok &= ns >= last;
		last = ns;
	}
	check("never goes back", ok, "%llu after a larger value", (unsigned long long)last);
	ns = (rdtsc() - tsc) * 1000000 / guest_tsc_khz();
	check("advances like the TSC", last - start <= ns + 1000 && last > start,
	      "%llu ns in %llu ns", (unsigned long long)(last - start), (unsigned long long)ns);
}

static void check_system_time(u32 msr, const char *enable, const char *even)
{
	struct msr_access a = { msr, (u64)&area | CLOCK_ENABLE };

	area.version = 0;
	area.tsc_to_system_mul = 0;
	if (!check_no_fault(enable, do_wrmsr, &a))
		return;
	check(even, area.version % 2 == 0 && area.version != 0 && area.tsc_to_system_mul != 0,
	      "version %u, multiplier 0x%x", area.version, area.tsc_to_system_mul);
}

static void check_wall_clock(u32 msr, const char *name)
{
	struct msr_access a = { msr, (u64)&wall };
	struct fault f;
	u64 now;

	wall.version = 0;
	wall.sec = 0;
	f = catch_fault(do_wrmsr, &a);
	now = wall.sec + clock_ns() / NS_PER_SECOND;
	check(name,
	      f.vector == NO_FAULT && wall.version % 2 == 0 && wall.version != 0 &&
		      wall.nsec < NS_PER_SECOND && now > YEAR_2000 && now < YEAR_2100,
	      "vector %d version %u: %u.%09u", f.vector, wall.version, wall.sec, wall.nsec);
}

static void check_bad_addresses(void)
{
	struct msr_access a = { MSR_SYSTEM_TIME, NO_MEMORY | CLOCK_ENABLE };
	u32 version;

	check_no_fault("an address without memory is harmless", do_wrmsr, &a);
	a = (struct msr_access){ MSR_WALL_CLOCK, ~0ull << 12 };
	check_no_fault("a wall clock address without memory is harmless", do_wrmsr, &a);
	version = area.version;
	wrmsr(MSR_SYSTEM_TIME, (u64)&area); /* not enabled */
	check_eq("disabled: nothing is written", area.version, version);
	check_rdmsr("disabled: the MSR reads back", MSR_SYSTEM_TIME, (u64)&area);
}

GUEST_TEST(kvmclock)
{
	check_system_time(MSR_SYSTEM_TIME, "system time can be enabled", "version is even then");
	if (area.tsc_to_system_mul == 0)
		return;
	check_eq("flags: stable", area.flags & TSC_STABLE, TSC_STABLE);
	check_eq("flags: not stopped", area.flags & GUEST_STOPPED, 0);
	check_rate();
	check_monotonic();
	check_wall_clock(MSR_WALL_CLOCK, "wall clock");
	check_system_time(MSR_SYSTEM_TIME_OLD, "old MSR: system time can be enabled",
			  "old MSR: version is even then");
	check_wall_clock(MSR_WALL_CLOCK_OLD, "old MSR: wall clock");
	check_bad_addresses();
	wrmsr(MSR_SYSTEM_TIME, 0);
	wrmsr(MSR_WALL_CLOCK, 0);
}
