/* SPDX-License-Identifier: MIT */
/* LAPIC timer: one-shot, periodic, TSC-deadline (SDM 3A 10.5.4). */
#include "arch/x86/lapic_internal.h"

#include "arch/x86/virt.h"
#include "core/arch.h"

/*
 * A guest may ask for a period that is shorter than the time one interrupt takes. Ticks that come
 * closer together than this are dropped (their interrupts would merge in the IRR anyway).
 */
#define MIN_TICK_NS 20000

/* Divide configuration: bits 3, 1, 0 are 0..7 for 2, 4, 8 .. 128, 1 (SDM 3A figure 10-10). */
static u32 divisor(u32 divide)
{
	u32 code = (divide & 3) | (divide & 8) >> 1;

	return 1u << ((code + 1) & 7);
}

static u32 current_divisor(const struct lapic *lapic)
{
	return divisor(lapic_reg(lapic, APIC_TIMER_DIVIDE));
}

u32 lapic_timer_current(const struct lapic *lapic)
{
	u64 elapsed = clock_tsc() - lapic->timer_start, ticks_per_count;

	if (lapic->timer_period == 0)
		return 0;
	if (lapic->timer_mode == TIMER_PERIODIC)
		elapsed %= lapic->timer_period;
	else if (elapsed >= lapic->timer_period)
		return 0;
	/* Not from the divide register: hardware may have stored a new value there already. */
	ticks_per_count = lapic->timer_period / lapic->timer_initial;
	return lapic->timer_initial - elapsed / ticks_per_count;
}

/* Always a whole number of periods after the start, so that lateness never adds up. */
static u64 next_tick(const struct lapic *lapic, u64 now)
{
	u64 period = lapic->timer_period, earliest = now + clock_ns_to_tsc(MIN_TICK_NS);
	u64 next = lapic->timer_start + ((now - lapic->timer_start) / period + 1) * period;

	if (next < earliest)
		next += DIV_ROUND_UP(earliest - next, period) * period;
	return next;
}

/* A one-shot count may be over by now: then its timer is due at once. */
static void arm_count(struct lapic *lapic, u64 now)
{
	if (lapic->timer_period == 0)
		return;
	if (lapic->timer_mode == TIMER_PERIODIC)
		timer_set(&lapic->timer, next_tick(lapic, now));
	else
		timer_set(&lapic->timer, lapic->timer_start + lapic->timer_period);
}

/* It does not begin again by itself, but if its timer is due the interrupt still comes. */
static void end_count(struct lapic *lapic, u64 now)
{
	lapic->timer_period = 0;
	if (lapic->timer.deadline > now)
		timer_cancel(&lapic->timer);
}

/*
 * A deadline so far away that it wraps in host time is beyond the machine's life. guest_now is the
 * moment for which the caller found that the deadline is ahead: at a later one it may have passed.
 */
static void arm_deadline(struct lapic *lapic, u64 guest_now)
{
	u64 now = virt_guest_to_host_tsc(lapic->vcpu, guest_now);
	u64 host = virt_guest_to_host_tsc(lapic->vcpu, lapic->tsc_deadline);

	timer_set(&lapic->timer, host < now ? TIMER_NEVER - 1 : host);
}

/* The timer is not armed. */
static void start_deadline(struct lapic *lapic)
{
	u64 now = virt_guest_tsc(lapic->vcpu);

	if (now < lapic->tsc_deadline) {
		arm_deadline(lapic, now);
		return;
	}
	lapic->tsc_deadline = 0;
	lapic_fire_lvt(lapic, APIC_LVT_TIMER);
}

static void fire(struct timer *timer)
{
	struct lapic *lapic = container_of(timer, struct lapic, timer);

	if (lapic->timer_mode == TIMER_TSC_DEADLINE) {
		start_deadline(lapic);
		return;
	}
	if (lapic->timer_mode == TIMER_PERIODIC)
		arm_count(lapic, clock_tsc());
	lapic_fire_lvt(lapic, APIC_LVT_TIMER);
}

void lapic_timer_detach(struct lapic *lapic)
{
	lapic->timer_detached = lapic->timer.armed;
	timer_cancel(&lapic->timer);
}

void lapic_timer_attach(struct lapic *lapic)
{
	bool over = lapic->timer_mode == TIMER_TSC_DEADLINE && !lapic->tsc_deadline;

	/* Not if the console has set it meanwhile. */
	if (lapic->timer_detached && !lapic->timer.armed && !over)
		timer_set(&lapic->timer, lapic->timer.deadline);
	lapic->timer_detached = false;
}

static void stop(struct lapic *lapic)
{
	lapic->timer_detached = false;
	timer_cancel(&lapic->timer);
	lapic->tsc_deadline = 0;
	lapic->timer_period = 0;
	lapic->timer_initial = 0;
	lapic_set_reg(lapic, APIC_TIMER_INITIAL, 0);
}

void lapic_timer_init(struct lapic *lapic)
{
	lapic->timer = (struct timer){ .fire = fire };
}

void lapic_timer_reset(struct lapic *lapic)
{
	stop(lapic);
	lapic->timer_mode = TIMER_ONE_SHOT;
}

static bool counts(u32 mode)
{
	return mode == TIMER_ONE_SHOT || mode == TIMER_PERIODIC;
}

/* From periodic to one-shot: the count that runs is the last one. A tick that is due still comes. */
static void begin_last_count(struct lapic *lapic, u64 now)
{
	bool due = lapic->timer.armed && lapic->timer.deadline <= now;

	if (lapic->timer_period)
		lapic->timer_start = now - (now - lapic->timer_start) % lapic->timer_period;
	if (due)
		lapic_fire_lvt(lapic, APIC_LVT_TIMER);
}

void lapic_timer_lvt_written(struct lapic *lapic)
{
	u32 lvt = lapic_reg(lapic, APIC_LVT_TIMER);
	u32 mode = lvt >> LVT_TIMER_MODE_SHIFT & LVT_TIMER_MODE_MASK;
	u64 now = clock_tsc();

	if (mode == lapic->timer_mode)
		return;
	/* Between counting and TSC-deadline a change disarms (SDM 3A 10.5.4.1). */
	if (!counts(mode) || !counts(lapic->timer_mode))
		stop(lapic);
	else if (mode == TIMER_ONE_SHOT)
		begin_last_count(lapic, now);
	else if (now - lapic->timer_start >= lapic->timer_period)
		end_count(lapic, now);
	lapic->timer_mode = mode;
	if (counts(mode))
		arm_count(lapic, now);
}

void lapic_timer_set_initial(struct lapic *lapic, u32 count)
{
	/* Ignored in TSC-deadline mode (SDM 3A 10.5.4.1), where the register stays 0. */
	if (counts(lapic->timer_mode)) {
		timer_cancel(&lapic->timer);
		lapic->timer_detached = false;
		lapic->timer_initial = count;
		lapic->timer_start = clock_tsc();
		lapic->timer_period = (u64)count * current_divisor(lapic);
		arm_count(lapic, lapic->timer_start);
	}
	lapic_set_reg(lapic, APIC_TIMER_INITIAL, lapic->timer_initial);
}

/* The count goes on from where it is, at the new rate. */
void lapic_timer_set_divide(struct lapic *lapic, u32 divide)
{
	u32 left = lapic_timer_current(lapic), done = lapic->timer_initial - left;
	u64 now = clock_tsc();

	lapic_set_reg(lapic, APIC_TIMER_DIVIDE, divide);
	if (left == 0)
		return;
	lapic->timer_start = now - (u64)done * divisor(divide);
	lapic->timer_period = (u64)lapic->timer_initial * divisor(divide);
	arm_count(lapic, now);
}

bool lapic_set_tsc_deadline(struct lapic *lapic, u64 guest_tsc)
{
	if (lapic->timer_mode != TIMER_TSC_DEADLINE)
		return true;
	timer_cancel(&lapic->timer);
	lapic->tsc_deadline = guest_tsc;
	if (guest_tsc)
		start_deadline(lapic);
	return true;
}

u64 lapic_get_tsc_deadline(struct lapic *lapic)
{
	return lapic->tsc_deadline;
}

void lapic_tsc_changed(struct lapic *lapic)
{
	if (lapic->tsc_deadline == 0)
		return;
	timer_cancel(&lapic->timer);
	start_deadline(lapic);
}
