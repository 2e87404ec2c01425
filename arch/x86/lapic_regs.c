/* SPDX-License-Identifier: MIT */
/* LAPIC registers by id: which can be set, and how without sending interrupts. */
#include "arch/x86/lapic_regs.h"

#include "arch/x86/lapic_internal.h"

#define BITMAP_END	0x80 /* eight registers, 16 bytes apart */
#define BITMAP_INDEX(o) (((o)&0x70) >> 4)
#define ILLEGAL_VECTORS 0xffffu /* of the first register: vectors 0-15 */

static bool in_bitmap(u32 offset, u32 first)
{
	return offset >= first && offset < first + BITMAP_END;
}

/* In x2APIC mode the destination is in the upper half of the 64-bit ICR. */
static u32 page_offset(const struct lapic *lapic, u32 offset)
{
	return offset == APIC_ICR_HIGH && lapic_x2apic(lapic) ? APIC_ICR_X2_DEST : offset;
}

static u32 posted(struct lapic *lapic, u32 offset)
{
	unsigned index = BITMAP_INDEX(offset);
	u64 pir = __atomic_load_n(&lapic->pir[index / 2], __ATOMIC_ACQUIRE);

	return (u32)(pir >> (index % 2 * 32));
}

u64 lapic_reg_get(struct lapic *lapic, u32 offset)
{
	if (in_bitmap(offset, APIC_IRR))
		return lapic_reg(lapic, offset) | posted(lapic, offset);
	/* These are computed when they are read. */
	if (offset == APIC_TIMER_CURRENT || offset == APIC_PPR)
		return lapic_read(lapic, offset);
	return lapic_reg(lapic, page_offset(lapic, offset));
}

enum how {
	READ_ONLY,
	BY_WRITE,
	STORE
};

/* BY_WRITE: the guest's own write has no effect but on this register. STORE: it would have more. */
static enum how how_to_set(u32 offset)
{
	if (in_bitmap(offset, APIC_ISR) || in_bitmap(offset, APIC_TMR))
		return STORE;
	switch (offset) {
	case APIC_ESR:
	case APIC_ICR_LOW:
	case APIC_ICR_HIGH:
		return STORE;
	case APIC_TPR:
	case APIC_LDR:
	case APIC_DFR:
	case APIC_SVR:
	case APIC_LVT_TIMER:
	case APIC_LVT_THERMAL:
	case APIC_LVT_PERF:
	case APIC_LVT_LINT0:
	case APIC_LVT_LINT1:
	case APIC_LVT_ERROR:
	case APIC_TIMER_DIVIDE:
	case APIC_TIMER_INITIAL:
		return BY_WRITE;
	default:
		return READ_ONLY;
	}
}

static bool store_valid(u32 offset, u32 value)
{
	if (offset == APIC_ISR || offset == APIC_TMR)
		return !(value & ILLEGAL_VECTORS);
	return offset != APIC_ICR_LOW || !(value & ICR_PENDING);
}

enum firn_err lapic_reg_set(struct lapic *lapic, u32 offset, u64 value)
{
	enum how how = how_to_set(offset);
	u32 old = lapic_reg(lapic, offset);

	if (how == READ_ONLY)
		return ERR_READONLY;
	if (value != (u32)value)
		return ERR_INVALID;
	if (how == STORE) {
		if (!store_valid(offset, (u32)value))
			return ERR_INVALID;
		lapic_set_reg(lapic, page_offset(lapic, offset), (u32)value);
		return FIRN_OK;
	}
	if (old == (u32)value)
		return FIRN_OK;
	lapic_write(lapic, offset, (u32)value);
	if (lapic_reg(lapic, offset) == (u32)value)
		return FIRN_OK;
	/* Reserved bits, or not writable in this mode. */
	lapic_write(lapic, offset, old);
	return ERR_INVALID;
}
