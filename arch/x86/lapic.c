/* SPDX-License-Identifier: MIT */
/* LAPIC: registers, x2APIC MSRs, IA32_APIC_BASE, reset (SDM 3A 10.4, 10.12). */
#include "arch/x86/lapic_internal.h"

#include <string.h>

#include "arch/x86/cpuid_bits.h"
#include "arch/x86/cpuid_image.h"
#include "arch/x86/msr.h"
#include "arch/x86/pv_eoi.h"
#include "core/vcpu.h"

#define REG_SHIFT 4 /* a register every 16 bytes; the x2APIC MSR number counts registers */
#define NR_REGS	  0x40

/*
 * SDM 3A figure 10-7: integrated APIC (0x14), max LVT entry 5 = six entries (timer, LINT0, LINT1,
 * error, performance, thermal; no CMCI because IA32_MCG_CAP[10] is 0), no EOI-broadcast suppression.
 */
#define VERSION_VALUE 0x00050014u

#define SVR_RESET 0xffu
#define DFR_RESET 0xffffffffu
#define DFR_ONES  0x0fffffffu /* always read as ones */
#define LVT_RESET ((u32)APIC_LVT_MASKED)

#define MAX_PHYS_BITS 52 /* SDM 3A 4.1.4 */

#define R 0x01
#define W 0x02
/* access of struct apic_register: { in xAPIC mode, in x2APIC mode } */
#define BOTH(access)           \
	{                      \
		access, access \
	}
#define XAPIC(access)     \
	{                 \
		access, 0 \
	}
#define X2APIC(access)    \
	{                 \
		0, access \
	}

/* SDM 3A tables 10-1 and 10-6. fixed: bits that exist but that software can't change. */
static const struct apic_register {
	u8 access[2];
	u32 writable, fixed;
} registers[NR_REGS] = {
	[APIC_ID >> REG_SHIFT] = { BOTH(R) },
	[APIC_VERSION >> REG_SHIFT] = { BOTH(R) },
	[APIC_TPR >> REG_SHIFT] = { BOTH(R | W), 0xff },
	[APIC_APR >> REG_SHIFT] = { XAPIC(R) },
	[APIC_PPR >> REG_SHIFT] = { BOTH(R) },
	[APIC_EOI >> REG_SHIFT] = { BOTH(W) },
	[APIC_RRD >> REG_SHIFT] = { XAPIC(R) },
	[APIC_LDR >> REG_SHIFT] = { { R | W, R }, 0xff000000 },
	[APIC_DFR >> REG_SHIFT] = { XAPIC(R | W), 0xf0000000 },
	[APIC_SVR >> REG_SHIFT] = { BOTH(R | W), 0x3ff },
	[APIC_ISR >> REG_SHIFT...(APIC_IRR + 0x70) >> REG_SHIFT] = { BOTH(R) },
	[APIC_ESR >> REG_SHIFT] = { BOTH(R | W) },
	[APIC_ICR_LOW >> REG_SHIFT] = { BOTH(R | W), 0xccfff, 0x1000 },
	[APIC_ICR_HIGH >> REG_SHIFT] = { XAPIC(R | W), 0xff000000 },
	[APIC_LVT_TIMER >> REG_SHIFT] = { BOTH(R | W), 0x700ff, 0x1000 },
	[APIC_LVT_THERMAL >> REG_SHIFT] = { BOTH(R | W), 0x107ff, 0x1000 },
	[APIC_LVT_PERF >> REG_SHIFT] = { BOTH(R | W), 0x107ff, 0x1000 },
	[APIC_LVT_LINT0 >> REG_SHIFT] = { BOTH(R | W), 0x1a7ff, 0x5000 },
	[APIC_LVT_LINT1 >> REG_SHIFT] = { BOTH(R | W), 0x1a7ff, 0x5000 },
	[APIC_LVT_ERROR >> REG_SHIFT] = { BOTH(R | W), 0x100ff, 0x1000 },
	[APIC_TIMER_INITIAL >> REG_SHIFT] = { BOTH(R | W), 0xffffffff },
	[APIC_TIMER_CURRENT >> REG_SHIFT] = { BOTH(R) },
	[APIC_TIMER_DIVIDE >> REG_SHIFT] = { BOTH(R | W), 0xb },
	[APIC_SELF_IPI >> REG_SHIFT] = { X2APIC(W), 0xff },
};

static const u32 lvt_offsets[] = {
	APIC_LVT_TIMER, APIC_LVT_THERMAL, APIC_LVT_PERF,
	APIC_LVT_LINT0, APIC_LVT_LINT1,	  APIC_LVT_ERROR,
};

static inline const struct apic_register *find_register(const struct lapic *lapic, u32 offset,
							u8 access)
{
	const struct apic_register *r = &registers[offset >> REG_SHIFT];

	return r->access[lapic_x2apic(lapic)] & access ? r : NULL;
}

static bool exists(const struct lapic *lapic, u32 offset)
{
	return find_register(lapic, offset, R | W);
}

u32 lapic_id(const struct lapic *lapic)
{
	return lapic->vcpu->id;
}

static u32 register_value(const struct lapic *lapic, u32 offset)
{
	switch (offset) {
	case APIC_TIMER_CURRENT:
		return lapic_timer_current(lapic);
	case APIC_PPR:
		pv_eoi_sync(lapic->vcpu);
		return lapic_processor_priority(lapic);
	case APIC_ISR ...(APIC_TMR - 1):
		pv_eoi_sync(lapic->vcpu);
		return lapic_reg(lapic, offset);
	default:
		return lapic_reg(lapic, offset);
	}
}

/* Accesses off a register's first dword find nothing there, which is no error (SDM 3A 10.4.1). */
static bool addresses_register(u32 offset)
{
	return offset < NR_REGS << REG_SHIFT && offset % (1u << REG_SHIFT) == 0;
}

u32 lapic_read(struct lapic *lapic, u32 offset)
{
	if (!addresses_register(offset))
		return 0;
	if (find_register(lapic, offset, R))
		return register_value(lapic, offset);
	if (!exists(lapic, offset))
		lapic_error(lapic, ESR_ILLEGAL_REGISTER);
	return 0;
}

static void mask_all_lvts(struct lapic *lapic)
{
	for (unsigned i = 0; i < ARRAY_SIZE(lvt_offsets); i++)
		lapic_set_reg(lapic, lvt_offsets[i],
			      lapic_reg(lapic, lvt_offsets[i]) | APIC_LVT_MASKED);
}

/* A write latches what was collected since the last one (SDM 3A 10.5.3). */
static void write_esr(struct lapic *lapic)
{
	lapic_set_reg(lapic, APIC_ESR, __atomic_exchange_n(&lapic->errors, 0, __ATOMIC_RELAXED));
}

static void self_ipi(struct lapic *lapic, u8 vector)
{
	if (vector < APIC_FIRST_VECTOR)
		lapic_error(lapic, ESR_SEND_ILLEGAL_VECTOR);
	if (exit_trace_is_on(lapic->vcpu))
		exit_trace_irq(lapic->vcpu, TRACE_IRQ_IPI, vector, lapic->vcpu->id);
	lapic_post_own(lapic, vector);
}

static void write_lvt(struct lapic *lapic, u32 offset, u32 value)
{
	/* While software-disabled, mask bits are set and stay set (SDM 3A 10.4.7.2). */
	lapic_set_reg(lapic, offset, lapic_sw_enabled(lapic) ? value : value | APIC_LVT_MASKED);
	if (offset == APIC_LVT_TIMER)
		lapic_timer_lvt_written(lapic);
}

/* value has been reduced to the register's writable bits. */
static void write_register(struct lapic *lapic, u32 offset, u32 value)
{
	switch (offset) {
	case APIC_TPR:
		lapic_set_reg(lapic, APIC_TPR, value);
		lapic->attention |= LAPIC_TPR_WRITTEN;
		break;
	case APIC_EOI:
		lapic_eoi(lapic);
		break;
	case APIC_DFR:
		lapic_set_reg(lapic, APIC_DFR, value | DFR_ONES);
		break;
	case APIC_SVR:
		lapic_set_reg(lapic, APIC_SVR, value);
		if (!(value & APIC_SVR_ENABLE))
			mask_all_lvts(lapic);
		break;
	case APIC_ESR:
		write_esr(lapic);
		break;
	case APIC_ICR_LOW:
		lapic_set_reg(lapic, APIC_ICR_LOW, value);
		lapic_send_ipi(lapic);
		break;
	case APIC_LVT_TIMER:
	case APIC_LVT_THERMAL:
	case APIC_LVT_PERF:
	case APIC_LVT_LINT0:
	case APIC_LVT_LINT1:
	case APIC_LVT_ERROR:
		write_lvt(lapic, offset, value);
		break;
	case APIC_TIMER_INITIAL:
		lapic_timer_set_initial(lapic, value);
		break;
	case APIC_TIMER_DIVIDE:
		lapic_timer_set_divide(lapic, value);
		break;
	case APIC_SELF_IPI:
		self_ipi(lapic, value);
		break;
	default: /* LDR, ICR high: only stored */
		lapic_set_reg(lapic, offset, value);
		break;
	}
}

void lapic_write(struct lapic *lapic, u32 offset, u32 value)
{
	const struct apic_register *r;

	if (!addresses_register(offset))
		return;
	r = find_register(lapic, offset, W);
	if (r)
		write_register(lapic, offset, value & r->writable);
	else if (!exists(lapic, offset))
		lapic_error(lapic, ESR_ILLEGAL_REGISTER);
}

static void set_id_registers(struct lapic *lapic)
{
	u32 id = lapic_id(lapic);

	if (lapic_x2apic(lapic)) {
		lapic_set_reg(lapic, APIC_ID, id);
		/* SDM 3A 10.12.10.2 */
		lapic_set_reg(lapic, APIC_LDR, id >> 4 << 16 | 1u << (id & 0xf));
	} else {
		lapic_set_reg(lapic, APIC_ID, id << 24);
		lapic_set_reg(lapic, APIC_LDR, 0);
	}
}

void lapic_written(struct lapic *lapic, u32 offset)
{
	/* The id can't be changed, but hardware lets the write through to the page (SDM 3C 29.4.3). */
	if (offset == APIC_ID)
		lapic_set_reg(lapic, APIC_ID,
			      lapic_x2apic(lapic) ? lapic_id(lapic) : lapic_id(lapic) << 24);
	else
		lapic_write(lapic, offset, lapic_reg(lapic, offset));
}

bool lapic_msr_read(struct lapic *lapic, u32 msr, u64 *value)
{
	u32 offset = (msr - MSR_X2APIC_FIRST) << REG_SHIFT;

	if (!lapic_x2apic(lapic) || !addresses_register(offset) || !find_register(lapic, offset, R))
		return false;
	*value = register_value(lapic, offset);
	if (offset == APIC_ICR_LOW)
		*value |= (u64)lapic_reg(lapic, APIC_ICR_X2_DEST) << 32;
	return true;
}

bool lapic_msr_write(struct lapic *lapic, u32 msr, u64 value)
{
	u32 offset = (msr - MSR_X2APIC_FIRST) << REG_SHIFT;
	const struct apic_register *r;
	u64 reserved;

	if (!lapic_x2apic(lapic) || !addresses_register(offset))
		return false;
	r = find_register(lapic, offset, W);
	if (!r)
		return false;
	reserved = ~(u64)(r->writable | r->fixed);
	if (offset == APIC_ICR_LOW)
		reserved = (u32)reserved;
	if (value & reserved)
		return false;
	if (offset == APIC_ICR_LOW)
		lapic_set_reg(lapic, APIC_ICR_X2_DEST, value >> 32);
	write_register(lapic, offset, value & r->writable);
	return true;
}

static void reset_registers(struct lapic *lapic)
{
	lapic_timer_reset(lapic);
	lapic_drop_posted(lapic);
	lapic->attention |= LAPIC_REQUESTED | LAPIC_TPR_WRITTEN;
	for (u32 offset = 0; offset < NR_REGS << REG_SHIFT; offset += sizeof(u32))
		lapic_set_reg(lapic, offset, 0);
	lapic_set_reg(lapic, APIC_VERSION, VERSION_VALUE);
	lapic_set_reg(lapic, APIC_DFR, DFR_RESET);
	lapic_set_reg(lapic, APIC_SVR, SVR_RESET);
	for (unsigned i = 0; i < ARRAY_SIZE(lvt_offsets); i++)
		lapic_set_reg(lapic, lvt_offsets[i], LVT_RESET);
	set_id_registers(lapic);
}

void lapic_reset(struct lapic *lapic, bool init)
{
	if (!init)
		lapic->apic_base = LAPIC_DEFAULT_BASE | APIC_BASE_ENABLE |
				   (lapic_id(lapic) == 0 ? APIC_BASE_BSP : 0);
	reset_registers(lapic);
}

void lapic_init(struct lapic *lapic, struct vcpu *vcpu, u8 *page)
{
	memset(lapic, 0, sizeof(*lapic));
	lapic->vcpu = vcpu;
	lapic->page = page;
	lapic_timer_init(lapic);
	lapic_reset(lapic, false);
}

static u64 base_reserved_bits(struct vcpu *vcpu)
{
	u32 sizes[4];

	vcpu_cpuid(vcpu, CPUID_ADDRESS, 0, sizes);
	return ~(BIT(MIN(sizes[0] & 0xff, MAX_PHYS_BITS)) - 1) |
	       (~(APIC_BASE_BSP | APIC_BASE_EXTD | APIC_BASE_ENABLE) & ~PAGE_MASK);
}

/* SDM 3A figure 10-27 */
static bool mode_change_allowed(u64 from, u64 to)
{
	const u64 mode = APIC_BASE_ENABLE | APIC_BASE_EXTD;

	if ((to & mode) == APIC_BASE_EXTD)
		return false;
	if (!(from & APIC_BASE_ENABLE))
		return !(to & APIC_BASE_EXTD);
	return !(from & APIC_BASE_EXTD) || (to & mode) != APIC_BASE_ENABLE;
}

bool lapic_set_base(struct lapic *lapic, u64 value)
{
	u64 old = lapic->apic_base;

	if ((value & base_reserved_bits(lapic->vcpu)) || !mode_change_allowed(old, value))
		return false;
	__atomic_store_n(&lapic->apic_base, value, __ATOMIC_RELAXED);
	/* Disabling loses all state (SDM 3A 10.4.3); entering x2APIC mode keeps all but id, LDR, ICR. */
	if ((old ^ value) & APIC_BASE_ENABLE)
		reset_registers(lapic);
	else if ((old ^ value) & APIC_BASE_EXTD) {
		lapic_set_reg(lapic, APIC_ICR_X2_DEST, 0);
		set_id_registers(lapic);
	}
	return true;
}
