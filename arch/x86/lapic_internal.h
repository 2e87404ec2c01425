/* SPDX-License-Identifier: MIT */
/* What the parts of the LAPIC share: register access and bit names. Only for arch/x86/lapic*.c. */
#ifndef FIRN_X86_LAPIC_INTERNAL_H
#define FIRN_X86_LAPIC_INTERNAL_H

#include "arch/x86/lapic.h"

#define APIC_VECTOR_MASK  0xffu
#define APIC_FIRST_VECTOR 16 /* vectors below are illegal (SDM 3A 10.5.2) */

#define APIC_SVR_ENABLE BIT(8)

#define APIC_DFR_FLAT	 0xfu /* bits 31:28 */
#define APIC_DFR_CLUSTER 0x0u

#define LVT_DELIVERY_SHIFT   8
#define LVT_DELIVERY_MASK    7u
#define LVT_MASKED	     BIT(16)
#define LVT_TIMER_MODE_SHIFT 17
#define LVT_TIMER_MODE_MASK  3u

enum lapic_timer_mode {
	TIMER_ONE_SHOT,
	TIMER_PERIODIC,
	TIMER_TSC_DEADLINE,
	TIMER_RESERVED
};

/* ESR (SDM 3A 10.5.3) */
#define ESR_SEND_ILLEGAL_VECTOR	   BIT(5)
#define ESR_RECEIVE_ILLEGAL_VECTOR BIT(6)
#define ESR_ILLEGAL_REGISTER	   BIT(7)

/* ICR (SDM 3A 10.6.1) */
#define ICR_DELIVERY_SHIFT  8
#define ICR_DELIVERY_MASK   7u
#define ICR_LOGICAL	    BIT(11)
#define ICR_ASSERT	    BIT(14)
#define ICR_LEVEL	    BIT(15)
#define ICR_SHORTHAND_SHIFT 18
#define ICR_SHORTHAND_MASK  3u
#define ICR_DEST_SHIFT	    24 /* xAPIC, in the high register */

/* In x2APIC mode the ICR is one 64-bit register at 0x300 (SDM 3C 29.5); 0x310 does not exist. */
#define APIC_ICR_X2_DEST 0x304

/* Other CPUs look at TPR, SVR, LDR and DFR when they choose targets: every access is atomic. */
static inline u32 lapic_reg(const struct lapic *lapic, u32 offset)
{
	return __atomic_load_n((const u32 *)(lapic->page + offset), __ATOMIC_RELAXED);
}

static inline void lapic_set_reg(struct lapic *lapic, u32 offset, u32 value)
{
	__atomic_store_n((u32 *)(lapic->page + offset), value, __ATOMIC_RELAXED);
}

static inline bool lapic_sw_enabled(const struct lapic *lapic)
{
	return lapic_reg(lapic, APIC_SVR) & APIC_SVR_ENABLE;
}

/* lapic_irr.c */
u32 lapic_processor_priority(const struct lapic *lapic); /* PPR */
void lapic_error(struct lapic *lapic, u32 esr_bits);	 /* any CPU */
void lapic_drop_posted(struct lapic *lapic);
void lapic_post_own(struct lapic *lapic, u8 vector); /* an edge; owner CPU */

/* lapic_bus.c */
void lapic_send_ipi(struct lapic *lapic); /* what ICR says */

/* lapic_timer.c; all on the owner CPU */
void lapic_timer_init(struct lapic *lapic);
void lapic_timer_reset(struct lapic *lapic);
void lapic_timer_lvt_written(struct lapic *lapic);
void lapic_timer_set_initial(struct lapic *lapic, u32 count);
void lapic_timer_set_divide(struct lapic *lapic, u32 divide);
u32 lapic_timer_current(const struct lapic *lapic);

#endif
