/* SPDX-License-Identifier: MIT */
/* CPUs as threads, under the thread sanitizer: vCPUs that move, yield and are kicked are never lost. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "fake.h"
#include "tests/unit/vm_fixture.h"

#define ROUNDS	     20000 /* of messages in each test, by all posters together */
#define POSTERS	     2
#define LOOP_CPUS    3 /* and CPU 0, the test's own thread */
#define FIRST_POSTER (1 + LOOP_CPUS)
#define VMS	     3
#define VCPUS	     4
#define WATCHDOG_S   100 /* what is lost is waited for in vain */
#define PAUSES	     300
#define MS	     1000000u

static u32 quit, posters_done; /* atomic */
static u32 inside[VMS][VCPUS]; /* atomic: somebody runs it */
static _Thread_local u32 random_state;

static u32 random_below(u32 limit)
{
	random_state = random_state * 1664525 + 1013904223;
	return (u32)((u64)(random_state >> 8) * limit >> 24);
}

static struct vcpu *random_vcpu(void)
{
	return vm_by_id(random_below(VMS))->vcpu[random_below(VCPUS)];
}

static void guest_does_anything(struct vcpu *vcpu)
{
	u32 *mine = &inside[vcpu->vm->id][vcpu->id];

	if (__atomic_exchange_n(mine, 1, __ATOMIC_ACQ_REL))
		abort(); /* two CPUs run it */
	fake_add_tsc(random_below(4 * MS));
	switch (random_below(8)) {
	case 0:
		sched_yield_to(random_vcpu());
		break;
	case 1:
		vcpu_unhalt(random_vcpu());
		break;
	case 2:
		sched_spin_exit(vcpu);
		break;
	case 3:
	case 4:
		guest_halt(vcpu);
		break;
	default:
		break;
	}
	__atomic_store_n(mine, 0, __ATOMIC_RELEASE);
}

static void *cpu_thread(void *cpu)
{
	fake_set_cpu((unsigned)(size_t)cpu);
	random_state = (u32)(size_t)cpu;
	while (!__atomic_load_n(&quit, __ATOMIC_ACQUIRE))
		cpu_pass_threaded();
	return NULL;
}

/* Each message must arrive before the next one. The posters have vCPUs of their own. */
static void wait_until_taken(struct vcpu *v, bool nmi)
{
	if (nmi)
		while (__atomic_load_n(&v->events, __ATOMIC_ACQUIRE) & VCPU_EVENT_NMI)
			sched_yield();
	else
		while (__atomic_load_n(&guest_of(v)->irq, __ATOMIC_ACQUIRE))
			sched_yield();
}

static void *post(void *number)
{
	unsigned poster = (unsigned)(size_t)number;

	fake_set_cpu(FIRST_POSTER + poster);
	random_state = 77 + poster;
	for (unsigned i = 0; i < ROUNDS / POSTERS; i++) {
		struct vm *vm = vm_by_id(random_below(VMS));
		struct vcpu *v = vm->vcpu[poster + POSTERS * random_below(VCPUS / POSTERS)];
		bool nmi = random_below(2);

		if (nmi)
			vcpu_post_event(v, VCPU_EVENT_NMI);
		else
			guest_irq(v);
		wait_until_taken(v, nmi);
	}
	__atomic_fetch_add(&posters_done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void make_vms(void)
{
	for (unsigned i = 0; i < VMS; i++) {
		struct vm *vm;

		configs[i].memory = 64 * KiB;
		configs[i].weight = 50 + 100 * i;
		configs[i].cap = i == 2 ? 150 : 0;
		vm = make_vm(i, VCPUS);
		for (unsigned k = 0; k < VCPUS; k++)
			guests[i][k].then = guest_does_anything;
		start_vm_ok(vm);
		for (unsigned k = 1; k < VCPUS; k++)
			vcpu_post_sipi(vm->vcpu[k], 1);
	}
}

/* A VM without vCPUs that run takes no messages for a while. */
static void pause_and_resume(struct vm *vm)
{
	if (vm_pause(vm) != FIRN_OK)
		return;
	while (vm->state != VM_PAUSED)
		cpu_pass_threaded();
	for (unsigned i = 0; i < VCPUS; i++) {
		assert_int_equal(vm->vcpu[i]->state, VCPU_STOPPED);
		assert_false(guest_of(vm->vcpu[i])->on_cpu);
	}
	assert_int_equal(vm_resume(vm), FIRN_OK);
}

static void run_all(unsigned pauses)
{
	pthread_t cpu[LOOP_CPUS], poster[POSTERS];

	make_vms();
	for (size_t i = 0; i < LOOP_CPUS; i++)
		pthread_create(&cpu[i], NULL, cpu_thread, (void *)(1 + i));
	for (size_t i = 0; i < POSTERS; i++)
		pthread_create(&poster[i], NULL, post, (void *)i);
	for (unsigned i = 0; i < pauses; i++) {
		pause_and_resume(vm_by_id(i % VMS));
		for (unsigned k = 0; k < 10; k++)
			cpu_pass_threaded();
	}
	while (__atomic_load_n(&posters_done, __ATOMIC_ACQUIRE) < POSTERS)
		cpu_pass_threaded();
	for (unsigned i = 0; i < POSTERS; i++)
		pthread_join(poster[i], NULL);
	__atomic_store_n(&quit, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < LOOP_CPUS; i++)
		pthread_join(cpu[i], NULL);
}

static void check_times_and_moves(void)
{
	u64 moves = 0, runs = 0;

	for (unsigned i = 0; i < VMS; i++)
		for (unsigned k = 0; k < VCPUS; k++) {
			const struct vcpu *v = vm_by_id(i)->vcpu[k];

			assert_int_equal(v->run_tsc + v->steal_tsc + v->idle_tsc,
					 v->sched.since - 1000);
			moves += v->moves;
			runs += guest_of(v)->runs;
		}
	assert_true(moves > 1000);
	assert_true(runs > ROUNDS / 10);
}

static void test_messages(void **state)
{
	(void)state;
	run_all(0);
	check_times_and_moves();
}

static void ignore(struct vm *vm, enum vm_transition what)
{
	(void)vm;
	(void)what;
}

static void test_messages_and_pauses(void **state)
{
	(void)state;
	vm_transition_hook = ignore;
	log_set_level(LOG_ERROR);
	run_all(PAUSES);
	log_set_level(LOG_INFO);
	check_times_and_moves();
}

static int setup(void **state)
{
	vm_fixture_setup(state);
	set_cpus(1 + LOOP_CPUS);
	threaded = true;
	quit = posters_done = 0;
	memset(inside, 0, sizeof(inside));
	alarm(WATCHDOG_S);
	return 0;
}

static int teardown(void **state)
{
	alarm(0);
	threaded = false;
	return vm_fixture_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_messages_and_pauses, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
