/* SPDX-License-Identifier: MIT */
/* What the parts of the LAPIC share: register access. Only for arch/x86/lapic*.c. */
#ifndef FIRN_X86_LAPIC_INTERNAL_H
#define FIRN_X86_LAPIC_INTERNAL_H

#include "arch/x86/lapic.h"

#define APIC_VECTOR_MASK  0xffu
#define APIC_FIRST_VECTOR 16 /* vectors below are illegal (SDM 3A 10.5.2) */

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
