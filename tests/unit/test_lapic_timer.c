/* SPDX-License-Identifier: MIT */
/* LAPIC timer: the three modes, never early, no drift. One TSC tick is one ns here. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/msr.h"
#include "core/arch.h"
#include "fake.h"
#include "lapic_fixture.h"

#define VECTOR	     0xec
#define PERIODIC     (1u << 17)
#define TSC_DEADLINE (2u << 17)
#define MASKED	     0x10000u
#define DIVIDE_1     0xb
#define START	     1000000ull /* TSC at which each test begins */

static struct fake_vm *fake;
static struct lapic *apic;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake_set_tsc(START);
	fake = fake_vm_create(1);
	apic = lapic_of(fake, 0);
	fake_vm_start_lapics(fake);
	lapic_write(apic, APIC_TIMER_DIVIDE, DIVIDE_1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lapic_reset(apic, false);
	assert_int_equal(timer_next(), TIMER_NEVER);
	fake_vm_destroy(fake);
	return 0;
}

/* Moves time and takes the interrupt if there is one. */
static bool fires_at(u64 tsc)
{
	int vector;

	fake_set_tsc(tsc);
	timer_run(tsc);
	lapic_sync_pir(apic);
	vector = lapic_pending(apic);
	if (vector < 0)
		return false;
	assert_int_equal(vector, VECTOR);
	lapic_accept(apic, vector);
	lapic_eoi(apic);
	return true;
}

static u32 current(void)
{
	return lapic_read(apic, APIC_TIMER_CURRENT);
}

static void test_one_shot(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR);
	lapic_write(apic, APIC_TIMER_INITIAL, 50000);
	assert_int_equal(current(), 50000);
	assert_false(fires_at(START + 1));
	assert_int_equal(current(), 49999);
	assert_false(fires_at(START + 49999));
	assert_int_equal(current(), 1);
	assert_true(fires_at(START + 50000));
	assert_int_equal(current(), 0);
	assert_false(fires_at(START + 1000000));
	assert_int_equal(lapic_read(apic, APIC_TIMER_INITIAL), 50000);
	assert_int_equal(timer_next(), TIMER_NEVER);
}

static void test_divide_values(void **state)
{
	static const struct {
		u8 code;
		unsigned divisor;
	} rows[] = {
		{ 0x0, 2 },  { 0x1, 4 },  { 0x2, 8 },	{ 0x3, 16 },
		{ 0x8, 32 }, { 0x9, 64 }, { 0xa, 128 }, { 0xb, 1 },
	};

	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 now = clock_tsc(), end = now + 1000ull * rows[i].divisor;

		lapic_write(apic, APIC_TIMER_DIVIDE, rows[i].code);
		lapic_write(apic, APIC_TIMER_INITIAL, 1000);
		assert_false(fires_at(end - 1));
		assert_int_equal(current(), 1);
		assert_true(fires_at(end));
	}
}

static void test_largest_count(void **state)
{
	const u64 period = 0xffffffffull * 128;

	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | PERIODIC);
	lapic_write(apic, APIC_TIMER_DIVIDE, 0xa);
	lapic_write(apic, APIC_TIMER_INITIAL, ~0u);
	assert_int_equal(current(), ~0u);
	assert_false(fires_at(START + period - 1));
	assert_int_equal(current(), 1);
	assert_true(fires_at(START + period));
	assert_int_equal(current(), ~0u);
}

static void test_zero_stops(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | PERIODIC);
	lapic_write(apic, APIC_TIMER_INITIAL, 50000);
	lapic_write(apic, APIC_TIMER_INITIAL, 0);
	assert_int_equal(current(), 0);
	assert_false(fires_at(START + 1000000));
	assert_int_equal(timer_next(), TIMER_NEVER);
}

static void test_periodic_does_not_drift(void **state)
{
	u64 late = 0;

	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | PERIODIC);
	lapic_write(apic, APIC_TIMER_INITIAL, 100000);
	for (u64 n = 1; n <= 1000; n++) {
		u64 tick = START + n * 100000;

		assert_false(fires_at(tick - 1));
		late = (late + 7919) % 60000; /* the CPU comes late, differently each time */
		assert_true(fires_at(tick + late));
		assert_int_equal(timer_next(), tick + 100000);
		assert_int_equal(current(), 100000 - late);
	}
}

static void test_periodic_missed_ticks_merge(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | PERIODIC);
	lapic_write(apic, APIC_TIMER_INITIAL, 100000);
	assert_true(fires_at(START + 550000));
	assert_false(fires_at(START + 599999));
	assert_true(fires_at(START + 600000));
}

static void test_tiny_period_can_not_occupy_the_host(void **state)
{
	u64 now = START;
	unsigned fired = 0;

	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | PERIODIC);
	lapic_write(apic, APIC_TIMER_INITIAL, 3);
	while (timer_next() < START + 1000000) {
		assert_true(timer_next() > now);
		now = timer_next();
		assert_int_equal((now - START) % 3, 0);
		assert_true(fires_at(now));
		fired++;
	}
	assert_in_range(fired, 40, 50); /* every 20 us of 1 ms */
}

static void test_masked_counts_silently(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | MASKED);
	lapic_write(apic, APIC_TIMER_INITIAL, 50000);
	assert_false(fires_at(START + 25000));
	assert_int_equal(current(), 25000);
	assert_false(fires_at(START + 50000));
	assert_int_equal(current(), 0);
	lapic_write(apic, APIC_LVT_TIMER, VECTOR);
	assert_false(fires_at(START + 60000)); /* the one that was masked does not come later */
}

static void test_divide_change_while_counting(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR);
	lapic_write(apic, APIC_TIMER_INITIAL, 50000);
	assert_false(fires_at(START + 20000));
	lapic_write(apic, APIC_TIMER_DIVIDE, 0x0); /* 2 */
	assert_int_equal(current(), 30000);
	assert_false(fires_at(START + 20000 + 59999));
	assert_true(fires_at(START + 20000 + 60000));
	lapic_write(apic, APIC_TIMER_DIVIDE, 0x1); /* ended: nothing starts again */
	assert_int_equal(timer_next(), TIMER_NEVER);
	assert_int_equal(current(), 0);
}

static void test_divide_changed_by_hardware(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR);
	lapic_write(apic, APIC_TIMER_INITIAL, 50000);
	assert_false(fires_at(START + 20000));
	*(u32 *)(apic->page + APIC_TIMER_DIVIDE) = 0x0;
	lapic_written(apic, APIC_TIMER_DIVIDE);
	assert_int_equal(current(), 30000);
	assert_true(fires_at(START + 20000 + 60000));
}

static void test_one_shot_to_periodic_and_back(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR);
	lapic_write(apic, APIC_TIMER_INITIAL, 50000);
	fires_at(START + 10000);
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | PERIODIC);
	assert_int_equal(current(), 40000);
	assert_true(fires_at(START + 50000));
	assert_true(fires_at(START + 100000));
	fires_at(START + 110000);
	lapic_write(apic, APIC_LVT_TIMER, VECTOR); /* the count that runs is the last one */
	assert_int_equal(current(), 40000);
	assert_false(fires_at(START + 149999));
	assert_true(fires_at(START + 150000));
	assert_int_equal(timer_next(), TIMER_NEVER);
	assert_int_equal(current(), 0);
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | PERIODIC); /* and does not begin again */
	assert_int_equal(timer_next(), TIMER_NEVER);
	assert_int_equal(current(), 0);
}

static void set_deadline(u64 guest_tsc)
{
	assert_true(lapic_set_tsc_deadline(apic, guest_tsc));
}

static void test_tsc_deadline(void **state)
{
	(void)state;
	fake->vm.arch.tsc_offset = -500000; /* guest TSC is 500000 now */
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | TSC_DEADLINE);
	set_deadline(700000);
	assert_int_equal(lapic_get_tsc_deadline(apic), 700000);
	assert_int_equal(timer_next(), 1200000);
	assert_false(fires_at(1199999));
	assert_true(fires_at(1200000));
	assert_int_equal(lapic_get_tsc_deadline(apic), 0);
	assert_false(fires_at(9000000));
	/* disarmed by 0 */
	set_deadline(9000000);
	set_deadline(0);
	assert_int_equal(timer_next(), TIMER_NEVER);
	/* replaced */
	set_deadline(9000000);
	set_deadline(8600000);
	assert_true(fires_at(9100000));
	assert_false(fires_at(10000000));
}

static void test_deadline_in_the_past(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | TSC_DEADLINE);
	set_deadline(START - 1);
	assert_int_equal(lapic_get_tsc_deadline(apic), 0);
	assert_true(fires_at(START));
	set_deadline(START);
	assert_true(fires_at(START));
	set_deadline(1);
	assert_true(fires_at(START));
}

/* Time goes on while a timer is being set, by so much for each look at the clock. */
#define STEP  3
#define STEPS (20 * STEP)

/* What comes due between two looks at the clock must fire all the same. */
static void test_deadline_due_while_being_set(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | TSC_DEADLINE);
	for (unsigned left = 1; left < STEPS; left++) {
		u64 deadline = clock_tsc() + left;

		fake_set_tsc_step(STEP);
		set_deadline(deadline);
		fake_set_tsc_step(0);
		assert_true(fires_at(deadline + STEPS));
		assert_int_equal(lapic_get_tsc_deadline(apic), 0);
	}
}

static void test_deadline_due_while_set_again(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | TSC_DEADLINE);
	for (unsigned left = 1; left < STEPS; left++) {
		u64 deadline = clock_tsc() + STEPS;

		set_deadline(deadline);
		fake_set_tsc(deadline - left);
		fake_set_tsc_step(STEP);
		timer_run(deadline); /* early by the guest's TSC */
		fake_set_tsc_step(0);
		assert_true(fires_at(deadline + STEPS));
	}
}

static void test_count_due_while_being_set(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR);
	for (unsigned count = 1; count < STEPS; count++) {
		fake_set_tsc_step(STEP);
		lapic_write(apic, APIC_TIMER_INITIAL, count);
		fake_set_tsc_step(0);
		assert_true(fires_at(clock_tsc() + STEPS));
		assert_false(fires_at(clock_tsc() + STEPS));
	}
}

static void test_divide_change_at_the_end(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR);
	for (unsigned left = 1; left < STEPS; left++) {
		lapic_write(apic, APIC_TIMER_DIVIDE, 0xa); /* 128 */
		lapic_write(apic, APIC_TIMER_INITIAL, 100);
		fake_set_tsc(clock_tsc() + 100 * 128 - left);
		fake_set_tsc_step(STEP);
		lapic_write(apic, APIC_TIMER_DIVIDE, DIVIDE_1);
		fake_set_tsc_step(0);
		assert_true(fires_at(clock_tsc() + STEPS));
		assert_false(fires_at(clock_tsc() + STEPS));
	}
}

/* The count is over, but the CPU has not come to its timers yet when the guest changes the mode. */
static void test_mode_change_owes_the_interrupt(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR);
	lapic_write(apic, APIC_TIMER_INITIAL, 50000);
	fake_set_tsc(START + 50000);
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | PERIODIC);
	assert_true(fires_at(START + 50001));
	assert_int_equal(timer_next(), TIMER_NEVER); /* and the count does not begin again */
	assert_int_equal(current(), 0);
	lapic_write(apic, APIC_TIMER_INITIAL, 50000);
	fake_set_tsc(START + 100001);
	lapic_write(apic, APIC_LVT_TIMER, VECTOR);
	assert_true(fires_at(START + 100002));
	assert_int_equal(current(), 49999); /* the next count had begun, and is the last one */
	assert_true(fires_at(START + 150001));
	assert_int_equal(timer_next(), TIMER_NEVER);
}

static void test_deadline_beyond_host_time(void **state)
{
	(void)state;
	fake->vm.arch.tsc_offset = -500000; /* ~0 - offset would wrap */
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | TSC_DEADLINE);
	set_deadline(~0ull);
	assert_int_equal(lapic_get_tsc_deadline(apic), ~0ull);
	assert_true(timer_next() > START + (1ull << 62)); /* the host is not woken for nothing */
	assert_false(fires_at(START + (1ull << 62)));
}

static void test_deadline_follows_tsc_writes(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | TSC_DEADLINE);
	set_deadline(START + 100000);
	fake->vm.vcpu[0]->arch.tsc_adjust = 40000;
	lapic_tsc_changed(apic);
	assert_int_equal(timer_next(), START + 60000);
	fake->vm.vcpu[0]->arch.tsc_adjust = 500000;
	lapic_tsc_changed(apic);
	assert_true(fires_at(START));
	assert_int_equal(lapic_get_tsc_deadline(apic), 0);
	/* The TSC went back and nobody said so: not early all the same. */
	set_deadline(START + 600000);
	fake->vm.vcpu[0]->arch.tsc_adjust = 0;
	assert_false(fires_at(START + 100000));
	assert_false(fires_at(START + 599999));
	assert_true(fires_at(START + 600000));
	lapic_tsc_changed(apic); /* not armed */
	assert_false(fires_at(START + 600001));
}

static void test_mode_decides_which_registers_work(void **state)
{
	(void)state;
	/* deadline outside of its mode */
	lapic_write(apic, APIC_LVT_TIMER, VECTOR);
	set_deadline(START + 50000);
	assert_int_equal(lapic_get_tsc_deadline(apic), 0);
	assert_int_equal(timer_next(), TIMER_NEVER);
	/* initial count in deadline mode, also when hardware stored it */
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | TSC_DEADLINE);
	lapic_write(apic, APIC_TIMER_INITIAL, 1000);
	assert_int_equal(lapic_read(apic, APIC_TIMER_INITIAL), 0);
	*(u32 *)(apic->page + APIC_TIMER_INITIAL) = 77;
	lapic_written(apic, APIC_TIMER_INITIAL);
	assert_int_equal(lapic_read(apic, APIC_TIMER_INITIAL), 0);
	assert_int_equal(current(), 0);
	assert_int_equal(timer_next(), TIMER_NEVER);
	/* the reserved mode does nothing */
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | PERIODIC | TSC_DEADLINE);
	lapic_write(apic, APIC_TIMER_INITIAL, 1000);
	set_deadline(START + 50000);
	assert_int_equal(timer_next(), TIMER_NEVER);
}

static void test_mode_changes_disarm(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | PERIODIC);
	lapic_write(apic, APIC_TIMER_INITIAL, 50000);
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | TSC_DEADLINE);
	assert_int_equal(timer_next(), TIMER_NEVER);
	set_deadline(START + 100000);
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | TSC_DEADLINE | MASKED); /* same mode */
	assert_int_equal(timer_next(), START + 100000);
	lapic_write(apic, APIC_LVT_TIMER, VECTOR);
	assert_int_equal(timer_next(), TIMER_NEVER);
	assert_int_equal(lapic_get_tsc_deadline(apic), 0);
	assert_false(fires_at(START + 200000));
}

static void test_reset_and_disable_stop_the_timer(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | PERIODIC);
	lapic_write(apic, APIC_TIMER_INITIAL, 50000);
	lapic_reset(apic, true);
	assert_int_equal(timer_next(), TIMER_NEVER);
	lapic_write(apic, APIC_SVR, SVR_ON);
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | TSC_DEADLINE);
	set_deadline(START + 100000);
	assert_true(lapic_set_base(apic, 0xfee00000));
	assert_int_equal(timer_next(), TIMER_NEVER);
	assert_int_equal(lapic_get_tsc_deadline(apic), 0);
}

/* The vCPU moves: its timer is armed on the new CPU, for the same moment, in every mode. */
static void move(void)
{
	lapic_timer_detach(apic);
	assert_int_equal(timer_next(), TIMER_NEVER);
	fake_set_cpu(1);
	lapic_timer_attach(apic);
}

static void test_timers_move(void **state)
{
	static const u32 modes[] = { 0, PERIODIC, TSC_DEADLINE };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		fake_set_tsc(START);
		lapic_write(apic, APIC_LVT_TIMER, VECTOR | modes[i]);
		if (modes[i] == TSC_DEADLINE)
			set_deadline(START + 50000);
		else
			lapic_write(apic, APIC_TIMER_INITIAL, 50000);
		fake_set_tsc(START + 1000);
		move();
		assert_int_equal(timer_next(), START + 50000);
		assert_false(fires_at(START + 49999));
		assert_true(fires_at(START + 50000));
		lapic_timer_detach(apic);
		fake_set_cpu(0);
		lapic_timer_attach(apic);
		assert_int_equal(timer_next() == TIMER_NEVER, modes[i] != PERIODIC);
		lapic_write(apic, APIC_TIMER_INITIAL, 0);
	}
}

/* What came due while it belonged to no CPU comes at once; what was not armed stays so. */
static void test_a_timer_due_on_the_way(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR);
	lapic_write(apic, APIC_TIMER_INITIAL, 50000);
	lapic_timer_detach(apic);
	assert_false(fires_at(START + 70000));
	lapic_timer_attach(apic);
	assert_true(fires_at(START + 70001));
	lapic_timer_detach(apic);
	lapic_timer_attach(apic);
	assert_int_equal(timer_next(), TIMER_NEVER);
}

/* Stopped, and set by the console before it goes on; or reset in place of that. */
static void test_a_timer_set_while_detached(void **state)
{
	(void)state;
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | TSC_DEADLINE);
	set_deadline(START + 50000);
	lapic_timer_detach(apic);
	set_deadline(START + 80000);
	lapic_timer_attach(apic);
	assert_int_equal(timer_next(), START + 80000);
	lapic_timer_detach(apic);
	set_deadline(0);
	lapic_timer_attach(apic);
	assert_int_equal(timer_next(), TIMER_NEVER);
	lapic_write(apic, APIC_LVT_TIMER, VECTOR);
	lapic_write(apic, APIC_TIMER_INITIAL, 50000);
	lapic_timer_detach(apic);
	lapic_write(apic, APIC_TIMER_INITIAL, 0);
	lapic_timer_attach(apic);
	assert_int_equal(timer_next(), TIMER_NEVER);
	lapic_write(apic, APIC_LVT_TIMER, VECTOR | TSC_DEADLINE);
	set_deadline(START + 50000);
	lapic_timer_detach(apic);
	set_deadline(START + 10000);
	assert_true(fires_at(START + 10000)); /* once */
	lapic_timer_attach(apic);
	assert_int_equal(timer_next(), TIMER_NEVER);
	set_deadline(START + 50000);
	lapic_timer_detach(apic);
	lapic_reset(apic, false);
	lapic_timer_attach(apic);
	assert_int_equal(timer_next(), TIMER_NEVER);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_shot),
		TEST(test_timers_move),
		TEST(test_a_timer_due_on_the_way),
		TEST(test_a_timer_set_while_detached),
		TEST(test_divide_values),
		TEST(test_largest_count),
		TEST(test_zero_stops),
		TEST(test_periodic_does_not_drift),
		TEST(test_periodic_missed_ticks_merge),
		TEST(test_tiny_period_can_not_occupy_the_host),
		TEST(test_masked_counts_silently),
		TEST(test_divide_change_while_counting),
		TEST(test_divide_changed_by_hardware),
		TEST(test_one_shot_to_periodic_and_back),
		TEST(test_tsc_deadline),
		TEST(test_deadline_in_the_past),
		TEST(test_deadline_due_while_being_set),
		TEST(test_deadline_due_while_set_again),
		TEST(test_count_due_while_being_set),
		TEST(test_divide_change_at_the_end),
		TEST(test_mode_change_owes_the_interrupt),
		TEST(test_deadline_beyond_host_time),
		TEST(test_deadline_follows_tsc_writes),
		TEST(test_mode_decides_which_registers_work),
		TEST(test_mode_changes_disarm),
		TEST(test_reset_and_disable_stop_the_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
