/* SPDX-License-Identifier: MIT */
/* INIT, SIPI, NMI, HLT and orders to stop, in every order and at every point of a vCPU's run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/timer.h"
#include "fake.h"
#include "tests/unit/vm_fixture.h"

static struct vm *vm;
static struct vcpu *ap; /* on CPU 1; the boot vCPU halts on CPU 0 */
static struct guest *guest;

static int setup(void **state)
{
	vm_fixture_setup(state);
	set_cpus(2);
	configs[0].memory = 64 * KiB;
	return 0;
}

static void begin(void)
{
	vm = make_vm(0, 2);
	ap = vm->vcpu[1];
	guest = guest_of(ap);
	start_vm_ok(vm);
	settle();
	assert_int_equal(ap->state, VCPU_WAIT_SIPI);
}

/* The vCPU runs its program from the start; its CPU has not passed since. */
static void begin_alive(guest_step then)
{
	begin();
	guest->then = then;
	vcpu_post_sipi(ap, 0x01);
	cpu_pass(ap->cpu);
	assert_int_equal(guest->sipis, 1);
	guest->sipis = guest->vector = 0;
}

/*
 * INIT and SIPI (SDM 3A 8.4.4.1)
 */

static void test_sipi_starts_a_waiting_vcpu(void **state)
{
	(void)state;
	begin();
	vcpu_post_sipi(ap, 0x9f);
	assert_int_equal(guest->sipis, 0); /* nothing happens on another CPU */
	settle();
	assert_int_equal(guest->sipis, 1);
	assert_int_equal(guest->vector, 0x9f);
	assert_int_equal(guest->inits, 0);
	assert_true(guest->runs > 0);
}

/* A vCPU that the guest gave back: it leaves its CPU, and no SIPI starts it before it is added. */
static void test_absent_vcpu(void **state)
{
	(void)state;
	begin_alive(guest_halt);
	vm->present &= ~BIT(1);
	vcpu_post_event(ap, VCPU_EVENT_INIT);
	settle();
	assert_int_equal(ap->state, VCPU_WAIT_SIPI);
	assert_false(guest->on_cpu);
	vcpu_post_sipi(ap, 0x20);
	settle();
	assert_int_equal(guest->sipis, 0);
	assert_int_equal(ap->state, VCPU_WAIT_SIPI);
	vm->present |= BIT(1);
	settle();
	assert_int_equal(guest->sipis, 0); /* it was not kept for later */
	vcpu_post_init(ap);
	vcpu_post_sipi(ap, 0x21);
	settle();
	assert_int_equal(guest->sipis, 1);
	assert_int_equal(guest->vector, 0x21);
}

static void test_sipi_before_init_is_dropped(void **state)
{
	(void)state;
	begin_alive(guest_halt);
	vcpu_post_sipi(ap, 0x20);
	settle();
	assert_int_equal(guest->sipis, 0);
	assert_int_equal(ap->state, VCPU_HALTED);
	vcpu_post_init(ap);
	settle();
	assert_int_equal(ap->state, VCPU_WAIT_SIPI); /* it was not kept for later */
	assert_int_equal(guest->sipis, 0);
}

static void test_init_after_sipi_drops_the_sipi(void **state)
{
	(void)state;
	begin();
	vcpu_post_sipi(ap, 0x20);
	vcpu_post_init(ap);
	settle();
	assert_int_equal(guest->inits, 1);
	assert_int_equal(guest->sipis, 0);
	assert_int_equal(ap->state, VCPU_WAIT_SIPI);
}

static void test_second_sipi_is_ignored(void **state)
{
	(void)state;
	begin();
	vcpu_post_init(ap);
	vcpu_post_sipi(ap, 0x20);
	vcpu_post_sipi(ap, 0x30);
	settle();
	vcpu_post_sipi(ap, 0x40);
	settle();
	assert_int_equal(guest->sipis, 1);
	assert_int_equal(guest->vector, 0x20);
}

static void send_second_sipi(const char *place)
{
	if (strcmp(place, "INIT") != 0)
		return;
	fake_set_cpu(0);
	vcpu_post_sipi(ap, 0x30);
	fake_set_cpu(1);
}

/* Its CPU has taken the first one, but not carried it out yet. */
static void test_second_sipi_while_the_first_is_served(void **state)
{
	(void)state;
	begin();
	vcpu_post_init(ap);
	vcpu_post_sipi(ap, 0x20);
	at_place = send_second_sipi;
	cpu_pass(1);
	at_place = NULL;
	settle();
	assert_int_equal(guest->sipis, 1);
	assert_int_equal(guest->vector, 0x20);
	assert_int_equal(ap->state, VCPU_HALTED);
	assert_int_equal(ap->events, 0);
}

static void test_init_of_a_halted_and_of_a_running_vcpu(void **state)
{
	(void)state;
	for (unsigned spins = 0; spins < 2; spins++) {
		begin_alive(spins ? guest_spin : guest_halt);
		vcpu_post_init(ap);
		settle();
		assert_int_equal(ap->state, VCPU_WAIT_SIPI);
		guest->runs = 0;
		guest_irq(ap); /* does not wake it */
		vcpu_post_event(ap, VCPU_EVENT_NMI);
		settle();
		assert_int_equal(guest->runs, 0);
		assert_int_equal(guest->nmis, 0);
		vcpu_post_sipi(ap, 0x20);
		settle();
		assert_int_equal(guest->nmis, 1);
		remove_vms();
	}
}

/* It could not be taken, say in another NMI's handler: the processor that starts anew does not get it. */
static void test_init_drops_an_nmi_that_came_before(void **state)
{
	(void)state;
	begin_alive(guest_halt);
	vcpu_post_event(ap, VCPU_EVENT_NMI);
	vcpu_post_init(ap);
	vcpu_post_sipi(ap, 0x20);
	settle();
	assert_int_equal(guest->sipis, 1);
	assert_int_equal(guest->nmis, 0);
	assert_int_equal(ap->events, 0);
}

static void guest_inits_itself(struct vcpu *vcpu)
{
	vcpu_post_init(vcpu);
	assert_int_equal(guest_of(vcpu)->inits, 0); /* the exit goes on undisturbed */
	assert_int_equal(vcpu->state, VCPU_RUNNABLE);
}

static void test_init_from_its_own_exit(void **state)
{
	(void)state;
	begin();
	guest->step[0] = guest_inits_itself;
	vcpu_post_sipi(ap, 0x20);
	settle();
	assert_int_equal(guest->inits, 1);
	assert_int_equal(ap->state, VCPU_WAIT_SIPI);
}

/*
 * All orders, against a model
 */

enum op {
	OP_INIT,
	OP_SIPI_1,
	OP_SIPI_2,
	OP_PAUSE,
	OP_RESUME,
	OP_SERVICE, /* the vCPU's CPU passes; else only the boot CPU does */
	OPS
};
#define SEQUENCE 5

struct model {
	bool init, sipi, stop, start; /* pending */
	u8 pending_vector;
	bool alive, stopped;
	enum vm_state vm;
	unsigned inits, sipis;
	u8 vector;
};

static void model_service(struct model *m)
{
	m->stopped &= !m->start;
	m->start = false;
	if (m->stopped)
		return;
	if (m->init) {
		m->alive = false;
		m->inits++;
	}
	if (m->sipi && !m->alive) {
		m->alive = true;
		m->sipis++;
		m->vector = m->pending_vector;
	}
	m->init = m->sipi = false;
	if (m->stop) {
		m->stopped = true;
		m->stop = false;
		m->vm = VM_PAUSED;
	}
}

static void model_sipi(struct model *m, u8 vector)
{
	if (m->sipi)
		return;
	m->sipi = true;
	m->pending_vector = vector;
}

static void model_op(struct model *m, enum op op)
{
	switch (op) {
	case OP_INIT:
		m->init = true;
		m->sipi = false;
		break;
	case OP_SIPI_1:
	case OP_SIPI_2:
		model_sipi(m, op);
		break;
	case OP_PAUSE:
		m->stop |= m->vm == VM_RUNNING;
		break;
	case OP_RESUME:
		if (m->vm != VM_PAUSED)
			break;
		m->vm = VM_RUNNING;
		m->start = true;
		break;
	default:
		model_service(m);
	}
}

static void real_op(struct model *m, enum op op)
{
	switch (op) {
	case OP_INIT:
		vcpu_post_init(ap);
		break;
	case OP_SIPI_1:
	case OP_SIPI_2:
		vcpu_post_sipi(ap, op);
		break;
	case OP_PAUSE:
		assert_int_equal(vm_pause(vm), m->vm == VM_RUNNING ? FIRN_OK : ERR_STATE);
		break;
	case OP_RESUME:
		assert_int_equal(vm_resume(vm), m->vm == VM_PAUSED ? FIRN_OK : ERR_STATE);
		break;
	default:
		cpu_pass(1);
	}
	cpu_pass(0);
}

static bool lives(u32 state)
{
	return state == VCPU_RUNNABLE || state == VCPU_HALTED;
}

static bool agrees(const struct model *m)
{
	return vm->state == m->vm && m->stopped == (ap->state == VCPU_STOPPED) &&
	       m->alive == lives(m->stopped ? ap->resume_state : ap->state) &&
	       guest->inits == m->inits && guest->sipis == m->sipis && guest->vector == m->vector;
}

static void try_sequence(unsigned number, bool alive, guest_step then)
{
	struct model m = { .alive = alive, .vm = VM_RUNNING };

	if (alive)
		begin_alive(then);
	else
		begin();
	guest->then = then;
	for (unsigned i = 0, rest = number; i <= SEQUENCE; i++, rest /= OPS) {
		enum op op = i < SEQUENCE ? rest % OPS : OP_SERVICE;

		real_op(&m, op);
		model_op(&m, op);
		if (!agrees(&m))
			fail_msg("sequence %u (first operation in the lowest base-%u digit), "
				 "alive %d, step %u",
				 number, OPS, alive, i);
	}
	remove_vms();
}

static void test_all_orders(void **state)
{
	unsigned sequences = 1;

	(void)state;
	for (unsigned i = 0; i < SEQUENCE; i++)
		sequences *= OPS;
	for (unsigned number = 0; number < sequences; number++) {
		try_sequence(number, false, guest_halt);
		try_sequence(number, true, number % 2 ? guest_halt : guest_spin);
	}
}

/*
 * HLT: a message from another CPU at every point of the vCPU's run wakes it
 */

static const char *const places[] = {
	"before entry", "events checked", "work checked", "before halt", "after halt",
	"can wake",	"cannot wake",	  "halted",	  "idle",
};
#define TIMES 3 /* at the first, second, third time that the place is passed */
#define SPOTS (ARRAY_SIZE(places) * TIMES)

static struct {
	unsigned spot; /* index in places, and which time */
	unsigned seen;
	bool sent;
	void (*send)(void);
} message[2];

static void send_at(const char *place)
{
	if (cpu_index() != 1)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(message); i++) {
		if (!message[i].send || message[i].sent ||
		    strcmp(place, places[message[i].spot / TIMES]) != 0 ||
		    message[i].seen++ != message[i].spot % TIMES)
			continue;
		message[i].sent = true;
		fake_set_cpu(0);
		message[i].send();
		fake_set_cpu(1);
	}
}

static void send_irq(void)
{
	guest_irq(ap);
}
static void send_nmi(void)
{
	vcpu_post_event(ap, VCPU_EVENT_NMI);
}
static void send_stop(void)
{
	vm_request_stop(vm, "test");
}
static void send_init(void)
{
	vcpu_post_init(ap);
}

/* So many passes of the vCPU's CPU alone: nobody but the message wakes it. */
static void run_with_messages(void)
{
	begin();
	vcpu_post_sipi(ap, 1);
	at_place = send_at;
	for (unsigned i = 0; i < 12; i++)
		cpu_pass(1);
	at_place = NULL;
	assert_true(cpu_asleep(1));
}

static void set_message(unsigned index, unsigned spot, void (*send)(void))
{
	memset(&message[index], 0, sizeof(message[index]));
	message[index].spot = spot;
	message[index].send = send;
}

static void test_a_message_at_any_point(void **state)
{
	unsigned sent = 0;

	(void)state;
	set_message(1, 0, NULL);
	for (unsigned spot = 0; spot < SPOTS; spot++) {
		set_message(0, spot, send_irq);
		run_with_messages();
		assert_int_equal(guest->irqs, message[0].sent);
		assert_int_equal(guest->irq, 0);
		assert_int_equal(ap->state, VCPU_HALTED);
		sent += message[0].sent;
		remove_vms();

		set_message(0, spot, send_nmi);
		run_with_messages();
		assert_int_equal(guest->nmis, message[0].sent);
		remove_vms();

		set_message(0, spot, send_stop);
		run_with_messages();
		assert_int_equal(ap->state, message[0].sent ? VCPU_STOPPED : VCPU_HALTED);
		remove_vms();

		set_message(0, spot, send_init);
		run_with_messages();
		assert_int_equal(ap->state, message[0].sent ? VCPU_WAIT_SIPI : VCPU_HALTED);
		remove_vms();
	}
	/* All places but "can wake" (nothing to wake for) are passed at least once. */
	assert_true(sent >= ARRAY_SIZE(places) - 1);
}

static void test_two_messages_at_any_two_points(void **state)
{
	unsigned both = 0;

	(void)state;
	for (unsigned spot = 0; spot < SPOTS * SPOTS; spot++) {
		set_message(0, spot % SPOTS, send_irq);
		set_message(1, spot / SPOTS, spot % 2 ? send_irq : send_nmi);
		run_with_messages();
		assert_int_equal(guest->irq, 0);
		assert_false(ap->events & VCPU_EVENT_NMI);
		assert_true(!message[0].sent || guest->irqs > 0);
		assert_true(!message[1].sent || guest->irqs + guest->nmis > 0);
		assert_int_equal(ap->state, VCPU_HALTED);
		both += message[0].sent && message[1].sent;
		remove_vms();
	}
	assert_true(both > ARRAY_SIZE(places));
}

/* The same CPU: a timer that fires while the vCPU's CPU sleeps, another vCPU's exit. */
static void timer_fires(struct timer *timer)
{
	(void)timer;
	guest_irq(ap);
}

static void test_wake_by_a_timer_of_the_same_cpu(void **state)
{
	struct timer timer = { .fire = timer_fires };

	(void)state;
	begin_alive(guest_halt);
	settle();
	fake_set_cpu(1);
	timer_set(&timer, clock_tsc() + 5000);
	fake_set_cpu(0);
	vcpu_notify(ap); /* for nothing: it sleeps on, the CPU now until the timer */
	settle();
	assert_int_equal(guest->irqs, 0);
	assert_true(cpu_asleep(1));
	assert_int_equal(fake_wakeup(1), clock_tsc() + 5000);
	fake_set_tsc(clock_tsc() + 5000);
	settle();
	assert_int_equal(guest->irqs, 1);
}

static void guest_wakes_ap(struct vcpu *vcpu)
{
	(void)vcpu;
	guest_irq(ap);
}

static void test_wake_by_another_vcpu_of_the_same_cpu(void **state)
{
	(void)state;
	set_cpus(1);
	begin_alive(guest_halt);
	settle();
	assert_int_equal(ap->cpu, 0);
	guest_of(vm->vcpu[0])->step[0] = guest_wakes_ap;
	guest_irq(vm->vcpu[0]);
	settle();
	assert_int_equal(guest->irqs, 1);
	assert_int_equal(ap->state, VCPU_HALTED);
}

/* Interrupts and NMIs stay with a vCPU over a pause. */
static void test_messages_to_a_paused_vcpu(void **state)
{
	(void)state;
	begin_alive(guest_halt);
	vm_pause(vm);
	settle();
	assert_int_equal(vm->state, VM_PAUSED);
	guest->runs = 0;
	guest_irq(ap);
	vcpu_post_event(ap, VCPU_EVENT_NMI);
	settle();
	assert_int_equal(guest->runs, 0);
	assert_int_equal(ap->state, VCPU_STOPPED);
	vm_resume(vm);
	settle();
	assert_int_equal(guest->irqs, 1);
	assert_int_equal(guest->nmis, 1);
}

/* A reset drops what was on its way. */
static void test_messages_before_a_reset(void **state)
{
	(void)state;
	begin_alive(guest_halt);
	vm_pause(vm);
	settle();
	vcpu_post_event(ap, VCPU_EVENT_NMI);
	vcpu_post_init(ap);
	vcpu_post_sipi(ap, 0x77);
	vm_reset(vm);
	settle();
	assert_int_equal(vm->state, VM_RUNNING);
	assert_int_equal(ap->state, VCPU_WAIT_SIPI);
	assert_int_equal(ap->events, 0);
	assert_int_equal(guest->inits, 0);
	assert_int_equal(guest->sipis, 0);
	assert_int_equal(guest->nmis, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, vm_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sipi_starts_a_waiting_vcpu),
		TEST(test_absent_vcpu),
		TEST(test_sipi_before_init_is_dropped),
		TEST(test_init_after_sipi_drops_the_sipi),
		TEST(test_second_sipi_is_ignored),
		TEST(test_second_sipi_while_the_first_is_served),
		TEST(test_init_of_a_halted_and_of_a_running_vcpu),
		TEST(test_init_drops_an_nmi_that_came_before),
		TEST(test_init_from_its_own_exit),
		TEST(test_all_orders),
		TEST(test_a_message_at_any_point),
		TEST(test_two_messages_at_any_two_points),
		TEST(test_wake_by_a_timer_of_the_same_cpu),
		TEST(test_wake_by_another_vcpu_of_the_same_cpu),
		TEST(test_messages_to_a_paused_vcpu),
		TEST(test_messages_before_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
