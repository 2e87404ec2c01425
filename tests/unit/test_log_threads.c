/* SPDX-License-Identifier: MIT */
/* The log from several CPUs at once, under the thread sanitizer: lines never mix. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/log.h"
#include "fake.h"

#define CPUS  4
#define LINES 2000

static unsigned seen[CPUS]; /* next line expected of each CPU; written under the log lock */
static unsigned torn, sync_lines;

static void check_line(struct log_sink *sink, const char *text, size_t len)
{
	char line[LOG_LINE_MAX + 2] = "", expected[LOG_LINE_MAX + 2];
	unsigned cpu, i;

	(void)sink;
	memcpy(line, text, len);
	if (sscanf(line, "[ 0.000] cpu %u line %u", &cpu, &i) != 2 || cpu >= CPUS) {
		torn++;
		return;
	}
	snprintf(expected, sizeof(expected), "[    0.000] cpu %u line %u\n", cpu, i);
	if (strcmp(line, expected) != 0 || i != seen[cpu])
		torn++;
	seen[cpu]++;
}

static void count_sync(struct log_sink *sink, const char *text, size_t len)
{
	(void)sink;
	(void)text;
	(void)len;
	__atomic_fetch_add(&sync_lines, 1, __ATOMIC_RELAXED);
}

static struct log_sink sink = { .name = "test", .write = check_line, .write_sync = count_sync };

static void *writer(void *arg)
{
	unsigned cpu = (unsigned)(uintptr_t)arg;
	char buf[128];
	u64 pos = 0;

	fake_set_cpu(cpu);
	for (unsigned i = 0; i < LINES; i++) {
		log_info("cpu %u line %u", cpu, i);
		log_read(&pos, buf, sizeof(buf));
		log_set_level(i % 2 ? LOG_INFO : LOG_DEBUG);
	}
	return NULL;
}

static struct log_ratelimit rl;
static unsigned allowed;

static void *rate_limited(void *arg)
{
	fake_set_cpu((unsigned)(uintptr_t)arg);
	for (unsigned i = 0; i < LINES; i++)
		if (log_ratelimit_ok(&rl))
			__atomic_fetch_add(&allowed, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void run_on_all(void *(*fn)(void *))
{
	pthread_t thread[CPUS];

	for (uintptr_t i = 0; i < CPUS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, fn, (void *)i), 0);
	for (unsigned i = 0; i < CPUS; i++)
		pthread_join(thread[i], NULL);
}

static void test_lines_never_mix(void **state)
{
	(void)state;
	fake_reset();
	log_add_sink(&sink);
	run_on_all(writer);
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(seen[i], LINES);
	assert_int_equal(torn, 0);
}

static void test_one_line_for_all_cpus(void **state)
{
	(void)state;
	run_on_all(rate_limited);
	assert_int_equal(allowed, 1);
	assert_int_equal(rl.dropped, CPUS * LINES - 1);
}

/* A CPU that panics while another one sits in a sink with the lock held must get its text out. */
static u32 blocked, release;

static void blocking_write(struct log_sink *s, const char *text, size_t len)
{
	(void)s;
	(void)text;
	(void)len;
	__atomic_store_n(&blocked, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&release, __ATOMIC_ACQUIRE))
		;
}

static void *blocked_cpu(void *arg)
{
	(void)arg;
	fake_set_cpu(1);
	log_info("stuck");
	return NULL;
}

static void test_panic_while_another_cpu_logs(void **state)
{
	static struct log_sink stuck = { .name = "stuck" };
	pthread_t thread;

	(void)state;
	log_add_sink(&stuck);
	stuck.write = blocking_write;
	sink.write = NULL;
	assert_int_equal(pthread_create(&thread, NULL, blocked_cpu, NULL), 0);
	while (!__atomic_load_n(&blocked, __ATOMIC_ACQUIRE))
		;
	log_enter_panic();
	log_error("panic line");
	assert_int_equal(sync_lines, 1);
	__atomic_store_n(&release, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_never_mix),
		cmocka_unit_test(test_one_line_for_all_cpus),
		cmocka_unit_test(test_panic_while_another_cpu_logs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
