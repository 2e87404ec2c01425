/* SPDX-License-Identifier: MIT */
/* A CPU's loop: the order of work, timers and vCPUs, fair turns, sleep until the right time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/timer.h"
#include "fake.h"
#include "tests/unit/vm_fixture.h"

/* VMs with one vCPU each, all on the last CPU, begun; the journal is empty. */
static void begin(unsigned count, guest_step then)
{
	for (unsigned i = 0; i < count; i++) {
		struct vm *vm = make_vm(i, 1);

		vm->vcpu[0]->cpu = nr_cpus() - 1;
		guest_of(vm->vcpu[0])->then = then;
		start_vm_ok(vm);
	}
	cpu_pass(nr_cpus() - 1);
	clear_order();
}

static struct vcpu *vcpu_of(unsigned vm)
{
	return vm_by_id(vm)->vcpu[0];
}

static void passes(unsigned cpu, unsigned count)
{
	while (count--)
		cpu_pass(cpu);
}

static void test_turns(void **state)
{
	(void)state;
	begin(3, guest_spin);
	passes(0, 9);
	assert_string_equal(order, "bcabcabca");
}

/* Each gets the same time although they use their slices differently often. */
static void guest_halts_and_is_woken(struct vcpu *vcpu)
{
	guest_of(vcpu)->irq = 1;
	guest_halt(vcpu);
	guest_spin(vcpu);
}

static void test_equal_time(void **state)
{
	(void)state;
	begin(3, guest_spin);
	guest_of(vcpu_of(1))->then = guest_halts_and_is_woken;
	passes(0, 300);
	for (unsigned i = 0; i < 3; i++)
		assert_in_range(vcpu_of(i)->run_tsc, clock_ns_to_tsc(SCHED_SLICE_NS) * 99,
				clock_ns_to_tsc(SCHED_SLICE_NS) * 102);
}

static void test_halted_ones_do_not_run(void **state)
{
	(void)state;
	begin(3, guest_spin);
	guest_of(vcpu_of(1))->then = guest_halt;
	passes(0, 10);
	assert_string_equal(order, "bcacacacac");
	assert_int_equal(vcpu_of(1)->state, VCPU_HALTED);
	assert_false(on_run_queue(0, vcpu_of(1)));
	vcpu_notify(vcpu_of(1)); /* nothing to wake for */
	assert_false(on_run_queue(0, vcpu_of(1)));
	guest_irq(vcpu_of(1));
	assert_true(on_run_queue(0, vcpu_of(1)));
	clear_order();
	passes(0, 4);
	assert_string_equal(order, "baca"); /* it has had less than the others */
}

static void test_never_queued_twice(void **state)
{
	struct vcpu *v;

	(void)state;
	begin(2, guest_spin);
	v = vcpu_of(0);
	for (unsigned i = 0; i < 20; i++) {
		sched_enqueue(v);
		vcpu_post_event(v, VCPU_EVENT_NMI);
		guest_irq(v);
		on_run_queue(0, v); /* checks it */
		cpu_pass(0);
		on_run_queue(0, v); /* checks it */
	}
	assert_int_equal(guest_of(v)->runs, 11); /* every other turn, and the very first one */
}

static void guest_enqueues_itself(struct vcpu *vcpu)
{
	sched_enqueue(vcpu);
	assert_false(on_run_queue(0, vcpu));
	guest_of(vcpu)->irq = 1;
	vcpu->state = VCPU_HALTED;
	vcpu_notify(vcpu);
	assert_false(on_run_queue(0, vcpu));
}

static void test_the_running_one_is_not_queued(void **state)
{
	(void)state;
	begin(1, guest_halt);
	guest_of(vcpu_of(0))->step[0] = guest_enqueues_itself;
	guest_irq(vcpu_of(0));
	cpu_pass(0);
	assert_int_equal(guest_of(vcpu_of(0))->irqs, 2); /* it woke from its own HLT */
	assert_int_equal(vcpu_of(0)->state, VCPU_HALTED);
	assert_false(on_run_queue(0, vcpu_of(0)));
}

/* Stopped while it waits in the queue: its turn passes; it goes on after a resume, in one place. */
static void test_stopped_in_the_queue(void **state)
{
	(void)state;
	begin(3, guest_spin);
	assert_true(on_run_queue(0, vcpu_of(2)));
	vm_pause(vm_by_id(2));
	passes(0, 6);
	assert_int_equal(vm_by_id(2)->state, VM_PAUSED);
	assert_null(strchr(order, 'c'));
	assert_false(on_run_queue(0, vcpu_of(2)));
	vm_resume(vm_by_id(2));
	vm_pause(vm_by_id(2));
	vm_resume(vm_by_id(2)); /* refused: it runs until the order to stop is served */
	passes(0, 3);
	vm_resume(vm_by_id(2));
	clear_order();
	passes(0, 6);
	assert_int_equal(strlen(order), 6);
	assert_non_null(strchr(order, 'c'));
	assert_ptr_not_equal(strchr(order, 'c'), strrchr(order, 'c'));
}

static char events[64];
static unsigned nr_events;

static void note(char what)
{
	if (nr_events < sizeof(events) - 1)
		events[nr_events++] = what;
}
static void work_runs(struct work *work)
{
	(void)work;
	note('w');
}
static void timer_fires(struct timer *timer)
{
	(void)timer;
	note('t');
}
static void poll(void)
{
	assert_int_equal(cpu_index(), 0);
	note('p');
}
static void guest_notes(struct vcpu *vcpu)
{
	note('g');
	guest_spin(vcpu);
}

static void clear_events(void)
{
	memset(events, 0, sizeof(events));
	nr_events = 0;
}

static void test_order_of_a_pass(void **state)
{
	struct work work = { .run = work_runs };
	struct timer timer = { .fire = timer_fires };

	(void)state;
	cpu_loop_poll = poll;
	begin(1, guest_notes);
	clear_events();
	timer_set(&timer, clock_tsc());
	work_post(0, &work);
	cpu_pass(0);
	assert_string_equal(events, "wtpg");
	/* only the boot CPU polls */
	set_cpus(2);
	clear_events();
	passes(1, 3);
	assert_string_equal(events, "");
}

/* Work that is posted ends a run, and the guest goes on after it. */
static struct work posted = { .run = work_runs };

static void guest_posts_work(struct vcpu *vcpu)
{
	note('g');
	work_post(vcpu->cpu, &posted);
}

static void test_work_comes_before_the_rest_of_a_slice(void **state)
{
	struct guest *g;

	(void)state;
	begin(1, guest_halt);
	g = guest_of(vcpu_of(0));
	clear_events();
	for (unsigned i = 0; i < 3; i++)
		g->step[i] = guest_posts_work;
	guest_irq(vcpu_of(0));
	passes(0, 4);
	assert_string_equal(events, "gwgwgw");
	assert_int_equal(vcpu_of(0)->state, VCPU_HALTED);
}

/* Uses a tenth of its slice, then an interrupt brings work. */
static void guest_is_interrupted(struct vcpu *vcpu)
{
	fake_set_tsc(clock_tsc() + clock_ns_to_tsc(SCHED_SLICE_NS / 10));
	work_post(vcpu->cpu, &posted);
}

/* Work must not cost a vCPU its turn: one whose turns are always cut short would never run. */
static void test_interrupted_turns_go_on(void **state)
{
	(void)state;
	begin(3, guest_spin);
	guest_of(vcpu_of(1))->then = guest_is_interrupted;
	passes(0, 24);
	assert_string_equal(order, "bbbbbbbbbbcabbbbbbbbbbca");
}

/* In one exit its own interrupt comes, work is posted and it halts: it must run once more. */
static void guest_halts_with_work_and_interrupt(struct vcpu *vcpu)
{
	guest_irq(vcpu);
	work_post(vcpu->cpu, &posted);
	guest_halt(vcpu);
}

static void test_work_that_ends_a_run_in_hlt(void **state)
{
	(void)state;
	begin(1, guest_halt);
	guest_of(vcpu_of(0))->step[0] = guest_halts_with_work_and_interrupt;
	guest_irq(vcpu_of(0));
	settle();
	assert_int_equal(guest_of(vcpu_of(0))->irqs, 2);
	assert_int_equal(guest_of(vcpu_of(0))->irq, 0);
}

static bool slept;

static void note_sleep(const char *place)
{
	slept |= strcmp(place, "idle") == 0;
}
static void poll_posts_work(void)
{
	work_post(0, &posted);
}

static void test_no_sleep_with_work(void **state)
{
	(void)state;
	cpu_loop_poll = poll_posts_work;
	at_place = note_sleep;
	slept = false;
	cpu_pass(0);
	assert_false(slept);
	cpu_loop_poll = NULL;
	passes(0, 2);
	assert_true(slept);
}

static void test_sleep_until_the_next_timer(void **state)
{
	struct timer timer[2] = { { .fire = timer_fires }, { .fire = timer_fires } };

	(void)state;
	clear_events();
	cpu_pass(0);
	assert_true(cpu_asleep(0));
	assert_true(fake_wakeup(0) == TIMER_NEVER);
	timer_set(&timer[0], clock_tsc() + 900);
	timer_set(&timer[1], clock_tsc() + 700);
	work_post(0, &(struct work){ .run = work_runs }); /* as it is awake to set timers */
	settle();
	assert_int_equal(fake_wakeup(0), clock_tsc() + 700);
	assert_false(cpu_pass(0));
	fake_set_tsc(clock_tsc() + 700);
	settle();
	assert_string_equal(events, "wt");
	assert_int_equal(fake_wakeup(0), clock_tsc() + 200);
	fake_set_tsc(clock_tsc() + 200);
	settle();
	assert_string_equal(events, "wtt");
	assert_true(fake_wakeup(0) == TIMER_NEVER);
}

/* Posted between the look for work and the sleep. */
static void post_when_idle(const char *place)
{
	static bool once;

	if (strcmp(place, "idle") != 0 || once)
		return;
	once = true;
	fake_set_cpu(1);
	work_post(0, &posted);
	fake_set_cpu(0);
}

static void test_work_just_before_the_sleep(void **state)
{
	(void)state;
	set_cpus(2);
	clear_events();
	at_place = post_when_idle;
	cpu_pass(0);
	assert_string_equal(events, "");
	assert_false(cpu_asleep(0));
	settle();
	assert_string_equal(events, "w");
	assert_true(cpu_asleep(0));
}

static void test_statistics(void **state)
{
	u64 slice = clock_ns_to_tsc(SCHED_SLICE_NS);
	struct sched_stats before, after;

	(void)state;
	set_cpus(2);
	begin(2, guest_spin);
	before = sched_get_stats(1);
	passes(1, 6);
	after = sched_get_stats(1);
	assert_int_equal(after.guest_tsc - before.guest_tsc, 6 * slice);
	assert_int_equal(vcpu_of(1)->run_tsc, 3 * slice);
	assert_int_equal(sched_get_stats(0).guest_tsc, 0);
	assert_int_equal(after.idle_tsc, 0);
}

static void advance_when_idle(const char *place)
{
	if (strcmp(place, "idle") == 0)
		fake_set_tsc(clock_tsc() + 12345);
}

static void test_idle_time(void **state)
{
	(void)state;
	at_place = advance_when_idle;
	cpu_pass(0);
	assert_int_equal(sched_get_stats(0).idle_tsc, 12345);
	assert_int_equal(sched_get_stats(0).guest_tsc, 0);
}

static void test_ready_cpus(void **state)
{
	(void)state;
	assert_true(sched_cpu_is_ready(0));
	assert_false(sched_cpu_is_ready(1));
	assert_false(sched_cpu_is_ready(MAX_CPUS - 1));
	fake_set_cpu(MAX_CPUS - 1);
	sched_cpu_ready();
	fake_set_cpu(0);
	assert_true(sched_cpu_is_ready(MAX_CPUS - 1));
	assert_false(sched_cpu_is_ready(1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vm_fixture_setup, vm_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_turns),
		TEST(test_equal_time),
		TEST(test_halted_ones_do_not_run),
		TEST(test_never_queued_twice),
		TEST(test_the_running_one_is_not_queued),
		TEST(test_stopped_in_the_queue),
		TEST(test_order_of_a_pass),
		TEST(test_work_comes_before_the_rest_of_a_slice),
		TEST(test_interrupted_turns_go_on),
		TEST(test_work_that_ends_a_run_in_hlt),
		TEST(test_no_sleep_with_work),
		TEST(test_sleep_until_the_next_timer),
		TEST(test_work_just_before_the_sleep),
		TEST(test_statistics),
		TEST(test_idle_time),
		TEST(test_ready_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
