/* SPDX-License-Identifier: MIT */
/* Posting from several CPUs while the owner merges: nothing is lost, levels stay levels. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/arch.h"
#include "fake.h"
#include "lapic_fixture.h"

#define POSTERS 3
#define ROUNDS	20000
#define EDGE	0x40 /* poster n posts EDGE + n, next one only when the last was taken */
#define LEVEL	0x80 /* all post it at will, always as level */

static struct fake_vm *fake;
static unsigned taken[POSTERS]; /* atomic */
static unsigned done;		/* atomic: posters that ended */

static struct lapic *apic(unsigned i)
{
	return lapic_of(fake, i);
}

static void *poster(void *arg)
{
	unsigned n = (unsigned)(size_t)arg;

	fake_set_cpu(n + 1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		while (__atomic_load_n(&taken[n], __ATOMIC_ACQUIRE) < round)
			sched_yield();
		lapic_deliver(&fake->vm, apic(n + 1), 0, false, DELIVERY_FIXED, EDGE + n, false,
			      true);
		lapic_post(apic(0), LEVEL, true);
		if (round % 64 == 0)
			lapic_post(apic(0), n, false); /* illegal: an error */
	}
	__atomic_fetch_add(&done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void take(u8 vector)
{
	lapic_accept(apic(0), vector);
	if (vector == LEVEL)
		assert_true(lapic_read(apic(0), APIC_TMR + LEVEL / 32 * 0x10) & 1);
	else
		__atomic_fetch_add(&taken[vector - EDGE], 1, __ATOMIC_RELEASE);
	lapic_eoi(apic(0));
}

/* Merges only after a notification, so a lost one would hang the test. */
static void owner_loop(void)
{
	unsigned seen = 0;

	for (;;) {
		bool last = __atomic_load_n(&done, __ATOMIC_ACQUIRE) == POSTERS;
		unsigned notified = __atomic_load_n(&fake->vcpu[0]->notified, __ATOMIC_SEQ_CST);

		if (notified != seen) {
			seen = notified;
			while (lapic_has_work(apic(0)))
				take(lapic_pending(apic(0)));
		} else if (last) {
			break;
		} else {
			sched_yield();
		}
	}
}

static void test_posts_from_many_cpus(void **state)
{
	pthread_t thread[POSTERS];

	(void)state;
	for (size_t n = 0; n < POSTERS; n++)
		assert_int_equal(pthread_create(&thread[n], NULL, poster, (void *)n), 0);
	owner_loop();
	for (unsigned n = 0; n < POSTERS; n++) {
		pthread_join(thread[n], NULL);
		assert_int_equal(taken[n], ROUNDS);
	}
	lapic_write(apic(0), APIC_ESR, 0);
	assert_int_equal(lapic_read(apic(0), APIC_ESR), 0x40);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake = fake_vm_create(POSTERS + 1);
	ioapic_init(&fake->vm.arch.ioapic, &fake->vm);
	fake_vm_start_lapics(fake);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_vm_destroy(fake);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_posts_from_many_cpus, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
