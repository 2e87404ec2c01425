/* SPDX-License-Identifier: MIT */
/* Commands of the prompt that go on until a key: top and watch, and the group vm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/timer.h"
#include "core/work.h"
#include "fake.h"
#include "shell_fixture.h"
#include "version.h"

#define MS     1000000ull
#define SECOND (1000 * MS)

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

/*
 * vm
 */

static void test_vm_group(void **state)
{
	static const char *const actions[] = { "start", "stop", "pause", "resume", "reset" };
	char line[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		called = NULL;
		snprintf(line, sizeof(line), "vm %s tests", actions[i]);
		cmd(line);
		assert_string_equal(called, actions[i]);
		assert_ptr_equal(called_vm, &vm[1]);
	}
	called = NULL;
	assert_has(cmd("vm frob tests"), "there is no \"vm frob\", only start, ");
	assert_has(cmd("vm version tests"), "there is no \"vm version\", only ");
	assert_has(cmd("vm start"), "start: missing argument\nusage: start VM\n");
	assert_has(cmd("vm start a b"), "start: too many arguments\n");
	assert_prints("vm", "vm: missing argument\nusage: vm ACTION VM ...\nACTION is one of "
			    "start, "
			    "stop, pause, resume, reset, add-cpu, remove-cpu, shutdown\n");
	assert_has(cmd("vm frob"), "vm: missing argument\n");
	assert_null(called);
}

/*
 * watch
 */

static void test_watch_runs_at_its_interval(void **state)
{
	(void)state;
	keys("watch 100 version\r");
	pass_time(0);
	assert_int_equal(count(screen, "Firn " FIRN_VERSION), 1);
	pass_time(99 * MS);
	pass_time(1 * MS);
	for (unsigned i = 0; i < 8; i++)
		pass_time(100 * MS);
	/* Shown at 0, 300, 600, 900: not more than four times a second. */
	assert_int_equal(count(screen, "Firn " FIRN_VERSION), 4);
	clear_screen();
	keys("x");
	assert_string_equal(screen, "10 times in 900 ms\n" PROMPT);
	assert_int_equal(timer_next(), TIMER_NEVER);
	pass_time(SECOND);
	assert_string_equal(screen, "10 times in 900 ms\n" PROMPT);
	assert_prints("version", "Firn " FIRN_VERSION "\n");
}

/* The next run waits for the answer, and a run that was late is not made up for. */
static void test_watch_of_a_question_to_cpus(void **state)
{
	(void)state;
	keys("watch 1 regs shell all rip\r");
	pass_time(0);
	assert_int_equal(count(screen, "vCPU 0\nrip (id"), 1);
	assert_int_equal(count(screen, "vCPU 1\nrip (id"), 1);
	assert_int_equal(begins, 2);
	pass_time(50 * MS);
	assert_int_equal(begins, 4);
	for (unsigned i = 0; i < 100; i++)
		pass_time(MS);
	assert_int_equal(begins, 2 * 102);
	assert_int_equal(ends, begins);
	keys(" ");
	assert_has(screen, "102 times in 150 ms\n" PROMPT);
}

static void test_key_while_cpus_are_asked(void **state)
{
	(void)state;
	keys("watch 1000 regs shell 0 rip\r");
	timer_run(clock_tsc());
	keys("q");
	assert_string_equal(screen, "watch 1000 regs shell 0 rip\n1 time in 0 ms\n" PROMPT);
	clear_screen();
	run_cpus(); /* the late answer */
	pass_time(SECOND);
	assert_string_equal(screen, "");
	assert_has(cmd("regs shell 0 rip"), "rip (id");
}

static void test_ctrl_c_ends_watch(void **state)
{
	(void)state;
	keys("watch 10 vms\r");
	pass_time(0);
	clear_screen();
	keys(CTRL_C);
	assert_has(screen, "1 time in 0 ms\n" PROMPT);
	assert_int_equal(timer_next(), TIMER_NEVER);
}

static void test_watch_ends_with_the_focus(void **state)
{
	(void)state;
	keys("watch 10 version\r");
	pass_time(0);
	console_focus(&vm[0]);
	assert_int_equal(timer_next(), TIMER_NEVER);
	clear_screen();
	pass_time(SECOND);
	assert_string_equal(screen, "");
	console_focus(NULL);
	assert_string_equal(screen, PROMPT);
	/* A command that moves the focus ends it, too. */
	keys("watch 10 console shell\r");
	pass_time(0);
	assert_ptr_equal(focus, &vm[0]);
	assert_int_equal(timer_next(), TIMER_NEVER);
}

static void test_watch_on_a_slow_console(void **state)
{
	(void)state;
	keys("watch 1 vms\r");
	room = 20;
	for (unsigned i = 0; i < 1000; i++)
		pass_time(MS);
	/* One table is on its way, nothing is queued behind it. */
	assert_int_equal(count(screen, "NAME"), 0);
	keys("x");
	room = sizeof(screen);
	shell_output_ready();
	assert_int_equal(count(screen, "NAME"), 1);
	assert_has(screen, "1000 times in 1000 ms\n" PROMPT);
}

static void test_watch_mistakes(void **state)
{
	(void)state;
	assert_prints("watch 0 vms", "interval 0: expected 1 to 3600000 ms\n");
	assert_prints("watch 3600001 vms", "interval 3600001: expected 1 to 3600000 ms\n");
	assert_prints("watch x vms", "interval \"x\": expected a number, decimal or 0x...\n");
	assert_prints("watch 1", "watch: missing argument\nusage: watch MS COMMAND ...\n");
	/* Said once, and nothing is repeated. */
	assert_prints("watch 10 watch 1 vms", "watch goes on until a key by itself\n");
	assert_prints("watch 10 top", "top goes on until a key by itself\n");
	assert_prints("watch 10 nosuch a b", "unknown command \"nosuch\"; \"help\" lists the "
					     "commands\n");
	assert_prints("watch 10 regs shell", "regs: missing argument\nusage: regs VM VCPU|all "
					     "[REGISTER]\n");
	assert_prints("watch 10 version --json", "version has no --json\nusage: version\n");
	assert_int_equal(timer_next(), TIMER_NEVER);
}

static void test_watch_passes_arguments_on(void **state)
{
	(void)state;
	keys("watch 10   vm   pause  shell\r");
	pass_time(0);
	assert_string_equal(called, "pause");
	keys("x");
	clear_screen();
	keys("watch 10 exits tests --json\r");
	pass_time(0);
	assert_has(screen, "{\"vm\":\"tests\",\"total\":0");
	keys("x");
}

/*
 * top
 */

static void test_top_once(void **state)
{
	(void)state;
	keys("top --once\r");
	pass_time(0);
	assert_string_equal(screen, "top --once\n");
	vm[0].vcpu[0]->run_tsc += SECOND / 4;
	vm[0].vcpu[0]->steal_tsc += SECOND / 2;
	vm[0].vcpu[1]->run_tsc += SECOND;
	more_exits = 3000;
	pass_time(SECOND);
	assert_has(screen, "  0  25.0 %  50.0 %  25.0 %\n  1   0.0 % 100.0 %   0.0 %\n");
	assert_has(screen, "shell             all       running           125.0 %   50.0 %   25.0 %"
			   "      6000  I/O 100 %\n");
	assert_has(screen, "                    0    1  waiting for SIPI   25.0 %   50.0 %   25.0 %"
			   "      3000  I/O 100 %\n");
	assert_has(screen, "                    1    0  waiting for SIPI  100.0 %    0.0 %    0.0 %"
			   "      3000  I/O 100 %\n");
	assert_has(screen, "tests             all       stopped             0.0 %    0.0 %    0.0 %"
			   "         0 \n");
	assert_has(screen, PROMPT);
	assert_null(strstr(screen, "\033"));
	assert_int_equal(timer_next(), TIMER_NEVER);
}

static void test_top_goes_on_until_a_key(void **state)
{
	(void)state;
	keys("top shell\r");
	for (unsigned second = 0; second < 6; second++)
		pass_time(second ? SECOND : 0);
	assert_int_equal(count(screen, "\033[H\033[J"), 5);
	assert_int_equal(count(screen, "shell "), 5);
	assert_int_equal(count(screen, "tests"), 0);
	clear_screen();
	keys("v");
	assert_string_equal(screen, PROMPT);
	assert_int_equal(timer_next(), TIMER_NEVER);
}

/* A vCPU that is added has no past, and its counters so far are not what it did just now. */
static void test_top_with_a_new_vcpu(void **state)
{
	(void)state;
	vm[0].nr_vcpus = 1;
	keys("top shell\r");
	pass_time(0);
	vm[0].nr_vcpus = 2;
	pass_time(SECOND);
	assert_has(screen, "                    1    0  waiting for SIPI    0.0 %    0.0 %    0.0 %"
			   "         0 \n");
	clear_screen();
	pass_time(SECOND);
	assert_has(screen, "                    1    0  waiting for SIPI    0.0 %    0.0 %  100.0 %"
			   "         0 \n");
	keys("x");
}

static void test_top_mistakes(void **state)
{
	(void)state;
	assert_prints("top nosuch", "there is no VM \"nosuch\", only shell, tests\n");
	assert_prints("top shell --twice", "top has no --twice\nusage: top [VM] [--once] "
					   "[--json]\n");
	nr_vms = 0;
	assert_has(cmd("top --once"), "VM               VCPU  CPU  STATE");
}

#define TEST(name) cmocka_unit_test_setup(name, shell_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_vm_group),
		TEST(test_watch_runs_at_its_interval),
		TEST(test_watch_of_a_question_to_cpus),
		TEST(test_key_while_cpus_are_asked),
		TEST(test_ctrl_c_ends_watch),
		TEST(test_watch_ends_with_the_focus),
		TEST(test_watch_on_a_slow_console),
		TEST(test_watch_mistakes),
		TEST(test_watch_passes_arguments_on),
		TEST(test_top_once),
		TEST(test_top_goes_on_until_a_key),
		TEST(test_top_with_a_new_vcpu),
		TEST(test_top_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
