/* SPDX-License-Identifier: MIT */
/* Local APIC: registers, timer modes, priorities, self-IPI, x2APIC. */
#include "tests/guest/lib/apic.h"

#define VECTOR_A	 0x41
#define VECTOR_B	 0x42 /* same class as A */
#define VECTOR_HIGH	 0x91
#define VECTOR_TIMER	 0x61
#define TIMER_TICKS	 30000
#define NEAR_TICKS	 3000 /* more than an exit takes */
#define NEAR_STEP	 5
#define LONG_HANDLERS	 64
#define PERIODS		 8
#define DRIFT		 1000 /* instructions */
#define ESR_SEND_ILLEGAL BIT(5)

static const u8 vectors[] = { VECTOR_A, VECTOR_B, VECTOR_HIGH, VECTOR_TIMER, 0 };

static void check_registers(void)
{
	u32 version = apic_read(APIC_VERSION);

	check_eq("xAPIC id", apic_read(APIC_ID) >> 24, 0);
	check("version is an integrated APIC's",
	      (version & 0xff) >= 0x10 && (version & 0xff) <= 0x1f, "0x%x", version);
	check("version: at least 4 LVT entries", (version >> 16 & 0xff) >= 3, "0x%x", version);
	apic_write(APIC_TPR, 0x1ff);
	check_eq("TPR has 8 bits", apic_read(APIC_TPR), 0xff);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LDR, 0xffffffff);
	check_eq("LDR has 8 bits at the top", apic_read(APIC_LDR), 0xff000000);
	apic_write(APIC_LDR, 0x01000000);
	apic_write(APIC_ICR_HIGH, 0xab000000);
	check_eq("ICR high keeps the destination", apic_read(APIC_ICR_HIGH), 0xab000000);
	apic_write(APIC_SVR, APIC_SPURIOUS);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
	check_eq("LVT stays masked while software-disabled", apic_read(APIC_LVT_TIMER) & LVT_MASKED,
		 LVT_MASKED);
	apic_init();
}

static void start_timer(u32 lvt, u32 divide, u32 initial)
{
	apic_write(APIC_LVT_TIMER, lvt);
	apic_write(APIC_TIMER_DIVIDE, divide);
	apic_write(APIC_TIMER_INITIAL, initial);
}

static void check_on_time(const char *early, const char *late, u64 start, u64 due)
{
	u64 took = irq_log.tsc[0] - start;

	check(early, took >= due, "after %llu TSC ticks, due at %llu", (unsigned long long)took,
	      (unsigned long long)due);
	check(late, took <= due + late_ticks(), "after %llu TSC ticks, due at %llu",
	      (unsigned long long)took, (unsigned long long)due);
}

static void check_one_shot(void)
{
	u64 due = apic_ticks_to_tsc(TIMER_TICKS * 16), start;
	u32 now;

	irq_log_start(vectors);
	start = rdtsc();
	start_timer(VECTOR_TIMER, TIMER_DIVIDE_BY_16, TIMER_TICKS);
	now = apic_read(APIC_TIMER_CURRENT);
	check("one-shot timer counts down", now > 0 && now <= TIMER_TICKS, "current count %u", now);
	check("one-shot timer arrives", wait_count(&irq_log.count, 1, due * 4 + late_ticks()),
	      "no interrupt");
	check_on_time("one-shot timer is not early", "one-shot timer is on time", start, due);
	check_eq("one-shot timer: vector", irq_log.vector[0], VECTOR_TIMER);
	check_eq("one-shot timer: current count is 0 then", apic_read(APIC_TIMER_CURRENT), 0);
	spin_ticks(due * 2);
	check_eq("one-shot timer comes once", irq_log.count, 1);
}

/* The least lateness among the interrupts first..last-1: what disturbs single ones is left out. */
static u64 least_late(u64 start, u64 period, unsigned first, unsigned last)
{
	u64 least = ~0ull;

	for (unsigned i = first; i < last; i++)
		least = MIN(least, irq_log.tsc[i] - start - period * (i + 1));
	return least;
}

static void check_lateness(u64 start, u64 period)
{
	u64 worst = 0, first, second;
	bool early = false;

	for (unsigned i = 0; i < PERIODS; i++) {
		u64 took = irq_log.tsc[i] - start, due = period * (i + 1);

		early |= took < due;
		worst = MAX(worst, took - due);
	}
	check("periodic timer is never early", !early, "some interrupt is");
	check("periodic timer is on time", worst <= late_ticks(), "%llu ticks late, period %llu",
	      (unsigned long long)worst, (unsigned long long)period);
	first = least_late(start, period, 0, PERIODS / 2);
	second = least_late(start, period, PERIODS / 2, PERIODS);
	check("periodic timer does not drift", second <= first + DRIFT + guest_tsc_khz() / 100,
	      "%llu ticks late at first, then %llu", (unsigned long long)first,
	      (unsigned long long)second);
}

static void check_periodic(void)
{
	u64 period = apic_ticks_to_tsc(TIMER_TICKS * 16), start;

	irq_log_start(vectors);
	start = rdtsc();
	start_timer(VECTOR_TIMER | LVT_PERIODIC, TIMER_DIVIDE_BY_16, TIMER_TICKS);
	if (check("periodic timer arrives again and again",
		  wait_count(&irq_log.count, PERIODS, period * (PERIODS + 4) + late_ticks()),
		  "%u interrupts", irq_log.count))
		check_lateness(start, period);
	apic_write(APIC_TIMER_INITIAL, 0);
	irq_window();
	irq_log.count = 0;
	spin_ticks(period * 3);
	check_eq("periodic timer stops", irq_log.count, 0);
}

static void check_masked(void)
{
	u64 due = apic_ticks_to_tsc(TIMER_TICKS);

	irq_log_start(vectors);
	start_timer(VECTOR_TIMER | LVT_MASKED, TIMER_DIVIDE_BY_1, TIMER_TICKS);
	spin_ticks(due * 2 + late_ticks());
	check_eq("masked timer gives no interrupt", irq_log.count, 0);
	check_eq("masked timer counts all the same", apic_read(APIC_TIMER_CURRENT), 0);
}

static void check_tsc_deadline(void)
{
	u64 deadline, start;

	if (!check("TSC deadline is offered", cpuid(1, 0).ecx & BIT(24), "CPUID says no"))
		return;
	irq_log_start(vectors);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER | LVT_TSC_DEADLINE);
	start = rdtsc();
	deadline = start + 20 * TIMER_TICKS;
	wrmsr(MSR_IA32_TSC_DEADLINE, deadline);
	check_eq("TSC deadline reads back", rdmsr(MSR_IA32_TSC_DEADLINE), deadline);
	check("TSC deadline arrives",
	      wait_count(&irq_log.count, 1, 80 * TIMER_TICKS + late_ticks()), "no interrupt");
	check_on_time("TSC deadline is not early", "TSC deadline is on time", start,
		      deadline - start);
	check_eq("TSC deadline is 0 then", rdmsr(MSR_IA32_TSC_DEADLINE), 0);

	wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc());
	check("TSC deadline in the past fires at once", wait_count(&irq_log.count, 2, late_ticks()),
	      "no interrupt");
	wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + TIMER_TICKS);
	wrmsr(MSR_IA32_TSC_DEADLINE, 0);
	spin_ticks(2 * TIMER_TICKS + late_ticks());
	check_eq("TSC deadline 0 disarms", irq_log.count, 2);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
}

/* Deadlines that come before, while and after the hypervisor sets its own timer for them. */
static void check_near_deadlines(void)
{
	unsigned lost = 0;

	apic_write(APIC_LVT_TIMER, VECTOR_TIMER | LVT_TSC_DEADLINE);
	for (u64 distance = 0; distance < NEAR_TICKS && !lost; distance += NEAR_STEP) {
		irq_log_start(vectors);
		wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + distance);
		lost = !wait_count(&irq_log.count, 1, NEAR_TICKS + late_ticks());
	}
	check("TSC deadline: none of the near ones is lost", !lost, "no interrupt");
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
}

static volatile unsigned entered;

/* Runs on without an exit while the timer comes. */
static void long_handler(struct interrupt_frame *frame)
{
	(void)frame;
	entered++;
	spin_ticks(2 * TIMER_TICKS);
	apic_write(APIC_EOI, 0);
}

/* The timer's interrupt ends the guest's time in the first handler, and must wait there. */
static void check_handler_runs_once(void)
{
	irq_log_start(vectors);
	set_handler(VECTOR_HIGH, long_handler);
	entered = 0;
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER | LVT_TSC_DEADLINE);
	for (unsigned i = 0; i < LONG_HANDLERS; i++) {
		wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + TIMER_TICKS);
		apic_self_ipi(VECTOR_HIGH);
		irq_window();
		spin_ticks(2 * TIMER_TICKS);
		irq_window();
	}
	check_eq("a handler that is interrupted runs once", entered, LONG_HANDLERS);
	check_eq("so does that of the interrupt", irq_log.count, LONG_HANDLERS);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
}

static void check_self_ipi(void)
{
	irq_log_start(vectors);
	apic_self_ipi(VECTOR_A);
	check("self-IPI is in the IRR while interrupts are off", apic_bit(APIC_IRR, VECTOR_A),
	      "bit clear");
	check_eq("self-IPI waits for RFLAGS.IF", irq_log.count, 0);
	irq_window();
	check_eq("self-IPI arrives", irq_log.count, 1);
	check("self-IPI leaves the IRR", !apic_bit(APIC_IRR, VECTOR_A), "bit set");
	check("EOI clears the ISR", !apic_bit(APIC_ISR, VECTOR_A), "bit set");

	apic_self_ipi(VECTOR_A);
	apic_self_ipi(VECTOR_HIGH);
	irq_window();
	irq_window();
	check("two pending: both arrive", irq_log.count == 3, "%u", irq_log.count);
	check("two pending: the higher vector first",
	      irq_log.vector[1] == VECTOR_HIGH && irq_log.vector[2] == VECTOR_A, "0x%x, 0x%x",
	      irq_log.vector[1], irq_log.vector[2]);
	apic_self_ipi(VECTOR_A);
	apic_self_ipi(VECTOR_A);
	irq_window();
	irq_window();
	check_eq("the same vector twice is one interrupt", irq_log.count, 4);
}

static void check_tpr(void)
{
	irq_log_start(vectors);
	apic_write(APIC_TPR, 0x40);
	check_eq("PPR follows the TPR", apic_read(APIC_PPR), 0x40);
	apic_self_ipi(VECTOR_A);
	irq_window();
	check_eq("TPR of the vector's class holds it back", irq_log.count, 0);
	apic_self_ipi(VECTOR_HIGH);
	irq_window();
	check_eq("TPR lets a higher class through", irq_log.count, 1);
	__asm__ volatile("mov %0, %%cr8" : : "r"(3ull));
	irq_window();
	check_eq("lowering CR8 lets it through", irq_log.count, 2);
	apic_write(APIC_TPR, 0);
}

static volatile unsigned nested_before_eoi, same_class_before_eoi;
static bool isr_seen;
static u32 ppr_seen;

/* In service: a lower or equal class waits for the EOI, a higher one interrupts. */
static void nest(struct interrupt_frame *frame)
{
	(void)frame;
	isr_seen = apic_bit(APIC_ISR, VECTOR_A);
	ppr_seen = apic_read(APIC_PPR);
	apic_self_ipi(VECTOR_B);
	irq_window();
	same_class_before_eoi = irq_log.count;
	apic_self_ipi(VECTOR_HIGH);
	irq_window();
	nested_before_eoi = irq_log.count;
	apic_write(APIC_EOI, 0);
}

static void check_nesting(void)
{
	irq_log_start(vectors);
	set_handler(VECTOR_A, nest);
	apic_self_ipi(VECTOR_A);
	irq_window();
	irq_window();
	check("ISR bit is set in the handler", isr_seen, "bit clear");
	check_eq("PPR is the vector in service", ppr_seen & 0xf0, VECTOR_A & 0xf0);
	check_eq("same class waits for the EOI", same_class_before_eoi, 0);
	check_eq("higher class interrupts", nested_before_eoi, 1);
	check_eq("same class comes after the EOI", irq_log.count, 2);
}

static void check_errors(void)
{
	apic_write(APIC_ESR, 0);
	apic_self_ipi(5);
	apic_write(APIC_ESR, 0);
	check_eq("ESR: illegal vector sent", apic_read(APIC_ESR) & ESR_SEND_ILLEGAL,
		 ESR_SEND_ILLEGAL);
	apic_write(APIC_ESR, 0);
	check_eq("ESR: a write clears it", apic_read(APIC_ESR), 0);
}

static void check_x2apic_registers(void)
{
	struct msr_access a = { .msr = X2APIC_MSR(APIC_ID) };

	check_no_fault("x2APIC: id can be read", do_rdmsr, &a);
	check_eq("x2APIC: id", a.value, 0);
	check_rdmsr("x2APIC: LDR comes from the id", X2APIC_MSR(APIC_LDR), 1);
	check_wrmsr_gp("x2APIC: id is read-only", X2APIC_MSR(APIC_ID), 0);
	check_wrmsr_gp("x2APIC: LDR is read-only", X2APIC_MSR(APIC_LDR), 1);
	check_rdmsr_gp("x2APIC: no DFR", X2APIC_MSR(APIC_DFR));
	check_rdmsr_gp("x2APIC: EOI is write-only", X2APIC_EOI);
	check_wrmsr_gp("x2APIC: EOI takes only 0", X2APIC_EOI, 1);
	check_wrmsr_gp("x2APIC: TPR reserved bits", X2APIC_MSR(APIC_TPR), 0x100);
	check_wrmsr_gp("x2APIC: ESR takes only 0", X2APIC_MSR(APIC_ESR), 1);
	check_rdmsr_gp("x2APIC: no ICR high", X2APIC_MSR(APIC_ICR_HIGH));
	check_rdmsr_gp("x2APIC: SELF IPI is write-only", X2APIC_MSR(APIC_SELF_IPI));
	check_wrmsr_gp("x2APIC: SELF IPI reserved bits", X2APIC_MSR(APIC_SELF_IPI), 0x100);
	check_msr_keeps("x2APIC: TPR", X2APIC_MSR(APIC_TPR), 0x20);
}

static void check_x2apic_interrupts(void)
{
	u64 deadline;

	irq_log_start(vectors);
	wrmsr(X2APIC_MSR(APIC_SELF_IPI), VECTOR_A);
	irq_window();
	check_eq("x2APIC: SELF IPI arrives", irq_log.count, 1);
	wrmsr(X2APIC_ICR, ICR_ASSERT | VECTOR_B);
	irq_window();
	check_eq("x2APIC: ICR to id 0 arrives", irq_log.count, 2);
	check_eq("x2APIC: vectors", irq_log.vector[0] == VECTOR_A && irq_log.vector[1] == VECTOR_B,
		 1);
	check_eq("x2APIC: EOI cleared the ISR", rdmsr(X2APIC_MSR(APIC_ISR) + VECTOR_A / 32), 0);
	wrmsr(X2APIC_MSR(APIC_LVT_TIMER), VECTOR_TIMER | LVT_TSC_DEADLINE);
	deadline = rdtsc() + TIMER_TICKS;
	wrmsr(MSR_IA32_TSC_DEADLINE, deadline);
	check("x2APIC: timer arrives",
	      wait_count(&irq_log.count, 3, 4 * TIMER_TICKS + late_ticks()), "no interrupt");
	check("x2APIC: timer is not early", irq_log.tsc[2] >= deadline, "by %llu ticks",
	      (unsigned long long)(deadline - irq_log.tsc[2]));
	wrmsr(X2APIC_MSR(APIC_LVT_TIMER), LVT_MASKED);
}

static void check_x2apic(void)
{
	u64 base = rdmsr(MSR_IA32_APIC_BASE);

	if (!check("x2APIC is offered", cpuid(1, 0).ecx & BIT(21), "CPUID says no"))
		return;
	check_wrmsr_gp("x2APIC: not from the disabled bits", MSR_IA32_APIC_BASE,
		       (base | APIC_BASE_EXTD) & ~(u64)APIC_BASE_ENABLE);
	wrmsr(MSR_IA32_APIC_BASE, base | APIC_BASE_EXTD);
	check_eq("x2APIC: APIC_BASE", rdmsr(MSR_IA32_APIC_BASE), base | APIC_BASE_EXTD);
	check_wrmsr_gp("x2APIC: no way back to xAPIC", MSR_IA32_APIC_BASE, base);
	check_x2apic_registers();
	check_x2apic_interrupts();
	apic_init();
	check_eq("xAPIC again, through disabled", rdmsr(MSR_IA32_APIC_BASE), base);
	check_eq("xAPIC again: id", apic_read(APIC_ID), 0);
}

GUEST_TEST(apic)
{
	apic_init();
	check_registers();
	check_one_shot();
	check_periodic();
	check_masked();
	check_tsc_deadline();
	check_near_deadlines();
	check_handler_runs_once();
	check_self_ipi();
	check_tpr();
	check_nesting();
	check_errors();
	check_x2apic();
}
