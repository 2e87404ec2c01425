/* SPDX-License-Identifier: MIT */
/* Guests that reset over and over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake.h"
#include "tests/unit/vm_fixture.h"

static void guest_resets(struct vcpu *vcpu)
{
	vm_request_reset(vcpu->vm, "0xcf9");
}

/* So much later than its last start. */
static void pass_time(const struct vm *vm, u64 ns)
{
	fake_set_tsc(vm->started + clock_ns_to_tsc(ns));
	settle();
}

static struct vm *start_resetting(void)
{
	struct vm *vm = make_vm(0, 1);

	guest_of(vm->vcpu[0])->then = guest_resets;
	start_vm_ok(vm);
	settle();
	assert_int_equal(vm->starts, 4);
	assert_int_equal(vm->state, VM_RUNNING);
	return vm;
}

static void test_once_a_second(void **state)
{
	struct vm *vm = start_resetting();

	(void)state;
	pass_time(vm, NS_PER_S - 1);
	assert_int_equal(vm->starts, 4);
	for (unsigned i = 5; i < 10; i++) {
		pass_time(vm, NS_PER_S);
		assert_int_equal(vm->starts, i);
	}
	guest_of(vm->vcpu[0])->then = NULL;
	pass_time(vm, NS_PER_S);
	assert_int_equal(vm->starts, 10);
	pass_time(vm, 10 * NS_PER_S);
	assert_int_equal(vm->starts, 10);
}

static void test_stop_while_it_waits(void **state)
{
	struct vm *vm = start_resetting();

	(void)state;
	assert_int_equal(vm_stop(vm), FIRN_OK);
	settle();
	pass_time(vm, NS_PER_S);
	assert_int_equal(vm->state, VM_STOPPED);
	assert_int_equal(vm->starts, 4);
	assert_int_equal(nr_done, 4);
	assert_int_equal(done[3].what, VM_STOP);
}

/* After a life that was long enough a few resets are quick again. */
static void test_long_life(void **state)
{
	struct vm *vm = start_resetting();

	(void)state;
	guest_of(vm->vcpu[0])->then = NULL;
	pass_time(vm, NS_PER_S);
	assert_int_equal(vm->starts, 5);
	guest_of(vm->vcpu[0])->then = guest_resets;
	fake_set_tsc(vm->started + clock_ns_to_tsc(NS_PER_S));
	assert_int_equal(vm_reset(vm), FIRN_OK);
	settle();
	assert_int_equal(vm->starts, 5 + 1 + 3);
	guest_of(vm->vcpu[0])->then = NULL;
	pass_time(vm, NS_PER_S);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vm_fixture_setup, vm_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_once_a_second),
		TEST(test_stop_while_it_waits),
		TEST(test_long_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
