/* SPDX-License-Identifier: MIT */
/* TSC check: two CPUs read their TSCs in turns under a lock; no reading may be less than the last. */
#include "arch/x86/tsc_sync.h"

#include "arch/x86/clock.h"
#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "core/spinlock.h"

#define ROUNDS	   1000
#define TIMEOUT_US 100000

static struct {
	struct spinlock lock;
	u64 last, warp;
	u64 adjust;	 /* boot CPU's IA32_TSC_ADJUST */
	u32 ready, done; /* CPUs, atomic */
} check;

static u64 rdtsc_ordered(void)
{
	__asm__ volatile("lfence" : : : "memory");
	return rdtsc();
}

static void take_turns(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		u64 now;

		spin_lock(&check.lock);
		now = rdtsc_ordered();
		if (now < check.last)
			check.warp = MAX(check.warp, check.last - now);
		check.last = now;
		spin_unlock(&check.lock);
		cpu_relax();
	}
}

static bool wait_both(u32 *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_ACQ_REL);
	for (unsigned us = 0; us < TIMEOUT_US; us++) {
		if (__atomic_load_n(counter, __ATOMIC_ACQUIRE) == 2)
			return true;
		clock_delay_us(1);
	}
	return false;
}

static bool play(void)
{
	if (!wait_both(&check.ready))
		return false;
	take_turns();
	return wait_both(&check.done);
}

void tsc_sync_prepare(void)
{
	check.lock.locked = 0; /* a CPU that was given up may have held it */
	check.last = check.warp = 0;
	check.ready = check.done = 0;
	if (cpu_features.tsc_adjust)
		check.adjust = rdmsr(MSR_IA32_TSC_ADJUST);
}

u64 tsc_sync_lead(void)
{
	return play() ? check.warp : ~0ull;
}

void tsc_sync_follow(void)
{
	if (cpu_features.tsc_adjust && rdmsr(MSR_IA32_TSC_ADJUST) != check.adjust)
		wrmsr(MSR_IA32_TSC_ADJUST, check.adjust);
	play();
}
