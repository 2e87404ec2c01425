/* SPDX-License-Identifier: MIT */
/*
 * I/O bus under the thread sanitizer: one CPU changes the map while others search it. No search
 * sees freed memory, none misses a range that it knows to be registered.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/iobus.h"
#include "fake.h"

#define READERS 3
#define ROUNDS	100000
#define FIXED	0x100000ull /* registered throughout */
#define MOVING	0x1000ull   /* comes and goes */
#define SPACING 0x100ull

static u64 read_base(void *dev, u64 offset, unsigned width)
{
	(void)offset;
	(void)width;
	return *(u64 *)dev;
}

static void ignore_write(void *dev, u64 offset, unsigned width, u64 value)
{
	(void)dev;
	(void)offset;
	(void)width;
	(void)value;
}

static const struct iodev_ops ops = { .name = "test", .read = read_base, .write = ignore_write };
static struct iobus bus;
static u64 fixed_dev = 0xf1, moving_dev[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
static u32 phase;	    /* even: ranges are only added, odd: they go */
static unsigned registered; /* moving ranges 1..registered are there; set after registering */
static u32 stop;
static unsigned wrong, known_searched;

/* One pass over the moving ranges; a miss counts when the range is known to have been there. */
static void search_moving(unsigned *bad, unsigned *sure)
{
	u32 before = __atomic_load_n(&phase, __ATOMIC_ACQUIRE);
	unsigned known = __atomic_load_n(&registered, __ATOMIC_ACQUIRE), misses = 0;
	u64 value;

	for (unsigned i = 1; i < 8; i++) {
		bool hit = iobus_read(&bus, MOVING + i * SPACING, 4, &value);

		*bad += hit && value != i;
		misses += !hit && i <= known;
	}
	if (before % 2 == 0 && __atomic_load_n(&phase, __ATOMIC_ACQUIRE) == before) {
		*bad += misses;
		*sure += known;
	}
}

static void *reader(void *arg)
{
	unsigned bad = 0, sure = 0;
	u64 value;

	fake_set_cpu(1 + (unsigned)(uintptr_t)arg);
	for (unsigned n = 1; !__atomic_load_n(&stop, __ATOMIC_RELAXED); n++) {
		search_moving(&bad, &sure);
		bad += !iobus_read(&bus, FIXED, 4, &value) || value != 0xf1;
		epoch_quiescent();
		if (n % 64 == 0) { /* as a CPU does without work */
			epoch_cpu_idle(true);
			epoch_cpu_idle(false);
		}
	}
	epoch_cpu_idle(true);
	__atomic_fetch_add(&wrong, bad, __ATOMIC_RELAXED);
	__atomic_fetch_add(&known_searched, sure, __ATOMIC_RELAXED);
	return NULL;
}

static void write_rounds(void)
{
	for (unsigned round = 0; round < ROUNDS / 14; round++) {
		for (unsigned i = 1; i < 8; i++) {
			assert_int_equal(iobus_register(&bus, MOVING + i * SPACING, 4, &ops,
							&moving_dev[i]),
					 FIRN_OK);
			__atomic_store_n(&registered, i, __ATOMIC_RELEASE);
			epoch_quiescent();
		}
		__atomic_add_fetch(&phase, 1, __ATOMIC_SEQ_CST);
		for (unsigned i = 1; i < 8; i++) {
			assert_int_equal(iobus_unregister(&bus, MOVING + i * SPACING), FIRN_OK);
			epoch_quiescent();
		}
		__atomic_store_n(&registered, 0, __ATOMIC_RELAXED);
		__atomic_add_fetch(&phase, 1, __ATOMIC_SEQ_CST);
	}
}

static void test_one_writer_many_readers(void **state)
{
	pthread_t thread[READERS];

	(void)state;
	fake_reset();
	fake_set_nr_cpus(READERS + 1);
	assert_int_equal(iobus_register(&bus, FIXED, 4, &ops, &fixed_dev), FIRN_OK);
	iobus_go_live(&bus);
	for (uintptr_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, reader, (void *)i), 0);
	write_rounds();
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(wrong, 0);
	assert_true(known_searched > 0);

	epoch_quiescent();
	assert_int_equal(epoch_pending(), 0);
	iobus_destroy(&bus);
	epoch_quiescent();
	assert_int_equal(epoch_pending(), 0);
}

/* Message passing: who sees the flag, which is set after registering, sees the range. */
#define LITMUS_ROUNDS 5000
static u32 announced, answered;
static unsigned missed;

static void wait_for(const u32 *counter, u32 value)
{
	while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) != value)
		sched_yield();
}

static void *litmus_reader(void *arg)
{
	u64 value;

	(void)arg;
	fake_set_cpu(1);
	for (u32 i = 1; i <= LITMUS_ROUNDS; i++) {
		wait_for(&announced, i);
		missed += !iobus_read(&bus, MOVING + i * SPACING, 4, &value);
		epoch_quiescent();
		__atomic_store_n(&answered, i, __ATOMIC_RELEASE);
	}
	epoch_cpu_idle(true);
	return NULL;
}

static void test_flag_is_never_ahead_of_the_range(void **state)
{
	pthread_t thread;

	(void)state;
	memset(&bus, 0, sizeof(bus));
	fake_set_nr_cpus(2);
	fake_set_cpu(1);
	epoch_cpu_idle(false);
	fake_set_cpu(0);
	iobus_go_live(&bus);
	assert_int_equal(pthread_create(&thread, NULL, litmus_reader, NULL), 0);
	for (u32 i = 1; i <= LITMUS_ROUNDS; i++) {
		assert_int_equal(iobus_register(&bus, MOVING + i * SPACING, 4, &ops, &fixed_dev),
				 FIRN_OK);
		__atomic_store_n(&announced, i, __ATOMIC_RELEASE);
		wait_for(&answered, i);
		assert_int_equal(iobus_unregister(&bus, MOVING + i * SPACING), FIRN_OK);
		epoch_quiescent();
	}
	pthread_join(thread, NULL);
	assert_int_equal(missed, 0);
	epoch_quiescent();
	assert_int_equal(epoch_pending(), 0);
}

/* The sanitizer must be able to find what this test is for: the same with a relaxed publication. */
static struct iobus_map *relaxed_map;

static void *relaxed_reader(void *arg)
{
	struct iobus_map *map;

	(void)arg;
	while (!(map = __atomic_load_n(&relaxed_map, __ATOMIC_RELAXED)))
		;
	return (void *)(uintptr_t)(map->count + 1);
}

static void run_relaxed_variant(void)
{
	static struct iobus_map map;
	pthread_t thread;

	pthread_create(&thread, NULL, relaxed_reader, NULL);
	map.count = 1;
	__atomic_store_n(&relaxed_map, &map, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

static void test_relaxed_publication_is_detected(void **state)
{
	char *argv[] = { "/proc/self/exe", "relaxed", NULL };
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		setenv("TSAN_OPTIONS", "exitcode=66:log_path=/dev/null", 1);
		execv(argv[0], argv);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 66);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_writer_many_readers),
		cmocka_unit_test(test_flag_is_never_ahead_of_the_range),
		cmocka_unit_test(test_relaxed_publication_is_detected),
	};

	if (argc > 1 && strcmp(argv[1], "relaxed") == 0) {
		run_relaxed_variant();
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
