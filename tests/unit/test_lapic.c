/* SPDX-License-Identifier: MIT */
/* Virtual LAPIC: registers, priorities, IPIs, modes, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/msr.h"
#include "core/arch.h"
#include "fake.h"
#include "lapic_fixture.h"

#define CPUS   4
#define MASKED 0x10000u

static struct fake_vm *fake;

static struct lapic *lapic(unsigned i)
{
	return lapic_of(fake, i);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake = fake_vm_create(CPUS);
	ioapic_init(&fake->vm.arch.ioapic, &fake->vm);
	fake_vm_start_lapics(fake);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CPUS; i++)
		lapic_reset(lapic(i), false);
	fake_vm_destroy(fake);
	return 0;
}

static void to_x2apic(unsigned i)
{
	assert_true(lapic_set_base(lapic(i), lapic(i)->apic_base | APIC_BASE_EXTD));
}

static u32 x2_msr(u32 offset)
{
	return MSR_X2APIC_FIRST + (offset >> 4);
}

/* IRR bit, after merging what was posted. */
static bool requested(unsigned i, u8 vector)
{
	lapic_sync_pir(lapic(i));
	return lapic_read(lapic(i), APIC_IRR + vector / 32 * 0x10) & BIT(vector % 32);
}

/* Set of vCPUs that have the vector requested; clears everything. */
static unsigned takers(u8 vector)
{
	unsigned set = 0;

	for (unsigned i = 0; i < CPUS; i++) {
		if (requested(i, vector))
			set |= 1u << i;
		for (int v; (v = lapic_highest_irr(lapic(i))) >= 0;)
			lapic_accept(lapic(i), v);
		while (lapic_highest_isr(lapic(i)) >= 0)
			lapic_eoi(lapic(i));
	}
	return set;
}

static u32 latched_errors(unsigned i)
{
	lapic_write(lapic(i), APIC_ESR, 0);
	return lapic_read(lapic(i), APIC_ESR);
}

static void test_power_on_state(void **state)
{
	static const struct {
		u32 offset, value;
	} expected[] = {
		{ APIC_ID, 2u << 24 },
		{ APIC_VERSION, 0x50014 },
		{ APIC_TPR, 0 },
		{ APIC_PPR, 0 },
		{ APIC_LDR, 0 },
		{ APIC_DFR, ~0u },
		{ APIC_SVR, 0xff },
		{ APIC_ESR, 0 },
		{ APIC_ICR_LOW, 0 },
		{ APIC_ICR_HIGH, 0 },
		{ APIC_LVT_TIMER, MASKED },
		{ APIC_LVT_THERMAL, MASKED },
		{ APIC_LVT_PERF, MASKED },
		{ APIC_LVT_LINT0, MASKED },
		{ APIC_LVT_LINT1, MASKED },
		{ APIC_LVT_ERROR, MASKED },
		{ APIC_TIMER_INITIAL, 0 },
		{ APIC_TIMER_CURRENT, 0 },
		{ APIC_TIMER_DIVIDE, 0 },
	};

	(void)state;
	lapic_write(lapic(2), APIC_TPR, 0x55);
	lapic_write(lapic(2), APIC_LDR, 0x12000000);
	lapic_post(lapic(2), 0x80, true);
	lapic_reset(lapic(2), false);
	for (unsigned i = 0; i < ARRAY_SIZE(expected); i++)
		assert_int_equal(lapic_read(lapic(2), expected[i].offset), expected[i].value);
	assert_false(requested(2, 0x80));
	assert_int_equal(lapic(2)->apic_base, 0xfee00800);
	assert_int_equal(lapic(0)->apic_base, 0xfee00900);
	assert_int_equal(latched_errors(2), 0);
}

static void test_register_write_masks(void **state)
{
	/* Every bit written as one, then what reads back. */
	static const struct {
		u32 offset, ones;
	} rw[] = {
		{ APIC_ID, 0 },
		{ APIC_VERSION, 0x50014 },
		{ APIC_TPR, 0xff },
		{ APIC_PPR, 0xff },
		{ APIC_LDR, 0xff000000 },
		{ APIC_DFR, ~0u },
		{ APIC_SVR, 0x3ff },
		{ APIC_ICR_HIGH, 0xff000000 },
		{ APIC_LVT_THERMAL, 0x107ff },
		{ APIC_LVT_PERF, 0x107ff },
		{ APIC_LVT_LINT0, 0x1a7ff },
		{ APIC_LVT_LINT1, 0x1a7ff },
		{ APIC_LVT_ERROR, 0x100ff },
		{ APIC_LVT_TIMER, 0x700ff },
		{ APIC_TIMER_DIVIDE, 0xb },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rw); i++) {
		lapic_write(lapic(0), rw[i].offset, ~0u);
		assert_int_equal(lapic_read(lapic(0), rw[i].offset), rw[i].ones);
	}
	lapic_write(lapic(0), APIC_DFR, 0);
	assert_int_equal(lapic_read(lapic(0), APIC_DFR), 0x0fffffff);
	/* Delivery mode SMI, no destination: nothing happens, but the register keeps its bits. */
	lapic_write(lapic(0), APIC_ICR_LOW, 0xfffff200);
	assert_int_equal(lapic_read(lapic(0), APIC_ICR_LOW), 0xcc200);
	assert_int_equal(latched_errors(0), 0);
}

static void test_reserved_registers_set_esr(void **state)
{
	(void)state;
	for (u32 offset = 0; offset < 0x1000; offset += 4) {
		static const u32 known[] = {
			APIC_ID,	   APIC_VERSION,       APIC_TPR,
			APIC_APR,	   APIC_PPR,	       APIC_EOI,
			APIC_RRD,	   APIC_LDR,	       APIC_DFR,
			APIC_SVR,	   APIC_ESR,	       APIC_ICR_LOW,
			APIC_ICR_HIGH,	   APIC_LVT_TIMER,     APIC_LVT_THERMAL,
			APIC_LVT_PERF,	   APIC_LVT_LINT0,     APIC_LVT_LINT1,
			APIC_LVT_ERROR,	   APIC_TIMER_INITIAL, APIC_TIMER_CURRENT,
			APIC_TIMER_DIVIDE,
		};
		bool exists = offset % 16 != 0 || offset >= 0x400 ||
			      (offset >= APIC_ISR && offset < APIC_IRR + 0x80);

		for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
			exists |= offset == known[i];
		lapic_read(lapic(1), offset);
		assert_int_equal(latched_errors(1), exists ? 0 : 0x80);
		/* as ICR: an SMI, which is ignored */
		lapic_write(lapic(1), offset, offset == APIC_SVR ? SVR_ON : DELIVERY_SMI << 8);
		assert_int_equal(latched_errors(1), exists ? 0 : 0x80);
	}
}

static void test_esr_latches_and_rearms(void **state)
{
	(void)state;
	lapic_write(lapic(0), APIC_LVT_ERROR, 0xe0);
	lapic_read(lapic(0), APIC_LVT_CMCI);
	assert_int_equal(lapic_read(lapic(0), APIC_ESR), 0); /* only a write shows it */
	assert_true(requested(0, 0xe0));
	lapic_accept(lapic(0), 0xe0);
	lapic_eoi(lapic(0));
	lapic_read(lapic(0), APIC_LVT_CMCI);
	assert_false(requested(0, 0xe0)); /* not armed again yet */
	assert_int_equal(latched_errors(0), 0x80);
	assert_int_equal(latched_errors(0), 0);
	lapic_read(lapic(0), APIC_LVT_CMCI);
	assert_true(requested(0, 0xe0));
}

static void test_illegal_vectors(void **state)
{
	(void)state;
	for (unsigned vector = 0; vector < 16; vector++) {
		lapic_post(lapic(0), vector, false);
		assert_int_equal(latched_errors(0), 0x40);
		lapic_write(lapic(0), APIC_ICR_HIGH, 1u << 24);
		lapic_write(lapic(0), APIC_ICR_LOW, vector);
		assert_int_equal(latched_errors(0), 0x20);
		assert_int_equal(latched_errors(1), 0);
		assert_int_equal(lapic_highest_irr(lapic(0)), -1);
	}
	/* An illegal vector in the error LVT itself must not recurse. */
	lapic_write(lapic(0), APIC_LVT_ERROR, 3);
	lapic_read(lapic(0), APIC_LVT_CMCI);
	lapic_sync_pir(lapic(0));
	lapic_sync_pir(lapic(0));
	assert_int_equal(latched_errors(0), 0xc0);
}

static void test_software_disable(void **state)
{
	(void)state;
	lapic_write(lapic(0), APIC_LVT_LINT0, 0x40);
	lapic_post(lapic(0), 0x50, false);
	lapic_sync_pir(lapic(0));
	lapic_write(lapic(0), APIC_SVR, 0xff);
	assert_int_equal(lapic_read(lapic(0), APIC_LVT_LINT0), MASKED | 0x40);
	lapic_write(lapic(0), APIC_LVT_LINT0, 0x41);
	assert_int_equal(lapic_read(lapic(0), APIC_LVT_LINT0), MASKED | 0x41);
	/* What was requested before stays; new fixed interrupts are refused, NMI and INIT are not. */
	assert_int_equal(lapic_pending(lapic(0)), 0x50);
	assert_int_equal(
		lapic_deliver(&fake->vm, NULL, 0, false, DELIVERY_FIXED, 0x60, false, true), 0);
	assert_false(requested(0, 0x60));
	assert_int_equal(lapic_deliver(&fake->vm, NULL, 0, false, DELIVERY_NMI, 0, false, true), 1);
	assert_int_equal(fake->vm.vcpu[0]->events, VCPU_EVENT_NMI);
	/* Enabling does not unmask. */
	lapic_write(lapic(0), APIC_SVR, SVR_ON);
	assert_int_equal(lapic_read(lapic(0), APIC_LVT_LINT0), MASKED | 0x41);
}

static void test_priorities(void **state)
{
	static const struct {
		u8 tpr;
		int isr;
		u8 irr, ppr;
		bool pending;
	} rows[] = {
		{ 0x00, -1, 0x10, 0x00, true },	   { 0x0f, -1, 0x10, 0x0f, true },
		{ 0x10, -1, 0x1f, 0x10, false },   { 0x1f, -1, 0x20, 0x1f, true },
		{ 0xff, -1, 0xff, 0xff, false },   { 0x00, 0x35, 0x36, 0x30, false },
		{ 0x00, 0x35, 0x40, 0x30, true },  { 0x3a, 0x35, 0x40, 0x3a, true },
		{ 0x40, 0x35, 0x4f, 0x40, false }, { 0x29, 0x35, 0x3f, 0x30, false },
		{ 0xef, 0xf0, 0xff, 0xf0, false }, { 0xef, -1, 0xf0, 0xef, true },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		lapic_reset(lapic(0), false);
		lapic_write(lapic(0), APIC_SVR, SVR_ON);
		if (rows[i].isr >= 0) {
			lapic_post(lapic(0), rows[i].isr, false);
			lapic_sync_pir(lapic(0));
			lapic_accept(lapic(0), rows[i].isr);
		}
		lapic_write(lapic(0), APIC_TPR, rows[i].tpr);
		lapic_post(lapic(0), rows[i].irr, false);
		assert_int_equal(lapic_has_work(lapic(0)), rows[i].pending);
		assert_int_equal(lapic_pending(lapic(0)), rows[i].pending ? rows[i].irr : -1);
		assert_int_equal(lapic_read(lapic(0), APIC_PPR), rows[i].ppr);
		assert_int_equal(lapic_highest_irr(lapic(0)), rows[i].irr);
		assert_int_equal(lapic_highest_isr(lapic(0)), rows[i].isr);
	}
}

static void test_tpr_in_page_counts_at_once(void **state)
{
	(void)state;
	/* With a TPR shadow the processor writes the page without telling us. */
	lapic_post(lapic(0), 0x35, false);
	assert_true(lapic_has_work(lapic(0)));
	*(u32 *)(lapic(0)->page + APIC_TPR) = 0x30;
	assert_int_equal(lapic_pending(lapic(0)), -1);
}

static void test_cr8(void **state)
{
	(void)state;
	lapic_set_cr8(lapic(0), 0xa);
	assert_int_equal(lapic_read(lapic(0), APIC_TPR), 0xa0);
	assert_int_equal(lapic_read(lapic(0), APIC_PPR), 0xa0);
	lapic_write(lapic(0), APIC_TPR, 0x37);
	assert_int_equal(lapic_get_cr8(lapic(0)), 3);
}

static void test_nested_interrupts_and_eoi(void **state)
{
	(void)state;
	lapic_post(lapic(0), 0x31, false);
	lapic_sync_pir(lapic(0));
	lapic_accept(lapic(0), 0x31);
	lapic_post(lapic(0), 0x92, false);
	lapic_sync_pir(lapic(0));
	lapic_accept(lapic(0), 0x92);
	lapic_post(lapic(0), 0x55, false);
	lapic_sync_pir(lapic(0));
	assert_int_equal(lapic_pending(lapic(0)), -1);
	lapic_write(lapic(0), APIC_EOI, 0);
	assert_int_equal(lapic_highest_isr(lapic(0)), 0x31);
	assert_int_equal(lapic_pending(lapic(0)), 0x55);
	lapic_eoi(lapic(0));
	assert_int_equal(lapic_highest_isr(lapic(0)), -1);
	lapic_eoi(lapic(0)); /* nothing in service */
	assert_int_equal(lapic_pending(lapic(0)), 0x55);
}

static void test_post_notifies_until_synced(void **state)
{
	(void)state;
	fake->vcpu[0]->notified = 0;
	lapic_post(lapic(0), 0x40, false);
	assert_int_equal(fake->vcpu[0]->notified, 1);
	lapic_post(lapic(0), 0x41, false);
	assert_int_equal(fake->vcpu[0]->notified, 1);
	assert_true(lapic_sync_pir(lapic(0)));
	assert_false(lapic_sync_pir(lapic(0)));
	lapic_post(lapic(0), 0x42, false);
	assert_int_equal(fake->vcpu[0]->notified, 2);
	assert_true(requested(0, 0x40) && requested(0, 0x41) && requested(0, 0x42));
}

/* Waking a halted vCPU looks at the IRR first; the entry after it must hear of the change. */
static void test_looking_keeps_the_change(void **state)
{
	(void)state;
	lapic_post(lapic(0), 0x40, false);
	assert_true(lapic_has_work(lapic(0)));
	assert_true(lapic_has_work(lapic(0)));
	assert_true(lapic_sync_pir(lapic(0)));
	assert_false(lapic_sync_pir(lapic(0)));
}

static bool tmr(u8 vector)
{
	return lapic_read(lapic(0), APIC_TMR + vector / 32 * 0x10) & BIT(vector % 32);
}

static void test_trigger_mode_follows_last_post(void **state)
{
	(void)state;
	lapic_post(lapic(0), 0x61, true);
	lapic_sync_pir(lapic(0));
	assert_true(tmr(0x61));
	lapic_post(lapic(0), 0x61, false);
	lapic_sync_pir(lapic(0));
	assert_false(tmr(0x61));
	/* A merge between "level" and "request" of a post must not lose the level. */
	lapic_post(lapic(0), 0x61, true);
	lapic_sync_pir(lapic(0));
	__atomic_fetch_or(&lapic(0)->pir[1], BIT(0x61 - 64), __ATOMIC_SEQ_CST);
	lapic(0)->pir_pending = 1;
	lapic_sync_pir(lapic(0));
	assert_true(tmr(0x61));
}

static void test_destinations_xapic(void **state)
{
	static const struct {
		u32 dest;
		bool logical;
		u8 dfr;
		unsigned takers;
	} rows[] = {
		{ 0, false, 0xf, 0x1 },	   { 3, false, 0xf, 0x8 },   { 4, false, 0xf, 0 },
		{ 0xff, false, 0xf, 0xf }, { 0x01, true, 0xf, 0x1 }, { 0x05, true, 0xf, 0x5 },
		{ 0xff, true, 0xf, 0xf },  { 0x00, true, 0xf, 0 },   { 0xf0, true, 0xf, 0 },
		{ 0x03, true, 0x0, 0x3 },  { 0x11, true, 0x0, 0x4 }, { 0x13, true, 0x0, 0xc },
		{ 0xff, true, 0x0, 0xf },  { 0x21, true, 0x0, 0 },   { 0x01, true, 0x7, 0 },
		{ 0x101, true, 0xf, 0 },   { 0x100, false, 0xf, 0 },
	};

	(void)state;
	for (unsigned r = 0; r < ARRAY_SIZE(rows); r++) {
		for (unsigned i = 0; i < CPUS; i++) {
			/* cluster model: vCPUs 0, 1 in cluster 0 and 2, 3 in cluster 1 */
			u32 ldr = rows[r].dfr == 0xf ? 1u << i : (i / 2) << 4 | 1u << i % 2;

			lapic_write(lapic(i), APIC_DFR, (u32)rows[r].dfr << 28);
			lapic_write(lapic(i), APIC_LDR, ldr << 24);
		}
		assert_int_equal(lapic_deliver(&fake->vm, NULL, rows[r].dest, rows[r].logical,
					       DELIVERY_FIXED, 0x77, false, true),
				 __builtin_popcount(rows[r].takers));
		assert_int_equal(takers(0x77), rows[r].takers);
	}
}

static void test_destinations_x2apic(void **state)
{
	static const struct {
		u64 dest;
		bool logical;
		unsigned takers;
	} rows[] = {
		{ 2, false, 0x4 },	   { 0xff, false, 0 },	    { 0xffffffff, false, 0xf },
		{ 0x5, true, 0x5 },	   { 0x00010001, true, 0 }, { 0xffffffff, true, 0xf },
		{ 0x0000ffff, true, 0xf }, { 0x10, true, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < CPUS; i++)
		to_x2apic(i);
	for (unsigned r = 0; r < ARRAY_SIZE(rows); r++) {
		assert_true(lapic_msr_write(lapic(1), x2_msr(APIC_ICR_LOW),
					    rows[r].dest << 32 | (rows[r].logical ? 0x800 : 0) |
						    0x4000 | 0x88));
		assert_int_equal(takers(0x88), rows[r].takers);
	}
	/* 8-bit messages from devices: 0xff is everybody there too. */
	assert_int_equal(
		lapic_deliver(&fake->vm, NULL, 0xff, false, DELIVERY_FIXED, 0x88, false, true), 4);
}

static void test_shorthands(void **state)
{
	static const u32 shorthand_takers[] = { [1] = 0x2, [2] = 0xf, [3] = 0xd };

	(void)state;
	for (u32 s = 1; s <= 3; s++) {
		lapic_write(lapic(1), APIC_ICR_LOW, s << 18 | 0x4000 | 0x99);
		assert_int_equal(takers(0x99), shorthand_takers[s]);
	}
	/* NMI to all but self */
	lapic_write(lapic(1), APIC_ICR_LOW, 3u << 18 | DELIVERY_NMI << 8 | 0x4000);
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(fake->vm.vcpu[i]->events, i == 1 ? 0 : VCPU_EVENT_NMI);
	/* INIT and SIPI to self by shorthand are not valid. */
	lapic_write(lapic(1), APIC_ICR_LOW, 1u << 18 | DELIVERY_INIT << 8 | 0x4000);
	lapic_write(lapic(1), APIC_ICR_LOW, 1u << 18 | DELIVERY_SIPI << 8 | 0x4000);
	assert_int_equal(fake->vm.vcpu[1]->events, 0);
}

static void send(unsigned from, unsigned to, u32 low)
{
	lapic_write(lapic(from), APIC_ICR_HIGH, to << 24);
	lapic_write(lapic(from), APIC_ICR_LOW, low);
}

/* Nothing reaches a vCPU that the guest does not have. */
static void test_absent_vcpu(void **state)
{
	(void)state;
	fake->vm.present = ~0ull & ~BIT(2);
	lapic_reset(lapic(2), true); /* by the INIT that took it away */
	lapic_write(lapic(1), APIC_ICR_LOW, 2u << 18 | 0x4000 | 0x99);
	assert_int_equal(takers(0x99), 0xb);
	send(1, 2, 0x4000 | 0x9a);
	assert_int_equal(takers(0x9a), 0);
	send(1, 2, DELIVERY_NMI << 8 | 0x4000);
	send(1, 2, DELIVERY_INIT << 8 | 0x4000);
	send(1, 2, DELIVERY_SIPI << 8 | 0x4000);
	assert_int_equal(fake->vm.vcpu[2]->events, 0);
}

static void test_ipis_are_edges(void **state)
{
	(void)state;
	send(1, 0, 0x8000 | 0x4000 | 0x66);
	assert_true(requested(0, 0x66));
	assert_false(tmr(0x66));
}

static void test_reserved_delivery_modes_do_nothing(void **state)
{
	static const u32 modes[] = { DELIVERY_SMI, 3, DELIVERY_EXTINT };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++)
		send(0, 1, modes[i] << 8 | 0x4000 | 0x66);
	assert_int_equal(takers(0x66), 0);
	assert_int_equal(fake->vm.vcpu[1]->events, 0);
	assert_int_equal(latched_errors(0), 0);
}

static void test_init_and_sipi(void **state)
{
	struct vcpu *ap = fake->vm.vcpu[1];

	(void)state;
	/* SIPI: first vector counts */
	send(0, 1, DELIVERY_SIPI << 8 | 0x4000 | 0x9a);
	send(0, 1, DELIVERY_SIPI << 8 | 0x4000 | 0x9b);
	assert_int_equal(ap->events, VCPU_EVENT_SIPI | 0x9au << VCPU_SIPI_VECTOR_SHIFT);
	/* INIT drops an older SIPI and an older NMI but nothing else */
	ap->events |= VCPU_EVENT_NMI | VCPU_EVENT_STOP;
	send(0, 1, DELIVERY_INIT << 8 | 0x8000 | 0x4000);
	assert_int_equal(ap->events, VCPU_EVENT_INIT | VCPU_EVENT_STOP);
	/* level de-assert: nothing */
	ap->events = 0;
	send(0, 1, DELIVERY_INIT << 8 | 0x8000);
	assert_int_equal(ap->events, 0);
	assert_int_equal(lapic_deliver(&fake->vm, NULL, 1, false, DELIVERY_INIT, 0, true, false),
			 0);
	/* INIT, then SIPI: both */
	send(0, 1, DELIVERY_INIT << 8 | 0x4000);
	send(0, 1, DELIVERY_SIPI << 8 | 0x4000 | 0x10);
	assert_int_equal(ap->events,
			 VCPU_EVENT_INIT | VCPU_EVENT_SIPI | 0x10u << VCPU_SIPI_VECTOR_SHIFT);
}

static void test_lowest_priority(void **state)
{
	(void)state;
	lapic_write(lapic(0), APIC_TPR, 0x20);
	lapic_write(lapic(1), APIC_TPR, 0x1f);
	lapic_write(lapic(2), APIC_TPR, 0x20);
	lapic_write(lapic(3), APIC_TPR, 0x30);
	assert_int_equal(
		lapic_deliver(&fake->vm, NULL, 0xff, false, DELIVERY_LOWEST, 0x70, false, true), 1);
	assert_int_equal(takers(0x70), 0x2);
	/* Among equals different vectors go to different vCPUs. */
	lapic_write(lapic(1), APIC_TPR, 0x20);
	lapic_deliver(&fake->vm, NULL, 0xff, false, DELIVERY_LOWEST, 0x70, false, true);
	lapic_deliver(&fake->vm, NULL, 0xff, false, DELIVERY_LOWEST, 0x71, false, true);
	lapic_deliver(&fake->vm, NULL, 0xff, false, DELIVERY_LOWEST, 0x72, false, true);
	assert_int_equal(requested(0, 0x70) + requested(0, 0x71) + requested(0, 0x72), 1);
	assert_int_equal(requested(1, 0x70) + requested(1, 0x71) + requested(1, 0x72), 1);
	assert_int_equal(requested(2, 0x70) + requested(2, 0x71) + requested(2, 0x72), 1);
	takers(0);
	/* Software-disabled ones are no candidates. */
	for (unsigned i = 0; i < CPUS; i++)
		lapic_write(lapic(i), APIC_SVR, i == 3 ? SVR_ON : 0xff);
	lapic_deliver(&fake->vm, NULL, 0xff, false, DELIVERY_LOWEST, 0x70, false, true);
	assert_int_equal(takers(0x70), 0x8);
	lapic_write(lapic(3), APIC_SVR, 0xff);
	assert_int_equal(
		lapic_deliver(&fake->vm, NULL, 0xff, false, DELIVERY_LOWEST, 0x70, false, true), 0);
}

static void test_lvt_delivery_modes(void **state)
{
	(void)state;
	lapic_write(lapic(0), APIC_LVT_LINT1, DELIVERY_NMI << 8);
	lapic_fire_lvt(lapic(0), APIC_LVT_LINT1);
	assert_int_equal(fake->vm.vcpu[0]->events, VCPU_EVENT_NMI);
	lapic_write(lapic(0), APIC_LVT_LINT1, DELIVERY_NMI << 8 | MASKED);
	fake->vm.vcpu[0]->events = 0;
	lapic_fire_lvt(lapic(0), APIC_LVT_LINT1);
	assert_int_equal(fake->vm.vcpu[0]->events, 0);
	lapic_write(lapic(0), APIC_LVT_LINT0, DELIVERY_EXTINT << 8 | 0x20);
	lapic_fire_lvt(lapic(0), APIC_LVT_LINT0);
	assert_int_equal(takers(0x20), 0);
	lapic_write(lapic(0), APIC_LVT_LINT0, 0x21);
	lapic_fire_lvt(lapic(0), APIC_LVT_LINT0);
	assert_int_equal(takers(0x21), 1);
	lapic_write(lapic(0), APIC_LVT_LINT0, DELIVERY_INIT << 8);
	lapic_fire_lvt(lapic(0), APIC_LVT_LINT0);
	assert_int_equal(fake->vm.vcpu[0]->events, VCPU_EVENT_INIT);
}

static void test_apic_base_transitions(void **state)
{
	enum {
		OFF = 0,
		INVALID = 0x400,
		XAPIC = 0x800,
		X2APIC = 0xc00
	};
	static const struct {
		u32 from, to;
		bool ok;
	} rows[] = {
		{ OFF, OFF, true },	  { OFF, XAPIC, true },	     { OFF, X2APIC, false },
		{ OFF, INVALID, false },  { XAPIC, OFF, true },	     { XAPIC, XAPIC, true },
		{ XAPIC, X2APIC, true },  { XAPIC, INVALID, false }, { X2APIC, OFF, true },
		{ X2APIC, XAPIC, false }, { X2APIC, X2APIC, true },  { X2APIC, INVALID, false },
	};
	const u64 base = 0xfee00000;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		lapic_reset(lapic(1), false);
		if (rows[i].from == OFF)
			assert_true(lapic_set_base(lapic(1), base));
		else
			assert_true(lapic_set_base(lapic(1), base | rows[i].from));
		assert_int_equal(lapic_set_base(lapic(1), base | rows[i].to), rows[i].ok);
		assert_int_equal(lapic(1)->apic_base,
				 base | (rows[i].ok ? rows[i].to : rows[i].from));
	}
}

static void test_apic_base_reserved_bits(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		bool reserved = bit < 8 || bit == 9 || bit >= 46;

		lapic_reset(lapic(1), false);
		if (bit == 10 || bit == 11)
			continue;
		assert_int_equal(lapic_set_base(lapic(1), lapic(1)->apic_base ^ BIT(bit)),
				 !reserved);
	}
}

static void test_disabling_loses_state(void **state)
{
	(void)state;
	lapic_write(lapic(1), APIC_TPR, 0x50);
	lapic_post(lapic(1), 0x90, false);
	assert_true(lapic_set_base(lapic(1), 0xfee00000));
	assert_false(lapic_has_work(lapic(1)));
	assert_int_equal(lapic_deliver(&fake->vm, NULL, 1, false, DELIVERY_NMI, 0, false, true), 0);
	assert_true(lapic_set_base(lapic(1), 0xfee00800));
	assert_int_equal(lapic_read(lapic(1), APIC_TPR), 0);
	assert_int_equal(lapic_read(lapic(1), APIC_SVR), 0xff);
	assert_int_equal(lapic_highest_irr(lapic(1)), -1);
}

static void test_entering_x2apic_keeps_state(void **state)
{
	u64 value;

	(void)state;
	lapic_write(lapic(3), APIC_TPR, 0x50);
	lapic_write(lapic(3), APIC_LDR, 0x80000000);
	lapic_post(lapic(3), 0x90, false);
	lapic_sync_pir(lapic(3));
	to_x2apic(3);
	assert_true(lapic_msr_read(lapic(3), x2_msr(APIC_TPR), &value));
	assert_int_equal(value, 0x50);
	assert_true(lapic_msr_read(lapic(3), x2_msr(APIC_ID), &value));
	assert_int_equal(value, 3);
	assert_true(lapic_msr_read(lapic(3), x2_msr(APIC_LDR), &value));
	assert_int_equal(value, 1u << 3);
	assert_true(lapic_msr_read(lapic(3), x2_msr(APIC_SVR), &value));
	assert_int_equal(value, SVR_ON);
	assert_int_equal(lapic_pending(lapic(3)), 0x90);
	/* INIT keeps the mode and the id. */
	lapic_reset(lapic(3), true);
	assert_true(lapic_x2apic(lapic(3)));
	assert_true(lapic_msr_read(lapic(3), x2_msr(APIC_LDR), &value));
	assert_int_equal(value, 1u << 3);
	assert_int_equal(lapic_id(lapic(3)), 3);
}

static void test_x2apic_logical_id_of_high_ids(void **state)
{
	u64 value;

	(void)state;
	fake->vm.vcpu[3]->id = 0x35;
	lapic_reset(lapic(3), false);
	to_x2apic(3);
	assert_true(lapic_msr_read(lapic(3), x2_msr(APIC_LDR), &value));
	assert_int_equal(value, 0x3u << 16 | 1u << 5);
}

/* Which MSRs exist and which bits they take: SDM 3A table 10-6. */
static void test_x2apic_msrs(void **state)
{
	enum {
		RO = 1,
		WO = 2,
		RW = 3
	};
	static const struct {
		u32 msr;
		int access;
		u64 writable;
	} known[] = {
		{ 0x802, RO, 0 },
		{ 0x803, RO, 0 },
		{ 0x808, RW, 0xff },
		{ 0x80a, RO, 0 },
		{ 0x80b, WO, 0 },
		{ 0x80d, RO, 0 },
		{ 0x80f, RW, 0x3ff },
		{ 0x828, RW, 0 },
		{ 0x830, RW, 0xffffffff000cdfffull },
		{ 0x832, RW, 0x710ff },
		{ 0x833, RW, 0x117ff },
		{ 0x834, RW, 0x117ff },
		{ 0x835, RW, 0x1f7ff },
		{ 0x836, RW, 0x1f7ff },
		{ 0x837, RW, 0x110ff },
		{ 0x838, RW, 0xffffffff },
		{ 0x839, RO, 0 },
		{ 0x83e, RW, 0xb },
		{ 0x83f, WO, 0xff },
	};
	u64 value;

	(void)state;
	to_x2apic(0);
	for (u32 msr = 0x7f0; msr <= 0x910; msr++) {
		int access = msr >= 0x810 && msr <= 0x827 ? RO : 0;
		u64 writable = 0;

		for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
			if (known[i].msr == msr) {
				access = known[i].access;
				writable = known[i].writable;
			}
		}
		assert_int_equal(lapic_msr_read(lapic(0), msr, &value), !!(access & RO));
		assert_int_equal(lapic_msr_write(lapic(0), msr, 0), !!(access & WO));
		for (unsigned bit = 0; bit < 64; bit++)
			assert_int_equal(lapic_msr_write(lapic(0), msr, BIT(bit)),
					 (access & WO) && (writable & BIT(bit)));
	}
}

static void test_x2apic_icr_is_one_register(void **state)
{
	u64 value;

	(void)state;
	to_x2apic(0);
	assert_true(lapic_msr_write(lapic(0), 0x830, 0x0000000300005045ull));
	assert_true(lapic_msr_read(lapic(0), 0x830, &value));
	assert_int_equal(value, 0x0000000300004045ull);
	assert_int_equal(takers(0x45), 0x8);
	assert_int_equal(lapic_read(lapic(0), APIC_ICR_HIGH), 0);
}

static void test_self_ipi(void **state)
{
	(void)state;
	to_x2apic(2);
	assert_true(lapic_msr_write(lapic(2), 0x83f, 0x4f));
	assert_int_equal(takers(0x4f), 0x4);
	assert_true(lapic_msr_write(lapic(2), 0x83f, 0x0f));
	assert_int_equal(latched_errors(2), 0x60);
}

static void send_to_self(unsigned i, u8 vector)
{
	lapic_write(lapic(i), APIC_ICR_LOW, 0x44000 | vector);
}

/* An interrupt that a vCPU raises itself: no detour, but all that follows from a post. */
static void test_own_interrupt(void **state)
{
	(void)state;
	lapic_attended(lapic(0));
	fake->vcpu[0]->notified = 0;
	send_to_self(0, 0x61);
	assert_int_equal(lapic(0)->pir_pending, 0);
	assert_int_equal(fake->vcpu[0]->notified, 0);
	assert_true(lapic_needs_attention(lapic(0)));
	assert_true(lapic_sync_pir(lapic(0)));
	assert_false(lapic_sync_pir(lapic(0)));
	assert_true(lapic_needs_attention(lapic(0)));
	assert_int_equal(lapic_pending(lapic(0)), 0x61);
	assert_true(lapic_attended(lapic(0)));
	lapic_accept(lapic(0), 0x61);
	assert_false(lapic_attended(lapic(0)));
	assert_false(lapic_needs_attention(lapic(0)));
}

static void test_own_interrupt_is_an_edge(void **state)
{
	(void)state;
	lapic_post(lapic(0), 0x61, true);
	lapic_sync_pir(lapic(0));
	assert_true(tmr(0x61));
	send_to_self(0, 0x61);
	assert_false(tmr(0x61));
	/* What another CPU posts afterwards decides again. */
	lapic_post(lapic(0), 0x61, true);
	lapic_sync_pir(lapic(0));
	assert_true(tmr(0x61));
}

static void test_own_interrupt_is_refused(void **state)
{
	(void)state;
	lapic_write(lapic(0), APIC_SVR, SVR_ON & ~0x100u);
	send_to_self(0, 0x61);
	assert_int_equal(takers(0x61), 0);
	lapic_write(lapic(0), APIC_SVR, SVR_ON);
	send_to_self(0, 0x0f);
	assert_int_equal(takers(0x0f), 0);
	assert_int_equal(latched_errors(0), 0x20);
}

/* A timer's interrupt for a vCPU that sleeps. */
static void test_own_interrupt_wakes(void **state)
{
	(void)state;
	fake->vcpu[0]->notified = 0;
	fake->vcpu[0]->vcpu.state = VCPU_HALTED;
	lapic_write(lapic(0), APIC_LVT_TIMER, 0x52);
	lapic_fire_lvt(lapic(0), APIC_LVT_TIMER);
	assert_int_equal(fake->vcpu[0]->notified, 1);
	assert_true(lapic_has_work(lapic(0)));
}

/* The error interrupt comes up while posts are merged: it belongs to them. */
static void test_error_interrupt_is_reported_at_once(void **state)
{
	(void)state;
	lapic_write(lapic(0), APIC_LVT_ERROR, 0x53);
	lapic_sync_pir(lapic(0));
	send_to_self(0, 0x0f);
	assert_true(lapic_sync_pir(lapic(0)));
	assert_int_equal(lapic_pending(lapic(0)), 0x53);
	assert_false(lapic_sync_pir(lapic(0)));
}

static void test_attention_after_writes_of_the_tpr(void **state)
{
	(void)state;
	lapic_attended(lapic(0));
	lapic_write(lapic(0), APIC_TPR, 0x20);
	assert_true(lapic_needs_attention(lapic(0)));
	lapic_attended(lapic(0));
	lapic_set_cr8(lapic(0), 3);
	assert_true(lapic_needs_attention(lapic(0)));
	lapic_attended(lapic(0));
	lapic_reset(lapic(0), true);
	assert_true(lapic_needs_attention(lapic(0)));
}

static void test_x2apic_msrs_fault_in_xapic_mode(void **state)
{
	u64 value;

	(void)state;
	for (u32 msr = 0x800; msr <= 0x8ff; msr++) {
		assert_false(lapic_msr_read(lapic(0), msr, &value));
		assert_false(lapic_msr_write(lapic(0), msr, 0));
	}
}

/* Hardware stored the value first (APIC-write exit): reserved bits go, side effects happen. */
static void test_written(void **state)
{
	u32 *page = (u32 *)lapic(1)->page;

	(void)state;
	page[APIC_ID / 4] = 0x77000000;
	lapic_written(lapic(1), APIC_ID);
	assert_int_equal(lapic_read(lapic(1), APIC_ID), 1u << 24);
	page[APIC_LVT_LINT0 / 4] = 0xffffffff;
	lapic_written(lapic(1), APIC_LVT_LINT0);
	assert_int_equal(lapic_read(lapic(1), APIC_LVT_LINT0), 0x1a7ff);
	page[APIC_ICR_HIGH / 4] = 2u << 24;
	page[APIC_ICR_LOW / 4] = 0x4000 | 0xab;
	lapic_written(lapic(1), APIC_ICR_LOW);
	assert_int_equal(takers(0xab), 0x4);
	page[APIC_SVR / 4] = 0xff;
	lapic_written(lapic(1), APIC_SVR);
	assert_int_equal(lapic_read(lapic(1), APIC_LVT_ERROR), MASKED);
	lapic_read(lapic(1), APIC_LVT_CMCI);
	page[APIC_ESR / 4] = 0x1234;
	lapic_written(lapic(1), APIC_ESR);
	assert_int_equal(lapic_read(lapic(1), APIC_ESR), 0x80);
	to_x2apic(1);
	page[APIC_SELF_IPI / 4] = 0xcd;
	lapic_write(lapic(1), APIC_SVR, SVR_ON);
	lapic_written(lapic(1), APIC_SELF_IPI);
	assert_int_equal(takers(0xcd), 0x2);
}

/* Where interrupts come from and what becomes of them. */
static void test_trace(void **state)
{
	static const struct {
		u8 what, vector;
		u32 value;
	} wanted[] = {
		{ TRACE_IRQ_DEVICE, 0x31, 1 },	  { TRACE_IRQ_DEVICE, 0x32, 0 },
		{ TRACE_IRQ_IPI, 0x41, 1 },	  { TRACE_IRQ_LVT, 0x51, APIC_LVT_TIMER },
		{ TRACE_IRQ_DELIVERED, 0x51, 0 }, { TRACE_IRQ_DELIVERED, 0x9f, 0 },
		{ TRACE_IRQ_EOI, 0x9f, 0 },
	};
	struct trace_record t[EXIT_TRACE_LEN];
	struct lapic *l = lapic(0);

	(void)state;
	assert_int_equal(exit_trace_set(l->vcpu, TRACE_KIND(TRACE_IRQ)), FIRN_OK);
	lapic_deliver(&fake->vm, NULL, 0, false, DELIVERY_FIXED, 0x31, true, true);
	lapic_deliver(&fake->vm, NULL, 0, false, DELIVERY_FIXED, 0x32, false, true);
	lapic_deliver(&fake->vm, lapic(1), 0, false, DELIVERY_FIXED, 0x41, false, true);
	lapic_write(l, APIC_LVT_TIMER, 0x51);
	lapic_fire_lvt(l, APIC_LVT_TIMER);
	lapic_post(l, 0x9f, false);
	lapic_sync_pir(l);
	lapic_trace_isr(l);
	lapic_accept(l, 0x51);
	lapic_trace_isr(l);
	lapic_accept(l, 0x9f);
	lapic_trace_isr(l);
	lapic_eoi(l);
	lapic_trace_isr(l);
	assert_int_equal(exit_trace_copy(l->vcpu, t), ARRAY_SIZE(wanted));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		assert_int_equal(t[i].kind, TRACE_IRQ);
		assert_int_equal(t[i].what, wanted[i].what);
		assert_int_equal(t[i].id, wanted[i].vector);
		assert_int_equal(t[i].value, wanted[i].value);
	}
	assert_true(lapic_highest_irr(l) == 0x41); /* posted as without a trace */
	free(l->vcpu->trace);
	l->vcpu->trace = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_power_on_state),
		TEST(test_trace),
		TEST(test_register_write_masks),
		TEST(test_reserved_registers_set_esr),
		TEST(test_esr_latches_and_rearms),
		TEST(test_illegal_vectors),
		TEST(test_software_disable),
		TEST(test_priorities),
		TEST(test_tpr_in_page_counts_at_once),
		TEST(test_cr8),
		TEST(test_nested_interrupts_and_eoi),
		TEST(test_post_notifies_until_synced),
		TEST(test_looking_keeps_the_change),
		TEST(test_trigger_mode_follows_last_post),
		TEST(test_destinations_xapic),
		TEST(test_destinations_x2apic),
		TEST(test_shorthands),
		TEST(test_absent_vcpu),
		TEST(test_ipis_are_edges),
		TEST(test_reserved_delivery_modes_do_nothing),
		TEST(test_init_and_sipi),
		TEST(test_lowest_priority),
		TEST(test_lvt_delivery_modes),
		TEST(test_apic_base_transitions),
		TEST(test_apic_base_reserved_bits),
		TEST(test_disabling_loses_state),
		TEST(test_entering_x2apic_keeps_state),
		TEST(test_x2apic_logical_id_of_high_ids),
		TEST(test_x2apic_msrs),
		TEST(test_x2apic_icr_is_one_register),
		TEST(test_self_ipi),
		TEST(test_own_interrupt),
		TEST(test_own_interrupt_is_an_edge),
		TEST(test_own_interrupt_is_refused),
		TEST(test_own_interrupt_wakes),
		TEST(test_error_interrupt_is_reported_at_once),
		TEST(test_attention_after_writes_of_the_tpr),
		TEST(test_x2apic_msrs_fault_in_xapic_mode),
		TEST(test_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
