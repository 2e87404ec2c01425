/* SPDX-License-Identifier: MIT */
/* The log on a text screen: drawn in small pieces by the boot CPU, and all of it in the end. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/timer.h"
#include "core/work.h"
#include "drivers/framebuffer/screen_sink.h"
#include "fake.h"

#define COLS	     160
#define ROWS	     50
#define CELLS	     (COLS * ROWS)
#define CELL_NS	     2000	     /* what drawing one takes */
#define PIECE_NS     (200 * 1000)    /* the longest that a guest may wait */
#define SECOND_SHARE (NS_PER_S / 10) /* of a second of endless output */
#define BOOT_NS	     50000000ull
#define WRITERS	     2

static struct screen_sink sink;
static struct text_screen wanted;
static char display[ROWS][COLS];
static unsigned draws;

static void draw_cell(unsigned col, unsigned row, u8 ch)
{
	assert_true(col < COLS && row < ROWS);
	assert_int_equal(cpu_index(), 0);
	display[row][col] = (char)ch;
	draws++;
	fake_add_tsc(clock_ns_to_tsc(CELL_NS));
}

static char expected[ROWS][COLS];

static void draw_expected(unsigned col, unsigned row, u8 ch)
{
	expected[row][col] = (char)ch;
}

static void write_text(const char *text)
{
	sink.sink.write(&sink.sink, text, strlen(text));
	text_screen_write(&wanted, text, strlen(text));
}

/* Changes every cell but the last row's. */
static void write_screen(char ch)
{
	char line[COLS + 1];

	memset(line, ch, COLS);
	line[COLS] = '\0';
	write_text("\033[H");
	for (unsigned row = 0; row < ROWS - 1; row++)
		write_text(line);
}

/* The boot CPU's loop until nothing is to be done, for so long at most; returns the longest that it was busy. */
static u64 run_loop(u64 ns)
{
	u64 end = clock_tsc() + clock_ns_to_tsc(ns), longest = 0;

	for (;;) {
		u64 begin = clock_tsc();

		work_run();
		timer_run(clock_tsc());
		longest = MAX(longest, clock_tsc() - begin);
		if (work_pending())
			continue;
		if (timer_next() > end)
			break;
		fake_set_tsc(MAX(timer_next(), clock_tsc()));
	}
	fake_set_tsc(MAX(end, clock_tsc()));
	return clock_tsc_to_ns(longest);
}

static void all_is_shown(void)
{
	text_screen_draw(&wanted, TEXT_SCREEN_ALL);
	for (unsigned row = 0; row < ROWS; row++)
		assert_memory_equal(display[row], expected[row], COLS);
	assert_int_equal(timer_next(), TIMER_NEVER);
	assert_false(work_pending());
}

static int setup(void **state)
{
	(void)state;
	work_run();
	timer_cancel(&sink.timer);
	fake_reset();
	memset(&sink, 0, sizeof(sink));
	memset(display, 0, sizeof(display));
	memset(expected, 0, sizeof(expected));
	text_screen_init(&wanted, COLS, ROWS, draw_expected);
	screen_sink_add(&sink, "test", COLS, ROWS, draw_cell);
	fake_set_clock_ns(NS_PER_S);
	draws = 0;
	return 0;
}

/* The boot CPU's loop has begun, and all is drawn. */
static int setup_running(void **state)
{
	setup(state);
	write_text("booted\n");
	run_loop(NS_PER_S);
	all_is_shown();
	draws = 0;
	return 0;
}

static void at_boot_who_writes_draws_now_and_then(void **state)
{
	(void)state;
	write_text("one");
	assert_int_equal(draws, CELLS);
	text_screen_draw(&wanted, TEXT_SCREEN_ALL);
	assert_memory_equal(display, expected, sizeof(display));
	write_text("two");
	assert_int_equal(draws, CELLS);
	fake_add_tsc(clock_ns_to_tsc(BOOT_NS));
	write_text("three");
	assert_true(draws > CELLS);
	text_screen_draw(&wanted, TEXT_SCREEN_ALL);
	assert_memory_equal(display, expected, sizeof(display));
}

static void who_writes_does_not_draw(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		fake_add_tsc(clock_ns_to_tsc(NS_PER_S));
		write_screen('a' + i);
	}
	assert_int_equal(draws, 0);
}

static void a_piece_is_short(void **state)
{
	u64 longest;

	(void)state;
	write_screen('a');
	longest = run_loop(NS_PER_S);
	assert_in_range(longest, CELL_NS, PIECE_NS);
	assert_in_range(draws, CELLS - COLS, CELLS);
	all_is_shown();
}

static void without_output_nothing_is_done(void **state)
{
	(void)state;
	write_text("x");
	run_loop(NS_PER_S);
	assert_in_range(draws, 2, 2);
	all_is_shown();
	run_loop(NS_PER_S);
	assert_int_equal(draws, 2);
}

static void one_kick_for_much_output(void **state)
{
	unsigned kicks = fake_kicks(0);

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		write_screen('a' + i % 26);
	work_run();
	for (unsigned i = 0; i < 100; i++)
		write_screen('a' + i % 26);
	assert_int_equal(fake_kicks(0), kicks + 1);
}

static void endless_output_leaves_time(void **state)
{
	u64 end = clock_tsc() + clock_ns_to_tsc(NS_PER_S), longest = 0;

	(void)state;
	for (unsigned i = 0; clock_tsc() < end; i++) {
		write_screen('a' + i % 26);
		longest = MAX(longest, run_loop(1000000));
	}
	assert_true(longest <= PIECE_NS);
	assert_in_range(draws, CELLS, SECOND_SHARE / CELL_NS);
	run_loop(NS_PER_S);
	all_is_shown();
}

static void random_output_between_pieces(void **state)
{
	(void)state;
	srand(1);
	for (unsigned round = 0; round < 300; round++) {
		char text[64];

		snprintf(text, sizeof(text), "\033[%d;%dHline %u\n%s", rand() % ROWS, rand() % COLS,
			 round, rand() % 8 ? "" : "\033[2J\033[49Hend\n\n");
		write_text(text);
		run_loop(rand() % 10000000);
	}
	run_loop(NS_PER_S);
	all_is_shown();
}

static void a_panic_draws_all_at_once(void **state)
{
	static const char last[] = "\nlast words";

	(void)state;
	write_screen('a');
	run_loop(1000000);    /* in the middle */
	sink.lock.locked = 1; /* its holder does not go on */
	sink.sink.write_sync(&sink.sink, last, strlen(last));
	sink.lock.locked = 0;
	text_screen_write(&wanted, last, strlen(last));
	text_screen_draw(&wanted, TEXT_SCREEN_ALL);
	assert_memory_equal(display, expected, sizeof(display));
}

static unsigned writers;

/* Each writes in rows of its own, so that the end does not depend on their order. */
static void *writer(void *arg)
{
	unsigned cpu = (unsigned)(uintptr_t)arg;
	char text[32];

	fake_set_cpu(cpu);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "\033[%u;1Hcpu %u: %u\033[9H", cpu, cpu, i);
		sink.sink.write(&sink.sink, text, strlen(text));
	}
	__atomic_fetch_sub(&writers, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void other_cpus_write(void **state)
{
	pthread_t thread[WRITERS];

	(void)state;
	writers = WRITERS;
	for (uintptr_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, writer, (void *)(i + 1)), 0);
	while (__atomic_load_n(&writers, __ATOMIC_ACQUIRE))
		run_loop(100000);
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(thread[i], NULL);
	run_loop(NS_PER_S);
	assert_memory_equal(display[0], "cpu 1: 2999 ", 12);
	assert_memory_equal(display[1], "cpu 2: 2999 ", 12);
	assert_int_equal(timer_next(), TIMER_NEVER);
	assert_false(work_pending());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(at_boot_who_writes_draws_now_and_then, setup),
		cmocka_unit_test_setup(who_writes_does_not_draw, setup_running),
		cmocka_unit_test_setup(a_piece_is_short, setup_running),
		cmocka_unit_test_setup(without_output_nothing_is_done, setup_running),
		cmocka_unit_test_setup(one_kick_for_much_output, setup_running),
		cmocka_unit_test_setup(endless_output_leaves_time, setup_running),
		cmocka_unit_test_setup(random_output_between_pieces, setup_running),
		cmocka_unit_test_setup(a_panic_draws_all_at_once, setup_running),
		cmocka_unit_test_setup(other_cpus_write, setup_running),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
