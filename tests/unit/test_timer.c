/* SPDX-License-Identifier: MIT */
/* Timers: order, re-arming, cancelling from handlers, one list per CPU, random use against a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/timer.h"
#include "fake.h"

#define TIMERS 64

static struct timer timer[TIMERS];
static char order[256];
static void (*on_fire)(struct timer *t);

static void fire(struct timer *t)
{
	assert_false(t->armed);
	if (strlen(order) + 1 < sizeof(order))
		strncat(order, (char[]){ 'a' + (t - timer), '\0' }, 1);
	if (on_fire)
		on_fire(t);
}

/* The same by both ways. */
static u64 first(void)
{
	assert_int_equal(*timer_next_at(), timer_next());
	return timer_next();
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	for (unsigned i = 0; i < TIMERS; i++) {
		timer_cancel(&timer[i]);
		timer[i] = (struct timer){ .fire = fire };
	}
	order[0] = '\0';
	on_fire = NULL;
	assert_int_equal(first(), TIMER_NEVER);
	return 0;
}

static void test_order_and_deadlines(void **state)
{
	(void)state;
	timer_run(~0ull);
	timer_set(&timer[0], 300);
	timer_set(&timer[1], 100);
	timer_set(&timer[2], 200);
	timer_set(&timer[3], 100); /* same time: in the order of setting */
	assert_int_equal(first(), 100);
	timer_run(99);
	assert_string_equal(order, "");
	timer_run(100);
	assert_string_equal(order, "bd");
	assert_int_equal(first(), 200);
	timer_run(1000);
	assert_string_equal(order, "bdca");
	assert_int_equal(first(), TIMER_NEVER);
	timer_run(1000);
	assert_string_equal(order, "bdca");
}

static void test_set_again_moves(void **state)
{
	(void)state;
	timer_set(&timer[0], 100);
	timer_set(&timer[1], 200);
	timer_set(&timer[0], 300);
	assert_int_equal(first(), 200);
	timer_run(250);
	assert_string_equal(order, "b");
	timer_set(&timer[0], 260);
	timer_run(260);
	assert_string_equal(order, "ba");
	assert_int_equal(first(), TIMER_NEVER);
}

static void test_never_and_extremes(void **state)
{
	(void)state;
	timer_set(&timer[0], 100);
	timer_set(&timer[0], TIMER_NEVER);
	assert_false(timer[0].armed);
	assert_int_equal(first(), TIMER_NEVER);
	timer_set(&timer[1], TIMER_NEVER - 1);
	timer_set(&timer[2], 0);
	assert_int_equal(first(), 0);
	timer_run(0);
	assert_string_equal(order, "c");
	timer_run(TIMER_NEVER - 2);
	assert_string_equal(order, "c");
	timer_run(TIMER_NEVER);
	assert_string_equal(order, "cb");
}

static void test_cancel(void **state)
{
	(void)state;
	timer_cancel(&timer[0]);
	timer_set(&timer[0], 1);
	timer_set(&timer[1], 2);
	timer_set(&timer[2], 3);
	timer_cancel(&timer[1]);
	timer_cancel(&timer[1]);
	timer_cancel(&timer[0]);
	assert_int_equal(first(), 3);
	timer_run(10);
	assert_string_equal(order, "c");
}

static void rearm_in_the_past(struct timer *t)
{
	timer_set(t, 5);
}

static void test_rearm_in_the_past_fires_once_a_call(void **state)
{
	(void)state;
	on_fire = rearm_in_the_past;
	timer_set(&timer[0], 10);
	timer_run(20);
	assert_string_equal(order, "a");
	assert_int_equal(first(), 5);
	timer_run(20);
	assert_string_equal(order, "aa");
}

static void first_changes_the_others(struct timer *t)
{
	if (t != &timer[0])
		return;
	timer_cancel(&timer[1]);   /* due, not fired yet */
	timer_set(&timer[2], 500); /* due, moves away */
	timer_set(&timer[4], 1);   /* new and due: next call */
}

static void test_handler_changes_due_timers(void **state)
{
	(void)state;
	on_fire = first_changes_the_others;
	for (unsigned i = 0; i < 4; i++)
		timer_set(&timer[i], 10 + i);
	timer_run(100);
	assert_string_equal(order, "ad");
	assert_int_equal(first(), 1);
	timer_run(100);
	assert_string_equal(order, "ade");
	timer_run(500);
	assert_string_equal(order, "adec");
}

static void test_each_cpu_has_its_own(void **state)
{
	(void)state;
	timer_set(&timer[0], 100);
	fake_set_cpu(1);
	assert_int_equal(first(), TIMER_NEVER);
	timer_set(&timer[1], 50);
	timer_run(1000);
	assert_string_equal(order, "b");
	/* A timer belongs to the CPU that set it. */
	assert_true(fake_panics(timer_cancel(&timer[0])));
	assert_true(fake_panics(timer_set(&timer[0], 1)));
	fake_set_cpu(0);
	assert_int_equal(first(), 100);
	timer_run(100);
	assert_string_equal(order, "ba");
}

/* Reference: a table of deadlines. */
static u64 deadline[TIMERS], last_fired, now;
static unsigned fired;

static void check_fire(struct timer *t)
{
	unsigned i = t - timer;

	assert_int_equal(t->deadline, deadline[i]);
	assert_true(t->deadline <= now);
	assert_true(t->deadline >= last_fired);
	last_fired = t->deadline;
	deadline[i] = TIMER_NEVER;
	fired++;
}

static void test_random_use_against_model(void **state)
{
	(void)state;
	srand(5);
	for (unsigned i = 0; i < TIMERS; i++) {
		deadline[i] = TIMER_NEVER;
		timer[i].fire = check_fire;
	}
	for (unsigned step = 0; step < 200000; step++) {
		unsigned i = rand() % TIMERS, due = 0;
		u64 next = TIMER_NEVER;

		if (rand() % 3) {
			deadline[i] = now + rand() % 1000;
			timer_set(&timer[i], deadline[i]);
		} else {
			deadline[i] = TIMER_NEVER;
			timer_cancel(&timer[i]);
		}
		for (i = 0; i < TIMERS; i++)
			next = MIN(next, deadline[i]);
		assert_int_equal(first(), next);
		now += rand() % 40;
		for (i = 0; i < TIMERS; i++)
			due += deadline[i] <= now;
		fired = 0;
		last_fired = 0;
		timer_run(now);
		assert_int_equal(fired, due);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_order_and_deadlines, setup),
		cmocka_unit_test_setup(test_set_again_moves, setup),
		cmocka_unit_test_setup(test_never_and_extremes, setup),
		cmocka_unit_test_setup(test_cancel, setup),
		cmocka_unit_test_setup(test_rearm_in_the_past_fires_once_a_call, setup),
		cmocka_unit_test_setup(test_handler_changes_due_timers, setup),
		cmocka_unit_test_setup(test_each_cpu_has_its_own, setup),
		cmocka_unit_test_setup(test_random_use_against_model, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
