/* SPDX-License-Identifier: MIT */
/* The exit trace: order, wrap-around, restart, and a reader beside a running writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "arch/fake/fake.h"
#include "core/exit_trace.h"
#include "core/vcpu.h"

static struct vcpu *vcpu;
static struct exit_record out[EXIT_TRACE_LEN];

static int setup(void **state)
{
	(void)state;
	fake_reset();
	vcpu = calloc(1, sizeof(*vcpu));
	return vcpu ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(vcpu->trace);
	free(vcpu);
	return 0;
}

static void add(unsigned from, unsigned count)
{
	for (unsigned i = from; i < from + count; i++) {
		fake_set_tsc(1000 + i);
		exit_trace_add(vcpu, (u16)(i % 64), 0x100000 + i, i);
	}
}

static void expect(unsigned first, unsigned count)
{
	assert_int_equal(exit_trace_copy(vcpu, out), count);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(out[i].info, first + i);
		assert_int_equal(out[i].rip, 0x100000 + first + i);
		assert_int_equal(out[i].reason, (first + i) % 64);
		assert_int_equal(out[i].tsc, 1000 + first + i);
	}
}

static void off_at_first(void **state)
{
	(void)state;
	assert_false(exit_trace_is_on(vcpu));
	assert_int_equal(exit_trace_copy(vcpu, out), 0);
	assert_int_equal(exit_trace_set(vcpu, false), FIRN_OK);
	assert_null(vcpu->trace); /* switching it off takes no memory */
}

static void keeps_order(void **state)
{
	(void)state;
	assert_int_equal(exit_trace_set(vcpu, true), FIRN_OK);
	assert_true(exit_trace_is_on(vcpu));
	expect(0, 0);
	add(0, 1);
	expect(0, 1);
	add(1, 99);
	expect(0, 100);
}

/* The place that the next exit goes to may be half written: a full ring shows one less. */
static void wraps_around(void **state)
{
	(void)state;
	exit_trace_set(vcpu, true);
	add(0, EXIT_TRACE_LEN - 1);
	expect(0, EXIT_TRACE_LEN - 1);
	add(EXIT_TRACE_LEN - 1, 1);
	expect(1, EXIT_TRACE_LEN - 1);
	add(EXIT_TRACE_LEN, 1000);
	expect(1001, EXIT_TRACE_LEN - 1);
}

static void off_keeps_on_restarts(void **state)
{
	(void)state;
	exit_trace_set(vcpu, true);
	add(0, 10);
	exit_trace_set(vcpu, false);
	assert_false(exit_trace_is_on(vcpu));
	expect(0, 10);
	exit_trace_set(vcpu, true);
	expect(0, 0);
	add(5, 2);
	expect(5, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(off_at_first),
		TEST(keeps_order),
		TEST(wraps_around),
		TEST(off_keeps_on_restarts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
