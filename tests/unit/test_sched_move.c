/* SPDX-License-Identifier: MIT */
/* vCPUs that go from CPU to CPU, yields between them, polling, and what the hooks are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake.h"
#include "tests/unit/vm_fixture.h"

#define MS 1000000ull /* TSC ticks: the fake TSC has 1 GHz */
#define US 1000ull

static u32 random_state;

static u32 random_below(u32 limit)
{
	random_state = random_state * 1664525 + 1013904223;
	return (u32)((u64)(random_state >> 8) * limit >> 24);
}

/* Both loops idle once, so that each knows that the other has nothing to do. */
static void begin_cpus(unsigned count)
{
	set_cpus(count);
	settle();
}

/* A VM with its vCPUs on this CPU, all of them in the guest from the start. */
static struct vm *begin_on(unsigned cpu, unsigned index, unsigned vcpus, guest_step then)
{
	struct vm *vm = make_vm(index, vcpus);

	for (unsigned i = 0; i < vcpus; i++) {
		vm->vcpu[i]->cpu = cpu;
		guest_of(vm->vcpu[i])->then = then;
	}
	start_vm_ok(vm);
	for (unsigned i = 1; i < vcpus; i++)
		vcpu_post_sipi(vm->vcpu[i], 1);
	return vm;
}

static void guest_spins_1_ms(struct vcpu *vcpu)
{
	(void)vcpu;
	fake_set_tsc(clock_tsc() + MS);
}

static unsigned count_on(unsigned cpu, const struct vm *vm)
{
	unsigned count = 0;

	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		count += vcpu_cpu(vm->vcpu[i]) == cpu;
	return count;
}

static void passes(unsigned cpu, unsigned count)
{
	while (count--)
		cpu_pass(cpu);
}

static void test_an_idle_cpu_gets_one(void **state)
{
	struct vm *vm;

	(void)state;
	begin_cpus(2);
	vm = begin_on(0, 0, 2, guest_spin);
	passes(0, 4);
	assert_int_equal(count_on(1, vm), 1);
	passes(1, 2);
	assert_int_equal(count_on(0, vm), 1);
	assert_int_equal(guests[0][0].arrivals + guests[0][1].arrivals, 1);
	clear_order();
	for (unsigned i = 0; i < 4; i++) {
		cpu_pass(0);
		cpu_pass(1);
	}
	/* Both run all the time, and stay. */
	assert_true(strcmp(order, "aAaAaAaA") == 0 || strcmp(order, "AaAaAaAa") == 0);
}

/* It was busy when the other CPU got too much, and asks when it has nothing to do. */
static void test_a_cpu_that_becomes_idle_asks(void **state)
{
	struct vm *vm, *other;

	(void)state;
	begin_cpus(2);
	other = begin_on(1, 0, 1, guest_spin);
	passes(1, 2);
	vm = begin_on(0, 1, 3, guest_spin);
	passes(0, 4);
	vm_stop(other);
	passes(1, 2);
	assert_int_equal(count_on(1, vm), 0);
	passes(0, 2);
	assert_true(count_on(1, vm) > 0);
}

static void test_a_single_one_stays(void **state)
{
	struct vm *vm;

	(void)state;
	begin_cpus(2);
	vm = begin_on(0, 0, 1, guest_spin);
	for (unsigned i = 0; i < 50; i++) {
		cpu_pass(0);
		cpu_pass(1);
	}
	assert_int_equal(vm->vcpu[0]->moves, 0);
}

/* An odd one goes round: after some time all have run equally long. */
static void test_three_on_two_cpus(void **state)
{
	struct vm *vm;
	u64 least = ~0ull, most = 0;

	(void)state;
	begin_cpus(2);
	vm = begin_on(0, 0, 3, guest_spins_1_ms);
	for (unsigned i = 0; i < 6000; i++) {
		cpu_pass(0);
		cpu_pass(1);
	}
	for (unsigned i = 0; i < 3; i++) {
		least = MIN(least, vm->vcpu[i]->run_tsc);
		most = MAX(most, vm->vcpu[i]->run_tsc);
		assert_true(vm->vcpu[i]->moves > 10);
	}
	assert_in_range(least, most * 95 / 100, most);
}

static void test_pinned_ones_stay(void **state)
{
	struct vm *vm;

	(void)state;
	begin_cpus(4);
	cpu_set_add(&configs[0].pin, 2);
	cpu_set_add(&configs[0].pin, 3);
	vm = begin_on(2, 0, 4, guest_spin);
	for (unsigned i = 0; i < 200; i++)
		for (unsigned cpu = 0; cpu < 4; cpu++)
			cpu_pass(cpu);
	assert_int_equal(count_on(2, vm), 2);
	assert_int_equal(count_on(3, vm), 2);
}

/* What is sent while it moves arrives: at each place at which somebody else may act. */
static struct vcpu *target;
static void (*message)(void);
static unsigned places_left;

static void send_irq(void)
{
	guest_irq(target);
}
static void send_stop(void)
{
	vm_request_stop(target->vm, "test");
}
static void send_unhalt(void)
{
	vcpu_unhalt(target);
}
static void send_init(void)
{
	vcpu_post_init(target);
}

static void send_in_transit(const char *place)
{
	unsigned cpu = cpu_index();

	(void)place;
	for (unsigned i = 0; i < 2; i++)
		if (vm_by_id(0)->vcpu[i]->sched.in_transit)
			target = vm_by_id(0)->vcpu[i];
	if (!message || !target->sched.in_transit || places_left-- > 0)
		return;
	fake_set_cpu(3); /* somebody else */
	message();
	fake_set_cpu(cpu);
	message = NULL;
}

static void with_message(void (*send)(void), unsigned place)
{
	struct vm *vm;

	begin_cpus(2);
	vm = begin_on(0, 0, 2, guest_spins_1_ms);
	target = vm->vcpu[1];
	message = send;
	places_left = place;
	at_place = send_in_transit;
	for (unsigned i = 0; i < 40; i++) {
		cpu_pass(0);
		cpu_pass(0);
		cpu_pass(1);
	}
	at_place = NULL;
}

static void test_messages_while_it_moves(void **state)
{
	unsigned sent = 0;

	(void)state;
	for (unsigned place = 0; place < 6; place++) {
		with_message(send_irq, place);
		sent += !message;
		assert_int_equal(guest_of(target)->irqs, !message);
		remove_vms();
		with_message(send_stop, place);
		settle();
		assert_int_equal(target->state == VCPU_STOPPED, !message);
		remove_vms();
		with_message(send_init, place);
		assert_int_equal(guest_of(target)->inits, !message);
		remove_vms();
		with_message(send_unhalt, place);
		assert_int_equal(!(target->events & VCPU_EVENT_UNHALT), !!message);
		remove_vms();
	}
	assert_true(sent >= 2);
}

/*
 * Anything at any time on any CPU: each vCPU is in one place, nothing that was sent to it is lost,
 * all its time is accounted.
 */
static void random_step(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct vcpu *other = vm->vcpu[random_below(vm->nr_vcpus)];

	fake_set_tsc(clock_tsc() + 1 + random_below(2 * MS));
	switch (random_below(8)) {
	case 0:
	case 1:
		guest_halt(vcpu);
		break;
	case 2:
		sched_yield_to(other);
		break;
	case 3:
		vcpu_unhalt(other);
		break;
	case 4:
		guest_irq(other);
		break;
	case 5:
		sched_spin_exit(vcpu);
		break;
	default:
		break;
	}
}

static void check_place(const struct vcpu *v)
{
	unsigned found = 0;

	for (unsigned cpu = 0; cpu < nr_cpus(); cpu++) {
		if (on_run_queue(cpu, v))
			found++;
		for (const struct vcpu *t = run_queues[cpu].throttled; t; t = t->next)
			found += t == v;
	}
	assert_true(found <= 1);
	if (v->state == VCPU_RUNNABLE && !v->sched.in_transit)
		assert_int_equal(found, 1);
	assert_int_equal(v->run_tsc + v->steal_tsc + v->idle_tsc, v->sched.since - 1000);
}

static void random_outside_event(void)
{
	struct vm *vm = vm_by_id(random_below(vm_count()));
	struct vcpu *v = vm->vcpu[random_below(vm->nr_vcpus)];

	switch (random_below(10)) {
	case 0:
		vm_pause(vm);
		break;
	case 1:
	case 2:
		vm_resume(vm);
		break;
	case 3:
	case 4:
		guest_irq(v);
		break;
	case 5:
		vcpu_post_event(v, VCPU_EVENT_NMI);
		break;
	default:
		break;
	}
}

static void test_anything_at_any_time(void **state)
{
	u64 moves = 0;

	(void)state;
	set_cpus(4);
	for (unsigned i = 0; i < FIXTURE_VMS; i++) {
		configs[i].weight = 50 + 150 * i;
		configs[i].cap = i == 1 ? 60 : 0;
		begin_on(i % 2, i, 4, random_step);
	}
	for (unsigned round = 0; round < 60000; round++) {
		cpu_pass(random_below(4));
		random_outside_event();
		fake_set_tsc(clock_tsc() + random_below(300 * US));
		nr_done = 0;
		for (unsigned i = 0; i < FIXTURE_VMS; i++)
			for (unsigned k = 0; round % 16 == 0 && k < 4; k++)
				check_place(vm_by_id(i)->vcpu[k]);
	}
	for (unsigned i = 0; i < FIXTURE_VMS; i++)
		for (unsigned k = 0; k < 4; k++)
			guests[i][k].then = guest_halt;
	for (unsigned round = 0; round < 4000; round++) {
		vm_resume(vm_by_id(round % FIXTURE_VMS));
		fake_set_tsc(clock_tsc() + MS);
		cpu_pass(round % 4);
		nr_done = 0;
	}
	for (unsigned i = 0; i < FIXTURE_VMS; i++)
		for (unsigned k = 0; k < 4; k++) {
			const struct vcpu *v = vm_by_id(i)->vcpu[k];

			assert_int_equal(v->state, VCPU_HALTED);
			assert_int_equal(guest_of(v)->irq, 0);
			assert_false(v->events & (VCPU_EVENT_NMI | VCPU_EVENT_UNHALT));
			moves += v->moves;
		}
	assert_true(moves > 100);
}

/*
 * Hooks
 */

static struct work posted;
static void nothing(struct work *work)
{
	(void)work;
}
static void guest_is_interrupted(struct vcpu *vcpu)
{
	posted.run = nothing;
	fake_set_tsc(clock_tsc() + MS / 10);
	work_post(vcpu->cpu, &posted);
}

static void test_hooks(void **state)
{
	struct guest *a, *b;

	(void)state;
	a = guest_of(begin_on(0, 0, 1, guest_is_interrupted)->vcpu[0]);
	passes(0, 20);
	/* It began, and work in between is not an interruption. */
	assert_int_equal(a->scheduled_in, 1);
	assert_int_equal(a->preempted, 0);
	b = guest_of(begin_on(0, 1, 1, guest_spin)->vcpu[0]);
	a->then = guest_spin;
	passes(0, 21);
	assert_in_range(a->preempted + b->preempted, 19, 21);
	assert_in_range(a->scheduled_in + b->scheduled_in, 20, 22);
	/* HLT and a stop are not losses. */
	a->then = guest_halt;
	passes(0, 6);
	b->preempted = a->preempted = 0;
	for (unsigned i = 0; i < 5; i++) {
		guest_irq(vm_by_id(0)->vcpu[0]);
		passes(0, 2);
	}
	assert_int_equal(a->preempted, 0);
	assert_in_range(b->preempted, 1, 5);
	vm_stop(vm_by_id(1));
	b->preempted = 0;
	settle();
	assert_int_equal(b->preempted, 0);
}

static void test_hooks_of_a_move(void **state)
{
	struct vm *vm;
	unsigned lost = 0, began = 0;

	(void)state;
	begin_cpus(2);
	vm = begin_on(0, 0, 3, guest_spins_1_ms);
	for (unsigned i = 0; i < 1000; i++) {
		cpu_pass(0);
		cpu_pass(1);
	}
	for (unsigned i = 0; i < 3; i++) {
		const struct guest *g = guest_of(vm->vcpu[i]);

		lost += g->preempted;
		began += g->scheduled_in;
		/* Each time it was told that it runs again, once. */
		assert_in_range(g->scheduled_in - g->preempted, 0, 2);
	}
	assert_true(lost > 100 && began > 100);
}

/*
 * Yields
 */

static void guest_yields_to_last(struct vcpu *vcpu)
{
	fake_set_tsc(clock_tsc() + MS);
	sched_yield_to(vm_by_id(2)->vcpu[0]);
	(void)vcpu;
}

static void test_yield_on_one_cpu(void **state)
{
	u64 start;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		begin_on(0, i, 1, guest_spins_1_ms);
	passes(0, 1);
	while (order[strlen(order) - 1] != 'c')
		cpu_pass(0);
	guest_of(vm_by_id(0)->vcpu[0])->then = guest_yields_to_last;
	clear_order();
	start = clock_tsc();
	passes(0, 400);
	assert_non_null(strstr(order, "ac"));
	assert_int_equal(vm_by_id(0)->vcpu[0]->yields > 10, true);
	/* The favour is not paid for by the third one. */
	assert_true(vm_by_id(1)->vcpu[0]->run_tsc > (clock_tsc() - start) * 32 / 100);
}

static void guest_yields_on(struct vcpu *vcpu)
{
	fake_set_tsc(clock_tsc() + MS);
	sched_yield_to(vcpu->vm->vcpu[!vcpu->id]);
}

/* Two that yield to each other for ever don't keep a third one from its share. */
static void test_yields_starve_nobody(void **state)
{
	struct vcpu *third;
	u64 start = clock_tsc();

	(void)state;
	begin_on(0, 0, 2, guest_yields_on);
	third = begin_on(0, 1, 1, guest_spins_1_ms)->vcpu[0];
	passes(0, 6000);
	assert_in_range(third->run_tsc, (clock_tsc() - start) * 32 / 100,
			(clock_tsc() - start) * 35 / 100);
}

static void test_yield_to_another_cpu(void **state)
{
	struct vcpu *waiting;

	(void)state;
	begin_cpus(2);
	for (unsigned i = 0; i < 2; i++) {
		cpu_set_add(&configs[i].pin, i);
		begin_on(i, i, i ? 3 : 1, guest_spins_1_ms);
	}
	passes(1, 30);
	waiting = run_queues[1].head->next;
	assert_non_null(waiting);
	run_queues[0].running = vm_by_id(0)->vcpu[0]; /* as from an exit of it */
	sched_yield_to(waiting);
	run_queues[0].running = NULL;
	clear_order();
	passes(1, 1);
	assert_int_equal(order[0], waiting->id ? 'B' : 'b');
}

static void test_spinning_yields_by_turns(void **state)
{
	struct vm *vm = begin_on(0, 0, 4, guest_spins_1_ms);
	bool seen[4] = { false };

	(void)state;
	passes(0, 8);
	for (unsigned i = 0; i < 3; i++) {
		struct vcpu *v = vm->vcpu[0];

		run_queues[0].running = v;
		sched_spin_exit(v);
		run_queues[0].running = NULL;
		assert_int_not_equal(vm->yielded_to, 0);
		seen[vm->yielded_to] = true;
	}
	assert_true(seen[1] && seen[2] && seen[3]);
}

/* Those that were in user mode have the time of those that may hold a lock. */
static void test_spinning_prefers_the_kernel(void **state)
{
	struct vm *vm = begin_on(0, 0, 4, guest_spin);

	(void)state;
	guests[0][1].in_user = guests[0][3].in_user = true;
	passes(0, 12);
	for (unsigned i = 0; i < 4; i++) {
		run_queues[0].running = vm->vcpu[0];
		sched_spin_exit(vm->vcpu[0]);
		run_queues[0].running = NULL;
		assert_int_equal(vm->yielded_to, 2);
	}
	guests[0][0].in_user = true;
	passes(0, 12);
	run_queues[0].running = vm->vcpu[2];
	sched_spin_exit(vm->vcpu[2]);
	run_queues[0].running = NULL;
	assert_int_not_equal(vm->yielded_to, 2);
}

/*
 * HLT that ends without an interrupt
 */

static void test_unhalt(void **state)
{
	struct vcpu *v = begin_on(0, 0, 1, guest_halt)->vcpu[0];
	struct guest *g = guest_of(v);

	(void)state;
	settle();
	assert_int_equal(v->state, VCPU_HALTED);
	g->next = 0;
	g->step[0] = guest_spin;
	vcpu_unhalt(v);
	settle();
	assert_int_equal(g->next, 1); /* it ran, and halts again */
	assert_int_equal(v->state, VCPU_HALTED);
	assert_false(v->events & VCPU_EVENT_UNHALT);
	assert_int_equal(g->irqs, 0);
}

static void guest_kicks_itself(struct vcpu *vcpu)
{
	vcpu_unhalt(vcpu);
	guest_halt(vcpu);
}

static void test_unhalt_before_the_halt(void **state)
{
	struct vcpu *v = begin_on(0, 0, 1, guest_halt)->vcpu[0];
	struct guest *g = guest_of(v);

	(void)state;
	g->step[0] = guest_kicks_itself;
	g->step[1] = guest_kicks_itself;
	g->step[2] = guest_spin;
	settle();
	assert_int_equal(g->next, 3);
	assert_int_equal(v->state, VCPU_HALTED);
}

/*
 * Polling
 */

static void wake_after_some_relaxing(const char *place)
{
	static unsigned count;

	if (strcmp(place, "relax") == 0 && ++count % 50 == 0) {
		fake_set_cpu(1);
		guest_irq(vm_by_id(0)->vcpu[0]);
		fake_set_cpu(0);
	}
}

static void test_polling(void **state)
{
	struct vcpu *v = begin_on(0, 0, 1, guest_halt)->vcpu[0];
	struct sched_stats st;

	(void)state;
	fake_set_nr_cpus(2);
	settle();
	assert_int_equal(sched_get_stats(0).polls, 0);
	/* A short HLT: the next one is polled. */
	guest_irq(v);
	cpu_pass(0);
	cpu_pass(0);
	v->sched.poll_budget = 20 * US;
	at_place = wake_after_some_relaxing;
	for (unsigned i = 0; i < 20; i++) {
		guest_irq(v);
		cpu_pass(0);
		cpu_pass(0);
	}
	st = sched_get_stats(0);
	assert_in_range(st.poll_hits, 15, 20);
	at_place = NULL;
	/* For nothing, a while; then no more. */
	guest_irq(v);
	settle();
	st = sched_get_stats(0);
	assert_true(st.poll_tsc > 0);
	guest_of(v)->polls_itself = true;
	v->sched.poll_budget = 20 * US;
	guest_irq(v);
	settle();
	assert_int_equal(sched_get_stats(0).polls, st.polls);
}

static void test_poll_budget(void **state)
{
	struct vcpu *v = begin_on(0, 0, 1, guest_halt)->vcpu[0];
	struct run_queue *q = &run_queues[0];
	static const struct {
		u64 waited, budget;
	} steps[] = {
		{ 20 * US, 10 * US }, { 20 * US, 20 * US },
		{ 15 * US, 20 * US }, { 45 * US, 40 * US },
		{ 45 * US, 50 * US }, { 50 * US, 50 * US },
		{ 51 * US, 0 },	      { MS, 0 },
		{ 5 * US, 10 * US },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		q->polled = v;
		sched_poll_learn(q, steps[i].waited);
		assert_int_equal(v->sched.poll_budget, steps[i].budget);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vm_fixture_setup, vm_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_idle_cpu_gets_one),
		TEST(test_a_cpu_that_becomes_idle_asks),
		TEST(test_a_single_one_stays),
		TEST(test_three_on_two_cpus),
		TEST(test_pinned_ones_stay),
		TEST(test_messages_while_it_moves),
		TEST(test_anything_at_any_time),
		TEST(test_hooks),
		TEST(test_hooks_of_a_move),
		TEST(test_yield_on_one_cpu),
		TEST(test_yields_starve_nobody),
		TEST(test_yield_to_another_cpu),
		TEST(test_spinning_yields_by_turns),
		TEST(test_spinning_prefers_the_kernel),
		TEST(test_unhalt),
		TEST(test_unhalt_before_the_halt),
		TEST(test_polling),
		TEST(test_poll_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
