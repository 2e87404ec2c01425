/* SPDX-License-Identifier: MIT */
/* TSC frequency: what CPUID says, and what timers of known frequency say. */
#include "arch/x86/tsc_calibrate.h"

#include "arch/x86/cpu.h"
#include "arch/x86/paging.h"
#include "arch/x86/platform.h"
#include "arch/x86/x86.h"

#define CPUID_TSC	0x15
#define CPUID_FREQUENCY 0x16
#define KHZ_PER_MHZ	1000

/* ACPI 4.8.3.3 */
#define PM_TIMER_HZ 3579545ull
#define PM_MASK_24  0xffffffu
#define PM_MASK_32  0xffffffffu

/* IA-PC HPET specification 1.0a, 2.3 */
#define HPET_CAPABILITIES  0x000
#define HPET_CONFIGURATION 0x010
#define HPET_COUNTER	   0x0f0
#define HPET_SIZE	   0x400
#define HPET_ENABLE	   BIT(0)
#define HPET_PERIOD_MAX	   100000000ull /* femtoseconds */
#define FS_PER_S	   1000000000000000ull

/* 8254 channel 2, gated by port 0x61, which also shows its output */
#define PIT_HZ		 1193182ull
#define PIT_CHANNEL2	 0x42
#define PIT_COMMAND	 0x43
#define PIT_CH2_ONE_SHOT 0xb0 /* channel 2, low and high byte, mode 0 */
#define NMI_STATUS	 0x61
#define NMI_GATE2	 BIT(0)
#define NMI_SPEAKER	 BIT(1)
#define NMI_OUT2	 BIT(5)

#define MEASURE_MS 10
#define MS_PER_S   1000
/* A port or device access takes far more than a cycle: this ends a wait for a dead timer. */
#define SPIN_LIMIT 400000

u64 tsc_khz_from_cpuid(void)
{
	if (cpu_features.max_leaf >= CPUID_TSC) {
		struct cpuid_regs r = cpuid(CPUID_TSC, 0);

		if (r.eax && r.ebx && r.ecx)
			return (u64)r.ecx * r.ebx / r.eax / 1000;
	}
	if (cpu_features.max_leaf >= CPUID_FREQUENCY)
		return (u64)(cpuid(CPUID_FREQUENCY, 0).eax & 0xffff) * KHZ_PER_MHZ;
	return 0;
}

/* A counter that runs up at a known rate. */
struct counter {
	u64 hz, mask;
	u16 port;		 /* PM timer */
	volatile u32 *registers; /* HPET */
};

static u64 counter_read(const struct counter *c)
{
	return c->registers ? c->registers[HPET_COUNTER / 4] : inl(c->port);
}

static u64 measure_counter(const struct counter *c)
{
	u64 wanted = c->hz * MEASURE_MS / MS_PER_S, passed = 0;
	u64 start = counter_read(c), tsc = rdtsc();

	for (unsigned i = 0; i < SPIN_LIMIT && passed < wanted; i++)
		passed = (counter_read(c) - start) & c->mask;
	tsc = rdtsc() - tsc;
	return passed < wanted ? 0 : tsc * c->hz / (passed * MS_PER_S);
}

static u64 measure_pm_timer(void)
{
	const struct acpi_info *acpi = platform_acpi();
	struct counter c = {
		.hz = PM_TIMER_HZ,
		.mask = acpi->pm_timer_32bit ? PM_MASK_32 : PM_MASK_24,
		.port = acpi->pm_timer,
	};

	return acpi->pm_timer ? measure_counter(&c) : 0;
}

static u64 measure_hpet(void)
{
	struct counter c = { .mask = PM_MASK_32 };
	u64 base = platform_acpi()->hpet, period;

	c.registers = base ? mmio_map(base, HPET_SIZE, MMIO_UC) : NULL;
	if (!c.registers)
		return 0;
	period = c.registers[(HPET_CAPABILITIES + 4) / 4]; /* upper half */
	if (!period || period > HPET_PERIOD_MAX)
		return 0;
	c.hz = FS_PER_S / period;
	c.registers[HPET_CONFIGURATION / 4] |= HPET_ENABLE;
	return measure_counter(&c);
}

static u64 measure_pit(void)
{
	u16 count = PIT_HZ * MEASURE_MS / MS_PER_S;
	u8 old = inb(NMI_STATUS);
	unsigned spins = 0;
	u64 tsc;

	outb(NMI_STATUS, (old & ~NMI_SPEAKER) | NMI_GATE2);
	outb(PIT_COMMAND, PIT_CH2_ONE_SHOT);
	outb(PIT_CHANNEL2, count);
	outb(PIT_CHANNEL2, count >> 8);
	tsc = rdtsc();
	while (!(inb(NMI_STATUS) & NMI_OUT2) && spins < SPIN_LIMIT)
		spins++;
	tsc = rdtsc() - tsc;
	outb(NMI_STATUS, old);
	/* Output high at once means that no counter is there. */
	return spins == 0 || spins == SPIN_LIMIT ? 0 : tsc * PIT_HZ / MS_PER_S / count;
}

u64 tsc_khz_measure(const char **timer)
{
	static const struct {
		const char *name;
		u64 (*measure)(void);
	} timers[] = {
		{ "the ACPI PM timer", measure_pm_timer },
		{ "the HPET", measure_hpet },
		{ "the PIT", measure_pit },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(timers); i++) {
		u64 khz = timers[i].measure();

		if (khz) {
			*timer = timers[i].name;
			return khz;
		}
	}
	return 0;
}
