/* SPDX-License-Identifier: MIT */
/* The CPU's own performance counters: whether guests can use them, registers, interrupt. */
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/msr.h"
#include "arch/x86/pmu.h"
#include "arch/x86/probe.h"
#include "arch/x86/virt.h"
#include "arch/x86/x86.h"

/*
 * Counters can only be given back their values where writes have their full width. CPUs of several
 * kinds in one machine have different counters.
 */
bool pmu_host_usable(void)
{
	u64 capabilities = 0;

	return virt_switches_counters() && cpu_has_feature(X86_FEATURE_PDCM) &&
	       !cpu_has_feature(X86_FEATURE_HYBRID) &&
	       rdmsr_safe(MSR_IA32_PERF_CAPABILITIES, &capabilities) &&
	       (capabilities & PERF_CAP_FULL_WIDTH_WRITE);
}

u64 pmu_hw_read(u32 msr)
{
	return rdmsr(msr);
}

void pmu_hw_write(u32 msr, u64 value)
{
	wrmsr(msr, value);
}

void pmu_hw_unmask_interrupt(void)
{
	apic_write(APIC_LVT_PERF, IRQ_VECTOR_COUNTERS);
}

static void interrupt(void *arg)
{
	(void)arg;
	pmu_interrupt();
	pmu_hw_unmask_interrupt();
}

void pmu_init(void)
{
	interrupt_register(IRQ_VECTOR_COUNTERS, interrupt, NULL);
}
