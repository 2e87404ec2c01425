/* SPDX-License-Identifier: MIT */
/* What a guest sees of a pause: the clock's flag on each processor, and time that only goes forward on all. */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/fault.h"
#include "tests/guest/lib/pv.h"
#include "tests/guest/lib/smp.h"

#define GUEST_STOPPED BIT(1)
#define WAIT_TICKS    (600000 * guest_tsc_khz()) /* for who types "pause" */
#define SLICES_TICKS  (40 * guest_tsc_khz())
#define PATIENCE      (400 * late_ticks())
#define TSC_JUMP      1000000
#define READS	      1000 /* at least, by each processor */

/* One for each processor, by APIC id. */
static volatile struct pv_clock clock[SMP_MAX];
static volatile unsigned reads[SMP_MAX];
static unsigned processors;
static u64 latest; /* time that any processor has read */
static volatile unsigned backwards;
static volatile bool clear; /* the flag GUEST_STOPPED, each processor its own */

/* Linux: __pvclock_read_cycles() and pvclock_read_retry() */
static u64 clock_ns(const volatile struct pv_clock *c)
{
	u64 delta, ns;
	u32 version;

	do {
		version = c->version & ~1u;
		delta = rdtsc() - c->tsc_timestamp;
		delta = c->tsc_shift >= 0 ? delta << c->tsc_shift : delta >> -c->tsc_shift;
		ns = c->system_time + (u64)((unsigned __int128)delta * c->tsc_to_system_mul >> 32);
	} while (c->version != version);
	return ns;
}

/* No processor may read less than another one has before. */
static void look(unsigned id)
{
	u64 seen = __atomic_load_n(&latest, __ATOMIC_SEQ_CST), now;

	__asm__ volatile("lfence" : : : "memory");
	now = clock_ns(&clock[id]);
	if (now < seen)
		__atomic_fetch_add(&backwards, 1, __ATOMIC_SEQ_CST);
	while (seen < now && !__atomic_compare_exchange_n(&latest, &seen, now, false,
							  __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	reads[id]++;
}

static void ap_main(void)
{
	unsigned id = smp_id() % SMP_MAX;
	bool cleared = false;

	wrmsr(MSR_PV_SYSTEM_TIME, (u64)&clock[id] | PV_ENABLE);
	for (;;) {
		look(id);
		if (clear && !cleared) {
			clock[id].flags = PV_CLOCK_STABLE;
			cleared = true;
		}
	}
}

/* Meanwhile this processor reads its clock, too. */
static bool wait_flags(u8 flags, u64 ticks)
{
	u64 start = rdtsc();
	bool all;

	do {
		look(0);
		all = true;
		for (unsigned id = 0; id < processors; id++)
			all &= clock[id].flags == flags;
	} while (!all && rdtsc() - start < ticks);
	return all;
}

static bool all_read(void)
{
	bool ok = true;

	for (unsigned id = 1; id < processors; id++)
		ok &= wait_count(&reads[id], reads[id] + READS, PATIENCE);
	return ok;
}

static void move_tsc(void)
{
	wrmsr(MSR_IA32_TSC_ADJUST, rdmsr(MSR_IA32_TSC_ADJUST) + TSC_JUMP);
}

static void check_flag(void)
{
	u8 stopped = PV_CLOCK_STABLE | GUEST_STOPPED;

	check("a pause sets GUEST_STOPPED on all processors", wait_flags(stopped, PATIENCE),
	      "0: %u, 1: %u", clock[0].flags, clock[1].flags);
	for (unsigned id = 0; id < processors; id++)
		check("the version is even", clock[id].version % 2 == 0, "%u", clock[id].version);
	move_tsc();
	check_eq("an update keeps the flag until the guest clears it", clock[0].flags, stopped);
	clock[0].flags = PV_CLOCK_STABLE;
	clear = true;
	check("all clear it", wait_flags(PV_CLOCK_STABLE, PATIENCE), "1: %u", clock[1].flags);
	spin_ticks(SLICES_TICKS);
	move_tsc();
	check("cleared, it stays away", wait_flags(PV_CLOCK_STABLE, 0), "0: %u, 1: %u",
	      clock[0].flags, clock[1].flags);
}

GUEST_TEST(pause)
{
	u64 start;

	processors = smp_count(1);
	if (!processors)
		return;
	apic_init();
	wrmsr(MSR_PV_SYSTEM_TIME, (u64)&clock[0] | PV_ENABLE);
	smp_prepare(ap_main);
	for (unsigned id = 1; id < processors; id++)
		smp_start(id);
	check("before a pause the clocks are stable and were not stopped",
	      wait_flags(PV_CLOCK_STABLE, PATIENCE) && all_read(), "0: %u, 1: %u", clock[0].flags,
	      clock[1].flags);
	print("waiting for a pause\n");
	start = rdtsc();
	do
		look(0);
	while (clock[0].flags == PV_CLOCK_STABLE && rdtsc() - start < WAIT_TICKS);
	check_flag();
	check("all processors read on", all_read(), "1: %u", reads[1]);
	check_eq("time never goes back, from whatever processor to whatever other one", backwards,
		 0);
}
