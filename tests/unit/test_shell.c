/* SPDX-License-Identifier: MIT */
/* The prompt: every command with good and wrong arguments, answers of other CPUs, output. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/vdev/vdevs.h"
#include "core/network.h"
#include "core/reg_ids.h"
#include "core/timer.h"
#include "core/work.h"
#include "fake.h"
#include "shell_fixture.h"
#include "version.h"

#define FILLED 4096 /* of the VM's memory, from address 0 */

/*
 * Parsing
 */

static void test_unknown_commands(void **state)
{
	(void)state;
	assert_prints("vsm", "unknown command \"vsm\", did you mean \"vms\"?\n");
	assert_prints("reboto", "unknown command \"reboto\", did you mean \"reboot\"?\n");
	assert_prints("exit", "unknown command \"exit\", did you mean \"exits\"?\n");
	assert_prints("pasue", "unknown command \"pasue\", did you mean \"pause\"?\n");
	assert_prints("foo", "unknown command \"foo\"; \"help\" lists the commands\n");
	assert_prints("shut", "unknown command \"shut\", did you mean \"shutdown\"?\n");
	assert_prints("frobnicate", "unknown command \"frobnicate\"; \"help\" lists the "
				    "commands\n");
	assert_prints("VMS", "unknown command \"VMS\", did you mean \"vms\"?\n");
	assert_prints("sta", "unknown command \"sta\", did you mean \"start\"?\n");
}

static void test_empty_lines(void **state)
{
	(void)state;
	assert_prints("", "");
	assert_prints("    ", "");
	assert_prints("  version  ", "Firn " FIRN_VERSION "\n");
}

static void test_argument_counts(void **state)
{
	(void)state;
	assert_prints("console", "console: missing argument\nusage: console VM\n");
	assert_prints("console a b", "console: too many arguments\nusage: console VM\n");
	assert_prints("regs shell", "regs: missing argument\nusage: regs VM VCPU|all [REGISTER]\n");
	assert_prints("regs a b c d", "regs: too many arguments\nusage: regs VM VCPU|all "
				      "[REGISTER]\n");
	assert_prints("version 1 2 3 4 5 6 7 8 9 10", "version: too many arguments\nusage: "
						      "version\n");
	assert_prints("log --json", "log has no --json\nusage: log [LEVEL]\n");
	assert_prints("vms x", "vms: too many arguments\nusage: vms [--json]\n");
	assert_prints("top --twice", "top has no --twice\nusage: top [VM] [--once] [--json]\n");
	assert_prints("reboot --now", "reboot has no --now\nusage: reboot\n");
	assert_null(called);
}

/* Every command, told too little and too much: its usage, and nothing is done. */
static void test_every_command_checks_its_arguments(void **state)
{
	char line[128];

	(void)state;
	for (size_t i = 0; i < shell_nr_commands; i++) {
		const struct shell_command *c = &shell_commands[i];

		snprintf(line, sizeof(line), "%s 1 2 3 4 5 6 7 8 9", c->name);
		assert_has(cmd(line), "too many arguments");
		if (*c->args && *c->args != '[')
			assert_has(cmd(c->name), "missing argument");
		snprintf(line, sizeof(line), "help %s", c->name);
		assert_has(cmd(line), c->help);
		assert_has(cmd(line), "usage: ");
		assert_has(cmd("help"), c->name);
	}
	assert_null(called);
	assert_null(focus);
}

static void test_help_of_nothing(void **state)
{
	(void)state;
	assert_prints("help vsm", "unknown command \"vsm\", did you mean \"vms\"?\n");
	assert_has(cmd("help"), "Ctrl-]");
	/* one column, also behind names and arguments of other lengths */
	assert_has(cmd("help"), "\nvms                           the VMs");
	assert_has(cmd("help"), "\nremove-cpu VM VCPU            ask a VM");
	assert_has(cmd("help"), "[mmio]\n                              the last exits");
}

/*
 * VMs
 */

static void test_vms(void **state)
{
	(void)state;
	vm[0].starts = 3;
	vm[1].state = VM_CRASHED;
	vm[1].starts = 1;
	vm[1].crashes = 1;
	assert_prints("vms", "NAME             STATE    VCPUS      MEMORY CRASHES RESTARTS  CPUS  "
			     "REASON\n"
			     "shell            running      2     256 MiB       0        2  1,0\n"
			     "tests            crashed      1      64 MiB       1        0  0  "
			     "debug "
			     "\"exit\"\n");
	nr_vms = 0;
	assert_prints("vms", "There are no VMs.\n");
}

static void test_vcpus_come_and_go(void **state)
{
	(void)state;
	vm[0].present = 0x1;
	assert_has(cmd("vms"), "shell            running    1/2     256 MiB");
	assert_has(cmd("vms --json"), "\"vcpus\":1,\"max_vcpus\":2,");
	assert_prints("remove-cpu shell 1", "VM shell does not have vCPU 1 now\n");
	assert_int_equal(irq_line, 0);
	assert_prints("add-cpu shell", "VM shell has vCPU 1 now\n");
	assert_int_equal(vm[0].present, 0x3);
	assert_int_equal(irq_line, GED_GSI);
	assert_prints("add-cpu shell", "VM shell has all of its 2 vCPUs: max-cpus in firn.conf "
				       "allows "
				       "for more\n");
	assert_prints("remove-cpu shell 0", "vCPU 0 stays: the guest started with it\n");
	assert_prints("remove-cpu shell 2", "VM shell has no vCPU 2, only 0 to 1\n");
	assert_prints("vm remove-cpu shell 1", "VM shell is asked to give vCPU 1 back\n");
	assert_int_equal(vm[0].present, 0x3);
	vm[0].state = VM_PAUSED;
	assert_prints("add-cpu shell", "VM shell is paused: this needs a VM that is running\n");
}

/*
 * The machine
 */

static void test_pci(void **state)
{
	struct host_pci nic = { .address = { 0x1, 0x1a, 0x1f, 7 },
				.vendor_id = 0x8086,
				.device_id = 0x1592,
				.class_code = 0x020000,
				.msix_vectors = 1024,
				.bar[0] = { 0x38fffe000000, 32 * MiB, PCI_BAR_MEMORY_64, true },
				.bar[3] = { 0, 64 * KiB, PCI_BAR_MEMORY_32, false },
				.bar[5] = { 0xc000, 32, PCI_BAR_PORTS, false },
				.owner = "ice" };
	struct host_pci bridge = { .next = &nic,
				   .vendor_id = 0x1b36,
				   .device_id = 0xc,
				   .class_code = 0x060400,
				   .secondary_bus = 1,
				   .subordinate_bus = 0x1a,
				   .msi_vectors = 1,
				   .bar[0] = { 0xfe000000, 0, PCI_BAR_MEMORY_32, false } };

	(void)state;
	assert_prints("pci", "There are no PCI functions.\n");
	assert_prints("pci --json", "[\n]\n");
	functions = &bridge;
	assert_prints("pci", "ADDRESS       ID          MSI  MSI-X  OWNER       CLASS\n"
			     "0000:00:00.0  1b36:000c     1      0  -           PCI bridge to "
			     "buses 01-1a\n"
			     "  BAR 0  0x0000fe000000           -  memory, 32 bits\n"
			     "0001:1a:1f.7  8086:1592     0   1024  ice         Ethernet "
			     "controller\n"
			     "  BAR 0  0x38fffe000000      32 MiB  memory, 64 bits, prefetchable\n"
			     "  BAR 3  0x000000000000      64 KiB  memory, 32 bits, not assigned\n"
			     "  BAR 5  0x00000000c000      32 B    ports\n");
	assert_has(cmd("pci --json"), "{\"address\":\"0001:1a:1f.7\",\"vendor\":32902,\"device\":"
				      "5522,"
				      "\"class_code\":131072,\"class\":\"Ethernet "
				      "controller\",\"secondary_bus\":0,"
				      "\"subordinate_bus\":0,\"msi\":0,\"msix\":1024,\"owner\":"
				      "\"ice\",\"bars\":["
				      "{\"bar\":0,\"address\":62672129228800,\"size\":33554432,"
				      "\"type\":\"memory, "
				      "64 bits\",\"prefetchable\":true},");
	assert_has(cmd("pci --json"), "\"owner\":\"\",\"bars\":[{\"bar\":0,");
}

static void test_power_button(void **state)
{
	(void)state;
	assert_prints("shutdown shell", "VM shell: power button pressed\n");
	assert_int_equal(irq_line, GED_GSI);
	assert_int_equal(vm[0].vdevs->ged.events, GED_POWER_BUTTON);
	assert_prints("shutdown tests", "VM tests is stopped: this needs a VM that is running\n");
	assert_null(called); /* the machine goes on */
}

static void test_vm_names(void **state)
{
	static const char *const with_vm[] = { "console %s",  "start %s",   "stop %s",
					       "pause %s",    "resume %s",  "reset %s",
					       "exits %s",    "regs %s 0",  "set %s 0 rax 1",
					       "dump %s 0 1", "add-cpu %s", "remove-cpu %s 1",
					       "shutdown %s" };
	char line[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(with_vm); i++) {
		snprintf(line, sizeof(line), with_vm[i], "shel");
		nr_vms = 2;
		assert_prints(line, "there is no VM \"shel\", only shell, tests\n");
		nr_vms = 0;
		assert_prints(line, "there is no VM \"shel\", and no other\n");
	}
	assert_null(called);
}

static void test_vms_that_were_not_made(void **state)
{
	(void)state;
	nr_vms = 0;
	refused = 1;
	assert_prints("vms", "There are no VMs.\n"
			     "1 VM of the configuration was not made; \"log\" says why\n");
	assert_prints("start db", "there is no VM \"db\", and no other\n"
				  "1 VM of the configuration was not made; \"log\" says why\n");
	nr_vms = 1;
	refused = 2;
	assert_prints("start db", "there is no VM \"db\", only shell\n"
				  "2 VMs of the configuration were not made; \"log\" says why\n");
}

/* Of many VMs not all are named, but one that was probably meant. */
static void test_vm_names_of_many(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MANY_VMS; i++) {
		snprintf(config[i].name, sizeof(config[i].name), "worker%02u", i);
		vm[i].config = &config[i];
	}
	nr_vms = MANY_VMS;
	assert_prints("stop wroker07", "there is no VM \"wroker07\", did you mean "
				       "\"worker07\"?\n");
	assert_prints("stop db", "there is no VM \"db\"; \"vms\" lists them\n");
	nr_vms = 8;
	assert_prints("stop db", "there is no VM \"db\", only worker00, worker01, worker02, "
				 "worker03, worker04, worker05, worker06, worker07\n");
}

/* Where a row's second column begins. */
static size_t second_column(const char *text, const char *row, const char *second)
{
	const char *begin = strstr(text, row), *end;

	assert_non_null(begin);
	end = strstr(begin + strlen(row), second);
	assert_non_null(end);
	return (size_t)(end - begin);
}

static void test_long_names_keep_columns(void **state)
{
	static const char longest[] = "a234567890123456789012345678901";
	const char *text;

	(void)state;
	assert_int_equal(strlen(longest), CONFIG_NAME_MAX - 1);
	strcpy(config[1].name, longest);
	text = cmd("vms");
	assert_int_equal(second_column(text, "NAME", "STATE"), strlen(longest) + 1);
	assert_int_equal(second_column(text, "shell", "running"), strlen(longest) + 1);
	assert_int_equal(second_column(text, longest, "stopped"), strlen(longest) + 1);
	text = cmd("mem");
	assert_int_equal(second_column(text, "VM   shell", "KiB\n"),
			 second_column(text, longest, "KiB\n") + 5);
	text = cmd("top --once");
	assert_int_equal(second_column(text, "VM  ", "VCPU"), strlen(longest) + 1);
	assert_int_equal(second_column(text, "shell", " all"), strlen(longest) + 1);
	assert_int_equal(second_column(text, longest, " all"), strlen(longest) + 1);
}

static void test_life(void **state)
{
	static const char *const names[] = { "start", "stop", "pause", "resume", "reset" };
	char line[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		called = NULL;
		snprintf(line, sizeof(line), "%s tests", names[i]);
		assert_string_equal(cmd(line), i == 0 ? "VM tests runs\n" : "");
		assert_string_equal(called, names[i]);
		assert_ptr_equal(called_vm, &vm[1]);
	}
}

static void test_life_in_the_wrong_state(void **state)
{
	(void)state;
	answer = ERR_STATE;
	assert_prints("pause tests", "VM tests is stopped: this needs a VM that is running\n");
	assert_prints("resume shell", "VM shell is running: this needs a VM that is paused\n");
	assert_prints("stop tests", "VM tests is stopped: this needs a VM that is not stopped\n");
	assert_prints("reset tests", "VM tests is stopped: this needs a VM that is not stopped\n");
	assert_prints("start tests", "VM tests cannot start: not possible in this state\n");
	answer = ERR_FORMAT;
	assert_prints("start tests", "VM tests cannot start: kernel vmlinuz: too short\n");
	answer = ERR_NOMEM;
	assert_prints("pause shell", "VM shell: out of memory\n");
}

static void test_console_command(void **state)
{
	(void)state;
	keys("console tests\r");
	assert_ptr_equal(focus, &vm[1]);
	/* No prompt: the VM has the screen. */
	assert_string_equal(screen, "console tests\nVM tests is stopped\n");
	clear_screen();
	log_info("event");
	assert_string_equal(screen, "[    1.000] event\n");
	clear_screen();
	console_focus(NULL);
	assert_string_equal(screen, PROMPT);
}

static void test_partial_line_survives_the_vm(void **state)
{
	(void)state;
	keys("ver");
	console_focus(&vm[0]);
	clear_screen();
	console_focus(NULL);
	assert_has(screen, PROMPT "ver");
	clear_screen();
	keys("sion\r");
	assert_has(screen, "Firn ");
}

static void test_exits(void **state)
{
	(void)state;
	assert_prints("exits shell", "VM shell: 1702 exits\n"
				     "          1500  88.1 %  I/O (30)\n"
				     "           200  11.7 %  CPUID (10)\n"
				     "             2   0.1 %  unknown (63)\n");
	assert_prints("exits tests", "VM tests: 0 exits\n");
	assert_has(cmd("exits"), "VM shell: 1702 exits");
	assert_has(cmd("exits"), "VM tests: 0 exits");
}

static void fill_memory(void)
{
	u8 *ram = fake_set_ram(0x100000, FILLED);

	vm[0].backing[0] = (struct backing){ .hpa = 0x100000, .size = FILLED, .bound = true };
	vm[0].memory.count = 1;
	vm[0].memory.slot[0] = (struct memslot){ .size = FILLED,
						 .kind = MEMSLOT_RAM,
						 .backing = &vm[0].backing[0] };
	memcpy(ram, "Hello, \x01\xff world", 15);
}

static void test_dump(void **state)
{
	(void)state;
	fill_memory();
	assert_prints("dump shell 0 20", "000000000000  48 65 6c 6c 6f 2c 20 01  ff 20 77 6f 72 6c "
					 "64 00"
					 "  Hello, .. world.\n"
					 "000000000010  00 00 00 00                                "
					 "       ....\n");
	assert_has(cmd("dump shell 0xff0 0x10"), "000000000ff0  00 00");
	/* The last row is cut by the end of memory: what is there is shown, the rest is named. */
	assert_has(cmd("dump shell 0xff0 17"), "000000001000 is outside of the VM's memory\n");
	assert_prints("dump shell 0xffffffffffffffff 2", "ffffffffffffffff is outside of the VM's "
							 "memory\n");
	assert_prints("dump tests 0 1", "000000000000 is outside of the VM's memory\n");
}

static void test_numbers(void **state)
{
	(void)state;
	assert_prints("dump shell x 1", "address \"x\": expected a number, decimal or 0x...\n");
	assert_prints("dump shell 0x 1", "address \"0x\": expected a number, decimal or 0x...\n");
	assert_prints("dump shell -1 1", "address \"-1\": expected a number, decimal or 0x...\n");
	assert_prints("dump shell +1 1", "address \"+1\": expected a number, decimal or 0x...\n");
	assert_prints("dump shell 1k 1", "address \"1k\": expected a number, decimal or 0x...\n");
	assert_prints("dump shell 0x0x1 1", "address \"0x0x1\": expected a number, decimal or "
					    "0x...\n");
	assert_prints("dump shell 0x10000000000000000 1", "address \"0x10000000000000000\": more "
							  "than 64 bits\n");
	assert_prints("dump shell 0 0", "length 0: expected 1 to 4096 bytes\n");
	assert_prints("dump shell 0 4097", "length 4097: expected 1 to 4096 bytes\n");
	assert_prints("dump shell 0 y", "length \"y\": expected a number, decimal or 0x...\n");
}

/*
 * Registers
 */

static void test_regs(void **state)
{
	(void)state;
	assert_prints("regs shell 0", "rax                    0000000000001234  rip                "
				      "    "
				      "ffffffff81000000\n"
				      "cs.selector            0000000000000010  cs.base            "
				      "    "
				      "0000000000000000\n"
				      "msr.LSTAR              ffffffff82000000\n");
	assert_int_equal(begins, 1);
	assert_int_equal(ends, 1);
	assert_int_equal(vm[0].state, VM_RUNNING);
	assert_null(called);
}

static void test_regs_by_name_id_and_group(void **state)
{
	(void)state;
	assert_prints("regs shell 1 rip", "rip (id 0x2030001000000010) 0xffffffff81000000\n");
	assert_prints("regs shell 1 0x20300002c0000082", "msr.LSTAR (id 0x20300002c0000082) "
							 "0xffffffff82000000\n");
	assert_prints("regs shell 1 0x20300002000000ff", "0x20300002000000ff (id "
							 "0x20300002000000ff) cannot be read: not "
							 "found\n");
	assert_prints("regs shell 1 cs", "cs.selector            0000000000000010  cs.base        "
					 "        0000000000000000\n");
	assert_prints("regs shell 1 c", "there is no register \"c\"; regs shell 1 lists them\n");
	assert_prints("regs shell 1 0xzz", "register \"0xzz\": expected a number, decimal or "
					   "0x...\n");
}

static void test_regs_of_no_vcpu(void **state)
{
	(void)state;
	assert_prints("regs shell 2", "VM shell has no vCPU 2, only 0 to 1\n");
	assert_prints("regs tests 1", "VM tests has no vCPU 1, only 0\n");
	assert_prints("regs shell a", "vCPU \"a\": expected a number, decimal or 0x...\n");
	never_ran = true;
	assert_prints("regs shell 0", "vCPU 0 of VM shell has never run\n");
	assert_int_equal(ends, 0);
}

static void test_set(void **state)
{
	(void)state;
	assert_prints("set shell 0 rax 1", "VM shell is running: pause it first\n");
	assert_int_equal(regs[1].value, 0x1234);
	vm[0].state = VM_PAUSED;
	assert_prints("set shell 0 rax 0x55", "");
	assert_int_equal(regs[1].value, 0x55);
	assert_prints("set shell 0 rax 0xbad", "rax cannot become 0xbad: invalid argument\n");
	assert_int_equal(regs[1].value, 0x55);
	assert_prints("set shell 0 rax x", "value \"x\": expected a number, decimal or 0x...\n");
	assert_prints("set shell 0 cs 1", "\"cs\" is a group: set takes one register\n");
	inconsistent = "CR0.PG without CR0.PE";
	assert_prints("set shell 0 rax 0x1234", "set, but the vCPU cannot go on like this: CR0.PG "
						"without CR0.PE\n");
	assert_int_equal(begins, ends);
}

static void test_reading_after_a_write_only_reads(void **state)
{
	(void)state;
	vm[0].state = VM_PAUSED;
	cmd("set shell 0 rax 0x77");
	assert_prints("regs shell 0 rax", "rax (id 0x2030001000000000) 0x0000000000000077\n");
	regs[1].value = 0x1234;
	cmd("regs shell 0 rax");
	assert_int_equal(regs[1].value, 0x1234);
}

/* The vCPU's CPU hangs: the prompt comes back and says so, a late answer is not printed. */
static void test_cpu_that_does_not_answer(void **state)
{
	(void)state;
	keys("regs shell 0 rip\r");
	work_run();
	assert_string_equal(screen, "regs shell 0 rip\n");
	fake_set_clock_ns(1999999000);
	timer_run(clock_tsc());
	assert_string_equal(screen, "regs shell 0 rip\n");
	fake_set_clock_ns(2000000000);
	timer_run(clock_tsc());
	assert_string_equal(screen, "regs shell 0 rip\nCPU 1 does not answer\n" PROMPT);

	clear_screen();
	keys("regs shell 1 rip\r");
	work_run();
	assert_has(screen, "CPU 1 has not answered the last time yet\n" PROMPT);
	clear_screen();
	run_cpus();
	assert_string_equal(screen, "");
	assert_has(cmd("regs shell 0 rip"), "rip (id");
	timer_run(clock_tsc() + 10000000000);
	assert_int_equal(timer_next(), TIMER_NEVER);
}

static void test_interrupt_stops_waiting(void **state)
{
	(void)state;
	keys("regs shell 0\rver" CTRL_C);
	assert_string_equal(screen, "regs shell 0\n^C\n" PROMPT);
	clear_screen();
	run_cpus();
	assert_string_equal(screen, "");
	assert_int_equal(timer_next(), TIMER_NEVER);
	assert_prints("version", "Firn " FIRN_VERSION "\n");
}

static void test_type_ahead_waits_for_the_answer(void **state)
{
	(void)state;
	keys("regs shell 0 rip\rversion\rvm");
	assert_string_equal(screen, "regs shell 0 rip\n");
	run_cpus();
	assert_string_equal(screen, "regs shell 0 rip\nrip (id 0x2030001000000010) "
				    "0xffffffff81000000\n" PROMPT "version\nFirn " FIRN_VERSION
				    "\n" PROMPT "vm");
}

static void test_type_ahead_has_a_limit(void **state)
{
	(void)state;
	keys("regs shell 0 rip\r");
	clear_screen();
	for (unsigned i = 0; i < 1024; i++)
		keys("a");
	assert_string_equal(screen, "");
	keys("a");
	assert_string_equal(screen, "\a");
	keys(CTRL_C);
	run_cpus();
	assert_prints("version", "Firn " FIRN_VERSION "\n");
}

/*
 * The machine
 */

static void test_cpus(void **state)
{
	(void)state;
	cmd("cpus"); /* shares are those since the last look */
	fake_set_clock_ns(5000000000);
	assert_prints("cpus", "CPU    ID   GUEST    IDLE    FIRN  VIRTUALIZATION\n"
			      "  0     0  25.0 %  50.0 %  25.0 %  VMX on\n"
			      "  1     2   0.0 % 100.0 %   0.0 %  VMX disabled by \"firmware\"\n");
	/* No time went by. */
	assert_has(cmd("cpus"), "  0     0   0.0 %   0.0 % 100.0 %  VMX on\n");
}

static void test_mem(void **state)
{
	const char *text = cmd("mem");

	(void)state;
	assert_has(text, "RAM                         524288 KiB\n");
	assert_has(text, "free                        204800 KiB\n");
	assert_has(text, "used page tables              2048 KiB\n");
	assert_has(text, "VM   shell                  262144 KiB\n");
	assert_has(text, "heap has 128 KiB, files of the image 10240 KiB; 7 blocks wait");
}

static void test_log(void **state)
{
	const char *text;

	(void)state;
	log_debug("hidden detail");
	text = cmd("log");
	assert_has(text, "hidden detail\n");
	assert_has(text, "(consoles show info and above)\n");
	assert_prints("log debug", "");
	assert_int_equal(log_get_level(), LOG_DEBUG);
	assert_prints("log warning", "");
	assert_int_equal(log_get_level(), LOG_WARN);
	assert_prints("log loud", "level \"loud\": expected error, warning, info or debug\n");
	assert_int_equal(log_get_level(), LOG_WARN);
}

static void test_caps_version_end(void **state)
{
	(void)state;
	assert_prints("caps", "processor fake\n");
	clear_screen();
	keys("shutdown\r");
	assert_string_equal(called, "shutdown");
	assert_int_equal(ended, MACHINE_POWER_OFF);
	/* VMs are stopping: no prompt, but Ctrl-C. */
	assert_has(screen, "shutdown\n");
	assert_null(strstr(screen, PROMPT));
	keys(CTRL_C);
	assert_has(screen, "^C\n" PROMPT);
	keys("reboot\r");
	assert_int_equal(ended, MACHINE_REBOOT);
}

static void test_crash_host(void **state)
{
	jmp_buf panicked;

	(void)state;
	fake_panic_target = &panicked;
	if (setjmp(panicked) == 0)
		keys("crash-host\r");
	else
		assert_string_equal(fake_panic_text, "asked for at the console");
	assert_string_not_equal(fake_panic_text, "");
	fake_panic_target = NULL;
}

static void test_selftest(void **state)
{
	(void)state;
	assert_prints("selftest second ret 1", "second with 3 words\n");
	assert_prints("selftest first 1 2", "selftest first: too many arguments\n");
	assert_prints("selftest", "first      does one thing\nsecond     does another\n");
	assert_prints("selftest thir", "there is no self-test \"thir\", only:\n"
				       "first      does one thing\nsecond     does another\n");
}

static void test_shell_run(void **state)
{
	(void)state;
	keys("half");
	clear_screen();
	shell_run("version");
	assert_has(screen, "version\nFirn " FIRN_VERSION "\n" PROMPT);
	/* While a VM has the focus the answer comes as well, without a prompt behind it. */
	console_focus(&vm[0]);
	clear_screen();
	shell_run("version");
	assert_string_equal(screen, "\n" PROMPT "version\nFirn " FIRN_VERSION "\n");
}

static void test_shell_run_too_long(void **state)
{
	char line[2000];

	(void)state;
	memset(line, 'v', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	shell_run(line);
	assert_has(screen, "error: console: no room for the command");
}

/*
 * Output
 */

/* 20 lines of memory over a console that takes 100 bytes at a time; a log line comes between. */
static void test_slow_consoles_get_whole_lines(void **state)
{
	unsigned lines = 0;

	(void)state;
	fill_memory();
	keys("dump shell 0 320");
	clear_screen();
	room = 100;
	keys("\r");
	assert_true(screen_len < 200);
	log_info("between");
	for (unsigned i = 0; i < 40; i++) {
		room = 100;
		shell_output_ready();
	}
	for (const char *c = screen; (c = strstr(c, "\n0000000")); c++)
		lines++;
	assert_int_equal(lines, 20);
	assert_has(screen, "\n[    1.000] between\n0000000");
	assert_string_equal(screen + screen_len - strlen(PROMPT), PROMPT);
}

static void test_interrupt_stops_long_output(void **state)
{
	(void)state;
	fill_memory();
	keys("dump shell 0 4096");
	room = 100;
	keys("\r");
	clear_screen();
	keys(CTRL_C);
	assert_has(screen, "^C\n" PROMPT);
	assert_true(screen_len < 20);
	shell_output_ready();
	assert_true(screen_len < 20);
}

static void test_output_longer_than_one_format(void **state)
{
	char line[200], expected[300];

	(void)state;
	memset(line, 'q', sizeof(line) - 2);
	line[sizeof(line) - 2] = '\0';
	snprintf(expected, sizeof(expected),
		 "unknown command \"%s\"; \"help\" lists the commands\n", line);
	assert_string_equal(cmd(line), expected);
}

/*
 * JSON: a checker for RFC 8259, as far as strings, whole numbers, arrays and objects go
 */

static const char *skip_space(const char *c)
{
	while (*c == ' ' || *c == '\n' || *c == '\t' || *c == '\r')
		c++;
	return c;
}

static const char *json_string(const char *c)
{
	if (*c++ != '"')
		return NULL;
	for (; *c != '"'; c++) {
		if ((unsigned char)*c < ' ')
			return NULL;
		if (*c == '\\' && !strchr("\"\\/bfnrtu", *++c))
			return NULL;
	}
	return c + 1;
}

static const char *json_value(const char *c);

static const char *json_list(const char *c, char end, bool keys)
{
	c = skip_space(c + 1);
	if (*c == end)
		return c + 1;
	for (;;) {
		if (keys) {
			c = json_string(c);
			c = c ? skip_space(c) : NULL;
			if (!c || *c++ != ':')
				return NULL;
		}
		c = json_value(c);
		if (!c)
			return NULL;
		if (*c == end)
			return c + 1;
		if (*c++ != ',')
			return NULL;
		c = skip_space(c);
	}
}

static const char *json_value(const char *c)
{
	c = skip_space(c);
	if (*c == '{')
		c = json_list(c, '}', true);
	else if (*c == '[')
		c = json_list(c, ']', false);
	else if (*c == '"')
		c = json_string(c);
	else if (*c == '0' && !isdigit((unsigned char)c[1]))
		c++;
	else if (*c > '0' && *c <= '9')
		c += strspn(c, "0123456789");
	else
		return NULL;
	return c ? skip_space(c) : NULL;
}

static bool is_json(const char *text)
{
	const char *end = json_value(text);

	return end && !*end;
}

static void test_the_json_checker_itself(void **state)
{
	static const char *const good[] = { "[]", "{}", "[1,0, \"a\\\"b\"]",
					    "{\"a\":{\"b\":[]}}\n" };
	static const char *const bad[] = { "",	      "[",	 "[1,]",    "[1 2]",
					   "{\"a\"}", "{a:1}",	 "[01]",    "[\"\n\"]",
					   "[]]",     "\"\\x\"", "{\"a\":}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(is_json(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(is_json(bad[i]));
}

static void test_json_output(void **state)
{
	char line[64];

	(void)state;
	for (size_t i = 0; i < shell_nr_commands; i++) {
		/* Those that want a VM are tested elsewhere. */
		if (!(shell_commands[i].flags & SHELL_JSON) || shell_commands[i].args[0] == 'V')
			continue;
		snprintf(line, sizeof(line), "%s --json", shell_commands[i].name);
		for (nr_vms = 0; nr_vms <= NR_VMS; nr_vms++)
			if (!is_json(cmd(line)))
				fail_msg("not JSON: %s", cmd(line));
		nr_vms = NR_VMS;
	}
	assert_has(cmd("vms --json"), "{\"name\":\"shell\",\"state\":\"running\",\"abi\":1,"
				      "\"vcpus\":2,\"max_vcpus\":2,"
				      "\"memory\":268435456,\"crashes\":0,\"restarts\":0,\"cpus\":["
				      "1,0],\"reason\":\"\"}");
	assert_has(cmd("--json vms"), "unknown command");
	assert_has(cmd("exits tests --json"), "{\"vm\":\"tests\",\"total\":0,\"exits\":[]}");
	assert_true(is_json(cmd("exits --json shell")));
	assert_has(cmd("cpus --json"), "\"status\":\"VMX disabled by \\\"firmware\\\"\"");
	assert_has(cmd("mem --json"), "\"page tables\":2097152");
}

static void test_json_strings_from_outside(void **state)
{
	(void)state;
	strcpy(vm[1].reason, "a\\b\"c\n\x1f\x7f\xff");
	assert_true(is_json(cmd("vms --json")));
	assert_has(cmd("vms --json"), "\"reason\":\"a\\\\b\\\"c\\u000a\\u001f??\"");
}

/*
 * The manual
 */

static void test_manual_describes_every_command(void **state)
{
	FILE *f = fopen("docs/management.md", "r");
	char line[256], name[32];
	unsigned described = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		bool known = false;

		if (sscanf(line, "### `%31[a-z-]", name) != 1)
			continue;
		for (size_t i = 0; i < shell_nr_commands; i++)
			known |= strcmp(shell_commands[i].name, name) == 0;
		if (!known)
			fail_msg("docs/management.md describes \"%s\", which is no command", name);
		described++;
	}
	fclose(f);
	assert_int_equal(described, shell_nr_commands);
}

static u64 net_counters[NET_NR_COUNTERS] = { 7, 700, 5, 500, 1, 2, 3, 4, 5 };
static struct net_nic nic = {
	.vm = "echo", .index = 1, .mac = { 2, 0, 0, 0, 0xab, 1 }, .counter = net_counters
};

static bool one_port(unsigned index, struct network_port *port)
{
	*port = (struct network_port){ .network = "lan", .nic = &nic, .up = true, .learned = 9 };
	return index == 0;
}

static bool no_port(unsigned index, struct network_port *port)
{
	(void)index;
	(void)port;
	return false;
}

static void test_switches(void **state)
{
	static const struct network_ops one = { .port = one_port }, none = { .port = no_port };

	(void)state;
	network_register(&none);
	assert_prints("switches", "No VM has a network interface.\n");
	assert_prints("switches --json", "[\n]\n");
	network_register(&one);
	assert_has(cmd("switches"), "lan          echo           1  02:00:00:00:ab:01  up         "
				    "9          7            "
				    "700          5            500        3        9\n");
	assert_prints("switches --json", "[\n{\"switch\":\"lan\",\"vm\":\"echo\",\"net\":1,"
					 "\"mac\":\"02:00:00:00:ab:01\",\"up\":true,\"learned\":9,"
					 "\"sent_frames\":7,"
					 "\"sent_bytes\":700,\"received_frames\":5,\"received_"
					 "bytes\":500,"
					 "\"sent_malformed\":1,\"sent_forged\":2,\"sent_nowhere\":"
					 "3,"
					 "\"lost_no_buffer\":4,\"lost_down\":5}\n]\n");
	network_register(NULL);
	assert_prints("switches", "No VM has a network interface.\n");
}

#define TEST(name) cmocka_unit_test_setup(name, shell_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unknown_commands),
		TEST(test_empty_lines),
		TEST(test_switches),
		TEST(test_argument_counts),
		TEST(test_every_command_checks_its_arguments),
		TEST(test_help_of_nothing),
		TEST(test_vms),
		TEST(test_vcpus_come_and_go),
		TEST(test_pci),
		TEST(test_power_button),
		TEST(test_vm_names),
		TEST(test_vms_that_were_not_made),
		TEST(test_vm_names_of_many),
		TEST(test_long_names_keep_columns),
		TEST(test_life),
		TEST(test_life_in_the_wrong_state),
		TEST(test_console_command),
		TEST(test_partial_line_survives_the_vm),
		TEST(test_exits),
		TEST(test_dump),
		TEST(test_numbers),
		TEST(test_regs),
		TEST(test_regs_by_name_id_and_group),
		TEST(test_regs_of_no_vcpu),
		TEST(test_set),
		TEST(test_reading_after_a_write_only_reads),
		TEST(test_cpu_that_does_not_answer),
		TEST(test_interrupt_stops_waiting),
		TEST(test_type_ahead_waits_for_the_answer),
		TEST(test_type_ahead_has_a_limit),
		TEST(test_cpus),
		TEST(test_mem),
		TEST(test_log),
		TEST(test_caps_version_end),
		TEST(test_crash_host),
		TEST(test_selftest),
		TEST(test_shell_run),
		TEST(test_shell_run_too_long),
		TEST(test_slow_consoles_get_whole_lines),
		TEST(test_interrupt_stops_long_output),
		TEST(test_output_longer_than_one_format),
		TEST(test_the_json_checker_itself),
		TEST(test_json_output),
		TEST(test_json_strings_from_outside),
		TEST(test_manual_describes_every_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
