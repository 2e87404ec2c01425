/* SPDX-License-Identifier: MIT */
/* Shares of a CPU: weights, caps, what a vCPU that wakes up may catch up with, where time goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake.h"
#include "tests/unit/vm_fixture.h"

#define MS 1000000ull /* TSC ticks: the fake TSC has 1 GHz */

static u32 random_state;

static u32 random_below(u32 limit)
{
	random_state = random_state * 1664525 + 1013904223;
	return (u32)((u64)(random_state >> 8) * limit >> 24);
}

static struct vcpu *vcpu_of(unsigned vm)
{
	return vm_by_id(vm)->vcpu[0];
}

static void begin_one(unsigned vm, unsigned weight, unsigned cap, guest_step then)
{
	configs[vm].weight = weight;
	configs[vm].cap = cap;
	make_vm(vm, 1);
	guest_of(vcpu_of(vm))->then = then;
	start_vm_ok(vm_by_id(vm));
}

/* The CPU's time goes on until the end; while it sleeps, to what wakes it. */
static void run_until(u64 end)
{
	while (clock_tsc() < end)
		if (!cpu_pass(0))
			fake_set_tsc(MIN(end, MAX(clock_tsc() + 1, fake_wakeup(0))));
}

static void assert_share(unsigned vm, u64 since, double wanted)
{
	double share = (double)vcpu_of(vm)->run_tsc / (double)(clock_tsc() - since);

	if (share < wanted * 0.99 || share > wanted * 1.01)
		fail_msg("VM %u got %f, not %f", vm, share, wanted);
}

/* Exits between the ends of its slices, in any rhythm. */
static void guest_spins_a_while(struct vcpu *vcpu)
{
	(void)vcpu;
	fake_set_tsc(clock_tsc() + 1 + random_below(3 * MS));
}

static void test_weights(void **state)
{
	static const unsigned weights[][3] = {
		{ 100, 100, 100 },    { 100, 300, 50 }, { 1, 2, 3 },
		{ 10000, 100, 5000 }, { 7, 77, 777 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(weights); i++) {
		const unsigned *w = weights[i];
		u64 start = clock_tsc();

		for (unsigned vm = 0; vm < 3; vm++)
			begin_one(vm, w[vm], 0, guest_spins_a_while);
		run_until(start + 400000 * MS);
		for (unsigned vm = 0; vm < 3; vm++)
			assert_share(vm, start, (double)w[vm] / (w[0] + w[1] + w[2]));
		remove_vms();
	}
}

/* One that comes and goes takes its share from the others in the proportion of theirs. */
static void guest_comes_and_goes(struct vcpu *vcpu)
{
	guest_spins_a_while(vcpu);
	if (random_below(2))
		guest_halt(vcpu);
}

static void wake_sometimes(const char *place)
{
	if (strcmp(place, "before entry") == 0 && random_below(8) == 0)
		guest_irq(vcpu_of(2));
}

static void test_weights_beside_one_that_halts(void **state)
{
	u64 first, second;

	(void)state;
	begin_one(0, 100, 0, guest_spins_a_while);
	begin_one(1, 300, 0, guest_spins_a_while);
	begin_one(2, 200, 0, guest_comes_and_goes);
	at_place = wake_sometimes;
	run_until(clock_tsc() + 400000 * MS);
	at_place = NULL;
	first = vcpu_of(0)->run_tsc;
	second = vcpu_of(1)->run_tsc;
	assert_in_range(second, first * 297 / 100, first * 303 / 100);
	/* No more than its own share. */
	assert_in_range(vcpu_of(2)->run_tsc, 1000 * MS, first * 202 / 100);
}

static void test_the_least_is_not_starved(void **state)
{
	u64 start = clock_tsc(), last, gap = 0;

	(void)state;
	begin_one(0, 1, 0, guest_spins_a_while);
	begin_one(1, SCHED_WEIGHT_MAX, 0, guest_spins_a_while);
	last = start;
	while (clock_tsc() < start + 200000 * MS) {
		u64 before = vcpu_of(0)->run_tsc;

		cpu_pass(0);
		if (vcpu_of(0)->run_tsc == before)
			continue;
		gap = MAX(gap, clock_tsc() - last);
		last = clock_tsc();
	}
	/* One turn of at most 2 ms and 3 ms more in the guest, then 10000 times as long the other. */
	assert_in_range(gap, 1, (u64)SCHED_WEIGHT_MAX * 5 * MS);
	assert_true(vcpu_of(0)->run_tsc > 0);
}

/* Time that it did not want is not saved up. */
static void test_credit_is_bounded(void **state)
{
	u64 woken, own, wait;

	(void)state;
	begin_one(0, 100, 0, guest_spins_a_while);
	begin_one(1, 100, 0, guest_halt);
	run_until(clock_tsc() + 5000 * MS);
	guest_of(vcpu_of(1))->then = guest_spins_a_while;
	woken = clock_tsc();
	own = vcpu_of(0)->run_tsc;
	guest_irq(vcpu_of(1));
	while (vcpu_of(0)->run_tsc == own)
		cpu_pass(0);
	wait = vcpu_of(1)->run_tsc;
	assert_true(wait > 0);
	/* Its credit of 5 ms, and a turn. */
	assert_in_range(wait, 1, 18 * MS);
	run_until(woken + 2000 * MS);
	assert_in_range(vcpu_of(1)->run_tsc, 990 * MS, 1012 * MS);
}

static void guest_wakes_the_other(struct vcpu *vcpu)
{
	fake_set_tsc(clock_tsc() + MS);
	guest_irq(vcpu->vm->id == 0 ? vcpu_of(1) : vcpu_of(0));
}

static void test_a_woken_one_does_not_wait_for_the_end_of_a_slice(void **state)
{
	u64 start;

	(void)state;
	begin_one(0, 100, 0, guest_spin);
	begin_one(1, 100, 0, guest_halt);
	run_until(clock_tsc() + 100 * MS);
	guest_of(vcpu_of(0))->then = guest_wakes_the_other;
	clear_order();
	start = clock_tsc();
	for (unsigned i = 0; i < 4; i++)
		cpu_pass(0);
	assert_string_equal(order, "abab");
	/* 1 ms each time, not a turn. */
	assert_int_equal(clock_tsc() - start, 2 * MS);
}

static void test_cap_of_one(void **state)
{
	u64 start = clock_tsc();

	(void)state;
	begin_one(0, 100, 25, guest_spins_a_while);
	run_until(start + 100000 * MS);
	assert_share(0, start, 0.25);
	assert_true(vcpu_of(0)->steal_tsc > 70000 * MS);
}

static void test_cap_leaves_the_rest_to_others(void **state)
{
	u64 start = clock_tsc();

	(void)state;
	begin_one(0, 10000, 10, guest_spins_a_while);
	begin_one(1, 100, 0, guest_spins_a_while);
	begin_one(2, 200, 0, guest_spins_a_while);
	run_until(start + 100000 * MS);
	assert_share(0, start, 0.1);
	assert_share(1, start, 0.3);
	assert_share(2, start, 0.6);
}

static void test_cap_is_for_all_vcpus_of_a_vm(void **state)
{
	u64 start = clock_tsc(), sum = 0;

	(void)state;
	configs[0].cap = 40;
	make_vm(0, 4);
	for (unsigned i = 0; i < 4; i++) {
		guests[0][i].then = guest_spins_a_while;
	}
	start_vm_ok(vm_by_id(0));
	for (unsigned i = 1; i < 4; i++)
		vcpu_post_sipi(vm_by_id(0)->vcpu[i], 1);
	run_until(start + 50000 * MS);
	for (unsigned i = 0; i < 4; i++) {
		u64 ran = vm_by_id(0)->vcpu[i]->run_tsc;

		assert_in_range(ran, 4900 * MS, 5100 * MS);
		sum += ran;
	}
	assert_in_range(sum, 19800 * MS, 20200 * MS);
}

/* A capped VM is paused, resumed and stopped while it has no time left. */
static void test_stop_of_a_capped_one(void **state)
{
	struct vm *vm;

	(void)state;
	begin_one(0, 100, 5, guest_spin);
	vm = vm_by_id(0);
	for (unsigned i = 0; i < 6; i++)
		cpu_pass(0);
	assert_true(vcpu_of(0)->sched.throttled);
	assert_false(on_run_queue(0, vcpu_of(0)));
	vm_pause(vm);
	settle();
	assert_int_equal(vm->state, VM_PAUSED);
	assert_false(vcpu_of(0)->sched.throttled);
	vm_resume(vm);
	settle();
	assert_true(vcpu_of(0)->sched.throttled);
	vcpu_post_event(vcpu_of(0), VCPU_EVENT_NMI);
	guest_irq(vcpu_of(0));
	settle();
	assert_true(vcpu_of(0)->sched.throttled);
	vm_stop(vm);
	settle();
	assert_int_equal(vm->state, VM_STOPPED);
	assert_null(run_queues[0].throttled);
	assert_false(run_queues[0].cap_timer.armed);
}

static u64 accounted(const struct vcpu *v)
{
	return v->run_tsc + v->steal_tsc + v->idle_tsc;
}

static void random_event(const char *place)
{
	struct vcpu *v = vcpu_of(random_below(3));

	if (strcmp(place, "before entry") != 0)
		return;
	switch (random_below(12)) {
	case 0:
		guest_irq(v);
		break;
	case 1:
		vcpu_unhalt(v);
		break;
	case 2:
		vcpu_post_event(v, VCPU_EVENT_NMI);
		break;
	case 3:
		vm_pause(v->vm);
		break;
	case 4:
	case 5:
		vm_resume(v->vm);
		break;
	case 6:
		sched_yield_to(v);
		break;
	default:
		break;
	}
}

/* Each moment is one of the three, whatever happens. */
static void test_all_time_is_accounted(void **state)
{
	u64 start[3], until;

	(void)state;
	for (unsigned vm = 0; vm < 3; vm++) {
		start[vm] = clock_tsc();
		begin_one(vm, 50 + 100 * vm, vm == 1 ? 30 : 0, guest_comes_and_goes);
		fake_set_tsc(clock_tsc() + MS);
	}
	at_place = random_event;
	until = clock_tsc() + 50000 * MS;
	while (clock_tsc() < until) {
		run_until(MIN(until, clock_tsc() + 50 * MS));
		for (unsigned vm = 0; vm < 3; vm++) {
			vm_resume(vm_by_id(vm));
			guest_irq(vcpu_of(vm));
		}
		nr_done = 0;
		for (unsigned vm = 0; vm < 3; vm++) {
			struct vcpu *v = vcpu_of(vm);

			assert_int_equal(accounted(v), v->sched.since - start[vm]);
			on_run_queue(0, v); /* checks it */
		}
	}
	at_place = NULL;
	for (unsigned vm = 0; vm < 3; vm++)
		assert_true(vcpu_of(vm)->run_tsc && vcpu_of(vm)->steal_tsc &&
			    vcpu_of(vm)->idle_tsc);
}

/* Nobody else wants the CPU, nothing is stolen; HLT is not stolen either. */
static void test_no_steal_without_others(void **state)
{
	(void)state;
	begin_one(0, 100, 0, guest_comes_and_goes);
	for (unsigned i = 0; i < 100; i++) {
		run_until(clock_tsc() + 20 * MS);
		guest_irq(vcpu_of(0));
	}
	assert_int_equal(vcpu_of(0)->steal_tsc, 0);
	assert_true(vcpu_of(0)->idle_tsc > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vm_fixture_setup, vm_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_weights),
		TEST(test_weights_beside_one_that_halts),
		TEST(test_the_least_is_not_starved),
		TEST(test_credit_is_bounded),
		TEST(test_a_woken_one_does_not_wait_for_the_end_of_a_slice),
		TEST(test_cap_of_one),
		TEST(test_cap_leaves_the_rest_to_others),
		TEST(test_cap_is_for_all_vcpus_of_a_vm),
		TEST(test_stop_of_a_capped_one),
		TEST(test_all_time_is_accounted),
		TEST(test_no_steal_without_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
