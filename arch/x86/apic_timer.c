/* SPDX-License-Identifier: MIT */
/* LAPIC timer: TSC-deadline mode, else one-shot with a measured rate (SDM 3A 10.5.4). */
#include "arch/x86/apic_timer.h"

#include "arch/x86/apic.h"
#include "arch/x86/clock.h"
#include "arch/x86/clock_scale.h"
#include "arch/x86/cpu.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/x86.h"

#define DIVIDE_BY_1    0xb
#define COUNT_MAX      0xffffffffu
#define CALIBRATION_US 2000

static struct clock_scale tsc_to_count; /* of the one-shot timer */

void apic_timer_calibrate(void)
{
	u64 tsc, count;

	if (cpu_features.tsc_deadline)
		return;
	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	tsc = rdtsc();
	apic_write(APIC_TIMER_INITIAL, COUNT_MAX);
	clock_delay_us(CALIBRATION_US);
	count = COUNT_MAX - apic_read(APIC_TIMER_CURRENT);
	tsc = rdtsc() - tsc;
	apic_write(APIC_TIMER_INITIAL, 0);
	clock_scale_init(&tsc_to_count, tsc, MAX(count, 1ull));
}

void apic_timer_init_cpu(void)
{
	if (cpu_features.tsc_deadline) {
		apic_write(APIC_LVT_TIMER,
			   TIMER_TSC_DEADLINE << LVT_TIMER_MODE_SHIFT | IRQ_VECTOR_TIMER);
		/* The mode must be there before the deadline is written (SDM 3A 10.5.4.1). */
		__asm__ volatile("mfence; lfence" : : : "memory");
		wrmsr(MSR_IA32_TSC_DEADLINE, 0);
	} else {
		apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
		apic_write(APIC_LVT_TIMER, IRQ_VECTOR_TIMER);
		apic_write(APIC_TIMER_INITIAL, 0);
	}
}

/* Ticks of the one-shot timer; too early for a far deadline, and the CPU loop sets it again. */
static u32 one_shot_count(u64 deadline)
{
	u64 now = rdtsc();
	u64 count;

	if (deadline == ~0ull)
		return 0;
	if (deadline <= now)
		return 1;
	count = clock_scale(&tsc_to_count, deadline - now) + 1;
	return MIN(count, COUNT_MAX);
}

static u64 armed[MAX_CPUS]; /* 0: not set, or it has fired; each CPU uses its own */

const u64 *apic_timer_armed(void)
{
	return &armed[cpu_index()];
}

void apic_timer_interrupt(void *arg)
{
	(void)arg;
	armed[cpu_index()] = 0;
}

void arch_set_wakeup(u64 tsc_deadline)
{
	armed[cpu_index()] = tsc_deadline;
	if (!cpu_features.tsc_deadline)
		apic_write(APIC_TIMER_INITIAL, one_shot_count(tsc_deadline));
	else if (tsc_deadline == ~0ull)
		wrmsr(MSR_IA32_TSC_DEADLINE, 0);
	else
		wrmsr(MSR_IA32_TSC_DEADLINE, MAX(tsc_deadline, 1ull));
}
