/* SPDX-License-Identifier: MIT */
/* Which CPUs VMs get: pins, VMs that have CPUs for themselves, CPUs that are not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake.h"
#include "tests/unit/vm_fixture.h"

static struct firn_config *config;

/* CPUs as in "0,2"; "" = all. */
static void add(unsigned vcpus, const char *pin)
{
	struct vm_config *vc = &config->vm[config->nr_vms];

	*vc = configs[config->nr_vms++];
	vc->cpus = vc->max_cpus = vcpus;
	vc->pin_line = vc->line + 1;
	for (const char *c = pin; *c; c++)
		if (*c != ',')
			cpu_set_add(&vc->pin, (unsigned)(*c - '0'));
}

static struct vm *admitted(unsigned index)
{
	struct load_error error = { "" };
	struct vm *vm = NULL;

	assert_int_equal(index, vm_count());
	assert_int_equal(vm_create(&config->vm[index], &vm, &error), FIRN_OK);
	return vm;
}

static void assert_cpus(const struct vm *vm, const char *cpus, bool dedicated)
{
	for (unsigned cpu = 0; cpu < 8; cpu++)
		assert_int_equal(cpu_set_has(&vm->cpus, cpu),
				 strchr(cpus, (int)('0' + cpu)) != NULL);
	assert_int_equal(vm->dedicated, dedicated);
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		assert_true(cpu_set_has(&vm->cpus, vm->vcpu[i]->cpu));
		if (dedicated)
			assert_int_equal(vm->vcpu[i]->cpu, cpus[i] - '0');
	}
}

static void test_dedicated_keeps_others_away(void **state)
{
	(void)state;
	add(2, "1,3");
	add(4, "");
	sched_plan(config);
	assert_cpus(admitted(0), "13", true);
	assert_cpus(admitted(1), "02", false);
	assert_int_equal(run_queues[1].reserved, 1);
	assert_int_equal(run_queues[3].reserved, 1);
	assert_int_equal(run_queues[0].reserved, 0);
}

/* The set has more CPUs than it needs: they stay its own. */
static void test_dedicated_with_room(void **state)
{
	(void)state;
	add(1, "2,3");
	add(1, "");
	sched_plan(config);
	assert_cpus(admitted(0), "23", true);
	assert_cpus(admitted(1), "01", false);
}

static void test_not_dedicated(void **state)
{
	(void)state;
	add(3, "1,3"); /* too many vCPUs */
	add(1, "2");   /* the next one wants its CPU, too */
	add(1, "2,0");
	add(1, "");
	sched_plan(config);
	assert_cpus(admitted(0), "13", false);
	assert_cpus(admitted(1), "2", false);
	assert_cpus(admitted(2), "02", false);
	assert_cpus(admitted(3), "0123", false);
}

static void test_a_cap_is_shared_time(void **state)
{
	(void)state;
	add(1, "1");
	config->vm[0].cap = 50;
	sched_plan(config);
	assert_cpus(admitted(0), "1", false);
}

/* Without this rule the second VM could not run at all. */
static void test_all_cpus_are_wanted(void **state)
{
	(void)state;
	add(4, "0,1,2,3");
	add(1, "");
	sched_plan(config);
	assert_cpus(admitted(0), "0123", false);
	assert_cpus(admitted(1), "0123", false);
	assert_non_null(strstr(said, "VMs without pin have no CPU of their own"));
}

static void test_missing_cpus(void **state)
{
	struct load_error error = { "" };
	struct vm *vm = NULL;

	(void)state;
	fake_set_nr_cpus(5); /* CPU 4 does not get ready */
	add(2, "3,4,7");
	add(1, "4,7");
	sched_plan(config);
	assert_non_null(strstr(said, "firn.conf:11: VM a: CPU 4 can't run guests"));
	assert_non_null(strstr(said, "firn.conf:11: VM a: there is no CPU 7"));
	assert_non_null(strstr(said, "firn.conf:21: VM b: there is no CPU 7"));
	assert_cpus(admitted(0), "3", false);
	assert_int_equal(vm_create(&config->vm[1], &vm, &error), ERR_NOENT);
	assert_non_null(strstr(error.text, "a CPU that it may run on"));
	assert_null(vm);
}

static void test_placement_by_weight(void **state)
{
	unsigned on[4] = { 0 };

	(void)state;
	add(1, "");
	add(4, "");
	config->vm[0].weight = 400;
	sched_plan(config);
	admitted(0);
	admitted(1);
	for (unsigned i = 0; i < 4; i++)
		on[vm_by_id(1)->vcpu[i]->cpu]++;
	assert_int_equal(on[vm_by_id(0)->vcpu[0]->cpu], 0);
	for (unsigned cpu = 0; cpu < 4; cpu++)
		assert_true(on[cpu] <= 2);
}

/* Its turns have no end, and it stays. */
static u64 seen_end;
static void guest_spins_long(struct vcpu *vcpu)
{
	(void)vcpu;
	fake_set_tsc(clock_tsc() + 100 * clock_ns_to_tsc(SCHED_SLICE_NS));
	seen_end++;
	if (seen_end % 5 == 0)
		guest_halt(vcpu);
}

static void test_a_dedicated_one_is_left_alone(void **state)
{
	struct vm *vm;

	(void)state;
	add(1, "1");
	add(3, "");
	sched_plan(config);
	vm = admitted(0);
	guests[0][0].then = guest_spins_long;
	admitted(1);
	for (unsigned i = 0; i < 3; i++)
		guests[1][i].then = guest_spin;
	start_vm_ok(vm);
	start_vm_ok(vm_by_id(1));
	for (unsigned i = 1; i < 3; i++)
		vcpu_post_sipi(vm_by_id(1)->vcpu[i], 1);
	seen_end = 0;
	for (unsigned i = 0; i < 40; i++) {
		for (unsigned cpu = 0; cpu < 4; cpu++)
			cpu_pass(cpu);
		if (vm->vcpu[0]->state == VCPU_HALTED)
			guest_irq(vm->vcpu[0]);
	}
	assert_int_equal(vm->vcpu[0]->cpu, 1);
	assert_int_equal(vm->vcpu[0]->moves, 0);
	assert_int_equal(guests[0][0].preempted, 0);
	/* Five long stays in the guest are one run. */
	assert_in_range(seen_end, 5 * (guests[0][0].runs - 2), 5 * guests[0][0].runs);
	for (unsigned i = 0; i < 3; i++)
		assert_int_not_equal(vm_by_id(1)->vcpu[i]->cpu, 1);
}

static int setup(void **state)
{
	vm_fixture_setup(state);
	set_cpus(4);
	config = calloc(1, sizeof(*config));
	assert_non_null(config);
	return 0;
}

static int teardown(void **state)
{
	static const struct firn_config none;

	vm_fixture_teardown(state);
	sched_plan(&none);
	free(config);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dedicated_keeps_others_away),
		TEST(test_dedicated_with_room),
		TEST(test_not_dedicated),
		TEST(test_a_cap_is_shared_time),
		TEST(test_all_cpus_are_wanted),
		TEST(test_missing_cpus),
		TEST(test_placement_by_weight),
		TEST(test_a_dedicated_one_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
