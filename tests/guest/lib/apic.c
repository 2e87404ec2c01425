/* SPDX-License-Identifier: MIT */
/* Drivers for the local APIC and IOAPIC, and the clocks by which tests measure them. */
#include "tests/guest/lib/apic.h"

#define CPUID_KVM_TIMING 0x40000010
#define CPUID_HYPERVISOR 0x40000000
#define FALLBACK_TSC_KHZ 1000000

/* Exits, and the longest that the host does in one go; half a millisecond. */
#define LATE_INSTRUCTIONS 100000

#define CALIBRATION_TICKS 1000000

struct irq_log irq_log;

static struct cpuid_regs timing(void)
{
	struct cpuid_regs none = { 0 };

	if (cpuid(CPUID_HYPERVISOR, 0).eax < CPUID_KVM_TIMING)
		return none;
	return cpuid(CPUID_KVM_TIMING, 0);
}

u64 guest_tsc_khz(void)
{
	u32 khz = timing().eax;

	return khz ? khz : FALLBACK_TSC_KHZ;
}

/* Without the timing leaf: TSC ticks during CALIBRATION_TICKS of the timer. */
static u64 measure_timer(void)
{
	u64 start;

	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
	apic_write(APIC_TIMER_INITIAL, CALIBRATION_TICKS);
	start = rdtsc();
	while (apic_read(APIC_TIMER_CURRENT) != 0)
		cpu_relax();
	return rdtsc() - start;
}

u64 apic_ticks_to_tsc(u64 ticks)
{
	struct cpuid_regs t = timing();
	static u64 measured;

	if (t.eax && t.ebx)
		return ticks * t.eax / t.ebx;
	if (!measured)
		measured = measure_timer();
	return ticks * measured / CALIBRATION_TICKS * 99 / 100;
}

u64 late_ticks(void)
{
	return LATE_INSTRUCTIONS + guest_tsc_khz() / 2;
}

/* May come at any time when an interrupt is masked too late; must not be ended (SDM 3A 10.9). */
static void ignore_spurious(struct interrupt_frame *frame)
{
	(void)frame;
}

void apic_init(void)
{
	u64 base = rdmsr(MSR_IA32_APIC_BASE) & ~(u64)(APIC_BASE_EXTD | APIC_BASE_ENABLE);

	if (rdmsr(MSR_IA32_APIC_BASE) & APIC_BASE_EXTD)
		wrmsr(MSR_IA32_APIC_BASE, base); /* SDM 3A 10.12.5: only through disabled */
	wrmsr(MSR_IA32_APIC_BASE, base | APIC_BASE_ENABLE);
	set_handler(APIC_SPURIOUS, ignore_spurious);
	apic_write(APIC_SVR, APIC_SVR_ENABLE | APIC_SPURIOUS);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_LVT_LINT1, LVT_MASKED);
	apic_write(APIC_TIMER_INITIAL, 0);
	apic_write(APIC_TPR, 0);
}

bool apic_in_x2apic_mode(void)
{
	return rdmsr(MSR_IA32_APIC_BASE) & APIC_BASE_EXTD;
}

u32 apic_get(u32 reg)
{
	return apic_in_x2apic_mode() ? (u32)rdmsr(X2APIC_MSR(reg)) : apic_read(reg);
}

void apic_put(u32 reg, u32 value)
{
	if (apic_in_x2apic_mode())
		wrmsr(X2APIC_MSR(reg), value);
	else
		apic_write(reg, value);
}

void apic_self_ipi(u8 vector)
{
	apic_write(APIC_ICR_LOW, ICR_SELF | ICR_ASSERT | vector);
}

u32 ioapic_get(u32 reg)
{
	*(volatile u32 *)IOAPIC_ADDRESS = reg;
	return *(volatile u32 *)(IOAPIC_ADDRESS + 0x10);
}

void ioapic_put(u32 reg, u32 value)
{
	*(volatile u32 *)IOAPIC_ADDRESS = reg;
	*(volatile u32 *)(IOAPIC_ADDRESS + 0x10) = value;
}

u64 ioapic_get_pin(unsigned pin)
{
	return ioapic_get(IOAPIC_REDIRECTION(pin)) | (u64)ioapic_get(IOAPIC_REDIRECTION(pin) + 1)
							     << 32;
}

/* Masked while the halves do not belong together. */
void ioapic_put_pin(unsigned pin, u64 rte)
{
	ioapic_put(IOAPIC_REDIRECTION(pin), RTE_MASKED);
	ioapic_put(IOAPIC_REDIRECTION(pin) + 1, rte >> 32);
	ioapic_put(IOAPIC_REDIRECTION(pin), rte);
}

static void log_irq(struct interrupt_frame *frame)
{
	unsigned n = irq_log.count;

	if (n < IRQ_LOG) {
		irq_log.tsc[n] = rdtsc();
		irq_log.vector[n] = frame->vector;
		irq_log.rip[n] = frame->rip;
	}
	irq_log.count = n + 1;
	apic_put(APIC_EOI, 0);
}

void irq_log_start(const u8 *vectors)
{
	irq_log.count = 0;
	for (; *vectors; vectors++)
		set_handler(*vectors, log_irq);
}

bool wait_count(const volatile unsigned *count, unsigned want, u64 ticks)
{
	u64 start = rdtsc();

	while (*count < want && rdtsc() - start < ticks) {
		irq_window();
		cpu_relax();
	}
	return *count >= want;
}

void spin_ticks(u64 ticks)
{
	u64 start = rdtsc();

	while (rdtsc() - start < ticks)
		irq_window();
}
