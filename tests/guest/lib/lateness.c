/* SPDX-License-Identifier: MIT */
/* The timer's interrupt against the deadline that it was set to. */
#include "tests/guest/lib/lateness.h"

#include "tests/guest/lib/apic.h"

#define VECTOR_TICK 0x61

static volatile u64 ticked;

static void on_tick(struct interrupt_frame *frame)
{
	(void)frame;
	ticked = rdtsc();
	wrmsr(X2APIC_EOI, 0);
}

void lateness_init(void)
{
	wrmsr(MSR_IA32_APIC_BASE, rdmsr(MSR_IA32_APIC_BASE) | APIC_BASE_EXTD);
	wrmsr(X2APIC_MSR(APIC_SVR), APIC_SVR_ENABLE | APIC_SPURIOUS);
	set_handler(VECTOR_TICK, on_tick);
	wrmsr(X2APIC_MSR(APIC_LVT_TIMER), VECTOR_TICK | LVT_TSC_DEADLINE);
}

u64 lateness(bool halted, void (*meanwhile)(void))
{
	u64 deadline = rdtsc() + LATENESS_PERIOD;

	ticked = 0;
	wrmsr(MSR_IA32_TSC_DEADLINE, deadline);
	if (meanwhile) {
		__asm__ volatile("sti" : : : "memory");
		meanwhile();
		__asm__ volatile("cli" : : : "memory");
	}
	while (!ticked) {
		if (halted) {
			irq_wait();
			continue;
		}
		__asm__ volatile("sti" : : : "memory");
		while (!ticked)
			__asm__ volatile("" : : : "memory");
		__asm__ volatile("cli" : : : "memory");
	}
	return ticked - deadline;
}
