/* SPDX-License-Identifier: MIT */
/* The machine as a whole: memory for all VMs, starting them, exit status, the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/console.h"
#include "fake.h"
#include "tests/unit/vm_fixture.h"
/* Its static state is wiped between tests. */
#include "core/machine.c"

static struct firn_config firn;

/* The end of the machine: the test goes on from where it ran the CPUs. */
static jmp_buf the_end;
static bool may_end;
static unsigned ends, status_at_end;
static enum machine_end how;

void arch_machine_end(enum machine_end end)
{
	assert_true(may_end);
	assert_int_equal(cpu_index(), 0);
	assert_false(any_vm_alive());
	ends++;
	how = end;
	status_at_end = machine_exit_status();
	longjmp(the_end, 1);
}

/* True when the statement ends the machine. */
#define machine_ends(statement)              \
	({                                   \
		volatile bool ended_ = true; \
		may_end = true;              \
		if (setjmp(the_end) == 0) {  \
			statement;           \
			ended_ = false;      \
		}                            \
		may_end = false;             \
		fake_set_cpu(0);             \
		ended_;                      \
	})

static int setup(void **state)
{
	vm_fixture_setup(state);
	set_cpus(3);
	config = NULL;
	ending = start_failed = may_end = false;
	refused = 0;
	ends = 0;
	firn.nr_vms = 0;
	firn.shutdown_when_idle = false;
	return 0;
}

/* The configurations of the fixture, as far as they are used, become the machine's. */
static void start_vms(unsigned count, bool when_idle)
{
	firn.nr_vms = count;
	firn.shutdown_when_idle = when_idle;
	for (unsigned i = 0; i < count; i++)
		firn.vm[i] = configs[i];
	machine_start_vms(&firn);
	settle();
}

static void test_vms_are_started(void **state)
{
	(void)state;
	configs[1].cpus = configs[1].max_cpus = 2;
	start_vms(2, false);
	assert_int_equal(vm_count(), 2);
	assert_int_equal(vm_by_name("a")->state, VM_RUNNING);
	assert_int_equal(vm_by_name("b")->state, VM_RUNNING);
	assert_said("VM a: 1 vCPU, 4 MiB, kernel vmlinuz\n");
	assert_said("VM b: 2 vCPUs, 4 MiB, kernel vmlinuz\n");
	assert_ptr_equal(focused, vm_by_id(0));
	assert_int_equal(machine_exit_status(), 0);
}

static void test_without_autostart(void **state)
{
	(void)state;
	configs[0].autostart = false;
	start_vms(2, false);
	assert_int_equal(vm_by_id(0)->state, VM_STOPPED);
	assert_int_equal(vm_by_id(1)->state, VM_RUNNING);
	assert_ptr_equal(focused, vm_by_id(1));
	assert_int_equal(machine_exit_status(), 0);
}

static void test_no_vms(void **state)
{
	(void)state;
	start_vms(0, true); /* the prompt, not the end */
	assert_int_equal(ends, 0);
	assert_int_equal(focus_calls, 0);
}

static void test_vm_that_cannot_be_made(void **state)
{
	(void)state;
	fail_after = 1; /* the present map of the first VM */
	start_vms(2, false);
	assert_said("error: firn.conf:10: VM a cannot be made: memory: out of memory"
		    " (4 MiB and page tables are wanted, 48 MiB are free, 48 MiB in one piece)\n");
	assert_int_equal(vm_count(), 1);
	assert_int_equal(machine_vms_refused(), 1);
	assert_int_equal(vm_by_name("b")->state, VM_RUNNING);
	assert_int_equal(machine_exit_status(), 1);
}

/* The others share what there is. */
static void test_vm_pinned_to_cpus_that_are_not_there(void **state)
{
	(void)state;
	cpu_set_add(&configs[0].pin, 3);
	configs[0].pin_line = 12;
	start_vms(2, false);
	assert_said("warning: firn.conf:12: VM a: there is no CPU 3\n");
	assert_said("error: firn.conf:10: VM a cannot be made: a CPU that it may run on: not "
		    "found\n");
	assert_int_equal(vm_count(), 1);
	assert_int_equal(vm_by_name("b")->state, VM_RUNNING);
	assert_int_equal(machine_exit_status(), 1);
}

static void test_vm_that_cannot_start(void **state)
{
	(void)state;
	load_check_result = ERR_FORMAT;
	start_vms(1, false);
	assert_said("error: firn.conf:10: VM a cannot start: kernel vmlinuz: malformed\n");
	assert_null(strstr(said, "1 vCPU"));
	assert_int_equal(vm_by_id(0)->state, VM_STOPPED);
	assert_null(focused);
	assert_int_equal(machine_exit_status(), 1);
}

static void test_nothing_starts_and_idle_is_the_end(void **state)
{
	(void)state;
	load_check_result = ERR_TRUNCATED;
	assert_true(machine_ends(start_vms(2, true)));
	assert_int_equal(how, MACHINE_POWER_OFF);
	assert_int_equal(status_at_end, 1);
	assert_said("VM b cannot start: kernel vmlinuz: truncated\n");
	assert_said("powering off\n");
}

static void test_nothing_can_start(void **state)
{
	(void)state;
	machine_cannot_start();
	assert_true(machine_ends(machine_shutdown(MACHINE_POWER_OFF)));
	assert_int_equal(status_at_end, 1);
}

/*
 * When VMs end
 */

static void test_prompt_when_idle(void **state)
{
	(void)state;
	start_vms(2, false);
	focus_calls = 0;
	vm_request_stop(vm_by_id(0), "done");
	settle();
	assert_int_equal(focus_calls, 0);
	vm_request_stop(vm_by_id(1), "done");
	settle();
	assert_int_equal(focus_calls, 1);
	assert_null(focused);
	assert_int_equal(ends, 0);
}

static void test_end_when_idle(void **state)
{
	(void)state;
	start_vms(2, true);
	assert_false(machine_ends(vm_request_stop(vm_by_id(0), "done"); settle()));
	assert_true(machine_ends(vm_request_stop(vm_by_id(1), "done"); settle()));
	assert_int_equal(how, MACHINE_POWER_OFF);
	assert_int_equal(status_at_end, 0);
}

static void test_a_paused_or_reset_vm_is_not_idle(void **state)
{
	(void)state;
	start_vms(1, true);
	assert_false(machine_ends(vm_reset(vm_by_id(0)); settle()));
	assert_int_equal(vm_by_id(0)->state, VM_RUNNING);
	assert_false(machine_ends(vm_pause(vm_by_id(0)); settle()));
	assert_int_equal(vm_by_id(0)->state, VM_PAUSED);
	assert_true(machine_ends(vm_stop(vm_by_id(0))));
}

static void test_exit_status(void **state)
{
	(void)state;
	start_vms(3, true);
	vm_report_exit_status(vm_by_id(0), 0);
	assert_int_equal(machine_exit_status(), 0);
	vm_report_exit_status(vm_by_id(1), 7);
	vm_report_exit_status(vm_by_id(2), 3);
	assert_int_equal(machine_exit_status(), 7);
	vm_crash(vm_by_id(0), "crash");
	settle();
	assert_int_equal(machine_exit_status(), 7); /* at least 1 */
	vm_request_stop(vm_by_id(1), "done");
	assert_true(machine_ends(vm_request_stop(vm_by_id(2), "done"); settle()));
	assert_int_equal(status_at_end, 7);
}

static void test_a_crash_is_a_failure(void **state)
{
	(void)state;
	start_vms(1, true);
	assert_true(machine_ends(vm_crash(vm_by_id(0), "crash"); settle()));
	assert_int_equal(status_at_end, 1);
	assert_int_equal(vm_by_id(0)->state, VM_CRASHED);
}

/* Whatever becomes of the VM afterwards, and the end says which one it was and why. */
static void test_a_crash_is_not_forgotten(void **state)
{
	struct vm *vm;

	(void)state;
	start_vms(2, true);
	vm = vm_by_id(0);
	for (unsigned i = 1; i <= 2; i++) {
		vm_crash(vm, "rule %u", i);
		settle();
		assert_int_equal(vm->crashes, i);
		assert_int_equal(vm->starts, i);
		vm_reset(vm);
		settle();
		assert_int_equal(vm->state, VM_RUNNING);
		assert_int_equal(machine_exit_status(), 1);
	}
	vm_request_stop(vm, "done");
	settle();
	said_clear();
	assert_true(machine_ends(vm_request_stop(vm_by_id(1), "done"); settle()));
	assert_int_equal(status_at_end, 1);
	assert_said("error: VM a crashed 2 times, at last: rule 2\n");
	assert_null(strstr(said, "VM b crashed"));
	assert_int_equal(vm->starts, 3);
	assert_int_equal(vm_by_id(1)->starts, 1);
}

static void test_a_restart_that_fails_is_a_failure(void **state)
{
	(void)state;
	start_vms(1, true);
	load_result = ERR_NOMEM;
	assert_true(machine_ends(vm_request_reset(vm_by_id(0), "0xcf9"); settle()));
	assert_int_equal(status_at_end, 1);
	assert_said("VM a cannot start again");
}

/*
 * Shut-down
 */

/* VMs in every state, one with more vCPUs than CPUs, one about to start again. */
static void shut_down(enum machine_end end)
{
	configs[0].cpus = configs[0].max_cpus = 4;
	start_vms(4, false);
	vm_pause(vm_by_id(1));
	settle();
	vm_crash(vm_by_id(2), "crash");
	settle();
	vm_request_reset(vm_by_id(3), "at the same time");
	/* Returns at once: vCPUs are still in their guests. */
	assert_false(machine_ends(machine_shutdown(end)));
	assert_true(machine_ends(settle()));
	assert_int_equal(ends, 1);
	assert_int_equal(how, end);
	assert_int_equal(vm_by_id(0)->state, VM_STOPPED);
	assert_int_equal(vm_by_id(1)->state, VM_STOPPED);
	assert_int_equal(vm_by_id(2)->state, VM_CRASHED); /* kept */
	assert_int_equal(vm_by_id(3)->state, VM_STOPPED);
}

static void test_power_off(void **state)
{
	(void)state;
	shut_down(MACHINE_POWER_OFF);
	assert_said("powering off\n");
}

static void test_reboot(void **state)
{
	(void)state;
	shut_down(MACHINE_REBOOT);
	assert_said("rebooting\n");
}

static void test_shutdown_with_nothing_alive(void **state)
{
	(void)state;
	assert_true(machine_ends(machine_shutdown(MACHINE_REBOOT)));
	assert_int_equal(how, MACHINE_REBOOT);
	assert_int_equal(status_at_end, 0);
}

static void test_a_crash_during_the_shutdown(void **state)
{
	(void)state;
	start_vms(2, true);
	machine_shutdown(MACHINE_REBOOT);
	vm_crash(vm_by_id(0), "too late");
	assert_true(machine_ends(settle()));
	assert_int_equal(how, MACHINE_REBOOT);
	assert_int_equal(status_at_end, 1);
}

static void test_the_last_wish_counts(void **state)
{
	(void)state;
	start_vms(1, false);
	machine_shutdown(MACHINE_REBOOT);
	machine_shutdown(MACHINE_POWER_OFF);
	assert_true(machine_ends(settle()));
	assert_int_equal(how, MACHINE_POWER_OFF);
}

/*
 * Memory
 */

/* Bits: which of the VMs get some. */
static unsigned has_memory(unsigned count, u64 first, u64 second)
{
	unsigned got = 0;

	firn.nr_vms = count;
	firn.vm[0] = configs[0];
	firn.vm[1] = configs[1];
	firn.vm[0].memory = first;
	firn.vm[1].memory = second;
	firn.vm[1].memory_line = 23;
	said_clear();
	refused = 0;
	machine_check_memory(&firn);
	for (unsigned i = 0; i < count; i++)
		got |= !firn.vm[i].wrong << i;
	machine_drop_wrong(&firn);
	assert_int_equal(firn.nr_vms, (unsigned)__builtin_popcount(got));
	assert_int_equal(machine_vms_refused(), count - firn.nr_vms);
	return got;
}

static void test_memory_for_all(void **state)
{
	(void)state;
	assert_int_equal(has_memory(0, 0, 0), 0);
	assert_int_equal(has_memory(1, FIXTURE_RAM, 0), 1);
	assert_int_equal(has_memory(2, 16 * MiB, FIXTURE_RAM - 16 * MiB), 3);
	assert_string_equal(said, "");
	assert_int_equal(machine_exit_status(), 0);
}

static void test_not_enough_memory(void **state)
{
	(void)state;
	assert_int_equal(has_memory(1, FIXTURE_RAM + MiB, 0), 0);
	assert_said("error: firn.conf:10: VM a wants 49 MiB of memory, 48 MiB are free\n");
	assert_int_equal(has_memory(2, 16 * MiB, FIXTURE_RAM), 1);
	assert_said("error: firn.conf:23: VM b wants 48 MiB of memory, 32 MiB are free\n");
	/* what is left for the second does not depend on what the first did not get */
	assert_int_equal(has_memory(2, 49 * MiB, 48 * MiB), 2);
	assert_null(strstr(said, "VM b"));
	/* all are told of */
	assert_int_equal(has_memory(2, ~0ull & ~(MiB - 1), ~0ull & ~(MiB - 1)), 0);
	assert_said("VM a wants 17592186044415 MiB of memory, 48 MiB are free\n");
	assert_said("VM b wants 17592186044415 MiB of memory, 48 MiB are free\n");
	assert_int_equal(vm_count(), 0);
	assert_int_equal(machine_exit_status(), 1); /* they could not start */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, vm_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_vms_are_started),
		TEST(test_without_autostart),
		TEST(test_no_vms),
		TEST(test_vm_that_cannot_be_made),
		TEST(test_vm_pinned_to_cpus_that_are_not_there),
		TEST(test_vm_that_cannot_start),
		TEST(test_nothing_starts_and_idle_is_the_end),
		TEST(test_nothing_can_start),
		TEST(test_prompt_when_idle),
		TEST(test_end_when_idle),
		TEST(test_a_paused_or_reset_vm_is_not_idle),
		TEST(test_exit_status),
		TEST(test_a_crash_is_a_failure),
		TEST(test_a_crash_is_not_forgotten),
		TEST(test_a_restart_that_fails_is_a_failure),
		TEST(test_power_off),
		TEST(test_reboot),
		TEST(test_shutdown_with_nothing_alive),
		TEST(test_a_crash_during_the_shutdown),
		TEST(test_the_last_wish_counts),
		TEST(test_memory_for_all),
		TEST(test_not_enough_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
