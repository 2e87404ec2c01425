/* SPDX-License-Identifier: MIT */
/* Vectors that are freed and given to another while their CPU takes interrupts. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/x86/cpu.h"
#include "arch/x86/vectors.h"
#include "core/log.h"
#include "fake.h"

#define ROUNDS 20000
#define MAGIC  0x4d414749u

struct cpu cpus[MAX_CPUS];

struct device {
	struct interrupt interrupt;
	u32 magic;
	unsigned calls;
};

/* Handler and structure always belong together. */
static void take(struct interrupt *self)
{
	struct device *d = container_of(self, struct device, interrupt);

	if (d->magic != MAGIC)
		panic("wrong structure");
	__atomic_fetch_add(&d->calls, 1, __ATOMIC_RELAXED);
}

static struct device device[2] = { { { take }, MAGIC, 0 }, { { take }, MAGIC, 0 } };
static bool stop;

static void *driver(void *arg)
{
	struct device *d = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		u8 vector;

		if (vector_alloc(1, &d->interrupt, &vector) == FIRN_OK)
			vector_free(1, vector);
	}
	return NULL;
}

static void *cpu(void *arg)
{
	(void)arg;
	fake_set_cpu(1);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		for (u8 v = IRQ_VECTOR_DEVICE; v < IRQ_VECTOR_DEVICE + 2; v++)
			vector_dispatch(v);
	return NULL;
}

static void test_reuse_under_fire(void **state)
{
	pthread_t drivers[2], target;

	(void)state;
	fake_reset();
	fake_set_nr_cpus(2);
	assert_int_equal(pthread_create(&target, NULL, cpu, NULL), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&drivers[i], NULL, driver, &device[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(drivers[i], NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(target, NULL);
	assert_int_equal(vectors_used(1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_reuse_under_fire) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
