/* SPDX-License-Identifier: MIT */
/* CPUs as threads, under the thread sanitizer: no event, interrupt or order to stop is lost. */
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

#define ROUNDS	     100000 /* of interrupts and of NMIs */
#define TRANSITIONS  2000
#define WATCHDOG_S   100 /* what is lost is waited for in vain */
#define SERVICE_CPUS 2
#define FIRST_POSTER 3

static struct vm *vm;
static struct vcpu *ap; /* on CPU 1; CPU 0 is the test's own thread */
static struct guest *guest;
static u32 quit, posters_done; /* atomic */

static unsigned transitions;

static void count_done(struct vm *of, enum vm_transition what)
{
	(void)of;
	(void)what;
	transitions++;
}

static int setup(void **state)
{
	vm_fixture_setup(state);
	set_cpus(1 + SERVICE_CPUS);
	configs[0].memory = 64 * KiB;
	vm = make_vm(0, 2);
	ap = vm->vcpu[1];
	guest = guest_of(ap);
	quit = posters_done = transitions = 0;
	vm_transition_hook = count_done;
	threaded = true;
	alarm(WATCHDOG_S);
	return 0;
}

static int teardown(void **state)
{
	alarm(0);
	return vm_fixture_teardown(state);
}

static void *cpu_thread(void *cpu)
{
	fake_set_cpu((unsigned)(size_t)cpu);
	while (!__atomic_load_n(&quit, __ATOMIC_ACQUIRE))
		cpu_pass_threaded();
	return NULL;
}

static void start_cpus(pthread_t *thread)
{
	for (size_t i = 0; i < SERVICE_CPUS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, cpu_thread, (void *)(1 + i)), 0);
}

static void end_cpus(pthread_t *thread)
{
	__atomic_store_n(&quit, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < SERVICE_CPUS; i++)
		pthread_join(thread[i], NULL);
}

/* Each sends the next one when the last one was taken. */
static void wait_for(const unsigned *counter, unsigned value)
{
	while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) < value)
		sched_yield();
}

static void *post_irqs(void *arg)
{
	(void)arg;
	fake_set_cpu(FIRST_POSTER);
	for (unsigned i = 0; i < ROUNDS; i++) {
		guest_irq(ap);
		wait_for(&guest->irqs, i + 1);
	}
	__atomic_fetch_add(&posters_done, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* False: an INIT came after it was posted, which may have made it void. */
static bool nmi_arrives(unsigned nmis, unsigned inits)
{
	while (__atomic_load_n(&guest->nmis, __ATOMIC_ACQUIRE) < nmis) {
		if (__atomic_load_n(&guest->inits, __ATOMIC_ACQUIRE) != inits)
			return false;
		sched_yield();
	}
	return true;
}

static void *post_nmis(void *arg)
{
	unsigned inits;

	(void)arg;
	fake_set_cpu(FIRST_POSTER + 1);
	for (unsigned i = 0; i < ROUNDS; i++)
		do {
			inits = __atomic_load_n(&guest->inits, __ATOMIC_ACQUIRE);
			vcpu_post_event(ap, VCPU_EVENT_NMI);
		} while (!nmi_arrives(i + 1, inits));
	__atomic_fetch_add(&posters_done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void pass_until_state(enum vm_state state)
{
	while (vm->state != state)
		cpu_pass_threaded();
}

/* The boot CPU: the VM pauses and goes on, its vCPU is sent INIT and SIPI, all the time. */
static unsigned disturb(void)
{
	unsigned sipis = __atomic_load_n(&guest->sipis, __ATOMIC_ACQUIRE);

	vcpu_post_init(ap);
	vcpu_post_sipi(ap, 1);
	wait_for(&guest->sipis, sipis + 1);
	assert_int_equal(vm_pause(vm), FIRN_OK);
	pass_until_state(VM_PAUSED);
	assert_int_equal(ap->state, VCPU_STOPPED);
	assert_int_equal(vm_resume(vm), FIRN_OK);
	return 1;
}

static void pass_until_posters_end(unsigned count)
{
	while (__atomic_load_n(&posters_done, __ATOMIC_ACQUIRE) < count)
		cpu_pass_threaded();
}

/* One source alone: no other message would wake the vCPU in place of one that was lost. */
static void one_source(void *(*post)(void *arg))
{
	pthread_t cpu[SERVICE_CPUS], poster;

	start_vm_ok(vm);
	start_cpus(cpu);
	vcpu_post_sipi(ap, 1);
	wait_for(&guest->sipis, 1);
	assert_int_equal(pthread_create(&poster, NULL, post, NULL), 0);
	pass_until_posters_end(1);
	pthread_join(poster, NULL);
	end_cpus(cpu);
}

static void test_interrupts_alone(void **state)
{
	(void)state;
	one_source(post_irqs);
	assert_int_equal(guest->irqs, ROUNDS);
}

static void test_nmis_alone(void **state)
{
	(void)state;
	one_source(post_nmis);
	assert_int_equal(guest->nmis, ROUNDS);
}

static void test_nothing_is_lost(void **state)
{
	pthread_t cpu[SERVICE_CPUS], poster[2];
	unsigned disturbed = 0;

	(void)state;
	start_vm_ok(vm);
	start_cpus(cpu);
	vcpu_post_sipi(ap, 1);
	wait_for(&guest->sipis, 1);
	assert_int_equal(pthread_create(&poster[0], NULL, post_irqs, NULL), 0);
	assert_int_equal(pthread_create(&poster[1], NULL, post_nmis, NULL), 0);
	while (disturbed < TRANSITIONS)
		disturbed += disturb();
	pass_until_posters_end(ARRAY_SIZE(poster));
	for (unsigned i = 0; i < ARRAY_SIZE(poster); i++)
		pthread_join(poster[i], NULL);
	end_cpus(cpu);
	assert_int_equal(guest->irqs, ROUNDS);
	assert_true(guest->nmis >= ROUNDS);
	assert_int_equal(guest->inits, disturbed);
	assert_int_equal(guest->sipis, disturbed + 1);
	assert_int_equal(guest->resets, 1);
	assert_int_equal(guest->resumes, disturbed);
	assert_int_equal(transitions, disturbed);
}

/*
 * Both vCPUs are in an exit before either of them ends the VM, each in its own way: one transition,
 * the stronger one, and nothing of the other's reason in its own.
 */
static u32 in_exit; /* atomic */

static void wait_for_the_other(void)
{
	__atomic_fetch_add(&in_exit, 1, __ATOMIC_ACQ_REL);
	wait_for(&in_exit, 2);
}
static void guest_crashes(struct vcpu *vcpu)
{
	wait_for_the_other();
	vm_crash(vcpu->vm, "crash");
}
static void guest_powers_off(struct vcpu *vcpu)
{
	wait_for_the_other();
	vm_request_stop(vcpu->vm, "power off, which is a longer text");
}

static void test_two_vcpus_end_the_vm(void **state)
{
	pthread_t cpu[SERVICE_CPUS];

	(void)state;
	vm->vcpu[0]->cpu = 2;
	guest_of(vm->vcpu[0])->step[0] = guest_crashes;
	guest->step[0] = guest_powers_off;
	log_set_level(LOG_ERROR);
	start_cpus(cpu);
	for (unsigned i = 0; i < TRANSITIONS; i++) {
		in_exit = 0;
		start_vm_ok(vm);
		vcpu_post_sipi(ap, 1);
		pass_until_state(VM_CRASHED);
		assert_string_equal(vm->reason, "crash");
		said_clear();
	}
	end_cpus(cpu);
	log_set_level(LOG_INFO);
	assert_int_equal(transitions, TRANSITIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_interrupts_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nmis_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_vcpus_end_the_vm, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
