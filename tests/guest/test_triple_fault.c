/* SPDX-License-Identifier: MIT */
/*
 * A triple fault resets the machine: this kernel starts a second time. Needs on-triple-fault = reset. It
 * comes in an NMI's handler while another NMI waits, as when a kernel's watchdog reboots: nothing of that
 * may be left in the new start.
 */
#include "tests/guest/lib/apic.h"

/* Survives a reset, like the RAM of a PC: the kernel's own data is loaded anew. */
#define MARK	   ((volatile u64 *)0x900000)
#define MARK_SET   0x5472697046617574ull
#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71
#define CMOS_BYTE  0x50	   /* for machines that clear memory */
#define TSC_JUMP   BIT(50) /* ticks */

static bool marked(void)
{
	outb(CMOS_INDEX, CMOS_BYTE);
	return *MARK == MARK_SET || inb(CMOS_DATA) == (u8)MARK_SET;
}

static void mark(bool on)
{
	*MARK = on ? MARK_SET : 0;
	outb(CMOS_INDEX, CMOS_BYTE);
	outb(CMOS_DATA, on ? (u8)MARK_SET : 0);
}

__noreturn static void triple_fault(void)
{
	static const struct {
		u16 limit;
		u64 base;
	} __packed empty = { 0, 0 };

	__asm__ volatile("lidt %0; ud2" : : "m"(empty));
	__builtin_unreachable();
}

static void send_nmi_to_itself(void)
{
	apic_write(APIC_ICR_HIGH, 0);
	apic_write(APIC_ICR_LOW, ICR_ASSERT | DELIVERY_NMI << 8);
}

static void end_in_nmi(struct interrupt_frame *frame)
{
	(void)frame;
	send_nmi_to_itself();
	triple_fault();
}

static unsigned nmis;

static void count_nmi(struct interrupt_frame *frame)
{
	(void)frame;
	nmis++;
}

GUEST_TEST(triple_fault)
{
	u64 base = rdmsr(MSR_IA32_APIC_BASE), tsc = rdtsc();

	if (!marked()) {
		mark(true);
		wrmsr(MSR_LSTAR, MARK_SET >> 32);
		wrmsr(MSR_IA32_TSC_ADJUST, TSC_JUMP);
		apic_init();
		set_handler(VECTOR_NMI, end_in_nmi);
		send_nmi_to_itself();
		spin_ticks(late_ticks());
		triple_fault(); /* not in the NMI: the second start counts none either */
	}
	mark(false);
	set_handler(VECTOR_NMI, count_nmi);
	check("triple fault resets the VM", true, "unreachable");
	check_eq("reset clears LSTAR", rdmsr(MSR_LSTAR), 0);
	check_eq("reset clears TSC_ADJUST", rdmsr(MSR_IA32_TSC_ADJUST), 0);
	check("reset sets the TSC to 0", tsc < TSC_JUMP, "0x%llx", (unsigned long long)tsc);
	check_eq("reset sets APIC_BASE", base, 0xfee00000ull | APIC_BASE_BSP | APIC_BASE_ENABLE);
	check_eq("reset masks the APIC timer", *(volatile u32 *)0xfee00320, 0x10000);
	spin_ticks(late_ticks());
	check_eq("reset drops an NMI that waits", nmis, 0);
}
