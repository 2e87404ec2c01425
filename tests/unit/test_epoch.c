/* SPDX-License-Identifier: MIT */
/* Deferred freeing: who holds an entry up, who does not, and when it goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "fake.h"
/* Its one static state is wiped between tests. */
#include "core/epoch.c"

static struct epoch_entry entry[8], many[2 * MANY];
static char order[16];

static void record(struct epoch_entry *e)
{
	strncat(order, (char[]){ '0' + (e - entry), '\0' }, 1);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	memset(cpus, 0, sizeof(cpus));
	memset(&epoch, 0, sizeof(epoch));
	epoch.last = &epoch.first;
	order[0] = '\0';
	return 0;
}

static void quiescent(unsigned cpu)
{
	fake_set_cpu(cpu);
	epoch_quiescent();
}

static void idle(unsigned cpu, bool is_idle)
{
	fake_set_cpu(cpu);
	epoch_cpu_idle(is_idle);
}

static void test_one_cpu(void **state)
{
	(void)state;
	epoch_quiescent();
	epoch_defer(&entry[0], record);
	epoch_defer(&entry[1], record);
	assert_int_equal(epoch_pending(), 2);
	assert_string_equal(order, "");
	epoch_quiescent();
	assert_int_equal(epoch_pending(), 0);
	assert_string_equal(order, "01");
	epoch_quiescent();
	assert_string_equal(order, "01");
}

static void test_every_cpu_is_waited_for(void **state)
{
	(void)state;
	fake_set_nr_cpus(3);
	quiescent(0);
	quiescent(1);
	quiescent(2);
	fake_set_cpu(1);
	epoch_defer(&entry[0], record);
	quiescent(0);
	quiescent(1);
	quiescent(0);
	quiescent(1);
	assert_int_equal(epoch_pending(), 1);
	quiescent(2);
	assert_string_equal(order, "0");
}

static void test_older_entries_go_first(void **state)
{
	(void)state;
	fake_set_nr_cpus(2);
	epoch_defer(&entry[0], record);
	quiescent(1);
	epoch_defer(&entry[1], record);
	quiescent(0); /* CPU 1 may still see entry 1, not entry 0 */
	assert_string_equal(order, "0");
	assert_int_equal(epoch_pending(), 1);
	quiescent(1);
	assert_string_equal(order, "01");
	epoch_defer(&entry[2], record);
	quiescent(0);
	quiescent(1);
	assert_string_equal(order, "012");
}

static void test_idle_cpus_hold_nobody_up(void **state)
{
	(void)state;
	fake_set_nr_cpus(3);
	idle(1, true);
	fake_set_cpu(0);
	epoch_defer(&entry[0], record);
	quiescent(0);
	assert_int_equal(epoch_pending(), 1);
	idle(2, true); /* going idle is quiescent, and the last one frees */
	assert_string_equal(order, "0");

	idle(1, false);
	epoch_defer(&entry[1], record);
	quiescent(0);
	assert_int_equal(epoch_pending(), 1);
	quiescent(1);
	assert_int_equal(epoch_pending(), 0);
}

static void test_all_idle(void **state)
{
	(void)state;
	fake_set_nr_cpus(2);
	idle(1, true);
	fake_set_cpu(0);
	epoch_defer(&entry[0], record);
	idle(0, true);
	assert_string_equal(order, "0");
}

static void test_offline_cpus_do_not_count(void **state)
{
	(void)state;
	fake_set_nr_cpus(2); /* the other 254 never call anything */
	epoch_defer(&entry[0], record);
	quiescent(0);
	quiescent(1);
	assert_string_equal(order, "0");
}

static void defer_next(struct epoch_entry *e)
{
	record(e);
	if (e < &entry[3])
		epoch_defer(e + 1, defer_next);
}

static void test_free_may_defer(void **state)
{
	(void)state;
	epoch_defer(&entry[0], defer_next);
	epoch_quiescent();
	assert_string_equal(order, "0");
	assert_int_equal(epoch_pending(), 1);
	epoch_quiescent();
	epoch_quiescent();
	epoch_quiescent();
	assert_string_equal(order, "0123");
	assert_int_equal(epoch_pending(), 0);
}

static void test_busy_list_is_left_to_its_owner(void **state)
{
	(void)state;
	epoch_defer(&entry[0], record);
	spin_lock(&epoch.lock);
	epoch_quiescent(); /* must not wait for the lock: it runs at every exit */
	assert_int_equal(epoch_pending(), 1);
	spin_unlock(&epoch.lock);
	epoch_quiescent();
	assert_int_equal(epoch_pending(), 0);
}

static void count(struct epoch_entry *e)
{
	(void)e;
}

static bool is_asked(unsigned cpu)
{
	bool pending;

	fake_set_cpu(cpu);
	pending = work_pending();
	work_run();
	return pending;
}

/* A CPU that stays in a guest does not keep memory without bounds: it is asked to come out. */
static void test_late_cpus_are_asked(void **state)
{
	(void)state;
	fake_set_nr_cpus(4);
	idle(3, true);
	quiescent(1);
	fake_set_cpu(0);
	for (unsigned i = 0; i < MANY - 1; i++)
		epoch_defer(&many[i], count);
	for (unsigned i = 0; i < 4; i++)
		assert_false(is_asked(i));
	quiescent(1);
	fake_set_cpu(0);
	epoch_defer(&many[MANY - 1], count);
	epoch_defer(&many[MANY], count);
	assert_false(is_asked(1)); /* it holds nothing up that is old */
	assert_false(is_asked(3)); /* idle */
	assert_true(is_asked(2));
	assert_true(is_asked(0));
	quiescent(2);
	quiescent(0);
	quiescent(1);
	quiescent(2);
	assert_int_equal(epoch_pending(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_one_cpu, setup),
		cmocka_unit_test_setup(test_every_cpu_is_waited_for, setup),
		cmocka_unit_test_setup(test_older_entries_go_first, setup),
		cmocka_unit_test_setup(test_idle_cpus_hold_nobody_up, setup),
		cmocka_unit_test_setup(test_all_idle, setup),
		cmocka_unit_test_setup(test_offline_cpus_do_not_count, setup),
		cmocka_unit_test_setup(test_free_may_defer, setup),
		cmocka_unit_test_setup(test_busy_list_is_left_to_its_owner, setup),
		cmocka_unit_test_setup(test_late_cpus_are_asked, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
