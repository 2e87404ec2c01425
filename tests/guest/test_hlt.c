/* SPDX-License-Identifier: MIT */
/* HLT wakes by interrupts; the shadow after STI; PAUSE. */
#include "tests/guest/lib/apic.h"

#define VECTOR_A     0x41
#define VECTOR_TIMER 0x61
#define DELAY	     40000 /* timer ticks */
#define NMI_VECTOR   2

static const u8 vectors[] = { VECTOR_A, VECTOR_TIMER, 0 };

/* Of four times one is on time: an emulator on a busy computer now and then loses 2 ms at once. */
static void check_timer_wakes(void)
{
	u64 due = apic_ticks_to_tsc(DELAY), took = ~0ull;

	irq_log_start(vectors);
	for (unsigned i = 0; i < 4; i++) {
		u64 start = rdtsc();

		apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
		apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
		apic_write(APIC_TIMER_INITIAL, DELAY);
		irq_wait();
		took = MIN(took, rdtsc() - start);
	}
	check_eq("HLT wakes by the timer, 4 times", irq_log.count, 4);
	check("HLT: not early", took >= due, "after %llu of %llu ticks", (unsigned long long)took,
	      (unsigned long long)due);
	check("HLT: on time", took <= due + late_ticks(), "after %llu of %llu ticks",
	      (unsigned long long)took, (unsigned long long)due);
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

GUEST_TEST(hlt)
{
	apic_init();
	check_timer_wakes();
	check_sti_hlt();
	check_pause();
	check_nmi();
}
