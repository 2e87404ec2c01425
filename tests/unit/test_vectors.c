/* SPDX-License-Identifier: MIT */
/* Device vectors: each CPU's own, exhaustion, freeing, messages, CPUs out of reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/x86/cpu.h"
#include "arch/x86/vectors.h"
#include "fake.h"

#define TEST_CPUS 4
#define VECTORS	  (IRQ_VECTOR_DEVICE_LAST - IRQ_VECTOR_DEVICE + 1)

struct cpu cpus[MAX_CPUS];

struct counter {
	struct interrupt interrupt;
	unsigned calls;
};

static void count(struct interrupt *self)
{
	container_of(self, struct counter, interrupt)->calls++;
}

static struct counter a = { .interrupt.handle = count }, b = { .interrupt.handle = count };

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake_set_nr_cpus(TEST_CPUS);
	for (unsigned i = 0; i < TEST_CPUS; i++)
		cpus[i].apic_id = 2 * i;
	a.calls = b.calls = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TEST_CPUS; i++)
		assert_int_equal(vectors_used(i), 0); /* tests give all back */
	return 0;
}

static u8 alloc(unsigned cpu, struct counter *counter)
{
	u8 vector = 0;

	assert_int_equal(vector_alloc(cpu, &counter->interrupt, &vector), FIRN_OK);
	assert_true(vector_is_device(vector));
	return vector;
}

/* The same number on two CPUs is two vectors. */
static void test_each_cpu_has_its_own(void **state)
{
	u8 on_1 = alloc(1, &a), on_2 = alloc(2, &b);

	(void)state;
	assert_int_equal(on_1, on_2);
	fake_set_cpu(1);
	assert_true(vector_dispatch(on_1));
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 0);
	fake_set_cpu(2);
	assert_true(vector_dispatch(on_2));
	assert_int_equal(b.calls, 1);
	fake_set_cpu(3);
	assert_false(vector_dispatch(on_1)); /* has never had one */
	fake_set_cpu(1);
	assert_false(vector_dispatch(on_1 + 1));
	assert_false(vector_dispatch(IRQ_VECTOR_KICK));
	assert_false(vector_dispatch(IRQ_VECTOR_PIC));
	assert_false(vector_dispatch(0));
	assert_int_equal(a.calls, 1);
	vector_free(1, on_1);
	vector_free(2, on_2);
}

static void test_all_of_a_cpu(void **state)
{
	bool seen[256] = { false };
	u8 vector;

	(void)state;
	for (unsigned i = 0; i < VECTORS; i++) {
		vector = alloc(0, &a);
		assert_false(seen[vector]);
		seen[vector] = true;
	}
	assert_int_equal(vectors_used(0), VECTORS);
	assert_int_equal(vector_alloc(0, &b.interrupt, &vector), ERR_FULL);
	vector_free(0, 0x77);
	assert_int_equal(alloc(0, &b), 0x77);
	fake_set_cpu(0);
	assert_true(vector_dispatch(0x77));
	assert_int_equal(b.calls, 1);
	assert_int_equal(a.calls, 0);
	for (unsigned v = IRQ_VECTOR_DEVICE; v <= IRQ_VECTOR_DEVICE_LAST; v++)
		vector_free(0, v);
}

/* A message that was under way ends in nothing, and is not reported as unexpected. */
static void test_late_message(void **state)
{
	u8 vector = alloc(0, &a);

	(void)state;
	vector_free(0, vector);
	fake_set_cpu(0);
	assert_true(vector_dispatch(vector));
	assert_int_equal(a.calls, 0);
	assert_true(fake_panics(vector_free(0, IRQ_VECTOR_KICK)));
}

static void test_message(void **state)
{
	struct msi_message m;

	(void)state;
	cpus[3].apic_id = 0xfe;
	m = vector_message(3, 0xef);
	assert_int_equal(m.address, 0xfeefe000);
	assert_int_equal(m.data, 0xef);
}

static void test_out_of_reach(void **state)
{
	u8 vector = 0xcc;

	(void)state;
	assert_int_equal(vector_alloc(TEST_CPUS, &a.interrupt, &vector), ERR_RANGE);
	cpus[1].apic_id = 0xff; /* that would be every CPU */
	assert_int_equal(vector_alloc(1, &a.interrupt, &vector), ERR_RANGE);
	cpus[1].apic_id = 0x100;
	assert_int_equal(vector_alloc(1, &a.interrupt, &vector), ERR_RANGE);
	assert_int_equal(vector, 0xcc);
}

static void test_best_cpu(void **state)
{
	u8 first, second, third;

	(void)state;
	assert_int_equal(vector_best_cpu(), 0);
	first = alloc(0, &a);
	assert_int_equal(vector_best_cpu(), 1);
	second = alloc(1, &a);
	third = alloc(2, &a);
	assert_int_equal(vector_best_cpu(), 3);
	cpus[3].apic_id = 0x100;
	assert_int_equal(vector_best_cpu(), 0);
	cpus[0].apic_id = 0x101;
	assert_int_equal(vector_best_cpu(), 1);
	vector_free(0, first);
	vector_free(1, second);
	vector_free(2, third);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_cpu_has_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_of_a_cpu, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_message, setup, teardown),
		cmocka_unit_test_setup_teardown(test_message, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_reach, setup, teardown),
		cmocka_unit_test_setup_teardown(test_best_cpu, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
