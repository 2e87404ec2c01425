/* SPDX-License-Identifier: MIT */
/* Local APIC and IOAPIC of the guest kernels, and time. */
#ifndef FIRN_GUEST_APIC_H
#define FIRN_GUEST_APIC_H

#include "arch/x86/ioapic_regs.h"
#include "arch/x86/lapic.h"
#include "tests/guest/lib/fault.h"
#include "tests/guest/lib/guest.h"

#define APIC_SVR_ENABLE	   BIT(8)
#define APIC_SPURIOUS	   0xff
#define LVT_MASKED	   BIT(16)
#define LVT_PERIODIC	   BIT(17)
#define LVT_TSC_DEADLINE   BIT(18)
#define TIMER_DIVIDE_BY_1  0xb
#define TIMER_DIVIDE_BY_16 0x3
#define ICR_SELF	   BIT(18)
#define ICR_ASSERT	   BIT(14)

#define X2APIC_MSR(reg) (MSR_X2APIC_FIRST + ((reg) >> 4))
#define X2APIC_EOI	X2APIC_MSR(APIC_EOI)
#define X2APIC_ICR	X2APIC_MSR(APIC_ICR_LOW)

#define IOAPIC_ADDRESS		0xfec00000ull
#define IOAPIC_ID_REG		0
#define IOAPIC_VERSION_REG	1
#define IOAPIC_REDIRECTION(pin) (0x10 + 2 * (pin))

/* xAPIC registers. */
static inline u32 apic_read(u32 reg)
{
	return *(volatile u32 *)(LAPIC_DEFAULT_BASE + reg);
}
static inline void apic_write(u32 reg, u32 value)
{
	*(volatile u32 *)(LAPIC_DEFAULT_BASE + reg) = value;
}
/* The same in x2APIC mode too: registers with the same bits in both modes, so not the ICR. */
u32 apic_get(u32 reg);
void apic_put(u32 reg, u32 value);
bool apic_in_x2apic_mode(void);
/* Is the vector's bit set in the 256-bit register that starts at reg? */
static inline bool apic_bit(u32 reg, u8 vector)
{
	return apic_read(reg + (vector / 32) * 16) >> (vector % 32) & 1;
}
/* Power-on state in xAPIC mode, then software-enabled with everything masked. */
void apic_init(void);
void apic_self_ipi(u8 vector);

u32 ioapic_get(u32 reg);
void ioapic_put(u32 reg, u32 value);
u64 ioapic_get_pin(unsigned pin);
void ioapic_put_pin(unsigned pin, u64 rte);

/* Counts an interrupt and ends it; the last ones are remembered. */
#define IRQ_LOG 16
struct irq_log {
	volatile unsigned count;
	u8 vector[IRQ_LOG];
	u64 tsc[IRQ_LOG];
	u64 rip[IRQ_LOG];
};
extern struct irq_log irq_log;
/* Clears the log and makes it the handler of these vectors (0 ends the list). */
void irq_log_start(const u8 *vectors);

/* Duration of APIC timer ticks in TSC ticks, rounded down. */
u64 apic_ticks_to_tsc(u64 ticks);
/* What an interrupt may be late, in TSC ticks. */
u64 late_ticks(void);

#endif
