/* SPDX-License-Identifier: MIT */
/*
 * LAPICs, their timers and an IOAPIC: any sequence of what guests and devices do to them, next to a model
 * that has a vector in a set where they have registers, posted bits and bits in guest memory. No interrupt
 * is lost, comes twice or too early, and each is delivered in the order of priorities.
 *
 * Input: operations, a byte and its arguments each.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/x86/ioapic.h"
#include "arch/x86/ioapic_regs.h"
#include "arch/x86/lapic_internal.h"
#include "arch/x86/lapic_regs.h"
#include "arch/x86/msr.h"
#include "arch/x86/pv_eoi.h"
#include "core/guest_memory.h"
#include "core/timer.h"
#include "fake.h"
#include "lapic_fixture.h"

#define NR_VCPUS      3
#define PINS	      4
#define VECTORS	      256
#define TIMER_VECTOR  0xec /* nothing else has it */
#define DIVIDE_BY_1   0xb
#define START	      1000000ull
#define MIN_TICK      20000ull /* lapic_timer.c: ticks that are closer together may be left out */
#define RAM_SIZE      0x10000
#define PV_WORD(i)    (0x1000ull + 64 * (i))
#define MODE(base)    ((base) & (APIC_BASE_ENABLE | APIC_BASE_EXTD))
#define CLASS(vector) ((unsigned)(vector) >> 4)
#define NOBODY	      (-1)

struct model {
	bool irr[VECTORS], isr[VECTORS], level[VECTORS];
	u64 base;
	bool on; /* SVR */
	u8 tpr;
	u32 ldr, dfr;
	bool masked; /* LVT timer */
	unsigned mode;
	u64 start, period, deadline; /* period 0: no count runs */
	u64 fired;		     /* when the last tick came at the latest */
	bool nmi, init;
};

struct pin {
	bool high, level, masked, logical, remote_irr;
	u8 vector, dest;
};

static struct fake_vm *fake;
static struct model model[NR_VCPUS];
static struct pin pin[PINS];
static u64 now;
static const u8 *in, *in_end;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static u8 byte(void)
{
	return in < in_end ? *in++ : 0;
}

static u32 word(void)
{
	u32 low = byte();

	return low | (u32)byte() << 8;
}

static struct vcpu *vcpu_at(unsigned i)
{
	return fake->vm.vcpu[i];
}

static struct lapic *apic(unsigned i)
{
	return lapic_of(fake, i);
}

static bool x2apic(const struct model *m)
{
	return MODE(m->base) == (APIC_BASE_ENABLE | APIC_BASE_EXTD);
}

static bool enabled(const struct model *m)
{
	return m->base & APIC_BASE_ENABLE;
}

static int highest(const bool *set)
{
	for (int v = VECTORS - 1; v >= 0; v--)
		if (set[v])
			return v;
	return NOBODY;
}

static void model_mode_registers(unsigned i)
{
	model[i].ldr = x2apic(&model[i]) ? (i >> 4) << 16 | 1u << (i & 15) : 0;
}

static void model_reset(unsigned i)
{
	model[i] = (struct model){ .base = model[i].base, .dfr = ~0u, .masked = true };
	model_mode_registers(i);
}

static void model_post(unsigned i, u8 vector, bool level)
{
	model[i].irr[vector] = true;
	model[i].level[vector] = level;
}

static bool model_is_target(unsigned i, unsigned source, u32 dest, bool logical, unsigned shorthand)
{
	const struct model *m = &model[i];
	u32 all = source < NR_VCPUS && x2apic(&model[source]) ? ~0u : 0xff;

	if (!enabled(m))
		return false;
	if (shorthand)
		return shorthand == 2 || (shorthand == 1) == (i == source);
	if (dest == all)
		return true;
	if (!logical)
		return dest == i;
	if (x2apic(m))
		return dest >> 16 == m->ldr >> 16 && (dest & m->ldr & 0xffff);
	if (dest > 0xff)
		return false;
	if (m->dfr >> 28 == APIC_DFR_FLAT)
		return dest & m->ldr >> 24;
	return m->dfr >> 28 == 0 && dest >> 4 == m->ldr >> 28 && (dest & m->ldr >> 24 & 0xf);
}

/* Of the targets with the lowest class of priority the one that the vector chooses. */
static unsigned lowest(const bool *target, u8 vector)
{
	unsigned count = 0, least = ~0u;

	for (unsigned i = 0; i < NR_VCPUS; i++)
		if (target[i] && model[i].on)
			least = MIN(least, CLASS(model[i].tpr));
	for (unsigned i = 0; i < NR_VCPUS; i++)
		count += target[i] && model[i].on && CLASS(model[i].tpr) == least;
	for (unsigned i = 0, n = 0; i < NR_VCPUS; i++)
		if (target[i] && model[i].on && CLASS(model[i].tpr) == least &&
		    n++ == vector % count)
			return i;
	return NR_VCPUS;
}

/* True: somebody took it. */
static bool model_deliver(unsigned source, u32 dest, bool logical, unsigned shorthand,
			  unsigned mode, u8 vector, bool level)
{
	bool target[NR_VCPUS], one = !shorthand && !logical, taken = false;
	unsigned chosen;

	for (unsigned i = 0; i < NR_VCPUS; i++)
		target[i] = model_is_target(i, source, dest, logical, shorthand);
	chosen = mode == DELIVERY_LOWEST && !one ? lowest(target, vector) : NR_VCPUS;
	if (mode == DELIVERY_LOWEST && one &&
	    dest == (source < NR_VCPUS && x2apic(&model[source]) ? ~0u : 0xff))
		chosen = lowest(target, vector);
	for (unsigned i = 0; i < NR_VCPUS; i++) {
		if (!target[i])
			continue;
		if (mode == DELIVERY_NMI) {
			model[i].nmi = taken = true;
		} else if (mode == DELIVERY_INIT) {
			model[i].init = taken = true;
		} else if (model[i].on && (chosen == NR_VCPUS || chosen == i)) {
			taken = true;
			if (vector >= 16)
				model_post(i, vector, level);
		}
	}
	return taken;
}

static void model_evaluate(struct pin *p)
{
	if (!p->level || !p->high || p->masked || p->remote_irr)
		return;
	p->remote_irr =
		model_deliver(NR_VCPUS, p->dest, p->logical, 0, DELIVERY_FIXED, p->vector, true);
}

static void model_eoi(unsigned i)
{
	int vector = highest(model[i].isr);

	if (vector == NOBODY)
		return;
	model[i].isr[vector] = false;
	for (unsigned n = 0; n < PINS && model[i].level[vector]; n++) {
		if (pin[n].vector != vector || !pin[n].remote_irr)
			continue;
		pin[n].remote_irr = false;
		model_evaluate(&pin[n]);
	}
}

static int model_pending(unsigned i)
{
	const struct model *m = &model[i];
	int vector = highest(m->irr), isr = highest(m->isr);
	unsigned floor = MAX(CLASS(m->tpr), isr == NOBODY ? 0 : CLASS(isr));

	return enabled(m) && vector != NOBODY && CLASS(vector) > floor ? vector : NOBODY;
}

static bool model_timer_fires(struct model *m)
{
	if (m->masked || !enabled(m))
		return false;
	m->irr[TIMER_VECTOR] = true;
	m->level[TIMER_VECTOR] = false;
	return true;
}

static u64 guest_now(unsigned i)
{
	return now + vcpu_at(i)->arch.tsc_adjust;
}

static void model_deadline(unsigned i)
{
	if (!model[i].deadline || guest_now(i) < model[i].deadline)
		return;
	model[i].deadline = 0;
	model_timer_fires(&model[i]);
}

static bool bit(unsigned i, u32 base, unsigned vector)
{
	return lapic_reg_get(apic(i), base + vector / 32 * 16) >> vector % 32 & 1;
}

/* A tick that is left out because it is too close to another one is allowed; none is too early. */
static void model_periodic(unsigned i)
{
	struct model *m = &model[i];
	u64 last = m->start + (now - m->start) / m->period * m->period;

	if (now < m->start + m->period || last <= m->fired)
		return;
	if (now >= MAX(m->fired, m->start) + m->period + MIN_TICK || bit(i, APIC_IRR, TIMER_VECTOR))
		model_timer_fires(m);
	m->fired = now;
}

static void model_timer(unsigned i)
{
	struct model *m = &model[i];

	if (m->mode == TIMER_TSC_DEADLINE) {
		model_deadline(i);
	} else if (m->period && m->mode == TIMER_PERIODIC) {
		model_periodic(i);
	} else if (m->period && now >= m->start + m->period) {
		m->period = 0;
		model_timer_fires(m);
	}
}

static void model_stop_timer(struct model *m)
{
	m->period = m->deadline = 0;
}

static void model_timer_mode(struct model *m, unsigned mode)
{
	if (mode == m->mode)
		return;
	if (mode >= TIMER_TSC_DEADLINE || m->mode >= TIMER_TSC_DEADLINE)
		model_stop_timer(m);
	else if (mode == TIMER_ONE_SHOT && m->period)
		m->start += (now - m->start) / m->period * m->period;
	m->fired = now;
	m->mode = mode;
}

static bool pv_bit(unsigned i)
{
	u32 word;

	require(guest_read(&fake->vm.memory, PV_WORD(i), &word, sizeof(word)) == FIRN_OK);
	return word & 1;
}

/* Vectors 32 * n and following of a 256-bit register. */
static u32 packed(const bool *set, unsigned n)
{
	u32 bits = 0;

	for (unsigned v = 0; v < 32; v++)
		bits |= (u32)set[32 * n + v] << v;
	return bits;
}

static void check_sets(unsigned i)
{
	const struct model *m = &model[i];
	/* The guest has ended one, and the LAPIC does not know yet. */
	bool ended = vcpu_at(i)->arch.pv_eoi.armed && !pv_bit(i);

	for (unsigned n = VECTORS / 32; n-- > 0;) {
		u32 isr = (u32)lapic_reg_get(apic(i), APIC_ISR + 16 * n),
		    in_service = packed(m->isr, n);
		u32 posted = (u32)(apic(i)->pir[n / 2] >> n % 2 * 32),
		    merged = in_service & ~posted;
		u32 tmr = (u32)lapic_reg_get(apic(i), APIC_TMR + 16 * n);

		require((u32)lapic_reg_get(apic(i), APIC_IRR + 16 * n) == packed(m->irr, n));
		require(((tmr ^ packed(m->level, n)) & merged) == 0);
		if (ended && isr) {
			ended = false;
			isr &= ~(u32)BIT(31 - __builtin_clz(isr));
		}
		require(isr == in_service);
	}
}

static void check_count(unsigned i)
{
	const struct model *m = &model[i];
	u64 gone = m->period ? now - m->start : 0;

	if (m->mode == TIMER_PERIODIC && m->period)
		gone %= m->period;
	require(lapic_timer_current(apic(i)) == (gone < m->period ? m->period - gone : 0));
}

/*
 * While its bit is set, the guest may end its only interrupt by it, and the IOAPIC does not care. A LAPIC
 * that was disabled has forgotten even that one.
 */
static void check_pv_eoi(unsigned i)
{
	unsigned in_service = 0;

	if (!vcpu_at(i)->arch.pv_eoi.armed || !pv_bit(i))
		return;
	for (unsigned v = 0; v < VECTORS; v++)
		in_service += model[i].isr[v];
	require(in_service == 0 || (in_service == 1 && !model[i].level[highest(model[i].isr)]));
}

static void check_pins(void)
{
	for (unsigned n = 0; n < PINS; n++)
		require(!(fake->vm.arch.ioapic.redirection[n] & RTE_REMOTE_IRR) ==
			!pin[n].remote_irr);
}

static void check_events(unsigned i)
{
	u32 events = vcpu_at(i)->events;

	require(!(events & VCPU_EVENT_NMI) == !model[i].nmi);
	require(!(events & VCPU_EVENT_INIT) == !model[i].init);
	vcpu_at(i)->events = 0;
	model[i].nmi = model[i].init = false;
}

static void write_register(unsigned i, u32 offset, u32 value)
{
	if (x2apic(&model[i]))
		require(lapic_msr_write(apic(i), MSR_X2APIC_FIRST + (offset >> 4), value));
	else
		lapic_write(apic(i), offset, value);
}

/*
 * Operations. A LAPIC that is disabled is not reached by its registers.
 */

static void op_ipi(unsigned i)
{
	static const u8 vectors[] = { 0, 9, 0x20, 0x31, 0x3f, 0x52, 0x62, 0x80, 0xed, 0xff };
	static const u8 modes[] = { DELIVERY_FIXED, DELIVERY_LOWEST, DELIVERY_NMI, DELIVERY_INIT };
	u8 how = byte(), vector = vectors[byte() % ARRAY_SIZE(vectors)];
	unsigned shorthand = how & 3, mode = modes[how >> 2 & 3];
	bool logical = how & 0x10, wide = x2apic(&model[i]);
	u32 dest = byte(), icr;

	if (!enabled(&model[i]))
		return;
	dest = wide && dest == 0xff ? ~0u : wide && (how & 0x20) ? dest | 1u << 16 : dest;
	icr = vector | mode << ICR_DELIVERY_SHIFT | (logical ? ICR_LOGICAL : 0) | ICR_ASSERT |
	      shorthand << ICR_SHORTHAND_SHIFT;
	if (wide) {
		require(lapic_msr_write(apic(i), MSR_X2APIC_FIRST + (APIC_ICR_LOW >> 4),
					icr | (u64)dest << 32));
	} else {
		lapic_write(apic(i), APIC_ICR_HIGH, dest << ICR_DEST_SHIFT);
		lapic_write(apic(i), APIC_ICR_LOW, icr);
	}
	if ((mode == DELIVERY_INIT && shorthand == 1) || (mode <= DELIVERY_LOWEST && vector < 16))
		return;
	model_deliver(i, dest, logical, shorthand, mode, vector, false);
}

static void op_accept(unsigned i)
{
	int vector;

	lapic_sync_pir(apic(i));
	vector = lapic_pending(apic(i));
	require(vector == model_pending(i));
	require(lapic_has_work(apic(i)) == (vector >= 0));
	if (vector >= 0) {
		lapic_accept(apic(i), (u8)vector);
		model[i].irr[vector] = false;
		model[i].isr[vector] = true;
		if (byte() & 1)
			lapic_pending(apic(i));
		pv_eoi_offer(vcpu_at(i));
	}
	lapic_attended(apic(i));
}

/* As Linux does it: by the bit if it is set. */
static void op_eoi(unsigned i)
{
	u32 zero = 0;

	if (!enabled(&model[i]))
		return;
	if (vcpu_at(i)->arch.pv_eoi.armed && pv_bit(i))
		require(guest_write(&fake->vm.memory, PV_WORD(i), &zero, sizeof(zero)) == FIRN_OK);
	else
		write_register(i, APIC_EOI, 0);
	model_eoi(i);
}

static void op_pv_eoi(unsigned i)
{
	require(pv_eoi_msr_write(vcpu_at(i), byte() & 1 ? PV_WORD(i) | PV_EOI_MSR_ENABLE : 0));
}

static void op_priority(unsigned i)
{
	u8 value = byte();

	if (!enabled(&model[i]))
		return;
	if (value & 1)
		lapic_set_cr8(apic(i), value >> 4);
	else
		write_register(i, APIC_TPR, value);
	model[i].tpr = value & 1 ? value & 0xf0 : value;
	require(lapic_get_cr8(apic(i)) == CLASS(model[i].tpr));
}

static void op_switch(unsigned i)
{
	bool on = byte() & 1;

	if (!enabled(&model[i]))
		return;
	write_register(i, APIC_SVR, 0xff | (on ? APIC_SVR_ENABLE : 0));
	model[i].on = on;
	model[i].masked |= !on;
}

static void op_logical_id(unsigned i)
{
	u32 ldr = (u32)byte() << 24, dfr = byte() & 1 ? ~0u : 0x0fffffff;

	if (!enabled(&model[i]) || x2apic(&model[i]))
		return;
	lapic_write(apic(i), APIC_LDR, ldr);
	lapic_write(apic(i), APIC_DFR, dfr);
	model[i].ldr = ldr;
	model[i].dfr = dfr;
}

static void op_mode(unsigned i)
{
	static const u64 modes[] = { 0, APIC_BASE_EXTD, APIC_BASE_ENABLE,
				     APIC_BASE_ENABLE | APIC_BASE_EXTD };
	/* SDM 3A figure 10-27: from disabled, invalid, xAPIC, x2APIC */
	static const u8 allowed[] = { 0x5, 0, 0xd, 0x9 };
	unsigned to = byte() & 3, from = 0;
	u64 old = model[i].base, base = (old & ~(APIC_BASE_ENABLE | APIC_BASE_EXTD)) | modes[to];
	bool possible;

	while (modes[from] != MODE(old))
		from++;
	possible = allowed[from] >> to & 1;
	require(lapic_set_base(apic(i), base) == possible);
	if (!possible || to == from)
		return;
	model[i].base = base;
	if ((old ^ base) & APIC_BASE_ENABLE)
		model_reset(i);
	else
		model_mode_registers(i);
}

static void op_timer_mode(unsigned i)
{
	u8 value = byte();
	unsigned mode = value & 3;

	if (!enabled(&model[i]))
		return;
	write_register(i, APIC_LVT_TIMER,
		       TIMER_VECTOR | mode << LVT_TIMER_MODE_SHIFT |
			       (value & 4 ? APIC_LVT_MASKED : 0));
	model[i].masked = (value & 4) || !model[i].on;
	model_timer_mode(&model[i], mode);
}

static void op_count(unsigned i)
{
	u32 count = word();
	struct model *m = &model[i];

	if (!enabled(m))
		return;
	count = count ? MIN_TICK + count * 16 : 0;
	write_register(i, APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	write_register(i, APIC_TIMER_INITIAL, count);
	if (m->mode >= TIMER_TSC_DEADLINE)
		return;
	m->start = m->fired = now;
	m->period = count;
}

static void op_deadline(unsigned i)
{
	u8 how = byte();
	u64 deadline = guest_now(i) - 1000 + word();

	deadline = how == 0 ? 0 : how == 1 ? ~0ull - word() : deadline;
	require(lapic_set_tsc_deadline(apic(i), deadline));
	if (model[i].mode != TIMER_TSC_DEADLINE)
		return;
	model[i].deadline = deadline;
	model_deadline(i);
}

static void op_tsc(unsigned i)
{
	vcpu_at(i)->arch.tsc_adjust = (u64)(s64)(s16)word() * 64;
	lapic_tsc_changed(apic(i));
	model_deadline(i);
}

static void op_time(unsigned i)
{
	(void)i;
	now += word() * 8;
	fake_set_tsc(now);
	timer_run(now);
	for (unsigned n = 0; n < NR_VCPUS; n++)
		model_timer(n);
}

/* It moves, and is on its new CPU before anything else happens. */
static void op_move(unsigned i)
{
	lapic_timer_detach(apic(i));
	require(!apic(i)->timer.armed);
	lapic_timer_attach(apic(i));
}

static void op_init(unsigned i)
{
	lapic_reset(apic(i), true);
	model_reset(i);
}

static void set_ioapic(u32 index, u32 value)
{
	ioapic_ops.write(&fake->vm.arch.ioapic, IOREGSEL, 4, index);
	ioapic_ops.write(&fake->vm.arch.ioapic, IOWIN, 4, value);
}

/* The upper half first, as drivers do, with the pin masked. */
static void op_route(unsigned n)
{
	struct pin *p = &pin[n % PINS];
	u8 how = byte(), dest = byte();
	u32 low = p->vector | (p->level ? RTE_LEVEL : 0) | (how & 1 ? RTE_LOGICAL : 0);

	p->masked = true;
	set_ioapic(IOREDTBL(n % PINS), low | RTE_MASKED);
	set_ioapic(IOREDTBL(n % PINS) + 1, (u32)dest << 24);
	p->logical = how & 1;
	p->dest = dest;
	p->masked = how & 2;
	set_ioapic(IOREDTBL(n % PINS), low | (how & 2 ? RTE_MASKED : 0));
	model_evaluate(p);
}

static void op_line(unsigned n)
{
	struct pin *p = &pin[n % PINS];
	bool high = byte() & 1, edge = high && !p->high;

	ioapic_set_pin(&fake->vm.arch.ioapic, n % PINS, high);
	p->high = high;
	model_evaluate(p);
	if (edge && !p->level && !p->masked)
		model_deliver(NR_VCPUS, p->dest, p->logical, 0, DELIVERY_FIXED, p->vector, false);
}

/* A driver of a stuck pin: as the edge-triggered one that it is for a moment it forgets. */
static void op_unstick(unsigned n)
{
	struct pin *p = &pin[n % PINS];

	set_ioapic(IOREDTBL(n % PINS), p->vector | RTE_MASKED);
	set_ioapic(IOREDTBL(n % PINS), p->vector | RTE_MASKED | (p->level ? RTE_LEVEL : 0));
	p->masked = true;
	p->remote_irr = p->logical = false;
}

static void begin(void)
{
	fake_reset();
	now = START;
	fake_set_tsc(now);
	fake = fake_vm_create(NR_VCPUS);
	fake_vm_set_ram(fake, RAM_SIZE);
	fake_vm_start_lapics(fake);
	ioapic_init(&fake->vm.arch.ioapic, &fake->vm);
	for (unsigned i = 0; i < NR_VCPUS; i++) {
		model[i].base = apic(i)->apic_base;
		model_reset(i);
		model[i].on = true;
		lapic_write(apic(i), APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	}
	/* Two share a vector. */
	for (unsigned n = 0; n < PINS; n++) {
		pin[n] = (struct pin){ .vector = 0x51 + (n ? n - 1 : 0) * 0x10,
				       .level = n < PINS - 1,
				       .masked = true };
		op_unstick(n);
	}
}

static void end(void)
{
	for (unsigned i = 0; i < NR_VCPUS; i++)
		lapic_reset(apic(i), false);
	require(timer_next() == TIMER_NEVER);
	fake_vm_destroy(fake);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static void (*const ops[])(
		unsigned) = { op_ipi,	   op_accept,	  op_eoi,     op_pv_eoi,     op_priority,
			      op_switch,   op_logical_id, op_mode,    op_timer_mode, op_count,
			      op_deadline, op_tsc,	  op_time,    op_move,	     op_init,
			      op_route,	   op_line,	  op_unstick, op_accept,     op_eoi };

	in = data;
	in_end = data + size;
	begin();
	while (in < in_end) {
		u8 what = byte();

		ops[what / NR_VCPUS % ARRAY_SIZE(ops)](what % NR_VCPUS);
		for (unsigned i = 0; i < NR_VCPUS; i++) {
			check_sets(i);
			check_count(i);
			check_pv_eoi(i);
			check_events(i);
		}
		check_pins();
	}
	end();
	return 0;
}
