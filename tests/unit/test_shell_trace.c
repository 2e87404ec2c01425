/* SPDX-License-Identifier: MIT */
/* The command trace: which events it shows, and how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake.h"
#include "shell_fixture.h"

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < vm[0].nr_vcpus; i++) {
		free(vm[0].vcpu[i]->trace);
		vm[0].vcpu[i]->trace = NULL;
	}
	return 0;
}

/* An OUT of vCPU 1, and a timer interrupt that vCPU 0 sends it meanwhile. */
static void record(void)
{
	struct vcpu *v = vm[0].vcpu[1];
	u32 number;

	fake_set_tsc(1000);
	number = exit_trace_begin(v, 30, 0xffffffff81000000, 0x3f80000);
	fake_set_tsc(1100);
	exit_trace_irq(v, TRACE_IRQ_IPI, 0xec, 0);
	fake_set_tsc(1200);
	exit_trace_io(v, TRACE_IO_WRITE | TRACE_IO_PORT, 0x3f8, 1, 0x41, "uart");
	fake_set_tsc(1500);
	exit_trace_end(v, number);
	fake_set_tsc(1600);
	exit_trace_io(v, 0, 0xd0000000, 4, 0xffffffff, NULL);
	exit_trace_irq(v, TRACE_IRQ_DELIVERED, 0xec, 0);
}

#define HEAD "    NS SINCE  VCPU  KIND  EVENT\n"
#define EXIT                                                                                       \
	"           0     1  exit  I/O                    rip 0xffffffff81000000 info 0x3f80000, " \
	"500 ticks\n"
#define IPI   "     1  irq   vector 0xec from vCPU 0\n"
#define PORT  "     1  mmio  write port 0x3f8, 1 byte: 0x41, uart\n"
#define MMIO  "     1  mmio  read address 0xd0000000, 4 bytes: 0xffffffff, nobody\n"
#define TAKEN "     1  irq   vector 0xec delivered\n"

static void test_all_kinds(void **state)
{
	(void)state;
	assert_prints("trace shell 1 on", "");
	record();
	assert_prints("trace shell 1", HEAD EXIT "         100" IPI "         100" PORT
						 "         400" MMIO "           0" TAKEN);
	assert_prints("trace shell", HEAD EXIT "         100" IPI "         100" PORT
					       "         400" MMIO "           0" TAKEN);
	assert_prints("trace shell 0", "nothing recorded; trace shell on starts\n");
	assert_prints("trace shell 0 irq", "nothing of that kind recorded; trace shell on "
					   "starts\n");
}

static void test_kinds_are_chosen_when_shown(void **state)
{
	(void)state;
	assert_prints("trace shell on", "");
	record();
	assert_prints("trace shell exit", HEAD EXIT);
	assert_prints("trace shell irq", HEAD "           0" IPI "         500" TAKEN);
	assert_prints("trace shell 1 mmio", HEAD "           0" PORT "         400" MMIO);
	assert_prints("trace shell irq exit", HEAD EXIT "         100" IPI "         500" TAKEN);
}

static void test_kinds_are_chosen_when_recorded(void **state)
{
	(void)state;
	assert_prints("trace shell on mmio", "");
	record();
	assert_prints("trace shell", HEAD "           0" PORT "         400" MMIO);
	assert_prints("trace shell 1 off", "");
	record();
	assert_prints("trace shell 1", HEAD "           0" PORT "         400" MMIO);
	assert_true(exit_trace_is_on(vm[0].vcpu[0]));
	assert_false(exit_trace_is_on(vm[0].vcpu[1]));
	assert_prints("trace shell 1 on", "");
	assert_prints("trace shell 1", "nothing recorded yet\n");
	assert_prints("trace shell 0 irq", "nothing of that kind recorded yet\n");
}

/* Two vCPUs in one list, by time, and not more than one vCPU's ring. */
static void test_vcpus_are_merged(void **state)
{
	const char *text;

	(void)state;
	cmd("trace shell on");
	for (unsigned i = 0; i < EXIT_TRACE_LEN; i++) {
		fake_set_tsc(10000 + i * 10);
		exit_trace_irq(vm[0].vcpu[i % 2], TRACE_IRQ_EOI, (u8)i, 0);
		exit_trace_irq(vm[0].vcpu[i % 2], TRACE_IRQ_DEVICE, (u8)i, i % 2);
	}
	text = cmd("trace shell");
	assert_has(text, "          10     0  irq   vector 0x80 ended\n"
			 "           0     0  irq   vector 0x80 from a device, edge\n"
			 "          10     1  irq   vector 0x81 ended\n"
			 "           0     1  irq   vector 0x81 from a device, level\n");
	assert_null(strstr(text, "vector 0x7f"));
	assert_has(text, "vector 0xff ended\n");
}

static void test_json(void **state)
{
	(void)state;
	assert_prints("trace shell --json", "[\n]\n");
	cmd("trace shell on");
	record();
	assert_prints("trace shell --json",
		      "[\n"
		      "{\"vcpu\":1,\"tsc\":\"1000\",\"since_ns\":0,\"kind\":\"exit\",\"reason\":30,"
		      "\"name\":\"I/O\",\"rip\":\"0xffffffff81000000\",\"info\":\"0x3f80000\","
		      "\"ticks\":500},\n"
		      "{\"vcpu\":1,\"tsc\":\"1100\",\"since_ns\":100,\"kind\":\"irq\",\"vector\":"
		      "236,"
		      "\"event\":\"ipi\",\"value\":0},\n"
		      "{\"vcpu\":1,\"tsc\":\"1200\",\"since_ns\":100,\"kind\":\"mmio\",\"write\":"
		      "true,"
		      "\"port\":true,\"address\":\"0x3f8\",\"width\":1,\"value\":\"0x41\","
		      "\"device\":\"uart\"},\n"
		      "{\"vcpu\":1,\"tsc\":\"1600\",\"since_ns\":400,\"kind\":\"mmio\",\"write\":"
		      "false,"
		      "\"port\":false,\"address\":\"0xd0000000\",\"width\":4,"
		      "\"value\":\"0xffffffff\",\"device\":\"\"},\n"
		      "{\"vcpu\":1,\"tsc\":\"1600\",\"since_ns\":0,\"kind\":\"irq\",\"vector\":236,"
		      "\"event\":\"delivered\",\"value\":0}\n]\n");
}

static void test_mistakes(void **state)
{
	(void)state;
	assert_prints("trace nosuch", "there is no VM \"nosuch\", only shell, tests\n");
	assert_prints("trace shell 2", "VM shell has no vCPU 2, only 0 to 1\n");
	assert_prints("trace shell x", "\"x\": expected a vCPU, on, off, exit, irq or mmio\n");
	assert_prints("trace shell on off", "trace: on or off, not both\n");
	assert_null(vm[0].vcpu[0]->trace);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shell_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_kinds),
		TEST(test_kinds_are_chosen_when_shown),
		TEST(test_kinds_are_chosen_when_recorded),
		TEST(test_vcpus_are_merged),
		TEST(test_json),
		TEST(test_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
