/* SPDX-License-Identifier: MIT */
/* LAPIC: posting, acceptance, priority and end of interrupts (SDM 3A 10.8), errors (10.5.3). */
#include "arch/x86/lapic_internal.h"

#include "arch/x86/pv_eoi.h"
#include "core/vcpu.h"

#define WORDS	       8    /* 32-bit registers of IRR, ISR, TMR */
#define WORD_STRIDE    0x10 /* bytes between them */
#define PRIORITY_CLASS 0xf0u

static u32 word_offset(u32 base, u8 vector)
{
	return base + vector / 32 * WORD_STRIDE;
}

static bool test_vector(const struct lapic *lapic, u32 base, u8 vector)
{
	return lapic_reg(lapic, word_offset(base, vector)) & BIT(vector % 32);
}

static void set_vector(struct lapic *lapic, u32 base, u8 vector)
{
	u32 offset = word_offset(base, vector);

	lapic_set_reg(lapic, offset, lapic_reg(lapic, offset) | BIT(vector % 32));
}

static void clear_vector(struct lapic *lapic, u32 base, u8 vector)
{
	u32 offset = word_offset(base, vector);

	lapic_set_reg(lapic, offset, lapic_reg(lapic, offset) & ~(u32)BIT(vector % 32));
}

static inline int highest_vector(const struct lapic *lapic, u32 base)
{
#pragma GCC unroll 8
	for (int i = WORDS - 1; i >= 0; i--) {
		u32 word = lapic_reg(lapic, base + i * WORD_STRIDE);

		if (word)
			return i * 32 + 31 - __builtin_clz(word);
	}
	return -1;
}

/* The first post after a sync notifies; later ones are covered by it until the owner syncs again. */
static void announce(struct lapic *lapic)
{
	if (!__atomic_exchange_n(&lapic->pir_pending, 1, __ATOMIC_SEQ_CST))
		vcpu_notify(lapic->vcpu);
}

/* An error bit interrupts once until the guest writes ESR, which re-arms it (SDM 3A 10.5.3). */
void lapic_error(struct lapic *lapic, u32 esr_bits)
{
	u32 old = __atomic_fetch_or(&lapic->errors, esr_bits, __ATOMIC_RELAXED);

	if (!(esr_bits & ~old))
		return;
	__atomic_store_n(&lapic->error_raised, true, __ATOMIC_RELEASE);
	announce(lapic);
}

void lapic_post(struct lapic *lapic, u8 vector, bool level)
{
	unsigned word = vector / 64;
	u64 bit = BIT(vector % 64);

	if (vector < APIC_FIRST_VECTOR) {
		lapic_error(lapic, ESR_RECEIVE_ILLEGAL_VECTOR);
		return;
	}
	/*
	 * pir_level keeps the trigger mode of a vector's last post and is not consumed by the sync:
	 * of two level posts, one merged in between, the second must not turn into an edge.
	 */
	if (level)
		__atomic_fetch_or(&lapic->pir_level[word], bit, __ATOMIC_RELAXED);
	else if (__atomic_load_n(&lapic->pir_level[word], __ATOMIC_RELAXED) & bit)
		__atomic_fetch_and(&lapic->pir_level[word], ~bit, __ATOMIC_RELAXED);
	__atomic_fetch_or(&lapic->pir[word], bit, __ATOMIC_RELEASE);
	announce(lapic);
}

/* Without the way through pir, which is for other CPUs. */
void lapic_post_own(struct lapic *lapic, u8 vector)
{
	unsigned word = vector / 64;
	u64 bit = BIT(vector % 64);

	if (vector < APIC_FIRST_VECTOR) {
		lapic_error(lapic, ESR_RECEIVE_ILLEGAL_VECTOR);
		return;
	}
	if (__atomic_load_n(&lapic->pir_level[word], __ATOMIC_RELAXED) & bit)
		__atomic_fetch_and(&lapic->pir_level[word], ~bit, __ATOMIC_RELAXED);
	clear_vector(lapic, APIC_TMR, vector);
	set_vector(lapic, APIC_IRR, vector);
	lapic->attention |= LAPIC_IRR_CHANGED | LAPIC_REQUESTED;
	if (unlikely(lapic->vcpu->state == VCPU_HALTED))
		vcpu_notify(lapic->vcpu);
}

void lapic_drop_posted(struct lapic *lapic)
{
	for (unsigned i = 0; i < 4; i++) {
		__atomic_store_n(&lapic->pir[i], 0, __ATOMIC_RELAXED);
		__atomic_store_n(&lapic->pir_level[i], 0, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&lapic->errors, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&lapic->error_raised, false, __ATOMIC_RELAXED);
}

static void merge_word(struct lapic *lapic, unsigned index, u32 posted, u32 level)
{
	u32 irr = APIC_IRR + index * WORD_STRIDE, tmr = APIC_TMR + index * WORD_STRIDE;

	if (!posted)
		return;
	lapic_set_reg(lapic, tmr, (lapic_reg(lapic, tmr) & ~posted) | (level & posted));
	lapic_set_reg(lapic, irr, lapic_reg(lapic, irr) | posted);
}

static void merge(struct lapic *lapic)
{
	/* Before reading pir: a post from here on announces itself again. */
	__atomic_exchange_n(&lapic->pir_pending, 0, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&lapic->error_raised, false, __ATOMIC_ACQUIRE))
		lapic_fire_lvt(lapic, APIC_LVT_ERROR);
	for (unsigned i = 0; i < 4; i++) {
		u64 posted, level;

		if (!__atomic_load_n(&lapic->pir[i], __ATOMIC_RELAXED))
			continue;
		posted = __atomic_exchange_n(&lapic->pir[i], 0, __ATOMIC_ACQUIRE);
		level = __atomic_load_n(&lapic->pir_level[i], __ATOMIC_RELAXED);
		merge_word(lapic, 2 * i, (u32)posted, (u32)level);
		merge_word(lapic, 2 * i + 1, (u32)(posted >> 32), (u32)(level >> 32));
		lapic->attention |= LAPIC_IRR_CHANGED | LAPIC_REQUESTED;
	}
}

bool lapic_merge_pir(struct lapic *lapic)
{
	bool changed;

	if (__atomic_load_n(&lapic->pir_pending, __ATOMIC_RELAXED))
		merge(lapic);
	changed = lapic->attention & LAPIC_IRR_CHANGED;
	lapic->attention &= ~(u32)LAPIC_IRR_CHANGED;
	return changed;
}

int lapic_highest_irr(struct lapic *lapic)
{
	return highest_vector(lapic, APIC_IRR);
}

int lapic_highest_isr(struct lapic *lapic)
{
	return highest_vector(lapic, APIC_ISR);
}

/* SDM 3A 10.8.3.1 */
u32 lapic_processor_priority(const struct lapic *lapic)
{
	int isr = highest_vector(lapic, APIC_ISR);
	u32 tpr = lapic_reg(lapic, APIC_TPR) & APIC_VECTOR_MASK;
	u32 isr_class = isr < 0 ? 0 : (u32)isr & PRIORITY_CLASS;

	return (tpr & PRIORITY_CLASS) >= isr_class ? tpr : isr_class;
}

int lapic_pending(struct lapic *lapic)
{
	int vector;

	pv_eoi_sync(lapic->vcpu);
	vector = lapic_highest_irr(lapic);
	if (vector < 0 || !lapic_enabled(lapic))
		return -1;
	if (((u32)vector & PRIORITY_CLASS) <= (lapic_processor_priority(lapic) & PRIORITY_CLASS))
		return -1;
	return vector;
}

bool lapic_has_work(struct lapic *lapic)
{
	/* Whoever prepares the next entry still has to hear of the change. */
	if (lapic_sync_pir(lapic))
		lapic->attention |= LAPIC_IRR_CHANGED;
	return lapic_pending(lapic) >= 0;
}

bool lapic_one_edge_in_service(const struct lapic *lapic)
{
	int vector = highest_vector(lapic, APIC_ISR);

	if (vector < 0 || test_vector(lapic, APIC_TMR, (u8)vector))
		return false;
	for (int i = 0; i < WORDS; i++)
		if (lapic_reg(lapic, APIC_ISR + i * WORD_STRIDE) !=
		    (i == vector / 32 ? BIT(vector % 32) : 0))
			return false;
	return true;
}

void lapic_accept(struct lapic *lapic, u8 vector)
{
	clear_vector(lapic, APIC_IRR, vector);
	set_vector(lapic, APIC_ISR, vector);
}

void lapic_eoi(struct lapic *lapic)
{
	int vector;

	pv_eoi_sync(lapic->vcpu);
	vector = lapic_highest_isr(lapic);
	if (vector < 0)
		return;
	clear_vector(lapic, APIC_ISR, vector);
	if (test_vector(lapic, APIC_TMR, vector))
		lapic_eoi_induced(lapic, vector);
}

void lapic_eoi_induced(struct lapic *lapic, u8 vector)
{
	ioapic_eoi(&lapic->vcpu->vm->arch.ioapic, vector);
}

void lapic_eoi_exit_bitmap(struct vm *vm, u64 bitmap[4])
{
	ioapic_level_vectors(&vm->arch.ioapic, bitmap);
}

void lapic_set_cr8(struct lapic *lapic, u64 cr8)
{
	lapic_set_reg(lapic, APIC_TPR, (cr8 & 0xf) << 4);
	lapic->attention |= LAPIC_TPR_WRITTEN;
}

u64 lapic_get_cr8(struct lapic *lapic)
{
	return (lapic_reg(lapic, APIC_TPR) & PRIORITY_CLASS) >> 4;
}

static __noinline __cold void trace_lvt(struct lapic *lapic, u32 lvt_offset, u8 vector)
{
	exit_trace_irq(lapic->vcpu, TRACE_IRQ_LVT, vector, lvt_offset);
	lapic_post_own(lapic, vector);
}

/* In service now and not at the last look: delivered; the other way round: ended. */
void lapic_trace_isr(struct lapic *lapic)
{
	struct vcpu *vcpu = lapic->vcpu;
	u32 *seen = vcpu->trace->in_service;

	for (unsigned i = 0; i < WORDS; i++) {
		u32 now = lapic_reg(lapic, APIC_ISR + i * WORD_STRIDE), changed = now ^ seen[i];

		for (unsigned bit = 0; bit < 32; bit++)
			if (changed & BIT(bit))
				exit_trace_irq(vcpu,
					       now & BIT(bit) ? TRACE_IRQ_DELIVERED : TRACE_IRQ_EOI,
					       (u8)(i * 32 + bit), 0);
		seen[i] = now;
	}
}

void lapic_fire_lvt(struct lapic *lapic, u32 lvt_offset)
{
	u32 lvt = lapic_reg(lapic, lvt_offset);

	if (!lapic_enabled(lapic) || (lvt & APIC_LVT_MASKED))
		return;
	/* SDM 3A 10.5.1: handling it sets its mask. */
	if (lvt_offset == APIC_LVT_PERF)
		lapic_set_reg(lapic, lvt_offset, lvt | APIC_LVT_MASKED);
	switch (lvt >> LVT_DELIVERY_SHIFT & LVT_DELIVERY_MASK) {
	case DELIVERY_FIXED:
		if (exit_trace_is_on(lapic->vcpu))
			trace_lvt(lapic, lvt_offset, lvt & APIC_VECTOR_MASK);
		else
			lapic_post_own(lapic, lvt & APIC_VECTOR_MASK);
		break;
	case DELIVERY_NMI:
		vcpu_post_event(lapic->vcpu, VCPU_EVENT_NMI);
		break;
	case DELIVERY_INIT:
		vcpu_post_init(lapic->vcpu);
		break;
	default: /* SMI: no SMM. ExtINT: no 8259 that would answer the acknowledge cycle. */
		break;
	}
}
