/* SPDX-License-Identifier: MIT */
/* Several vCPUs: start by INIT and SIPI, interrupts and NMIs between them, time, shared memory. */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/hotplug.h"
#include "tests/guest/lib/smp.h"

#define VECTOR_PING 0x51
#define PATIENCE    (10000 * guest_tsc_khz()) /* other vCPUs may have the CPU meanwhile */
#define COUNTS	    20000
#define PINGS	    20
#define NMIS	    10

/* One for each started processor, by APIC id. */
static struct ap {
	volatile unsigned starts, pings, nmis, tsc_backwards, counted, left_hlt;
	volatile u64 apic_base, lstar, cr0;
	volatile u16 fpu_control;
} ap[SMP_MAX];

static volatile unsigned go, tsc_turn;
static volatile u64 last_tsc;
static volatile u64 shared_counter;

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

static void count_together(void)
{
	for (unsigned i = 0; i < COUNTS; i++)
		__atomic_fetch_add(&shared_counter, 1, __ATOMIC_SEQ_CST);
}

/* Each reads the TSC under a lock: no reading may be before the last one. */
static void compare_tsc(struct ap *me)
{
	for (unsigned i = 0; i < COUNTS / 20; i++) {
		u64 now;

		while (__atomic_exchange_n(&tsc_turn, 1, __ATOMIC_ACQUIRE))
			cpu_relax();
		__asm__ volatile("lfence" : : : "memory");
		now = rdtsc();
		if (now < last_tsc)
			me->tsc_backwards++;
		last_tsc = now;
		__atomic_store_n(&tsc_turn, 0, __ATOMIC_RELEASE);
	}
}

static const u16 fpu_control = 0x27f; /* not what reset or FNINIT set */

static void ap_main(void)
{
	struct ap *me = &ap[smp_id() % SMP_MAX];

	me->apic_base = rdmsr(MSR_IA32_APIC_BASE);
	me->lstar = rdmsr(MSR_LSTAR);
	me->cr0 = read_cr0();
	__asm__ volatile("fnstcw %0" : "=m"(me->fpu_control));
	__asm__ volatile("fldcw %0" : : "m"(fpu_control));
	apic_write(APIC_SVR, APIC_SVR_ENABLE | APIC_SPURIOUS);
	wrmsr(MSR_LSTAR, 0x1000);
	me->counted = 0;
	__atomic_fetch_add(&me->starts, 1, __ATOMIC_SEQ_CST);
	while (!go)
		irq_wait();
	count_together();
	compare_tsc(me);
	__atomic_store_n(&me->counted, 1, __ATOMIC_SEQ_CST);
	for (;;)
		irq_wait();
}

/* Waits for all of ids 1..count-1: the least of what field() gives reaches want. */
static bool wait_all(unsigned count, const volatile unsigned *first, unsigned want)
{
	bool ok = true;

	for (unsigned id = 1; id < count; id++) {
		const volatile unsigned *field =
			(const void *)((const char *)first + id * sizeof(ap[0]));

		ok &= wait_count(field, want, PATIENCE);
	}
	return ok;
}

static void check_start(unsigned count)
{
	bool reset = true;

	smp_prepare(ap_main);
	spin_ticks(late_ticks());
	check_eq("no processor runs before its SIPI", ap[1].starts, 0);
	for (unsigned id = 1; id < count; id++)
		smp_start(id);
	if (!check("INIT and SIPI start every processor", wait_all(count, &ap[0].starts, 1),
		   "1: %u, 2: %u, 3: %u", ap[1].starts, ap[2].starts, ap[3].starts))
		return;
	for (unsigned id = 1; id < count; id++)
		reset &= ap[id].apic_base == (LAPIC_DEFAULT_BASE | APIC_BASE_ENABLE) &&
			 ap[id].lstar == 0;
	check("their MSRs are as after reset", reset, "APIC_BASE 0x%llx LSTAR 0x%llx",
	      (unsigned long long)ap[1].apic_base, (unsigned long long)ap[1].lstar);
	smp_send_sipi(1);
	spin_ticks(2 * late_ticks());
	check_eq("SIPI without INIT is ignored", ap[1].starts, 1);
}

static void check_interrupts(unsigned count)
{
	bool each = true;

	for (unsigned i = 1; i <= PINGS; i++) {
		for (unsigned id = 1; id < count; id++)
			smp_send(id, ICR_ASSERT | VECTOR_PING);
		each &= wait_all(count, &ap[0].pings, i);
	}
	check("fixed interrupts wake the other processors each time", each, "1: %u of %u",
	      ap[1].pings, PINGS);
	smp_send(0, ICR_ALL_BUT_SELF | ICR_ASSERT | VECTOR_PING);
	check("all but self", wait_all(count, &ap[0].pings, PINGS + 1) && ap[0].pings == 0,
	      "1: %u, self: %u", ap[1].pings, ap[0].pings);
	for (unsigned id = 1; id < count; id++)
		smp_send(id, ICR_ASSERT | ICR_NMI);
	check("NMIs wake the other processors", wait_all(count, &ap[0].nmis, 1), "1: %u",
	      ap[1].nmis);
}

static void check_work(unsigned count)
{
	unsigned backwards = 0;

	go = 1;
	smp_send(0, ICR_ALL_BUT_SELF | ICR_ASSERT | VECTOR_PING);
	count_together();
	compare_tsc(&ap[0]);
	check("every processor finishes its work", wait_all(count, &ap[0].counted, 1), "1: %u",
	      ap[1].counted);
	check_eq("locked additions of all processors", shared_counter, (u64)COUNTS * count);
	for (unsigned id = 0; id < count; id++)
		backwards += ap[id].tsc_backwards;
	check_eq("the TSC never goes back from one processor to the next", backwards, 0);
}

static void check_restart(void)
{
	smp_start(1);
	check("INIT and SIPI start a running processor anew",
	      wait_count(&ap[1].starts, 2, PATIENCE), "%u starts", ap[1].starts);
	check_eq("INIT leaves LSTAR alone", ap[1].lstar, 0x1000);
	check_eq("INIT leaves the FPU alone", ap[1].fpu_control, fpu_control);
}

static void halt_masked(void)
{
	apic_write(APIC_SVR, APIC_SVR_ENABLE | APIC_SPURIOUS);
	__atomic_fetch_add(&ap[1].starts, 1, __ATOMIC_SEQ_CST);
	__asm__ volatile("cli; hlt" : : : "memory");
	ap[1].left_hlt = 1;
	for (;;)
		irq_wait();
}

/* SDM 2A HLT: enabled interrupts end it; with IF = 0 that leaves NMI and INIT. */
static void check_masked_hlt(void)
{
	unsigned pings = ap[1].pings;

	smp_prepare(halt_masked);
	smp_start(1);
	wait_count(&ap[1].starts, 3, PATIENCE);
	smp_send(1, ICR_ASSERT | VECTOR_PING);
	spin_ticks(2 * late_ticks());
	check_eq("HLT with interrupts off: a fixed interrupt does not end it", ap[1].left_hlt, 0);
	/* One that comes before the HLT does not end it. */
	for (unsigned i = 0; i < NMIS && !ap[1].left_hlt; i++) {
		smp_send(1, ICR_ASSERT | ICR_NMI);
		wait_count(&ap[1].left_hlt, 1, PATIENCE / NMIS);
	}
	check("HLT with interrupts off: an NMI does", ap[1].left_hlt, "not within %llu ticks",
	      (unsigned long long)PATIENCE);
	check("HLT with interrupts off: the interrupt comes when they are on",
	      wait_count(&ap[1].pings, pings + 1, PATIENCE), "%u before, %u now", pings,
	      ap[1].pings);
}

/* A processor that was given back is gone, and no SIPI brings it back. */
static void check_ejected(void)
{
	outl(HOTPLUG_SELECTOR, 1);
	outb(HOTPLUG_CONTROL, HOTPLUG_EJECT);
	check_eq("an ejected processor is not there", inb(HOTPLUG_CONTROL), 0);
	smp_start(1);
	spin_ticks(2 * late_ticks());
	check_eq("INIT and SIPI do not start it", ap[1].starts, 3);
}

GUEST_TEST(smp)
{
	unsigned count = smp_count(2);

	if (!count)
		return;
	apic_init();
	set_handler(VECTOR_PING, ping);
	set_handler(VECTOR_NMI, nmi);
	check_start(count);
	if (ap[1].starts == 0)
		return;
	check_interrupts(count);
	check_work(count);
	check_restart();
	check_masked_hlt();
	check_ejected();
}
