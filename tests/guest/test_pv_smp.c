/* SPDX-License-Identifier: MIT */
/*
 * Paravirtual interface between vCPUs: IPIs by bitmap, kicks, flushes of a vCPU that is held off.
 * With "crowded=yes" there are more vCPUs than CPUs, so that some always wait.
 */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/hypercall.h"
#include "tests/guest/lib/printf.h"
#include "tests/guest/lib/pv.h"
#include "tests/guest/lib/smp.h"
#include "tests/guest/lib/window.h"

#define PATIENCE     (400 * late_ticks())
#define VECTOR_PING  0x51
#define VECTOR_FLUSH 0x61
#define KICKS	     10000 /* at least; "kicks=" says how many more */
#define FLUSH_ROUNDS 2000
#define SPIN_MS	     40
#define DATA_PAGE    0 /* of the window */

/* One for each processor, by APIC id. */
static struct ap {
	volatile unsigned job, done; /* number of the job that it has; that it finished */
	volatile unsigned pings, nmis;
	volatile u64 msr_at_start;
} ap[SMP_MAX];

static void (*volatile job)(unsigned id);
static unsigned jobs, processors;
static volatile struct pv_steal steal[SMP_MAX];
static volatile struct pv_clock clock[SMP_MAX];

static void ping(struct interrupt_frame *frame)
{
	(void)frame;
	__atomic_fetch_add(&ap[smp_id()].pings, 1, __ATOMIC_SEQ_CST);
	apic_write(APIC_EOI, 0);
}

static void nmi(struct interrupt_frame *frame)
{
	(void)frame;
	__atomic_fetch_add(&ap[smp_id()].nmis, 1, __ATOMIC_SEQ_CST);
}

static void register_steal(unsigned id)
{
	memset((void *)&steal[id], 0, sizeof(steal[id]));
	wrmsr(MSR_PV_STEAL_TIME, (u64)&steal[id] | PV_ENABLE);
}

static void ap_main(void)
{
	unsigned id = smp_id() % SMP_MAX;
	struct ap *me = &ap[id];
	unsigned seen = me->job; /* before it says that it is there */

	apic_write(APIC_SVR, APIC_SVR_ENABLE | APIC_SPURIOUS);
	if (pv_offers(PV_STEAL_TIME)) {
		me->msr_at_start = rdmsr(MSR_PV_STEAL_TIME);
		register_steal(id);
	}
	wrmsr(MSR_PV_SYSTEM_TIME, (u64)&clock[id] | PV_ENABLE);
	for (;;) {
		me->done = seen;
		while (me->job == seen)
			irq_wait();
		seen = me->job;
		job(id);
	}
}

/* Gives the job to processors 1..last; they are woken by an interrupt. */
static void begin(void (*fn)(unsigned id), unsigned last)
{
	job = fn;
	jobs++;
	for (unsigned id = 1; id <= last; id++)
		__atomic_store_n(&ap[id].job, jobs, __ATOMIC_SEQ_CST);
	for (unsigned id = 1; id <= last; id++)
		smp_send(id, ICR_ASSERT | VECTOR_PING);
}

static bool finished(unsigned last)
{
	bool ok = true;

	for (unsigned id = 1; id <= last; id++)
		ok &= wait_count(&ap[id].done, jobs, PATIENCE);
	return ok;
}

static bool check_start(void)
{
	bool ok = true;

	smp_prepare(ap_main);
	for (unsigned id = 1; id < processors; id++)
		smp_start(id);
	jobs = 0;
	for (unsigned id = 1; id < processors; id++)
		ok &= wait_count(&steal[id].version, 2, PATIENCE);
	return check("all processors have registered", ok, "1: %u", steal[1].version);
}

/* With equal TSCs, which test_smp compares, equal references make the clock the same everywhere. */
static void check_clocks(void)
{
	const volatile struct pv_clock *first = &clock[0];
	bool same = true, ready = true;

	wrmsr(MSR_PV_SYSTEM_TIME, (u64)first | PV_ENABLE);
	for (unsigned id = 1; id < processors; id++) {
		ready &= wait_count(&clock[id].version, 2, PATIENCE);
		same &= clock[id].tsc_timestamp == first->tsc_timestamp &&
			clock[id].system_time == first->system_time &&
			clock[id].tsc_to_system_mul == first->tsc_to_system_mul &&
			clock[id].tsc_shift == first->tsc_shift &&
			clock[id].flags == PV_CLOCK_STABLE;
	}
	check("the clocks of all processors have one reference", ready && same, "1: %llu, 0: %llu",
	      (unsigned long long)clock[1].tsc_timestamp, (unsigned long long)first->tsc_timestamp);
}

/* Sets pings or nmis of all to zero, sends, and waits; who got it, as a bitmap. */
static u64 takers(u64 low, u64 high, u64 first, u64 icr, u64 *result)
{
	u64 set = 0;

	for (unsigned id = 0; id < processors; id++)
		ap[id].pings = ap[id].nmis = 0;
	*result = hypercall4(HC_SEND_IPI, low, high, first, icr);
	for (unsigned id = 0; id < processors; id++) {
		const volatile unsigned *count = icr & ICR_NMI ? &ap[id].nmis : &ap[id].pings;
		bool expected = first <= id && id - first < 64 && low >> (id - first) & 1;

		wait_count(count, 1, expected ? PATIENCE : late_ticks());
		if (*count == 1)
			set |= BIT(id);
	}
	return set;
}

static void check_ipis(void)
{
	u64 all = BIT(processors) - 1, others = all & ~1ull, result;

	check_eq("SEND_IPI to all: got it", takers(all, 0, 0, VECTOR_PING, &result), all);
	check_eq("and were counted", result, processors);
	check_eq("to all others, and ids that are not there",
		 takers(~0ull, ~0ull, 1, VECTOR_PING, &result), others);
	check_eq("and were counted", result, processors - 1);
	check_eq("NMI to the others", takers(others, 0, 0, ICR_NMI, &result), others);
	check_eq("and were counted", result, processors - 1);
	check_eq("the last one alone", takers(1, 0, processors - 1, VECTOR_PING, &result),
		 BIT(processors - 1));
}

/*
 * Two processors wake each other; both have interrupts off, so that only the kick ends a HLT. Each
 * waits for its turn: kicks come before the HLT as often as after it.
 */
static volatile unsigned turn, kick_end;

static void take_turns(unsigned id)
{
	while (turn < kick_end) {
		if (turn % 2 != id) {
			__asm__ volatile("hlt" : : : "memory");
			continue;
		}
		__atomic_fetch_add(&turn, 1, __ATOMIC_SEQ_CST);
		hypercall4(HC_KICK_CPU, 0, !id, 0, 0);
	}
}

static unsigned more_kicks(void)
{
	unsigned kicks = 0;
	char option[12];

	for (const char *p = guest_option("kicks", option, sizeof(option)); *p; p++)
		kicks = 10 * kicks + (unsigned)(*p - '0');
	return kicks;
}

/* In parts, each of which the other processor ends in time. */
static void check_kicks(void)
{
	unsigned end = KICKS + more_kicks();
	bool ok = true;

	while (kick_end < end && ok) {
		kick_end += KICKS;
		begin(take_turns, 1);
		take_turns(0);
		ok = finished(1);
	}
	check("no kick is lost", ok, "turn %u", turn);
}

/*
 * The one page of the window is moved to and fro between two frames. Before a frame is used it gets
 * the round's number, and behind the flush the number is published: who sees that and reads less
 * from the page has an old translation. Processors that are held off are asked to flush by the byte.
 */
static volatile u64 frames[2][PAGE_SIZE / 8] __aligned(PAGE_SIZE);
static volatile u64 published;
static volatile unsigned stale, flushers, acks, by_byte, by_ipi;
static volatile bool readers_stop;

static void flush(struct interrupt_frame *frame)
{
	(void)frame;
	invlpg((void *)(WINDOW_BASE + DATA_PAGE * PAGE_SIZE));
	__atomic_fetch_add(&acks, 1, __ATOMIC_SEQ_CST);
	apic_write(APIC_EOI, 0);
}

static void read_page(unsigned id)
{
	const volatile u64 *page = (void *)(WINDOW_BASE + DATA_PAGE * PAGE_SIZE);

	__asm__ volatile("sti" : : : "memory");
	while (!readers_stop) {
		u64 least = __atomic_load_n(&published, __ATOMIC_SEQ_CST);

		if (*page < least)
			__atomic_fetch_add(&stale, 1, __ATOMIC_SEQ_CST);
		if (steal[id].preempted & PV_PREEMPTED)
			__atomic_fetch_add(&stale, 1, __ATOMIC_SEQ_CST);
	}
	__asm__ volatile("cli" : : : "memory");
}

/* What Linux does: a processor that is held off is left out of the interrupt. */
static bool ask_by_byte(unsigned id)
{
	u8 state = __atomic_load_n(&steal[id].preempted, __ATOMIC_SEQ_CST);

	return (state & PV_PREEMPTED) &&
	       __atomic_compare_exchange_n(&steal[id].preempted, &state, (u8)(state | PV_FLUSH),
					   false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static bool flush_others(void)
{
	u64 set = 0;
	unsigned want = 0;

	acks = 0;
	for (unsigned id = 1; id < processors; id++) {
		if (ask_by_byte(id)) {
			by_byte++;
			continue;
		}
		by_ipi++;
		want++;
		set |= BIT(id);
	}
	hypercall4(HC_SEND_IPI, set, 0, 0, VECTOR_FLUSH);
	return wait_count(&acks, want, PATIENCE);
}

static void check_flushes(bool crowded)
{
	bool ok = true;

	window_init();
	window_map(DATA_PAGE, (u64)frames[0] | PTE_P | PTE_RW);
	begin(read_page, processors - 1);
	for (u64 round = 1; round <= FLUSH_ROUNDS && ok; round++) {
		frames[round & 1][0] = round;
		window_map(DATA_PAGE, (u64)frames[round & 1] | PTE_P | PTE_RW);
		ok = flush_others();
		__atomic_store_n(&published, round, __ATOMIC_SEQ_CST);
	}
	check("every flush by interrupt is answered", ok, "%u of %u", acks, processors - 1);
	readers_stop = true;
	check("the readers end", finished(processors - 1), "1: %u", ap[1].done);
	check_eq("nobody reads through an old translation, or sees itself held off", stale, 0);
	if (crowded)
		check("some were asked by the byte", by_byte > FLUSH_ROUNDS / 100,
		      "%u by the byte, %u by interrupt", by_byte, by_ipi);
}

/* Everybody spins: of n vCPUs on one CPU each has 1/n of the time, and the rest was stolen. */
static volatile bool spin_end;

static void spin(unsigned id)
{
	(void)id;
	while (!spin_end)
		cpu_relax();
}

static u64 steal_ns(unsigned id)
{
	return __atomic_load_n(&steal[id].steal, __ATOMIC_RELAXED);
}

/* How often an update of a processor's clock or steal time was found unfinished. */
static unsigned look_for_odd_versions(u64 ticks)
{
	u64 start = rdtsc();
	unsigned odd = 0;

	while (rdtsc() - start < ticks)
		for (unsigned id = 1; id < processors; id++)
			odd += steal[id].version % 2 + clock[id].version % 2;
	return odd;
}

static void check_steal(bool crowded)
{
	u64 start, ns, stolen = 0;
	unsigned odd;

	begin(spin, processors - 1);
	for (unsigned id = 0; id < processors; id++)
		stolen -= steal_ns(id);
	start = rdtsc();
	odd = look_for_odd_versions(SPIN_MS * guest_tsc_khz());
	for (unsigned id = 0; id < processors; id++)
		stolen += steal_ns(id);
	ns = (rdtsc() - start) * 1000000 / guest_tsc_khz();
	spin_end = true;
	check("the spinners end", finished(processors - 1), "1: %u", ap[1].done);
	for (unsigned id = 0; id < processors; id++)
		check("the version is even", steal[id].version % 2 == 0 && steal[id].version,
		      "%u: %u", id, steal[id].version);
	/* On one CPU: as this one runs, all others are stopped. */
	if (!crowded)
		return;
	check_eq("no version is odd while a processor is stopped", odd, 0);
	check("stolen time is what the others had",
	      stolen > ns * (processors - 1) / 2 && stolen < ns * processors, "%llu ns in %llu ns",
	      (unsigned long long)stolen, (unsigned long long)ns);
}

/* While a halted processor has nothing to do nothing is stolen from it. */
static void check_idle_steals_nothing(void)
{
	u64 before, after;

	spin_ticks(10 * late_ticks());
	before = steal_ns(1);
	spin_ticks(SPIN_MS * guest_tsc_khz());
	after = steal_ns(1);
	check_eq("a halted processor has nothing stolen", after, before);
	check_eq("and is not held off", steal[1].preempted, 0);
}

static void check_init(void)
{
	unsigned version = steal[1].version;

	check("the registration was there", rdmsr(MSR_PV_STEAL_TIME) & PV_ENABLE, "0x%llx",
	      (unsigned long long)rdmsr(MSR_PV_STEAL_TIME));
	ap[1].msr_at_start = ~0ull;
	steal[1].version = 0;
	smp_start(1);
	check("INIT and SIPI start a processor anew", wait_count(&steal[1].version, 2, PATIENCE),
	      "version %u, was %u", steal[1].version, version);
	check_eq("INIT ended its registration", ap[1].msr_at_start, 0);
}

GUEST_TEST(pv_smp)
{
	char option[8];
	bool crowded = guest_option("crowded", option, sizeof(option))[0] == 'y';

	processors = smp_count(2);
	if (!processors || !check("steal time is offered", pv_offers(PV_STEAL_TIME), "no"))
		return;
	apic_init();
	set_handler(VECTOR_PING, ping);
	set_handler(VECTOR_FLUSH, flush);
	set_handler(VECTOR_NMI, nmi);
	register_steal(0);
	if (!check_start())
		return;
	check_clocks();
	check_ipis();
	check_kicks();
	check_flushes(crowded);
	check_steal(crowded);
	check_idle_steals_nothing();
	check_init();
}
