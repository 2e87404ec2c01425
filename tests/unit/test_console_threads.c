/* SPDX-License-Identifier: MIT */
/* Consoles under the thread sanitizer: guests write on their CPUs while the focus moves. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/console.h"
#include "core/shell.h"
#include "core/vm.h"
#include "core/work.h"
#include "fake.h"

#define GUESTS 3
#define BYTES  20000

/* Each guest counts through its own range of byte values: what is shown must go on counting. */
#define RANGE	     64
#define FIRST(guest) ((u8)((guest)*RANGE + 32))

static struct vm_config config[GUESTS] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };
static struct vm vm[GUESTS];
static u32 shown[GUESTS], next[GUESTS], gaps[GUESTS], finished;

/* Under the log's lock. Announcements are whole lines; guests send bytes that lines don't have. */
static void sink_write(struct log_sink *sink, const char *text, size_t len)
{
	(void)sink;
	if (len > 1 && text[0] == '-')
		return;
	for (size_t i = 0; i < len; i++) {
		unsigned guest = ((u8)text[i] - 32u) / RANGE, value = ((u8)text[i] - 32u) % RANGE;

		if (text[i] == '\n' || guest >= GUESTS)
			continue;
		gaps[guest] += value != next[guest];
		next[guest] = (value + 1) % RANGE;
		shown[guest]++;
	}
}
static struct log_sink sink = { .name = "test", .write = sink_write };

size_t console_tx_room(void)
{
	return 64;
}
void shell_enter(void)
{
}
void shell_leave(void)
{
}
void shell_input(u8 byte)
{
	(void)byte;
}
void shell_output_ready(void)
{
}

static void *guest(void *arg)
{
	unsigned id = (unsigned)(uintptr_t)arg;

	fake_set_cpu(id + 1);
	for (unsigned i = 0; i < BYTES; i++) {
		while (!vm_console_put(vm[id].console, (u8)(FIRST(id) + i % RANGE)))
			;
		vm_console_get(vm[id].console);
	}
	__atomic_fetch_add(&finished, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void test_focus_moves_while_guests_write(void **state)
{
	pthread_t thread[GUESTS];

	(void)state;
	fake_reset();
	fake_set_nr_cpus(GUESTS + 1);
	log_add_sink(&sink);
	for (unsigned i = 0; i < GUESTS; i++) {
		vm[i].config = &config[i];
		vm[i].console = vm_console_create(&vm[i]);
	}
	for (unsigned i = 0; i < GUESTS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, guest, (void *)(uintptr_t)i), 0);
	for (unsigned i = 0; __atomic_load_n(&finished, __ATOMIC_ACQUIRE) < GUESTS; i++) {
		console_focus(i % (GUESTS + 1) ? &vm[i % (GUESTS + 1) - 1] : NULL);
		console_input('x');
		work_run();
	}
	for (unsigned i = 0; i < GUESTS; i++)
		pthread_join(thread[i], NULL);
	for (unsigned i = 0; i < GUESTS; i++)
		console_focus(&vm[i]);
	for (unsigned i = 0; i < GUESTS; i++) {
		/* Bytes may be lost only where the ring was full, and the order is kept. */
		assert_true(shown[i] <= BYTES);
		assert_true(shown[i] >= BYTES || gaps[i] > 0 || shown[i] % RANGE == BYTES % RANGE);
		assert_true(gaps[i] <= BYTES - shown[i]);
		assert_int_equal(next[i], BYTES % RANGE);
	}
	console_focus(NULL);
	work_run();
	for (unsigned i = 0; i < GUESTS; i++)
		vm_console_destroy(vm[i].console);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_focus_moves_while_guests_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
