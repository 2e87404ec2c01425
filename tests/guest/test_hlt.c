/* SPDX-License-Identifier: MIT */
/* HLT wakes by interrupts; the shadow after STI; PAUSE. */
#include "tests/guest/lib/apic.h"

#define VECTOR_A     0x41
#define VECTOR_TIMER 0x61
#define DELAY	     40000 /* timer ticks */
#define SLEEP	     (100 * DELAY)
#define NEVER	     0x80000000u
#define NMI_VECTOR   2

static const u8 vectors[] = { VECTOR_A, VECTOR_TIMER, 0 };

static void start_timer(u32 ticks)
{
	irq_log_start(vectors);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
	apic_write(APIC_TIMER_INITIAL, ticks);
}

static void check_timer_wakes(void)
{
	u64 due = apic_ticks_to_tsc(DELAY), least = ~0ull, most = 0;
	unsigned irqs = 0;

	for (unsigned i = 0; i < 4; i++) {
		u64 start = rdtsc(), took;

		start_timer(DELAY);
		irq_wait();
		took = rdtsc() - start;
		irqs += irq_log.count;
		least = MIN(least, took);
		most = MAX(most, took);
	}
	check_eq("HLT wakes by the timer, 4 times", irqs, 4);
	check("HLT: not early", least >= due, "after %llu of %llu ticks", (unsigned long long)least,
	      (unsigned long long)due);
	check("HLT: on time", most <= due + late_ticks(), "after %llu of %llu ticks",
	      (unsigned long long)most, (unsigned long long)due);
}

/* A pending interrupt comes after the instruction behind STI: the HLT, which it ends. */
static void check_sti_hlt(void)
{
	extern char after_hlt[], after_nop[], after_sti_cpuid[];

	irq_log_start(vectors);
	apic_self_ipi(VECTOR_A);
	__asm__ volatile("sti; hlt\nafter_hlt: cli" : : : "memory");
	check_eq("STI, HLT: a pending interrupt is not lost", irq_log.count, 1);
	check_eq("STI, HLT: it comes in the HLT", irq_log.rip[0], (u64)after_hlt);

	irq_log_start(vectors);
	apic_self_ipi(VECTOR_A);
	__asm__ volatile("sti; nop\nafter_nop: cli" : : : "memory");
	check_eq("STI, NOP: it comes after the NOP", irq_log.rip[0], (u64)after_nop);

	irq_log_start(vectors);
	apic_self_ipi(VECTOR_A);
	__asm__ volatile("sti; cli" : : : "memory");
	check_eq("STI, CLI: no interrupt between them", irq_log.count, 0);
	irq_window();
	check_eq("STI, CLI: it comes in the next window", irq_log.count, 1);

	irq_log_start(vectors);
	apic_self_ipi(VECTOR_A);
	__asm__ volatile("xorl %%eax, %%eax; sti; cpuid\nafter_sti_cpuid: cli"
			 :
			 :
			 : "rax", "rbx", "rcx", "rdx", "memory");
	check_eq("STI, CPUID: an emulated instruction ends the shadow", irq_log.count, 1);
	check_eq("STI, CPUID: it comes right after", irq_log.rip[0], (u64)after_sti_cpuid);
}

static void check_pause(void)
{
	u64 start = rdtsc();

	for (unsigned i = 0; i < 10000; i++)
		cpu_relax();
	check("10000 times PAUSE end", rdtsc() - start < 100 * late_ticks(), "%llu ticks",
	      (unsigned long long)(rdtsc() - start));
}

static volatile unsigned nmis;

static void count_nmi(struct interrupt_frame *frame)
{
	(void)frame;
	nmis++;
}

static void check_nmi(void)
{
	set_handler(NMI_VECTOR, count_nmi);
	apic_write(APIC_ICR_HIGH, 0);
	apic_write(APIC_ICR_LOW, ICR_ASSERT | DELIVERY_NMI << 8);
	spin_ticks(late_ticks());
	check_eq("NMI to itself arrives", nmis, 1);
	apic_write(APIC_ICR_LOW, ICR_ASSERT | DELIVERY_NMI << 8);
	spin_ticks(late_ticks());
	check_eq("a second NMI after the first one's IRET", nmis, 2);
	set_handler(NMI_VECTOR, NULL);
}

static unsigned woken_by_timer;

static void halt_in_nmi(struct interrupt_frame *frame)
{
	(void)frame;
	if (nmis++)
		return;
	apic_write(APIC_ICR_LOW, ICR_ASSERT | DELIVERY_NMI << 8);
	start_timer(SLEEP);
	irq_wait();
	woken_by_timer = irq_log.count;
}

/* IRET of the timer's handler ends the blocking, so that the second NMI comes right after it. */
static void check_blocked_nmi(void)
{
	nmis = 0;
	set_handler(NMI_VECTOR, halt_in_nmi);
	apic_write(APIC_ICR_LOW, ICR_ASSERT | DELIVERY_NMI << 8);
	spin_ticks(late_ticks());
	check_eq("an NMI that is blocked does not end HLT", woken_by_timer, 1);
	check_eq("and comes later", nmis, 2);
	set_handler(NMI_VECTOR, NULL);
}

static u64 trap_rip;
static u32 trap_timer;

static void end_step(struct interrupt_frame *frame)
{
	trap_rip = frame->rip;
	trap_timer = apic_read(APIC_TIMER_CURRENT);
	frame->rflags &= ~RFLAGS_TF;
}

/* A trap on HLT is as good as an interrupt (SDM 3A 6.7, 2A "HLT"). */
static void check_step(void)
{
	extern char after_stepped_hlt[];

	set_handler(VECTOR_DB, end_step);
	start_timer(NEVER);
	__asm__ volatile("pushfq; orq $0x300, (%%rsp); popfq; hlt\nafter_stepped_hlt: cli"
			 :
			 :
			 : "memory", "cc");
	check_eq("HLT with TF: the trap comes behind it", trap_rip, (u64)after_stepped_hlt);
	check("HLT with TF: without an interrupt", trap_timer != 0, "the timer was over");
	apic_write(APIC_TIMER_INITIAL, 0);
	irq_window();
	set_handler(VECTOR_DB, NULL);
}

GUEST_TEST(hlt)
{
	apic_init();
	check_timer_wakes();
	check_sti_hlt();
	check_pause();
	check_nmi();
	check_blocked_nmi();
	check_step();
}
