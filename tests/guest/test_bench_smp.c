/* SPDX-License-Identifier: MIT */
/*
 * Interrupts between two processors that each have a CPU, and how late the timer's come, in TSC
 * ticks (in the emulator: instructions).
 */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/lateness.h"
#include "tests/guest/lib/smp.h"

#define LOOPS	    1000
#define TIMERS	    1000
#define BIN	    50	  /* ticks of a column of a histogram */
#define SETTLE	    10000 /* ticks until the other one is in its HLT, and its CPU in another */
#define VECTOR_PING 0x41
#define VECTOR_PONG 0x51

static volatile bool halting;
static volatile unsigned there, pongs;
static u64 sample[LOOPS > TIMERS ? LOOPS : TIMERS];

static void send(unsigned id, u8 vector)
{
	wrmsr(X2APIC_ICR, (u64)id << 32 | ICR_ASSERT | vector);
}

static void on_ping(struct interrupt_frame *frame)
{
	(void)frame;
	send(0, VECTOR_PONG);
	wrmsr(X2APIC_EOI, 0);
}

static void on_pong(struct interrupt_frame *frame)
{
	(void)frame;
	pongs++;
	wrmsr(X2APIC_EOI, 0);
}

static void x2apic_init(void)
{
	wrmsr(MSR_IA32_APIC_BASE, rdmsr(MSR_IA32_APIC_BASE) | APIC_BASE_EXTD);
	wrmsr(X2APIC_MSR(APIC_SVR), APIC_SVR_ENABLE | APIC_SPURIOUS);
}

static void other_main(void)
{
	x2apic_init();
	there = 1;
	for (;;) {
		if (halting) {
			irq_wait();
			continue;
		}
		__asm__ volatile("sti" : : : "memory");
		while (!halting)
			cpu_relax();
		__asm__ volatile("cli" : : : "memory");
	}
}

static void sort(u64 *values, unsigned count)
{
	for (unsigned i = 1; i < count; i++) {
		u64 value = values[i];
		unsigned place = i;

		for (; place > 0 && values[place - 1] > value; place--)
			values[place] = values[place - 1];
		values[place] = value;
	}
}

static void report(const char *name, unsigned count)
{
	static const struct {
		const char *name;
		unsigned percent;
	} rows[] = { { "least", 0 }, { "median", 50 }, { "p99", 99 }, { "most", 100 } };

	sort(sample, count);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		print("bench %s-%s %llu\n", name, rows[i].name,
		      (unsigned long long)sample[(count - 1) * rows[i].percent / 100]);
}

/* Of what report() has sorted: how many there are in each column that is not empty. */
static void print_histogram(const char *name, unsigned count)
{
	for (unsigned i = 0, n; i < count; i += n) {
		u64 bin = sample[i] / BIN;

		for (n = 1; i + n < count && sample[i + n] / BIN == bin; n++)
			;
		print("histogram %s %llu %u\n", name, (unsigned long long)(bin * BIN), n);
	}
}

/* The interrupt there, and the one that its handler sends back. */
static void bench_round_trip(const char *name, bool halted)
{
	u64 patience = 100 * late_ticks();
	bool ok = true;

	halting = halted;
	for (unsigned n = 0; n < LOOPS && ok; n++) {
		unsigned before = pongs;
		u64 start;

		spin_ticks(SETTLE);
		start = rdtsc();
		send(1, VECTOR_PING);
		ok = wait_count(&pongs, before + 1, patience);
		sample[n] = rdtsc() - start;
	}
	if (check(name, ok, "%u answers", pongs))
		report(name, LOOPS);
}

static void bench_lateness(const char *name, bool halted)
{
	for (unsigned n = 0; n < TIMERS; n++)
		sample[n] = lateness(halted, NULL);
	report(name, TIMERS);
	print_histogram(name, TIMERS);
	/* Not early: as a difference that would be a huge number. */
	check(name, sample[TIMERS - 1] < guest_tsc_khz() * 1000, "%llu ticks",
	      (unsigned long long)sample[TIMERS - 1]);
}

GUEST_TEST(bench_smp)
{
	if (smp_count(2) != 2)
		return;
	apic_init();
	set_handler(VECTOR_PING, on_ping);
	set_handler(VECTOR_PONG, on_pong);
	smp_prepare(other_main);
	smp_start(1);
	if (!check("the other processor is there", wait_count(&there, 1, 300 * late_ticks()), "no"))
		return;
	lateness_init();
	bench_round_trip("ipi-round-trip", false);
	bench_round_trip("ipi-round-trip-halted", true);
	bench_lateness("timer-late-running", false);
	bench_lateness("timer-late-halted", true);
}
