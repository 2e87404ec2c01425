/* SPDX-License-Identifier: MIT */
/* What ends a vCPU's time: events, work, HLT, timers, the slice; and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/guest_exits.h"
#include "fake.h"
#include "fake_vcpu.h"

#define SLICE_END 1000

static struct fake_vm *fake;
static struct vcpu *vcpu;
static struct guest_loop loop;
static bool can_wake, nmi_blocked;
static unsigned fired;
static struct work work;
static struct timer timer;

bool vcpu_can_wake(struct vcpu *v)
{
	(void)v;
	return can_wake;
}

bool virt_nmi_blocked(struct vcpu *v)
{
	(void)v;
	return nmi_blocked;
}

static void fire(struct timer *t)
{
	(void)t;
	fired++;
}

static void run(struct work *w)
{
	(void)w;
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake = fake_vm_create(1);
	vcpu = fake->vm.vcpu[0];
	vcpu->state = VCPU_RUNNABLE;
	can_wake = nmi_blocked = false;
	fired = 0;
	timer = (struct timer){ .fire = fire };
	work = (struct work){ .run = run };
	loop = guest_loop_begin(SLICE_END);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	timer_cancel(&timer);
	work_run();
	fake_vm_destroy(fake);
	return 0;
}

static void expect_stop(enum vcpu_stop expected)
{
	enum vcpu_stop stop = VCPU_STOP_PREEMPTED;

	assert_true(guest_needs_service(vcpu, &loop));
	assert_false(guest_may_run(vcpu, &loop, &stop));
	assert_int_equal(stop, expected);
}

/* What a halted vCPU is asked when it is not loaded, by those who post to it. */
static void hlt_keeps_whether_interrupts_are_on(void **state)
{
	enum vcpu_stop stop;

	(void)state;
	vcpu->state = VCPU_HALTED;
	virt_set(vcpu, VREG_RFLAGS, RFLAGS_ONE);
	assert_false(guest_may_run(vcpu, &loop, &stop));
	assert_true(vcpu->arch.halt_masked);
	virt_set(vcpu, VREG_RFLAGS, RFLAGS_ONE | RFLAGS_IF);
	assert_false(guest_may_run(vcpu, &loop, &stop));
	assert_false(vcpu->arch.halt_masked);
}

static void hlt_keeps_whether_nmis_are_blocked(void **state)
{
	enum vcpu_stop stop;

	(void)state;
	vcpu->state = VCPU_HALTED;
	nmi_blocked = true;
	assert_false(guest_may_run(vcpu, &loop, &stop));
	assert_true(vcpu->arch.halt_nmi_blocked);
	nmi_blocked = false;
	assert_false(guest_may_run(vcpu, &loop, &stop));
	assert_false(vcpu->arch.halt_nmi_blocked);
}

static void hlt_in_a_single_step(void **state)
{
	enum vcpu_stop stop;

	(void)state;
	vcpu->state = VCPU_HALTED;
	virt_set(vcpu, VREG_RFLAGS, RFLAGS_ONE | RFLAGS_TF);
	assert_true(guest_may_run(vcpu, &loop, &stop));
	assert_int_equal(vcpu->state, VCPU_RUNNABLE);
}

static void nothing_to_do(void **state)
{
	enum vcpu_stop stop;

	(void)state;
	assert_false(guest_needs_service(vcpu, &loop));
	assert_true(guest_may_run(vcpu, &loop, &stop));
	/* It only ends HLT, which there is none. */
	vcpu->events = VCPU_EVENT_UNHALT;
	assert_false(guest_needs_service(vcpu, &loop));
}

static void events(void **state)
{
	static const u32 stopping[] = { VCPU_EVENT_INIT, VCPU_EVENT_SIPI, VCPU_EVENT_STOP };
	enum vcpu_stop stop;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(stopping); i++) {
		vcpu->events = stopping[i];
		expect_stop(VCPU_STOP_EVENT);
		assert_false(guest_nmi_pending(vcpu));
	}
	vcpu->events = VCPU_EVENT_NMI;
	assert_true(guest_needs_service(vcpu, &loop));
	assert_true(guest_may_run(vcpu, &loop, &stop));
	assert_true(guest_nmi_pending(vcpu));
}

static void posted_work(void **state)
{
	(void)state;
	work_post(0, &work);
	expect_stop(VCPU_STOP_PREEMPTED);
	vcpu->events = VCPU_EVENT_STOP;
	expect_stop(VCPU_STOP_EVENT);
}

/* Who posts work without end does not keep guests from running. */
static void work_from_the_beginning(void **state)
{
	const u64 grace = clock_ns_to_tsc(50000);
	enum vcpu_stop stop;

	(void)state;
	fake_set_tsc(100);
	work_post(0, &work);
	loop = guest_loop_begin(~0ull);
	assert_int_equal(guest_loop_until(&loop), 100 + grace);
	assert_false(guest_needs_service(vcpu, &loop));
	vcpu->state = VCPU_HALTED;
	can_wake = true;
	assert_true(guest_may_run(vcpu, &loop, &stop));
	assert_int_equal(vcpu->state, VCPU_RUNNABLE);
	assert_true(guest_loop_time(vcpu, &loop, 99 + grace, &stop));
	assert_false(guest_loop_time(vcpu, &loop, 100 + grace, &stop));
	assert_int_equal(stop, VCPU_STOP_PREEMPTED);
	vcpu->events = VCPU_EVENT_STOP;
	expect_stop(VCPU_STOP_EVENT);
	vcpu->events = 0;
	/* A slice that ends earlier ends earlier. */
	loop = guest_loop_begin(200);
	assert_int_equal(guest_loop_until(&loop), 200);
	work_run();
	loop = guest_loop_begin(SLICE_END);
	assert_int_equal(guest_loop_until(&loop), SLICE_END);
	work_post(0, &work);
	expect_stop(VCPU_STOP_PREEMPTED);
}

static void halted(void **state)
{
	enum vcpu_stop stop;

	(void)state;
	vcpu->state = VCPU_HALTED;
	expect_stop(VCPU_STOP_HALTED);
	assert_int_equal(vcpu->state, VCPU_HALTED);
	can_wake = true;
	assert_true(guest_needs_service(vcpu, &loop));
	assert_true(guest_may_run(vcpu, &loop, &stop));
	assert_int_equal(vcpu->state, VCPU_RUNNABLE);
}

static void until_the_timer_or_the_slice(void **state)
{
	(void)state;
	assert_int_equal(guest_loop_until(&loop), SLICE_END);
	timer_set(&timer, SLICE_END + 1);
	assert_int_equal(guest_loop_until(&loop), SLICE_END);
	timer_set(&timer, SLICE_END - 1);
	assert_int_equal(guest_loop_until(&loop), SLICE_END - 1);
}

static void due_timers(void **state)
{
	enum vcpu_stop stop;

	(void)state;
	timer_set(&timer, 500);
	assert_true(guest_loop_time(vcpu, &loop, 499, &stop));
	assert_int_equal(fired, 0);
	assert_true(guest_loop_time(vcpu, &loop, 500, &stop));
	assert_int_equal(fired, 1);
	assert_int_equal(guest_loop_until(&loop), SLICE_END);
}

static void end_of_the_slice(void **state)
{
	enum vcpu_stop stop = VCPU_STOP_HALTED;

	(void)state;
	timer_set(&timer, SLICE_END);
	assert_false(guest_loop_time(vcpu, &loop, SLICE_END, &stop));
	assert_int_equal(stop, VCPU_STOP_PREEMPTED);
	assert_int_equal(fired, 1);
	vcpu->state = VCPU_HALTED;
	assert_false(guest_loop_time(vcpu, &loop, SLICE_END, &stop));
	assert_int_equal(stop, VCPU_STOP_HALTED);
	vcpu->events = VCPU_EVENT_STOP;
	assert_false(guest_loop_time(vcpu, &loop, SLICE_END, &stop));
	assert_int_equal(stop, VCPU_STOP_EVENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_to_do),
		TEST(hlt_keeps_whether_interrupts_are_on),
		TEST(hlt_keeps_whether_nmis_are_blocked),
		TEST(hlt_in_a_single_step),
		TEST(events),
		TEST(posted_work),
		TEST(work_from_the_beginning),
		TEST(halted),
		TEST(due_timers),
		TEST(until_the_timer_or_the_slice),
		TEST(end_of_the_slice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
