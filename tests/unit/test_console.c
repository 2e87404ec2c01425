/* SPDX-License-Identifier: MIT */
/* Console multiplexer: focus, kept output, back-pressure, input, and the log in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "fake.h"
/* Both have static state that each test starts afresh. */
#include "core/log.c"
#include "core/console.c"

#define CAPTURE (256 * 1024)

static char screen[CAPTURE];
static size_t screen_len;
static size_t room; /* what console_tx_room() has left */

static void sink_write(struct log_sink *sink, const char *text, size_t len)
{
	(void)sink;
	assert_true(screen_len + len < CAPTURE);
	memcpy(screen + screen_len, text, len);
	screen_len += len;
	screen[screen_len] = '\0';
	room -= MIN(room, len);
}
static struct log_sink sink;

size_t console_tx_room(void)
{
	return room;
}

/* The prompt, as the console sees it. */
static unsigned enters, leaves, ready_calls;
static char typed_at_prompt[64];
void shell_enter(void)
{
	enters++;
}
void shell_leave(void)
{
	leaves++;
}
void shell_input(u8 byte)
{
	size_t len = strlen(typed_at_prompt);

	typed_at_prompt[len] = (char)byte;
	typed_at_prompt[len + 1] = '\0';
}
void shell_output_ready(void)
{
	ready_calls++;
}

/* A UART: calls back into the console, which would hang if it held a lock. */
struct device {
	struct vm_console *con;
	unsigned input_calls, output_calls;
	char pending; /* byte that was refused */
	char got[2 * INPUT_RING];
	size_t nr_got;
	bool reads;
};

static void input_ready(void *dev)
{
	struct device *d = dev;
	int byte;

	assert_int_equal(cpu_index(), 0);
	d->input_calls++;
	while (d->reads && (byte = vm_console_get(d->con)) >= 0)
		d->got[d->nr_got++] = (char)byte;
}

static void output_ready(void *dev)
{
	struct device *d = dev;

	assert_int_equal(cpu_index(), 0);
	d->output_calls++;
	if (d->pending && vm_console_put(d->con, (u8)d->pending))
		d->pending = 0;
}
static const struct vm_console_ops ops = { input_ready, output_ready };

static struct vm_config config[2] = { { .name = "one" }, { .name = "two" } };
static struct vm vm[2];
static struct device device[2];

static void clear_screen(void)
{
	screen_len = 0;
	screen[0] = '\0';
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	memset(&log_state, 0, sizeof(log_state));
	log_state.level = LOG_INFO;
	sink = (struct log_sink){ .name = "test", .write = sink_write };
	log_add_sink(&sink);
	clear_screen();
	room = CAPTURE;
	enters = leaves = ready_calls = 0;
	typed_at_prompt[0] = '\0';
	focus = last_focus = NULL;
	for (unsigned i = 0; i < 2; i++) {
		vm[i] = (struct vm){ .config = &config[i] };
		vm[i].console = vm_console_create(&vm[i]);
		assert_non_null(vm[i].console);
		device[i] = (struct device){ .con = vm[i].console, .reads = true };
		vm_console_attach(vm[i].console, &ops, &device[i]);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	work_run();
	for (unsigned i = 0; i < 2; i++)
		if (vm[i].console)
			vm_console_destroy(vm[i].console);
	work_run();
	return 0;
}

static bool put(unsigned i, const char *text)
{
	for (; *text; text++)
		if (!vm_console_put(vm[i].console, (u8)*text))
			return false;
	return true;
}

static void type(const char *text)
{
	for (; *text; text++)
		console_input((u8)*text);
	work_run(); /* routes */
	work_run(); /* the console's own work */
}

static void test_output_of_the_focus_is_shown_at_once(void **state)
{
	(void)state;
	console_focus(&vm[0]);
	clear_screen();
	assert_true(put(0, "a\x1b[1mb\r\n"));
	assert_string_equal(screen, "a\x1b[1mb\r\n");
}

static void test_output_without_focus_is_kept_and_shown_later(void **state)
{
	(void)state;
	assert_true(put(0, "early\n"));
	assert_true(put(1, "other\n"));
	assert_string_equal(screen, "");
	console_focus(&vm[0]);
	assert_string_equal(screen, "-- console of VM one, Ctrl-] for the prompt --\nearly\n");
	clear_screen();
	assert_true(put(1, "more\n"));
	assert_true(put(0, "late\n"));
	assert_string_equal(screen, "late\n");
	clear_screen();
	console_focus(&vm[1]);
	assert_string_equal(screen, "-- console of VM two, Ctrl-] for the prompt "
				    "--\nother\nmore\n");
	/* Shown once only. */
	console_focus(NULL);
	clear_screen();
	console_focus(&vm[1]);
	assert_string_equal(screen, "-- console of VM two, Ctrl-] for the prompt --\n");
}

static void test_full_ring_drops_the_oldest_and_says_how_many(void **state)
{
	const unsigned extra = 100;

	(void)state;
	for (unsigned i = 0; i < OUTPUT_RING + extra; i++)
		assert_true(vm_console_put(vm[0].console, i < extra ? 'x' : 'y'));
	console_focus(&vm[0]);
	assert_non_null(strstr(screen, "-- 100 bytes of older output were dropped --\n"));
	assert_null(strchr(strrchr(screen, '\n'), 'x'));
	assert_int_equal(strspn(strrchr(screen, '\n') + 1, "y"), OUTPUT_RING);
	/* The count starts over. */
	console_focus(NULL);
	clear_screen();
	console_focus(&vm[0]);
	assert_null(strstr(screen, "dropped"));
}

static void test_exactly_full_ring_drops_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < OUTPUT_RING; i++)
		vm_console_put(vm[0].console, 'z');
	console_focus(&vm[0]);
	assert_null(strstr(screen, "dropped"));
	assert_int_equal(strspn(strrchr(screen, '\n') + 1, "z"), OUTPUT_RING);
}

static void test_busy_consoles_refuse_and_ask_again(void **state)
{
	(void)state;
	console_focus(&vm[0]);
	clear_screen();
	room = 2;
	assert_false(put(0, "abc"));
	assert_string_equal(screen, "ab");
	work_run();
	assert_int_equal(device[0].output_calls, 0);

	device[0].pending = 'c';
	room = 10;
	console_output_ready();
	assert_int_equal(device[0].output_calls, 0); /* from work only */
	work_run();
	assert_int_equal(device[0].output_calls, 1);
	assert_string_equal(screen, "abc");
	/* Nobody was refused since: nobody is asked. */
	console_output_ready();
	work_run();
	assert_int_equal(device[0].output_calls, 1);
	assert_int_equal(ready_calls, 2);
}

static void test_kept_output_goes_out_in_pieces_before_new_output(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		vm_console_put(vm[0].console, 'k');
	room = 200;
	console_focus(&vm[0]);
	assert_true(screen_len >= 200 && screen_len < 1000);
	assert_false(vm_console_put(vm[0].console, 'n'));
	device[0].pending = 'n';
	for (unsigned i = 0; i < 20; i++) {
		room = 100;
		console_output_ready();
		work_run();
	}
	assert_int_equal(device[0].pending, 0);
	assert_int_equal(strspn(strrchr(screen, '\n') + 1, "k"), 1000);
	assert_string_equal(strrchr(screen, '\n') + 1001, "n");
}

static void test_refused_output_is_kept_when_the_focus_goes(void **state)
{
	(void)state;
	console_focus(&vm[0]);
	room = 0;
	assert_false(vm_console_put(vm[0].console, 'r'));
	device[0].pending = 'r';
	console_focus(NULL);
	work_run();
	assert_int_equal(device[0].output_calls, 1);
	assert_int_equal(device[0].pending, 0);
	room = CAPTURE;
	clear_screen();
	console_focus(&vm[0]);
	assert_string_equal(strrchr(screen, '\n'), "\nr");
}

static void test_escape_switches_between_prompt_and_last_vm(void **state)
{
	(void)state;
	console_focus(&vm[0]);
	assert_int_equal(leaves, 1);
	type("ls\x1dvms\x1d"
	     "id");
	assert_int_equal(enters, 1);
	assert_int_equal(leaves, 2);
	assert_string_equal(typed_at_prompt, "vms");
	assert_int_equal(device[0].nr_got, 4);
	assert_memory_equal(device[0].got, "lsid", 4);
	/* The last VM is the one that had the focus last. */
	console_focus(&vm[1]);
	assert_int_equal(enters, 1);
	type("\x1d\x1dx");
	assert_int_equal(device[1].nr_got, 1);
	assert_int_equal(device[0].nr_got, 4);
}

static void test_escape_without_a_vm_only_beeps(void **state)
{
	(void)state;
	type("\x1d"
	     "a");
	assert_string_equal(screen, "\a");
	assert_int_equal(leaves, 0);
	assert_string_equal(typed_at_prompt, "a");
}

static void test_focus_that_stays_is_silent(void **state)
{
	(void)state;
	console_focus(NULL);
	assert_int_equal(enters + leaves, 0);
	console_focus(&vm[0]);
	clear_screen();
	console_focus(&vm[0]);
	assert_string_equal(screen, "");
	assert_int_equal(leaves, 1);
}

static void test_input_is_passed_on_by_work(void **state)
{
	(void)state;
	console_focus(&vm[0]);
	console_input('q');
	assert_int_equal(device[0].input_calls, 0);
	assert_int_equal(vm_console_get(vm[0].console), -1);
	work_run();
	work_run();
	assert_int_equal(device[0].input_calls, 1);
	assert_int_equal(device[0].nr_got, 1);
	assert_int_equal(device[0].got[0], 'q');
}

static void test_full_input_ring_refuses_with_a_bell(void **state)
{
	(void)state;
	console_focus(&vm[0]);
	device[0].reads = false;
	clear_screen();
	for (unsigned i = 0; i < INPUT_RING; i++) {
		console_input('a' + i % 26);
		work_run();
	}
	assert_string_equal(screen, "");
	type("!!");
	assert_string_equal(screen, "\a\a");
	for (unsigned i = 0; i < INPUT_RING; i++)
		assert_int_equal(vm_console_get(vm[0].console), 'a' + i % 26);
	assert_int_equal(vm_console_get(vm[0].console), -1);
}

static void test_flood_between_two_passes_of_the_loop(void **state)
{
	(void)state;
	console_focus(&vm[0]);
	clear_screen();
	for (unsigned i = 0; i < TYPED_RING + 3; i++)
		console_input('f');
	assert_string_equal(screen, "\a\a\a");
	work_run();
	work_run();
	assert_int_equal(device[0].nr_got, TYPED_RING);
}

static void test_destroyed_console_leaves_nothing_behind(void **state)
{
	(void)state;
	console_focus(&vm[0]);
	type("x");
	console_input('y'); /* still queued */
	room = 0;
	vm_console_put(vm[0].console, 'b');
	console_output_ready(); /* its work is queued */
	vm_console_destroy(vm[0].console);
	vm[0].console = NULL;
	assert_null(focus);
	assert_null(last_focus);
	assert_int_equal(enters, 1);
	room = CAPTURE;
	work_run();
	assert_string_equal(typed_at_prompt, "y");
	type("\x1d");
	assert_int_equal(leaves, 1);
}

/*
 * The log and raw output
 */

static void test_log_line_starts_in_column_0(void **state)
{
	(void)state;
	console_focus(&vm[0]);
	clear_screen();
	put(0, "half");
	log_info("event");
	log_info("event");
	put(0, " line\n");
	log_info("event");
	assert_string_equal(screen, "half\n[    0.000] event\n[    0.000] event\n line\n"
				    "[    0.000] event\n");
}

static void test_raw_output_is_not_in_the_log(void **state)
{
	char text[64];
	u64 pos = 0;

	(void)state;
	console_focus(&vm[0]);
	put(0, "secret");
	log_info("public");
	text[log_read(&pos, text, sizeof(text) - 1)] = '\0';
	assert_string_equal(text, "[    0.000] public\n");
}

static void test_prompt_is_shown_again_behind_log_lines(void **state)
{
	(void)state;
	log_set_prompt("firn> vm", "firn> vm", 8);
	log_info("event");
	assert_string_equal(screen, "firn> vm\r        \r[    0.000] event\nfirn> vm");
	log_set_prompt("", "\n", 1);
	clear_screen();
	log_info("event");
	assert_string_equal(screen, "[    0.000] event\n");
}

static void test_hidden_log_lines_leave_the_prompt_alone(void **state)
{
	(void)state;
	log_set_prompt("firn> ", "firn> ", 6);
	log_debug("detail");
	assert_string_equal(screen, "firn> ");
}

static void test_prompt_that_is_too_long_is_cut(void **state)
{
	char prompt[LOG_PROMPT_MAX + 50];

	(void)state;
	memset(prompt, 'p', sizeof(prompt) - 1);
	prompt[sizeof(prompt) - 1] = '\0';
	log_set_prompt(prompt, "", 0);
	log_info("event");
	assert_int_equal(strlen(strchr(screen, 'p')), LOG_PROMPT_MAX);
}

static void test_fresh_line(void **state)
{
	(void)state;
	log_fresh_line();
	assert_string_equal(screen, "");
	log_write_raw("x", 1);
	log_fresh_line();
	log_fresh_line();
	assert_string_equal(screen, "x\n");
}

static void test_print_starts_in_column_0(void **state)
{
	char long_text[300];

	(void)state;
	log_write_raw("half", 4);
	console_print("exit %d\n", 3);
	assert_string_equal(screen, "half\nexit 3\n");
	clear_screen();
	memset(long_text, 'l', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	console_print("%s", long_text);
	assert_int_equal(screen_len, 255);
}

static void test_raw_output_stops_in_a_panic(void **state)
{
	(void)state;
	log_write_raw("half", 4);
	log_enter_panic();
	log_write_raw("no", 2);
	log_set_prompt("no", "no", 2);
	assert_string_equal(screen, "half");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_output_of_the_focus_is_shown_at_once),
		TEST(test_output_without_focus_is_kept_and_shown_later),
		TEST(test_full_ring_drops_the_oldest_and_says_how_many),
		TEST(test_exactly_full_ring_drops_nothing),
		TEST(test_busy_consoles_refuse_and_ask_again),
		TEST(test_kept_output_goes_out_in_pieces_before_new_output),
		TEST(test_refused_output_is_kept_when_the_focus_goes),
		TEST(test_escape_switches_between_prompt_and_last_vm),
		TEST(test_escape_without_a_vm_only_beeps),
		TEST(test_focus_that_stays_is_silent),
		TEST(test_input_is_passed_on_by_work),
		TEST(test_full_input_ring_refuses_with_a_bell),
		TEST(test_flood_between_two_passes_of_the_loop),
		TEST(test_destroyed_console_leaves_nothing_behind),
		TEST(test_log_line_starts_in_column_0),
		TEST(test_raw_output_is_not_in_the_log),
		TEST(test_prompt_is_shown_again_behind_log_lines),
		TEST(test_hidden_log_lines_leave_the_prompt_alone),
		TEST(test_prompt_that_is_too_long_is_cut),
		TEST(test_fresh_line),
		TEST(test_print_starts_in_column_0),
		TEST(test_raw_output_stops_in_a_panic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
