/* SPDX-License-Identifier: MIT */
/*
 * Virtual local APIC (SDM 3A chapter 10). Register state lives in one 4 KiB page in the hardware's
 * layout, so that APIC-register virtualization can use the page as its virtual-APIC page.
 *
 * Interrupts from anywhere are posted into pir (atomics) and merged into the IRR by the CPU that
 * owns the vCPU. Everything else is touched by that CPU only.
 *
 * The timer's input clock is the TSC: the initial count is in TSC ticks times the divide value,
 * and CPUID 0x40000010 reports the TSC frequency as the APIC bus frequency.
 */
#ifndef FIRN_X86_LAPIC_H
#define FIRN_X86_LAPIC_H

#include "arch/x86/apic_regs.h"
#include "core/err.h"
#include "core/timer.h"
#include "core/types.h"

struct vcpu;
struct vm;

#define LAPIC_DEFAULT_BASE 0xfee00000ull

/* Bits of lapic.attention */
#define LAPIC_IRR_CHANGED BIT(0) /* merged by lapic_has_work, not reported by lapic_sync_pir yet */
#define LAPIC_REQUESTED	  BIT(1) /* the IRR may have a vector; for those who inject in software */
#define LAPIC_TPR_WRITTEN BIT(2) /* and hardware's copy of it may differ */

struct lapic {
	struct vcpu *vcpu;
	u8 *page;	   /* 4 KiB, direct-map address */
	u64 apic_base;	   /* IA32_APIC_BASE */
	u64 pir[4];	   /* posted interrupt requests, atomic */
	u64 pir_level[4];  /* posted with level trigger, atomic; set before pir */
	u32 pir_pending;   /* atomic: some bit of pir is set */
	u32 attention;	   /* LAPIC_*: what the next entry has to look at; owner CPU */
	u32 errors;	   /* ESR bits since the guest's last write to ESR, atomic */
	bool error_raised; /* errors has a new bit: LVT error is due, atomic */
	u64 tsc_deadline;  /* guest TSC; 0 = disarmed */
	struct timer timer;
	bool timer_detached; /* was armed on the CPU that the vCPU left */
	u64 timer_start;     /* host TSC when the count began; one-shot and periodic modes */
	u64 timer_period;    /* of a whole count, TSC ticks; 0 = stopped */
	u32 timer_initial; /* initial count in force: hardware may have stored another in the page */
	u8 timer_mode;	   /* mode in force, as in LVT timer bits 18:17 */
};

/* Power-on state with this id; page was allocated by the caller. */
void lapic_init(struct lapic *lapic, struct vcpu *vcpu, u8 *page);
/* init: INIT keeps the APIC id and base. Owner CPU: stops the timer too, so also ends a LAPIC's life. */
void lapic_reset(struct lapic *lapic, bool init);

/* xAPIC registers: aligned 32-bit access at offset; others read 0 / are ignored, as on hardware. */
u32 lapic_read(struct lapic *lapic, u32 offset);
void lapic_write(struct lapic *lapic, u32 offset, u32 value);
/* Side effects of a write that hardware already stored in the page (APIC-write exit). */
void lapic_written(struct lapic *lapic, u32 offset);

/* x2APIC MSRs 0x800..0x8ff; false = #GP. */
bool lapic_msr_read(struct lapic *lapic, u32 msr, u64 *value);
bool lapic_msr_write(struct lapic *lapic, u32 msr, u64 value);
/* IA32_APIC_BASE write; false = #GP (reserved bits, illegal mode change). */
bool lapic_set_base(struct lapic *lapic, u64 value);
bool lapic_set_tsc_deadline(struct lapic *lapic, u64 guest_tsc);
u64 lapic_get_tsc_deadline(struct lapic *lapic);
/* The guest's TSC jumped (IA32_TSC, IA32_TSC_ADJUST): an armed deadline is at another host time. */
void lapic_tsc_changed(struct lapic *lapic);

/* The vCPU leaves its CPU; the timer is armed again by attach, on the CPU that it is on then. */
void lapic_timer_detach(struct lapic *lapic);
void lapic_timer_attach(struct lapic *lapic);

/* Any CPU: senders look at the mode of their targets. */
static inline bool lapic_x2apic(const struct lapic *lapic)
{
	return (__atomic_load_n(&lapic->apic_base, __ATOMIC_RELAXED) & 0xc00) == 0xc00;
}
static inline bool lapic_enabled(const struct lapic *lapic)
{
	return __atomic_load_n(&lapic->apic_base, __ATOMIC_RELAXED) & 0x800;
}
u32 lapic_id(const struct lapic *lapic); /* 32-bit id in both modes */

/* Posts a vector; any CPU, never lost; notifies the vCPU. Vectors 0-15 are refused (ESR). */
void lapic_post(struct lapic *lapic, u8 vector, bool level);
/* Local interrupts: LVT entry fires (timer, LINT0/1, error...). Owner CPU. */
void lapic_fire_lvt(struct lapic *lapic, u32 lvt_offset);

/* The rest of lapic_sync_pir(), when it has something to do. */
bool lapic_merge_pir(struct lapic *lapic);
/* Owner CPU, before entry: merges pir into the IRR. True when the IRR changed. */
static inline bool lapic_sync_pir(struct lapic *lapic)
{
	if (likely(!__atomic_load_n(&lapic->pir_pending, __ATOMIC_RELAXED) &&
		   !(lapic->attention & LAPIC_IRR_CHANGED)))
		return false;
	return lapic_merge_pir(lapic);
}
/*
 * Owner CPU, before entry, where interrupts are injected in software: is there anything to do? Then
 * lapic_sync_pir(), and lapic_attended() when it is done.
 */
static inline bool lapic_needs_attention(const struct lapic *lapic)
{
	return __atomic_load_n(&lapic->pir_pending, __ATOMIC_RELAXED) || lapic->attention;
}
/* Is no vector requested? */
static inline bool lapic_irr_empty(const struct lapic *lapic)
{
	u32 any = 0;

#pragma GCC unroll 8
	for (unsigned i = 0; i < 8; i++)
		any |= *(const u32 *)(lapic->page + APIC_IRR + 16 * i);
	return !any;
}
/* True: vectors are left in the IRR, and the next entry is to look at them again. */
static inline bool lapic_attended(struct lapic *lapic)
{
	bool left = !lapic_irr_empty(lapic);

	lapic->attention = left ? LAPIC_REQUESTED : 0;
	return left;
}
/* Highest vector in IRR that PPR lets through, or -1. */
int lapic_pending(struct lapic *lapic);
/* Highest vector in IRR / ISR regardless of priority, or -1 (for RVI and SVI). */
int lapic_highest_irr(struct lapic *lapic);
int lapic_highest_isr(struct lapic *lapic);
/* Is exactly one vector in service, and edge-triggered? */
bool lapic_one_edge_in_service(const struct lapic *lapic);
/* Moves vector from IRR to ISR: it is being delivered. */
void lapic_accept(struct lapic *lapic, u8 vector);
/* For the trace of the vCPU: what was delivered and what ended since the last call. Owner CPU. */
void lapic_trace_isr(struct lapic *lapic);
/* EOI; level-triggered vectors are told to the IOAPIC. */
void lapic_eoi(struct lapic *lapic);
/* EOI that hardware already did in the page (EOI-induced exit): only the IOAPIC part. */
void lapic_eoi_induced(struct lapic *lapic, u8 vector);
/* CR8 <-> TPR[7:4] */
void lapic_set_cr8(struct lapic *lapic, u64 cr8);
u64 lapic_get_cr8(struct lapic *lapic);
/* Is there anything a halted vCPU must wake for (interrupt deliverable by priority)? Any time, owner CPU. */
bool lapic_has_work(struct lapic *lapic);

/*
 * Bus side: delivers a message to every matching LAPIC of the VM. source: NULL = a device. Any CPU.
 * Returns targets that took it.
 */
unsigned lapic_deliver(struct vm *vm, struct lapic *source, u32 dest, bool logical,
		       enum lapic_delivery mode, u8 vector, bool level, bool assert_);
/* An edge from another vCPU of the VM to this one; true = it took it. Any CPU. */
bool lapic_accept_ipi(struct lapic *lapic, enum lapic_delivery mode, u8 vector);
/* Vectors programmed level in the IOAPIC need EOI exits: 256-bit map, for the EOI-exit bitmap. */
void lapic_eoi_exit_bitmap(struct vm *vm, u64 bitmap[4]);

#endif
