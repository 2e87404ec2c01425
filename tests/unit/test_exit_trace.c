/* SPDX-License-Identifier: MIT */
/* The trace of a vCPU: order, wrap-around, restart, kinds, several writers and a reader at once. */
#include <pthread.h>
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
static struct trace_record out[EXIT_TRACE_LEN];

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
		exit_trace_end(vcpu, exit_trace_begin(vcpu, (u16)(i % 64), 0x100000 + i, i));
	}
}

static void expect(unsigned first, unsigned count)
{
	assert_int_equal(exit_trace_copy(vcpu, out), count);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(out[i].kind, TRACE_EXIT);
		assert_int_equal(out[i].value, first + i);
		assert_int_equal(out[i].address, 0x100000 + first + i);
		assert_int_equal(out[i].id, (first + i) % 64);
		assert_int_equal(out[i].tsc, 1000 + first + i);
	}
}

static void off_at_first(void **state)
{
	(void)state;
	assert_false(exit_trace_is_on(vcpu));
	assert_int_equal(exit_trace_copy(vcpu, out), 0);
	assert_int_equal(exit_trace_set(vcpu, 0), FIRN_OK);
	assert_null(vcpu->trace); /* switching it off takes no memory */
}

static void keeps_order(void **state)
{
	(void)state;
	assert_int_equal(exit_trace_set(vcpu, TRACE_ALL), FIRN_OK);
	assert_true(exit_trace_is_on(vcpu));
	expect(0, 0);
	add(0, 1);
	expect(0, 1);
	add(1, 99);
	expect(0, 100);
}

static void wraps_around(void **state)
{
	(void)state;
	exit_trace_set(vcpu, TRACE_ALL);
	add(0, EXIT_TRACE_LEN);
	expect(0, EXIT_TRACE_LEN);
	add(EXIT_TRACE_LEN, 1);
	expect(1, EXIT_TRACE_LEN);
	add(EXIT_TRACE_LEN + 1, 1000);
	expect(1001, EXIT_TRACE_LEN);
}

static void off_keeps_on_restarts(void **state)
{
	(void)state;
	exit_trace_set(vcpu, TRACE_ALL);
	add(0, 10);
	exit_trace_set(vcpu, 0);
	assert_false(exit_trace_is_on(vcpu));
	expect(0, 10);
	exit_trace_set(vcpu, TRACE_ALL);
	expect(0, 0);
	add(5, 2);
	expect(5, 2);
}

/* Numbers of records wrap after 2^32 of them; the one that gets number 0 is lost. */
static void numbers_wrap(void **state)
{
	(void)state;
	exit_trace_set(vcpu, TRACE_ALL);
	vcpu->trace->next = vcpu->trace->first = ~0u - 10;
	add(0, 10);
	expect(0, 10);
	add(10, 100);
	assert_int_equal(exit_trace_copy(vcpu, out), 109);
	assert_int_equal(out[9].value, 9);
	assert_int_equal(out[10].value, 11);
	assert_int_equal(out[108].value, 109);
}

/* An exit bears the time that it took, also when its handling is recorded behind it. */
static void cost_of_an_exit(void **state)
{
	u32 number;

	(void)state;
	exit_trace_set(vcpu, TRACE_ALL);
	fake_set_tsc(1000);
	number = exit_trace_begin(vcpu, 30, 0, 0);
	assert_true(vcpu->trace->inside);
	fake_set_tsc(1400);
	exit_trace_io(vcpu, TRACE_IO_PORT, 0x3f8, 1, 0x41, "uart");
	assert_int_equal(exit_trace_copy(vcpu, out), 2);
	assert_int_equal(out[0].cost, 0);
	fake_set_tsc(1500);
	exit_trace_end(vcpu, number);
	assert_false(vcpu->trace->inside);
	assert_int_equal(exit_trace_copy(vcpu, out), 2);
	assert_int_equal(out[0].cost, 500);
	assert_int_equal(out[1].kind, TRACE_MMIO);
	assert_int_equal(out[1].tsc, 1400);
	assert_string_equal(out[1].device, "uart");
	/* Its place was taken by others meanwhile: theirs stays as it is. */
	number = exit_trace_begin(vcpu, 30, 0, 0);
	for (unsigned i = 0; i < EXIT_TRACE_LEN; i++)
		exit_trace_irq(vcpu, TRACE_IRQ_IPI, 0x20, i);
	fake_set_tsc(2000);
	exit_trace_end(vcpu, number);
	assert_int_equal(exit_trace_copy(vcpu, out), EXIT_TRACE_LEN);
	for (unsigned i = 0; i < EXIT_TRACE_LEN; i++) {
		assert_int_equal(out[i].kind, TRACE_IRQ);
		assert_int_equal(out[i].value, i);
		assert_int_equal(out[i].cost, 0);
	}
}

static void kinds_are_chosen(void **state)
{
	(void)state;
	exit_trace_set(vcpu, TRACE_KIND(TRACE_IRQ));
	assert_true(exit_trace_is_on(vcpu));
	add(0, 1000);
	exit_trace_io(vcpu, TRACE_IO_WRITE, 0xfee00000, 4, 1, NULL);
	exit_trace_irq(vcpu, TRACE_IRQ_LVT, 0xec, 0x320);
	assert_int_equal(exit_trace_copy(vcpu, out), 1);
	assert_int_equal(out[0].what, TRACE_IRQ_LVT);
	assert_int_equal(out[0].id, 0xec);
	assert_int_equal(out[0].value, 0x320);
}

#define WRITERS 3
#define ROUNDS	20000

/* Vector and value belong together. */
static void *send_interrupts(void *arg)
{
	u32 writer = (u32)(uintptr_t)arg;

	for (u32 i = 0; i < ROUNDS; i++)
		exit_trace_irq(vcpu, TRACE_IRQ_IPI, (u8)(writer * 64 + i % 64), writer << 24 | i);
	return NULL;
}

static void many_cpus_send_interrupts(void **state)
{
	pthread_t threads[WRITERS];
	u32 last[WRITERS] = { 0 };

	(void)state;
	exit_trace_set(vcpu, TRACE_ALL);
	for (uintptr_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, send_interrupts, (void *)i), 0);
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(exit_trace_copy(vcpu, out), EXIT_TRACE_LEN);
	for (unsigned i = 0; i < EXIT_TRACE_LEN; i++) {
		u32 writer = (u32)out[i].value >> 24, round = (u32)out[i].value & 0xffffff;

		assert_in_range(writer, 0, WRITERS - 1);
		assert_int_equal(out[i].id, writer * 64 + round % 64);
		assert_true(last[writer] <= round);
		last[writer] = round;
	}
	assert_int_equal(vcpu->trace->next, WRITERS * ROUNDS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(off_at_first),	TEST(keeps_order),
		TEST(wraps_around),	TEST(off_keeps_on_restarts),
		TEST(numbers_wrap),	TEST(cost_of_an_exit),
		TEST(kinds_are_chosen), TEST(many_cpus_send_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
