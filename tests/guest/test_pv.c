/* SPDX-License-Identifier: MIT */
/* Paravirtual interface of one vCPU: what is there and what is not, steal time, EOI, kicks. */
#include "tests/guest/lib/apic.h"
#include "tests/guest/lib/hypercall.h"
#include "tests/guest/lib/printf.h"
#include "tests/guest/lib/pv.h"
#include "tests/guest/lib/segments.h"

#define EPERM	     ((u64)-1)
#define ENOSYS	     ((u64)-1000)
#define EOPNOTSUPP   ((u64)-95)
#define EINVAL	     ((u64)-22)
#define NO_SUCH_ID   0xff
#define NO_MEMORY    0xd0000000ull
#define POISON	     0xa5
#define VECTOR_LOW   0x41
#define VECTOR_HIGH  0x51
#define ICR_NMI	     (4u << 8)
#define EOI_ROUNDS   200
#define SLICES_TICKS (40 * guest_tsc_khz()) /* several of the scheduler's slices */

static volatile struct pv_steal area[2];
static volatile u32 eoi_word __aligned(4);

/* An MSR is there if one of its features is (0: it never is); else it raises #GP both ways. */
static void check_msrs(void)
{
	static const struct {
		u32 msr;
		unsigned features; /* bits */
	} msrs[] = {
		{ 0x11, BIT(0) },	 { 0x12, BIT(0) },	  { 0x4b564d00, BIT(3) },
		{ 0x4b564d01, BIT(3) },	 { 0x4b564d02, BIT(4) },  { 0x4b564d03, BIT(5) },
		{ 0x4b564d04, BIT(6) },	 { 0x4b564d05, BIT(12) }, { 0x4b564d06, BIT(14) },
		{ 0x4b564d07, BIT(14) }, { 0x4b564d08, BIT(17) }, { 0x4b564d09, 0 },
	};
	u32 features = cpuid(CPUID_KVM_FEATURES, 0).eax;
	char name[60];

	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
		struct msr_access a = { msrs[i].msr, 0 };
		bool there = features & msrs[i].features;

		guest_snprintf(name, sizeof(name), "RDMSR 0x%x %s", a.msr,
			       there ? "works" : "raises #GP");
		if (there)
			check_no_fault(name, do_rdmsr, &a);
		else
			check_rdmsr_gp(name, a.msr);
		guest_snprintf(name, sizeof(name), "WRMSR 0x%x %s", a.msr,
			       there ? "works" : "raises #GP");
		a.value = a.msr == MSR_PV_POLL;
		if (there)
			check_no_fault(name, do_wrmsr, &a);
		else
			check_wrmsr_gp(name, a.msr, 0);
	}
}

/* What the VM's configuration says, if the command line tells it. */
static void check_choice(void)
{
	struct cpuid_regs r = cpuid(CPUID_KVM_FEATURES, 0);
	char option[8];

	if (guest_option("pv", option, sizeof(option))[0] == 'n')
		check_eq("paravirt = none: no feature", r.eax, 0);
	check_eq("REALTIME is said to VMs with CPUs of their own", r.edx,
		 guest_option("own", option, sizeof(option))[0] == 'y');
}

/* Harmless arguments: the features decide. */
static void check_hypercalls(void)
{
	check_eq("KICK_CPU of nobody", hypercall4(HC_KICK_CPU, 0, NO_SUCH_ID, 0, 0),
		 pv_offers(PV_UNHALT) ? 0 : ENOSYS);
	check_eq("SEND_IPI to nobody", hypercall4(HC_SEND_IPI, 0, 0, 0, VECTOR_LOW),
		 pv_offers(PV_SEND_IPI) ? 0 : ENOSYS);
	check_eq("SCHED_YIELD to nobody", hypercall4(HC_SCHED_YIELD, NO_SUCH_ID, 0, 0, 0),
		 pv_offers(PV_SCHED_YIELD) ? 0 : ENOSYS);
	check_eq("SCHED_YIELD to itself", hypercall4(HC_SCHED_YIELD, 0, 0, 0, 0),
		 pv_offers(PV_SCHED_YIELD) ? 0 : ENOSYS);
	check_eq("CLOCK_PAIRING", hypercall4(9, NO_MEMORY, 0, 0, 0), EOPNOTSUPP);
	check_eq("MAP_GPA_RANGE", hypercall4(12, 0, 1, 0, 0), ENOSYS);
}

/* From a 32-bit segment: the upper halves of the registers are still there, and don't count. */
static u64 hypercall_32(u64 number, u64 a, u64 b, u64 c, u64 d)
{
	__asm__ volatile("pushq %[cs32]\n"
			 "pushq $1f\n"
			 "lretq\n"
			 ".code32\n"
			 "1: testl %%edi, %%edi\n"
			 "jnz 2f\n"
			 "vmcall\n"
			 "jmp 3f\n"
			 "2: vmmcall\n"
			 "3: ljmp %[cs64], $4f\n"
			 ".code64\n"
			 "4:\n"
			 : "+a"(number)
			 : "b"(a), "c"(b), "d"(c), "S"(d),
			   "D"(cpu_is_amd()), [cs32] "i"(GUEST_CS32), [cs64] "i"(GUEST_CS64)
			 : "memory", "cc");
	return number;
}

static void check_narrow_caller(void)
{
	const u64 junk = 0xdeadbeefull << 32;
	static const u8 vectors[] = { VECTOR_LOW, 0 };

	check_eq("32-bit caller: the number's upper half", hypercall_32(junk | 1, 0, 0, 0, 0), 0);
	check_eq("32-bit caller: the result", hypercall_32(junk | 12, 0, 0, 0, 0), (u32)ENOSYS);
	if (!pv_offers(PV_SEND_IPI))
		return;
	irq_log_start(vectors);
	check_eq("32-bit caller: the arguments",
		 hypercall_32(HC_SEND_IPI, junk | 1, junk, junk, junk | VECTOR_LOW), 1);
	check("and delivered", wait_count(&irq_log.count, 1, late_ticks()), "%u", irq_log.count);
	check_eq("32-bit caller: id 32 is in the high word",
		 hypercall_32(HC_SEND_IPI, junk, 1, 0, VECTOR_LOW), 0);
}

static u64 user_result[2];

static void call_as_user(void)
{
	user_result[0] = hypercall4(HC_POLL_IRQ, 0, 0, 0, 0);
	user_result[1] = hypercall4(HC_SEND_IPI, 1, 0, 0, VECTOR_LOW);
}

static void check_user(void)
{
	static const u8 vectors[] = { VECTOR_LOW, 0 };

	irq_log_start(vectors);
	run_user(call_as_user, 0);
	check_eq("CPL 3: no hypercall", user_result[0], EPERM);
	check_eq("CPL 3: no SEND_IPI", user_result[1], EPERM);
	irq_window();
	check_eq("CPL 3: and none is delivered", irq_log.count, 0);
}

static volatile unsigned nmis;

static void nmi(struct interrupt_frame *frame)
{
	(void)frame;
	nmis++;
}

static void check_send_ipi(void)
{
	static const u8 vectors[] = { VECTOR_LOW, 0 };

	if (!pv_offers(PV_SEND_IPI))
		return;
	irq_log_start(vectors);
	check_eq("SEND_IPI to itself: taken by one", hypercall4(HC_SEND_IPI, 1, 0, 0, VECTOR_LOW),
		 1);
	check("and delivered", wait_count(&irq_log.count, 1, late_ticks()), "%u", irq_log.count);
	check_eq("ids that are not there",
		 hypercall4(HC_SEND_IPI, ~0ull << 8, ~0ull, 0, VECTOR_LOW), 0);
	check_eq("first id 255", hypercall4(HC_SEND_IPI, ~0ull, ~0ull, 255, VECTOR_LOW), 0);
	check_eq("first id ~0", hypercall4(HC_SEND_IPI, ~0ull, ~0ull, ~0ull, VECTOR_LOW), 0);
	check_eq("ICR with a shorthand", hypercall4(HC_SEND_IPI, 1, 0, 0, ICR_SELF | VECTOR_LOW),
		 EINVAL);
	check_eq("ICR with a logical destination", hypercall4(HC_SEND_IPI, 1, 0, 0, 0x800), EINVAL);
	spin_ticks(late_ticks());
	check_eq("nothing of that was delivered", irq_log.count, 1);
	set_handler(VECTOR_NMI, nmi);
	check_eq("NMI to itself: taken by one", hypercall4(HC_SEND_IPI, 1, 0, 0, ICR_NMI), 1);
	check("and delivered", wait_count(&nmis, 1, late_ticks()), "%u", nmis);
	set_handler(VECTOR_NMI, NULL);
}

/* The HLT behind a kick ends at once; the timer is there to end it if it does not. */
static void check_kick(void)
{
	static const u8 vectors[] = { VECTOR_LOW, 0 };
	unsigned late;

	if (!pv_offers(PV_UNHALT))
		return;
	irq_log_start(vectors);
	apic_write(APIC_LVT_TIMER, VECTOR_LOW);
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
	apic_write(APIC_TIMER_INITIAL, 0xffffffff);
	hypercall4(HC_KICK_CPU, 0, 0, 0, 0);
	hypercall4(HC_KICK_CPU, 0, 0, 0, 0);
	irq_wait();
	check("a kick is kept for the next HLT", irq_log.count == 0, "the timer ended it");
	apic_write(APIC_TIMER_INITIAL, (u32)late_ticks());
	late = irq_log.count;
	irq_wait();
	check_eq("and ends one only", irq_log.count, late + 1);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_TIMER_INITIAL, 0);
}

static bool only(volatile const u8 *from, size_t len, u8 byte)
{
	for (size_t i = 0; i < len; i++)
		if (from[i] != byte)
			return false;
	return true;
}

static void check_steal_area(void)
{
	char name[40];

	for (unsigned bit = 1; bit <= 5; bit++) {
		guest_snprintf(name, sizeof(name), "steal time: bit %u", bit);
		check_wrmsr_gp(name, MSR_PV_STEAL_TIME, (u64)&area[0] | BIT(bit) | PV_ENABLE);
	}
	memset((void *)area, POISON, sizeof(area));
	memset((void *)&area[0], 0, offsetof(struct pv_steal, pad));
	wrmsr(MSR_PV_STEAL_TIME, (u64)&area[0] | PV_ENABLE);
	check_rdmsr("steal time: read back", MSR_PV_STEAL_TIME, (u64)&area[0] | PV_ENABLE);
	spin_ticks(SLICES_TICKS);
	check("steal time: version is even and not 0", area[0].version && area[0].version % 2 == 0,
	      "%u", area[0].version);
	check_eq("steal time: flags", area[0].flags, 0);
	check_eq("not preempted while it runs", area[0].preempted, 0);
	check("what is behind the area and its end is left alone",
	      only(area[0].pad, sizeof(area[0].pad), POISON) &&
		      only((u8 *)&area[1], sizeof(area[1]), POISON),
	      "%x", area[0].pad[0]);
}

static void check_steal_off(void)
{
	wrmsr(MSR_PV_STEAL_TIME, 0);
	memset((void *)area, POISON, sizeof(area));
	spin_ticks(SLICES_TICKS);
	check("disabled, nothing is written", only((u8 *)area, sizeof(area), POISON), "%x",
	      area[0].preempted);
	wrmsr(MSR_PV_STEAL_TIME, NO_MEMORY | PV_ENABLE);
	spin_ticks(SLICES_TICKS);
	check_rdmsr("an area without memory is kept", MSR_PV_STEAL_TIME, NO_MEMORY | PV_ENABLE);
	wrmsr(MSR_PV_STEAL_TIME, (u64)LAPIC_DEFAULT_BASE | PV_ENABLE);
	spin_ticks(SLICES_TICKS);
	check_eq("nor is the APIC written", apic_read(APIC_SVR), APIC_SVR_ENABLE | APIC_SPURIOUS);
	wrmsr(MSR_PV_STEAL_TIME, 0);
}

static volatile unsigned by_bit, by_register, eoi_wrong;

/* As Linux does it. A vector that is taken again before it was ended would be the mistake. */
static void end_interrupt(struct interrupt_frame *frame)
{
	u32 old = eoi_word;

	(void)frame;
	eoi_word = old & ~1u;
	if (old & 1) {
		by_bit++;
	} else {
		by_register++;
		apic_write(APIC_EOI, 0);
	}
}

static void take_two(void)
{
	__asm__ volatile("cli" : : : "memory");
	apic_self_ipi(VECTOR_LOW);
	apic_self_ipi(VECTOR_HIGH);
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
}

static void check_eoi_rounds(void)
{
	for (unsigned i = 0; i < EOI_ROUNDS; i++) {
		unsigned before = by_bit + by_register;

		if (i % 3)
			take_two();
		else
			apic_self_ipi(VECTOR_LOW);
		spin_ticks(100);
		irq_window();
		eoi_wrong += by_bit + by_register != before + (i % 3 ? 2 : 1);
		eoi_wrong += apic_bit(APIC_ISR, VECTOR_LOW) || apic_bit(APIC_ISR, VECTOR_HIGH);
		eoi_wrong += eoi_word & 1;
	}
	check_eq("each interrupt is delivered once and ended once", eoi_wrong, 0);
	check("one that comes alone is ended by the bit", by_bit >= EOI_ROUNDS / 3, "%u by the bit",
	      by_bit);
	check("of two the first is ended by the register", by_register >= EOI_ROUNDS / 2,
	      "%u by the register", by_register);
}

static void check_eoi(void)
{
	struct msr_access bad = { MSR_PV_EOI, NO_MEMORY | PV_ENABLE };

	if (!pv_offers(PV_EOI))
		return;
	check_wrmsr_gp("EOI: bit 1", MSR_PV_EOI, (u64)&eoi_word | 2 | PV_ENABLE);
	set_handler(VECTOR_LOW, end_interrupt);
	set_handler(VECTOR_HIGH, end_interrupt);
	wrmsr(MSR_PV_EOI, (u64)&eoi_word | PV_ENABLE);
	check_eoi_rounds();
	by_bit = by_register = 0;
	check_no_fault("EOI: a word without memory", do_wrmsr, &bad);
	apic_self_ipi(VECTOR_LOW);
	irq_window();
	check_eq("is never asked for", by_register, 1);
	wrmsr(MSR_PV_EOI, 0);
	apic_self_ipi(VECTOR_LOW);
	irq_window();
	check_eq("disabled, neither", by_register, 2);
	set_handler(VECTOR_LOW, NULL);
	set_handler(VECTOR_HIGH, NULL);
}

GUEST_TEST(pv)
{
	apic_init();
	check_choice();
	check_msrs();
	check_hypercalls();
	check_narrow_caller();
	check_user();
	check_send_ipi();
	check_kick();
	if (pv_offers(PV_STEAL_TIME)) {
		check_steal_area();
		check_steal_off();
	}
	check_eoi();
	if (pv_offers(PV_POLL)) {
		check_msr_keeps("poll control", MSR_PV_POLL, 0);
		check_wrmsr_gp("poll control: bit 1", MSR_PV_POLL, 2);
	}
}
