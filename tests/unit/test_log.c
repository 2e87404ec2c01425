/* SPDX-License-Identifier: MIT */
/* The log: line format, levels, ring, sinks, nesting, panic, rate limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "fake.h"
/* The log has one static state: each test starts from a fresh copy of it. */
#include "core/log.c"

struct test_sink {
	struct log_sink sink;
	char text[4096], sync_text[4096];
	unsigned calls;
	bool logs;
};

static void sink_write(struct log_sink *sink, const char *text, size_t len)
{
	struct test_sink *t = container_of(sink, struct test_sink, sink);

	if (strlen(t->text) + len < sizeof(t->text))
		strncat(t->text, text, len);
	t->calls++;
	if (t->logs)
		log_info("from the sink");
}

static void sink_write_sync(struct log_sink *sink, const char *text, size_t len)
{
	struct test_sink *t = container_of(sink, struct test_sink, sink);

	strncat(t->sync_text, text, len);
}

static struct test_sink first, second;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	memset(&log_state, 0, sizeof(log_state));
	log_state.level = LOG_INFO;
	first = (struct test_sink){
		.sink = { .name = "first", .write = sink_write, .write_sync = sink_write_sync }
	};
	second = first;
	return 0;
}

static const char *ring_text(void)
{
	static char text[LOG_RING_SIZE + 1];
	u64 pos = 0;

	text[log_read(&pos, text, LOG_RING_SIZE)] = '\0';
	return text;
}

static void test_line_format(void **state)
{
	(void)state;
	fake_set_clock_ns(1234567890);
	log_add_sink(&first.sink);
	log_info("hello %d", 42);
	log_warn("careful");
	log_error("broken");
	assert_string_equal(first.text, "[    1.234] hello 42\n[    1.234] warning: careful\n"
					"[    1.234] error: broken\n");
	assert_string_equal(ring_text(), first.text);
	assert_int_equal(first.calls, 3);
}

static void test_level_limits_sinks_not_ring(void **state)
{
	(void)state;
	log_add_sink(&first.sink);
	log_debug("detail");
	assert_string_equal(first.text, "");
	assert_string_equal(ring_text(), "[    0.000] detail\n");
	log_set_level(LOG_ERROR);
	assert_int_equal(log_get_level(), LOG_ERROR);
	log_warn("w");
	log_error("e");
	assert_string_equal(first.text, "[    0.000] error: e\n");
	log_set_level(LOG_DEBUG);
	log_debug("shown");
	assert_non_null(strstr(first.text, "] shown\n"));
}

static void test_bad_level_is_an_error_line(void **state)
{
	(void)state;
	log_printf((enum log_level)77, "x");
	assert_string_equal(ring_text(), "[    0.000] error: x\n");
}

static void test_long_lines_are_cut(void **state)
{
	const size_t prefix = strlen("[    0.000] ");
	char text[LOG_LINE_MAX * 2];

	(void)state;
	log_add_sink(&first.sink);
	memset(text, 'a', sizeof(text));
	text[LOG_LINE_MAX - prefix] = '\0';
	log_info("%s", text);
	assert_int_equal(strlen(first.text), LOG_LINE_MAX + 1);
	assert_null(strstr(first.text, "..."));

	text[LOG_LINE_MAX - prefix] = 'a';
	text[LOG_LINE_MAX - prefix + 1] = '\0';
	first.text[0] = '\0';
	log_info("%s", text);
	assert_int_equal(strlen(first.text), LOG_LINE_MAX + 1);
	assert_string_equal(first.text + LOG_LINE_MAX - 4, "a...\n");

	text[sizeof(text) - 1] = '\0';
	text[LOG_LINE_MAX - prefix + 1] = 'a';
	first.text[0] = '\0';
	log_info("%s", text);
	assert_int_equal(strlen(first.text), LOG_LINE_MAX + 1);
}

static void test_control_bytes_are_harmless(void **state)
{
	(void)state;
	log_info("a\x1b[2Jb\nc\x7f\ttab \xc3\xa4\n");
	assert_string_equal(ring_text(), "[    0.000] a?[2Jb?c?\ttab \xc3\xa4\n");
	setup(NULL);
	log_info("%s", "");
	assert_string_equal(ring_text(), "[    0.000] \n");
}

static void test_late_sink_sees_everything_once(void **state)
{
	(void)state;
	log_info("one");
	log_add_sink(&first.sink);
	log_info("two");
	log_add_sink(&second.sink);
	log_add_sink(&second.sink);
	assert_string_equal(first.text, "[    0.000] one\n[    0.000] two\n");
	assert_string_equal(second.text, first.text);
	assert_int_equal(second.calls, 2);
	log_info("three");
	assert_int_equal(second.calls, 3);
	assert_ptr_equal(log_state.sinks, &first.sink);
}

static void test_ring_wraps(void **state)
{
	char buf[64];
	u64 pos = 0;
	unsigned lines = 0, i;

	(void)state;
	for (i = 0; i < 10000; i++)
		log_info("line %05u", i);
	/* A reader that fell behind goes on with the oldest byte that is left. */
	assert_int_equal(log_read(&pos, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(pos, log_state.head - LOG_RING_SIZE + sizeof(buf));
	pos = log_state.head;
	assert_int_equal(log_read(&pos, buf, sizeof(buf)), 0);
	pos = log_state.head + 1000;
	assert_int_equal(log_read(&pos, buf, sizeof(buf)), 0);

	/* A late sink gets whole lines only, up to the last one. */
	first.sink.write = sink_write;
	log_add_sink(&first.sink);
	lines = first.calls;
	assert_in_range(lines, LOG_RING_SIZE / 23 - 1, LOG_RING_SIZE / 23);
	snprintf(buf, sizeof(buf), "[    0.000] line %05u\n", 10000 - lines);
	assert_memory_equal(first.text, buf, strlen(buf));
}

static void test_sink_that_logs_does_not_hang(void **state)
{
	(void)state;
	first.logs = true;
	log_add_sink(&first.sink);
	log_info("outer");
	assert_int_equal(first.calls, 1);
	assert_string_equal(first.text, "[    0.000] outer\n");
	assert_string_equal(ring_text(), "[    0.000] outer\n[    0.000] from the sink\n");
	log_add_sink(&second.sink);
	assert_int_equal(second.calls, 2);
}

static void test_panic_needs_no_lock(void **state)
{
	(void)state;
	log_add_sink(&first.sink);
	second.sink.write_sync = NULL;
	log_add_sink(&second.sink);
	log_state.lock.locked = 1; /* a stopped CPU holds it for ever */
	log_state.owner = 8;
	log_enter_panic();
	log_error("the end");
	assert_string_equal(first.sync_text, "[    0.000] error: the end\n");
	assert_string_equal(first.text, "");
	assert_int_equal(second.calls, 0);
	assert_string_equal(ring_text(), "[    0.000] error: the end\n");
}

static void limited(void)
{
	log_ratelimited(LOG_INFO, "often");
}

static void test_rate_limit(void **state)
{
	struct log_ratelimit rl = { 0 };

	(void)state;
	for (int i = 0; i < 5; i++)
		limited();
	assert_string_equal(ring_text(), "[    0.000] often\n");
	fake_set_clock_ns(NS_PER_S - 1);
	limited();
	assert_string_equal(ring_text(), "[    0.000] often\n");
	fake_set_clock_ns(NS_PER_S);
	limited();
	limited();
	assert_string_equal(ring_text(), "[    0.000] often\n"
					 "[    1.000] warning: 5 lines like the next one were "
					 "dropped\n"
					 "[    1.000] often\n");

	/* A CPU whose clock is a little behind is no reason to print more. */
	fake_set_clock_ns(5 * NS_PER_S);
	assert_true(log_ratelimit_ok(&rl));
	fake_set_clock_ns(5 * NS_PER_S - 100);
	assert_false(log_ratelimit_ok(&rl));
	assert_int_equal(rl.dropped, 1);
	rl.dropped = UINT32_MAX;
	assert_false(log_ratelimit_ok(&rl));
	assert_int_equal(rl.dropped, UINT32_MAX);
}

static void test_panic_is_caught(void **state)
{
	(void)state;
	assert_true(fake_panics(panic("bad %d", 1)));
	assert_string_equal(fake_panic_text, "bad 1");
	assert_false(fake_panics((void)0));
	assert_true(fake_panics(BUG_ON(1 + 1 == 2)));
	assert_non_null(strstr(fake_panic_text, "1 + 1 == 2"));
	assert_false(fake_panics(BUG_ON(false)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_line_format, setup),
		cmocka_unit_test_setup(test_level_limits_sinks_not_ring, setup),
		cmocka_unit_test_setup(test_bad_level_is_an_error_line, setup),
		cmocka_unit_test_setup(test_long_lines_are_cut, setup),
		cmocka_unit_test_setup(test_control_bytes_are_harmless, setup),
		cmocka_unit_test_setup(test_late_sink_sees_everything_once, setup),
		cmocka_unit_test_setup(test_ring_wraps, setup),
		cmocka_unit_test_setup(test_sink_that_logs_does_not_hang, setup),
		cmocka_unit_test_setup(test_panic_needs_no_lock, setup),
		cmocka_unit_test_setup(test_rate_limit, setup),
		cmocka_unit_test_setup(test_panic_is_caught, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
