/* SPDX-License-Identifier: MIT */
/* The prompt's line editor: keys, history, completion, lines of the log in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "shell_fixture.h"
#include "version.h"

#define UP	  "\x1b[A"
#define DOWN	  "\x1b[B"
#define ERASED(n) (3 * (n)) /* "\b \b" each */

static void test_backspace_and_clear(void **state)
{
	(void)state;
	keys("vmz\b");
	keys("s\x7fs");
	assert_string_equal(screen, "vmz\b \bs\b \bs");
	clear_screen();
	keys(CTRL_U);
	assert_int_equal(screen_len, ERASED(3));
	clear_screen();
	keys("\b"); /* nothing left */
	assert_string_equal(screen, "\a");
	assert_prints("version", "Firn " FIRN_VERSION "\n");
}

static void test_interrupt_drops_the_line(void **state)
{
	(void)state;
	keys("shutdown" CTRL_C);
	assert_string_equal(screen, "shutdown^C\n" PROMPT);
	keys("\r");
	run_cpus();
	assert_null(called);
}

static void test_newline_forms(void **state)
{
	(void)state;
	keys("\r\n\n\r");
	/* CR LF is one key; LF and CR are one each. */
	assert_string_equal(screen, "\n" PROMPT "\n" PROMPT "\n" PROMPT);
}

static void test_line_has_a_limit(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 199; i++)
		keys("a");
	assert_null(strchr(screen, '\a'));
	assert_int_equal(screen_len, 199);
	keys("b");
	assert_int_equal(screen[screen_len - 1], '\a');
	keys("\r");
	assert_has(screen, "unknown command \"aaa");
	assert_null(strstr(screen, "ab\""));
}

static void test_unknown_keys_are_harmless(void **state)
{
	(void)state;
	keys("\x1b[D\x1b[3~\x1bOP\x1bx\x01\x02\xff\xc3");
	keys("\x1b[1;5C");
	clear_screen();
	assert_prints("version", "Firn " FIRN_VERSION "\n");
}

static void test_history(void **state)
{
	char line[32];

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		snprintf(line, sizeof(line), "version%u", i);
		cmd(line);
	}
	cmd("version9"); /* the same again counts once */
	cmd("");	 /* so does nothing */
	keys("part");
	clear_screen();
	keys(UP);
	assert_string_equal(screen + ERASED(4), "version9");
	for (unsigned i = 0; i < 7; i++)
		keys(UP);
	assert_string_equal(screen + screen_len - 8, "version2");
	clear_screen();
	keys(UP); /* eight lines are kept */
	assert_string_equal(screen, "\a");
	keys("\x1bOB"); /* the other form of the key */
	assert_string_equal(screen + screen_len - 8, "version3");
	for (unsigned i = 0; i < 7; i++)
		keys(DOWN);
	assert_string_equal(screen + screen_len - 4, "part");
	clear_screen();
	keys(DOWN);
	assert_string_equal(screen, "\a");
}

static void test_history_line_can_be_edited_and_run(void **state)
{
	(void)state;
	cmd("pause shell");
	called = NULL;
	keys(UP "\b\b\b\b\btests\r");
	assert_string_equal(called, "pause");
	assert_ptr_equal(called_vm, &vm[1]);
	clear_screen();
	keys(UP UP);
	assert_has(screen, "pause shell");
}

static void test_completion(void **state)
{
	(void)state;
	keys("vms\t");
	assert_string_equal(screen, "vms ");
	keys(CTRL_U);
	clear_screen();
	keys("vm sta\t");
	assert_string_equal(screen, "vm start ");
	keys("s\t");
	assert_string_equal(screen, "vm start shell ");
	keys(CTRL_U);
	clear_screen();
	keys("console s\t");
	assert_string_equal(screen, "console shell ");
	keys(CTRL_U);
	clear_screen();
	keys("re\t"); /* regs, resume, reset, reboot */
	assert_string_equal(screen, "re\nresume  reset  remove-cpu  regs  reboot  \n" PROMPT "re");
	keys(CTRL_U);
	clear_screen();
	keys("rebo\t\t");
	assert_string_equal(screen, "reboot \a");
	keys(CTRL_U);
	clear_screen();
	keys("log d\t");
	assert_string_equal(screen, "log debug ");
	keys(CTRL_U);
	clear_screen();
	keys("help rebo\t");
	assert_string_equal(screen, "help reboot ");
}

/* Words of a command's own, its options behind a dash; those of VMs go with them. */
static void test_completion_of_words(void **state)
{
	static const struct {
		const char *typed, *shown;
	} cases[] = {
		{ "dirty shell v\t", "dirty shell verify " },
		{ "dirty shell \t", "dirty shell \nstart  stop  verify  \n" PROMPT "dirty shell " },
		{ "trace shell of\t", "trace shell off " },
		{ "trace shell 0 m\t", "trace shell 0 mmio " },
		{ "trace shell on i\t", "trace shell on irq " },
		{ "trace shell on exit i\t", "trace shell on exit irq " },
		{ "trace shell --\t", "trace shell --json " },
		{ "regs shell a\t", "regs shell all " },
		{ "vms -\t", "vms --json " },
		{ "top --o\t", "top --once " },
		{ "top -\t\t", "top --\n--once  --json  \n" PROMPT "top --" },
		{ "top sh\t", "top shell " },
		{ "version -\t", "version -\a" },
		{ "selftest sec\t", "selftest second " },
		{ "  vms -\t", "  vms --json " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		keys(CTRL_U);
		clear_screen();
		keys(cases[i].typed);
		assert_string_equal(screen, cases[i].shown);
	}
}

static void test_completion_without_candidates(void **state)
{
	(void)state;
	keys("xyz\t");
	assert_string_equal(screen, "xyz\a");
	keys(CTRL_U);
	clear_screen();
	keys("nosuch s\t");
	assert_string_equal(screen, "nosuch s\a");
	keys(CTRL_U);
	clear_screen();
	keys("version s\t");
	assert_string_equal(screen, "version s\a");
	keys(CTRL_U);
	clear_screen();
	keys("regs shell s\t"); /* second argument is no VM */
	assert_string_equal(screen, "regs shell s\a");
	keys(CTRL_U);
	clear_screen();
	nr_vms = 0;
	keys("console \t");
	assert_string_equal(screen, "console \a");
}

static void test_completion_takes_the_common_part(void **state)
{
	(void)state;
	strcpy(config[1].name, "shelf");
	keys("stop s\t");
	assert_string_equal(screen, "stop shel");
	keys("\t");
	assert_has(screen, "shell  shelf");
	keys("f\t");
	assert_string_equal(screen + screen_len - 2, "f ");
}

static void test_log_lines_bring_the_prompt_back(void **state)
{
	(void)state;
	keys("vm");
	clear_screen();
	log_info("event");
	assert_string_equal(screen, "\r        \r[    1.000] event\n" PROMPT "vm");
	clear_screen();
	keys("s\b");
	log_info("event");
	assert_string_equal(screen, "s\b \b\r        \r[    1.000] event\n" PROMPT "vm");
	/* A line that may have been wrapped by the screen stays where it is. */
	for (unsigned i = 0; i < 80; i++)
		keys("x");
	clear_screen();
	log_info("event");
	assert_memory_equal(screen, "\n[    1.000] event\n" PROMPT "vmxx", 29);
}

#define TEST(name) cmocka_unit_test_setup(name, shell_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_backspace_and_clear),
		TEST(test_interrupt_drops_the_line),
		TEST(test_newline_forms),
		TEST(test_line_has_a_limit),
		TEST(test_unknown_keys_are_harmless),
		TEST(test_history),
		TEST(test_history_line_can_be_edited_and_run),
		TEST(test_completion),
		TEST(test_completion_of_words),
		TEST(test_completion_without_candidates),
		TEST(test_completion_takes_the_common_part),
		TEST(test_log_lines_bring_the_prompt_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
