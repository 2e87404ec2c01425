/* SPDX-License-Identifier: MIT */
/*
 * Cost of exits in TSC ticks (in the emulator: instructions), measuring itself subtracted. The
 * fastest try counts: in others the host has to do with consoles and timers.
 */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/hypercall.h"

#define LOOPS		      1000
#define WAKE_LOOPS	      50
#define WAKE_DELAY	      20000
#define VECTOR_TIMER	      0x61
#define VECTOR_SELF	      0x41
#define CMOS_INDEX	      0x70
#define UNCLAIMED	      0xed
#define CONFIG_DATA	      0xcfc
#define KVM_HC_VAPIC_POLL_IRQ 1
#define UNCLAIMED_MMIO	      0xd0000010ull
#define UNCLAIMED_PAGE	      0xd0000000ull
#define CPUID_1_ECX_X2APIC    BIT(21)

static bool x2apic;
static volatile unsigned irqs;

/* Ends the interrupt and does nothing else that exits. */
static void end_irq(struct interrupt_frame *frame)
{
	(void)frame;
	irqs++;
	if (x2apic)
		wrmsr(X2APIC_EOI, 0);
	else
		apic_write(APIC_EOI, 0);
}

static void op_empty(void)
{
	__asm__ volatile("");
}

static void op_cpuid(void)
{
	__asm__ volatile("cpuid" : : "a"(0), "c"(0) : "rbx", "rdx", "memory");
}

static void op_vmcall(void)
{
	vmcall(KVM_HC_VAPIC_POLL_IRQ);
}

static void op_vmmcall(void)
{
	vmmcall(KVM_HC_VAPIC_POLL_IRQ);
}

static void op_rdmsr(void)
{
	rdmsr(MSR_IA32_MISC_ENABLE);
}

static void op_wrmsr(void)
{
	wrmsr(MSR_IA32_TSC_ADJUST, 0);
}

static void op_wrmsr_deadline(void)
{
	wrmsr(MSR_IA32_TSC_DEADLINE, ~0ull >> 1);
}

static void op_out_rtc(void)
{
	outb(CMOS_INDEX, 0);
}

static void op_out_unclaimed(void)
{
	outb(UNCLAIMED, 0);
}

static void op_in_unclaimed(void)
{
	inb(UNCLAIMED);
}

static void op_in_pci(void)
{
	inl(CONFIG_DATA);
}

static void op_apic_read(void)
{
	apic_read(APIC_TPR);
}

static void op_apic_write(void)
{
	apic_write(APIC_TPR, 0);
}

static void op_apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

static void op_x2apic_eoi(void)
{
	wrmsr(X2APIC_EOI, 0);
}

static void op_cr8(void)
{
	__asm__ volatile("mov %0, %%cr8" : : "r"(0ull));
}

/* Off and on again. */
static void op_cr0_wp(void)
{
	u64 cr0 = read_cr0();

	write_cr0(cr0 & ~(u64)CR0_WP);
	write_cr0(cr0);
}

static void op_cr4(void)
{
	write_cr4(read_cr4());
}

static void op_mmio_read(void)
{
	*(volatile u32 *)UNCLAIMED_MMIO;
}

/* The first register of a page. */
static void op_mmio_page(void)
{
	*(volatile u32 *)UNCLAIMED_PAGE;
}

static void op_self_ipi(void)
{
	apic_self_ipi(VECTOR_SELF);
	irq_window();
}

static void op_x2apic_self_ipi(void)
{
	wrmsr(X2APIC_MSR(APIC_SELF_IPI), VECTOR_SELF);
	irq_window();
}

/* A deadline that has passed. */
static void op_deadline_now(void)
{
	wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc());
	irq_window();
}

/* The fastest of LOOPS. Not specialised for an operation: what is around it is the same for all. */
static __noinline u64 measure(void (*volatile op)(void))
{
	u64 best = ~0ull;

	for (unsigned i = 0; i < LOOPS; i++) {
		u64 start = rdtsc();

		op();
		best = MIN(best, rdtsc() - start);
	}
	return best;
}

static void bench(const char *name, void (*op)(void), u64 empty)
{
	u64 ticks = measure(op);

	print("bench %s %llu\n", name, (unsigned long long)(ticks - MIN(ticks, empty)));
}

/* From the deadline to the instruction behind HLT, the handler included; the fastest. */
static void bench_wake(void)
{
	u64 best = ~0ull;

	irqs = 0;
	for (unsigned i = 0; i < WAKE_LOOPS; i++) {
		u64 deadline = rdtsc() + WAKE_DELAY;

		wrmsr(MSR_IA32_TSC_DEADLINE, deadline);
		irq_wait();
		best = MIN(best, rdtsc() - deadline);
	}
	print("bench hlt-wake-by-timer %llu\n", (unsigned long long)best);
	check_eq("HLT woke each time", irqs, WAKE_LOOPS);
}

static void bench_deadline(const char *name, u64 empty)
{
	irqs = 0;
	bench(name, op_deadline_now, empty);
	check_eq("the timer interrupted each time", irqs, LOOPS);
}

static void bench_x2apic(u64 empty)
{
	wrmsr(MSR_IA32_APIC_BASE, rdmsr(MSR_IA32_APIC_BASE) | APIC_BASE_EXTD);
	x2apic = true;
	bench("x2apic-eoi", op_x2apic_eoi, empty);
	irqs = 0;
	bench("x2apic-self-ipi", op_x2apic_self_ipi, empty);
	check_eq("the IPI came each time", irqs, LOOPS);
	bench_deadline("x2apic-deadline-timer", empty);
}

GUEST_TEST(bench)
{
	static const struct {
		const char *name;
		void (*op)(void);
	} ops[] = {
		{ "cpuid", op_cpuid },
		{ "rdmsr-misc-enable", op_rdmsr },
		{ "wrmsr-tsc-adjust", op_wrmsr },
		{ "wrmsr-tsc-deadline", op_wrmsr_deadline },
		{ "out-rtc", op_out_rtc },
		{ "out-unclaimed", op_out_unclaimed },
		{ "in-unclaimed", op_in_unclaimed },
		{ "in-pci", op_in_pci },
		{ "apic-read", op_apic_read },
		{ "apic-write", op_apic_write },
		{ "apic-eoi", op_apic_eoi },
		{ "self-ipi", op_self_ipi },
		{ "cr8-write", op_cr8 },
		{ "cr4-write", op_cr4 },
		{ "cr0-wp-toggle", op_cr0_wp },
		{ "mmio-read-unclaimed", op_mmio_read },
		{ "mmio-read-page-start", op_mmio_page },
	};
	u64 empty;

	apic_init();
	set_handler(VECTOR_SELF, end_irq);
	set_handler(VECTOR_TIMER, end_irq);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | LVT_TSC_DEADLINE);
	outl(0xcf8, 0x80000000);
	empty = measure(op_empty);
	print("bench nothing %llu\n", (unsigned long long)empty);
	bench("vmcall", cpu_is_amd() ? op_vmmcall : op_vmcall, empty);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		bench(ops[i].name, ops[i].op, empty);
	wrmsr(MSR_IA32_TSC_DEADLINE, 0);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER | LVT_TSC_DEADLINE);
	bench_wake();
	bench_deadline("deadline-timer", empty);
	if (cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC)
		bench_x2apic(empty);
}
