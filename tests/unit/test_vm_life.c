/* SPDX-License-Identifier: MIT */
/* A VM's making and life: failures, every operation in every state, requests that race. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/guest_layout.h"
#include "core/guest_memory.h"
#include "core/pmem.h"
#include "fake.h"
#include "tests/unit/vm_fixture.h"

/*
 * Making
 */

static void assert_nothing_used(void)
{
	struct pmem_stats st;

	pmem_get_stats(&st);
	assert_int_equal(st.free, st.total);
}

/* What the machine can't give is refused before anything is made. */
static void test_create_without_cet(void **state)
{
	struct load_error error = { "" };
	struct vm *vm = NULL;

	(void)state;
	configs[0].cet = true;
	fail_after = 0;
	assert_int_equal(vm_create(&configs[0], &vm, &error), ERR_UNSUPPORTED);
	assert_string_equal(failed, "CET");
	assert_string_equal(error.text, "cet = yes: the CPU has none");
	assert_null(vm);
	assert_int_equal(vm_count(), 0);
	assert_nothing_used();
	fail_after = -1;
	assert_int_equal(vm_create(&configs[0], &vm, &error), FIRN_OK);
}

/* Every call that can fail does so once; the leak check of the sanitizer sees the heap. */
static void test_create_fails_at_every_step(void **state)
{
	static const char *const expected[] = {
		"out of memory",
		"memory: out of memory",
		"page tables: not supported",
		"vCPUs: out of memory", /* the structure, then what arch/ adds, of three vCPUs */
		"vCPUs: out of memory",
		"vCPUs: out of memory",
		"vCPUs: out of memory",
		"vCPUs: out of memory",
		"vCPUs: out of memory",
		"devices: out of memory",
		"devices: overlaps an existing range",
	};

	(void)state;
	configs[0].cpus = configs[0].max_cpus = 3;
	for (unsigned i = 0; i < ARRAY_SIZE(expected); i++) {
		struct load_error error = { "" };
		struct vm *vm = NULL;

		fail_after = (int)i;
		assert_int_not_equal(vm_create(&configs[0], &vm, &error), FIRN_OK);
		assert_non_null(failed);
		assert_true(strncmp(error.text, expected[i], strlen(expected[i])) == 0);
		assert_null(vm);
		assert_int_equal(vm_count(), 0);
		assert_nothing_used();
	}
	fail_after = ARRAY_SIZE(expected);
	failed = NULL;
	make_vm(0, 3);
	assert_null(failed); /* nothing else can fail */
}

static void test_create_without_enough_memory(void **state)
{
	struct load_error error = { "" };
	struct vm *vm;

	(void)state;
	configs[0].memory = FIXTURE_RAM + MiB;
	assert_int_equal(vm_create(&configs[0], &vm, &error), ERR_NOMEM);
	assert_string_equal(error.text, "memory: out of memory (49 MiB and page tables are wanted,"
					" 48 MiB are free, 48 MiB in one piece)");
	assert_nothing_used();
}

/* Its frames can't be taken out of the direct map: none is kept. */
static void test_create_without_page_tables_for_memory(void **state)
{
	struct load_error error = { "" };
	struct vm *vm;

	(void)state;
	configs[0].memory = 8 * MiB;
	fake_limit_guest_memory(8 * MiB - PAGE_SIZE);
	assert_int_equal(vm_create(&configs[0], &vm, &error), ERR_NOMEM);
	assert_nothing_used();
	assert_int_equal(fake_guest_memory(), 0);
	fake_limit_guest_memory(8 * MiB);
	make_vm(0, 1);
	assert_int_equal(fake_guest_memory(), 8 * MiB);
	remove_vms();
	assert_int_equal(fake_guest_memory(), 0);
	assert_nothing_used();
}

/* More pieces than a VM can have slots: nothing of them is kept. */
static void test_create_with_memory_in_too_many_pieces(void **state)
{
	u64 page[FIXTURE_RAM / PAGE_SIZE / 256];
	struct load_error error = { "" };
	struct vm *vm;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(page); i++)
		page[i] = pmem_alloc(MiB, MiB, PMEM_ANY, PMEM_HEAP);
	/* One 2 MiB block in every 4 MiB is free: 12 are too few for this VM. */
	for (unsigned i = 0; i + 1 < ARRAY_SIZE(page); i += 4) {
		pmem_free(page[i], MiB, PMEM_HEAP);
		pmem_free(page[i + 1], MiB, PMEM_HEAP);
	}
	configs[0].memory = 30 * MiB;
	assert_int_equal(vm_create(&configs[0], &vm, &error), ERR_NOMEM);
	assert_string_equal(error.text, "memory: out of memory (30 MiB and page tables are wanted,"
					" 24 MiB are free, 2 MiB in one piece)");
	configs[0].memory = 4 * MiB; /* two pieces */
	vm = make_vm(0, 1);
	assert_int_equal(vm->memory.count, 2);
	assert_int_equal(vm->memory.slot[1].gpa, 2 * MiB);
	remove_vms();
	for (unsigned i = 0; i < ARRAY_SIZE(page); i++)
		if (i % 4 > 1)
			pmem_free(page[i], MiB, PMEM_HEAP);
	assert_nothing_used();
}

/* vCPUs go where virtualization is on and least is to do. */
static void test_placement(void **state)
{
	unsigned on[4] = { 0 };
	struct load_error error = { "" };
	struct vm *vm;

	(void)state;
	fake_set_nr_cpus(4); /* only CPU 0 is ready so far */
	configs[0].cpus = configs[0].max_cpus = 4;
	assert_int_equal(vm_create(&configs[0], &vm, &error), FIRN_OK);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(vm->vcpu[i]->cpu, 0);
	fake_set_cpu(2);
	sched_cpu_ready();
	fake_set_cpu(3);
	sched_cpu_ready();
	fake_set_cpu(0);
	assert_false(sched_cpu_is_ready(1));
	configs[1].cpus = configs[1].max_cpus = 4;
	assert_int_equal(vm_create(&configs[1], &vm, &error), FIRN_OK);
	configs[2].cpus = configs[2].max_cpus = 2;
	assert_int_equal(vm_create(&configs[2], &vm, &error), FIRN_OK);
	for (unsigned v = 1; v < 3; v++)
		for (unsigned i = 0; i < configs[v].cpus; i++)
			on[vm_by_id(v)->vcpu[i]->cpu]++;
	assert_int_equal(on[0], 0);
	assert_int_equal(on[1], 0);
	assert_int_equal(on[2], 3);
	assert_int_equal(on[3], 3);
}

/*
 * Starting
 */

static void assert_running(const struct vm *vm)
{
	assert_int_equal(vm->state, VM_RUNNING);
	assert_int_equal(vm->transition, VM_NO_TRANSITION);
	assert_int_equal(vm->active_vcpus, vm->nr_vcpus);
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		assert_int_not_equal(vm->vcpu[i]->state, VCPU_STOPPED);
}

static void test_start(void **state)
{
	struct vm *vm;

	(void)state;
	set_cpus(3);
	configs[0].nr_modules = 1;
	strcpy(configs[0].module[0].name, "vmlinuz");
	strcpy(configs[0].module[0].args, "module arguments");
	strcpy(configs[0].cmdline, "quiet");
	vm = make_vm(0, 4);
	assert_int_equal(vm->state, VM_STOPPED);
	start_vm_ok(vm);
	assert_string_equal(loaded.kernel.name, "vmlinuz");
	assert_string_equal(loaded.kernel.data, "kernel");
	assert_int_equal(loaded.kernel.size, 6);
	assert_int_equal(loaded.initrd.size, 0);
	assert_int_equal(loaded.nr_modules, 1);
	assert_string_equal(loaded.module[0].file.data, "kernel");
	assert_string_equal(loaded.module[0].args, "module arguments");
	assert_string_equal(loaded.cmdline, "quiet");
	settle();
	assert_running(vm);
	for (unsigned i = 0; i < 4; i++) {
		const struct guest *g = guest_of(vm->vcpu[i]);

		assert_int_equal(g->resets, 1);
		assert_int_equal(g->resumes, 0);
		assert_ptr_equal(g->boot, i == 0 ? &vm->boot : NULL);
		assert_int_equal(vm->vcpu[i]->state, i == 0 ? VCPU_HALTED : VCPU_WAIT_SIPI);
		assert_int_equal(g->runs, i == 0);
	}
	assert_int_equal(vm->boot.rip, FIXTURE_LOAD_GPA);
	assert_int_equal(nr_done, 0);
}

static void test_start_that_fails(void **state)
{
	struct load_error error = { "" };
	struct vm *vm = make_vm(0, 2);

	(void)state;
	strcpy(configs[0].initrd.name, "no-such-file");
	load_check_result = ERR_FORMAT;
	assert_int_equal(vm_start(vm, &error), ERR_FORMAT);
	assert_string_equal(error.text, "kernel vmlinuz: malformed");
	assert_string_equal(loaded.initrd.name, "no-such-file");
	assert_null(loaded.initrd.data);
	assert_int_equal(vm->state, VM_STOPPED);
	load_check_result = FIRN_OK;
	fail_after = 0;
	assert_int_equal(vm_start(vm, &error), ERR_NOMEM);
	assert_string_equal(error.text, "ACPI tables: out of memory");
	assert_int_equal(vm->state, VM_STOPPED);
	fail_after = -1;
	load_result = ERR_NOMEM;
	assert_int_equal(vm_start(vm, &error), ERR_NOMEM);
	assert_string_equal(error.text, "kernel vmlinuz: out of memory");
	assert_int_equal(vm->state, VM_STOPPED);
	settle();
	assert_int_equal(guest_of(vm->vcpu[0])->resets, 0);
	load_result = FIRN_OK;
	start_vm_ok(vm);
	settle();
	assert_running(vm);
}

/*
 * Every operation in every state
 */

enum op {
	OP_START,
	OP_PAUSE,
	OP_RESUME,
	OP_RESET,
	OP_STOP,
	OPS
};

static enum firn_err do_op(struct vm *vm, enum op op)
{
	struct load_error error = { "" };

	switch (op) {
	case OP_START:
		return vm_start(vm, &error);
	case OP_PAUSE:
		return vm_pause(vm);
	case OP_RESUME:
		return vm_resume(vm);
	case OP_RESET:
		return vm_reset(vm);
	default:
		return vm_stop(vm);
	}
}

static void bring_to(struct vm *vm, enum vm_state wanted)
{
	if (wanted != VM_STOPPED) {
		start_vm_ok(vm);
		settle();
	}
	if (wanted == VM_PAUSED)
		assert_int_equal(vm_pause(vm), FIRN_OK);
	if (wanted == VM_CRASHED)
		vm_crash(vm, "rule %u", 7);
	settle();
	assert_int_equal(vm->state, wanted);
}

#define ILLEGAL VM_STATES

static const enum vm_state after_op[VM_STATES][OPS] = {
	[VM_STOPPED] = { VM_RUNNING, ILLEGAL, ILLEGAL, ILLEGAL, ILLEGAL },
	[VM_RUNNING] = { ILLEGAL, VM_PAUSED, ILLEGAL, VM_RUNNING, VM_STOPPED },
	[VM_PAUSED] = { ILLEGAL, ILLEGAL, VM_RUNNING, VM_RUNNING, VM_STOPPED },
	[VM_CRASHED] = { VM_RUNNING, ILLEGAL, ILLEGAL, VM_RUNNING, VM_STOPPED },
};
static const enum vm_transition transition_of[OPS] = { VM_NO_TRANSITION, VM_PAUSE, VM_NO_TRANSITION,
						       VM_RESET, VM_STOP };

static void assert_refused(struct vm *vm, enum op op)
{
	const struct vm before = *vm;
	unsigned resets = guest_of(vm->vcpu[0])->resets;

	assert_int_equal(do_op(vm, op), ERR_STATE);
	assert_memory_equal(vm, &before, sizeof(before));
	settle();
	assert_int_equal(vm->state, before.state);
	assert_int_equal(nr_done, 0);
	assert_int_equal(guest_of(vm->vcpu[0])->resets, resets);
}

static void try_op(unsigned vcpus, enum vm_state from, enum op op)
{
	enum vm_state to = after_op[from][op];
	struct vm *vm = make_vm(0, vcpus);
	unsigned resets;

	bring_to(vm, from);
	nr_done = 0;
	if (to == ILLEGAL) {
		assert_refused(vm, op);
		remove_vms();
		return;
	}
	resets = guest_of(vm->vcpu[0])->resets;
	assert_int_equal(do_op(vm, op), FIRN_OK);
	settle();
	assert_int_equal(vm->state, to);
	if (transition_of[op]) {
		assert_int_equal(nr_done, 1);
		assert_int_equal(done[0].what, transition_of[op]);
	} else {
		assert_int_equal(nr_done, 0);
	}
	if (to == VM_RUNNING)
		assert_running(vm);
	assert_int_equal(guest_of(vm->vcpu[0])->resets,
			 resets + (op == OP_START || op == OP_RESET));
	assert_int_equal(guest_of(vm->vcpu[0])->resumes, op == OP_RESUME);
	remove_vms();
}

static void test_every_operation_in_every_state(void **state)
{
	static const struct {
		unsigned vcpus, cpus;
	} sizes[] = { { 1, 1 }, { 4, 1 }, { 1, 3 }, { 4, 3 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		set_cpus(sizes[i].cpus);
		for (enum vm_state from = 0; from < VM_STATES; from++)
			for (enum op op = 0; op < OPS; op++)
				try_op(sizes[i].vcpus, from, op);
	}
}

static void test_a_refused_start_says_why(void **state)
{
	struct load_error error = { "" };
	struct vm *vm = make_vm(0, 1);

	(void)state;
	bring_to(vm, VM_PAUSED);
	assert_int_equal(vm_start(vm, &error), ERR_STATE);
	assert_string_equal(error.text, "it is paused");
	assert_int_equal(vm_resume(vm), FIRN_OK);
	assert_int_equal(vm_start(vm, &error), ERR_STATE);
	assert_string_equal(error.text, "it is running");
}

/* A pause keeps what each vCPU was doing, a reset does not. */
static void test_states_of_vcpus_over_a_pause(void **state)
{
	struct vm *vm;

	(void)state;
	set_cpus(3);
	vm = make_vm(0, 4);
	guest_of(vm->vcpu[1])->then = guest_spin;
	start_vm_ok(vm);
	settle();
	vcpu_post_sipi(vm->vcpu[1], 0x12);
	vcpu_post_sipi(vm->vcpu[2], 0x34);
	for (unsigned round = 0; round < 2; round++) {
		settle();
		assert_int_equal(vm->vcpu[0]->state, VCPU_HALTED);
		assert_int_equal(vm->vcpu[1]->state, VCPU_RUNNABLE);
		assert_int_equal(vm->vcpu[2]->state, VCPU_HALTED);
		assert_int_equal(vm->vcpu[3]->state, VCPU_WAIT_SIPI);
		assert_int_equal(vm_pause(vm), FIRN_OK);
		settle();
		clear_order();
		settle();
		assert_string_equal(order, "");
		assert_int_equal(vm_resume(vm), FIRN_OK);
	}
	settle();
	assert_int_equal(guest_of(vm->vcpu[1])->inits, 0);
	assert_int_equal(guest_of(vm->vcpu[1])->sipis, 1);
	assert_int_equal(vm_reset(vm), FIRN_OK);
	settle();
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(vm->vcpu[i]->state, VCPU_WAIT_SIPI);
}

/*
 * Requests that meet
 */

static const enum op op_of[] = { [VM_PAUSE] = OP_PAUSE, [VM_RESET] = OP_RESET, [VM_STOP] = OP_STOP };

static void ask(struct vm *vm, enum vm_transition what)
{
	if (what == VM_CRASH)
		vm_crash(vm, "crash");
	else
		assert_int_equal(do_op(vm, op_of[what]), FIRN_OK);
}

static const enum vm_state after_transition[] = {
	[VM_PAUSE] = VM_PAUSED,
	[VM_RESET] = VM_RUNNING,
	[VM_STOP] = VM_STOPPED,
	[VM_CRASH] = VM_CRASHED,
};

/* So many passes, on CPUs 2, 1, 0, 2, ...: the boot CPU, which completes, comes last. */
static void passes(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		cpu_pass(2 - i % 3);
}

static struct vm *running_vm(void)
{
	struct vm *vm = make_vm(0, 4);

	for (unsigned i = 0; i < 4; i++)
		guest_of(vm->vcpu[i])->then = i % 2 ? guest_halt : guest_spin;
	start_vm_ok(vm);
	settle();
	for (unsigned i = 1; i < 4; i++)
		vcpu_post_sipi(vm->vcpu[i], 1);
	settle();
	nr_done = 0;
	return vm;
}

/* False when the first request had completed already. */
static bool two_requests(enum vm_transition first, unsigned count, enum vm_transition second)
{
	enum vm_transition expected = MAX(first, second);
	struct vm *vm = running_vm();

	ask(vm, first);
	passes(count);
	if (nr_done) {
		remove_vms();
		return false;
	}
	ask(vm, second);
	assert_int_equal(vm->transition, expected);
	settle();
	assert_int_equal(nr_done, 1);
	assert_int_equal(done[0].what, expected);
	assert_ptr_equal(done[0].vm, vm);
	assert_int_equal(vm->state, after_transition[expected]);
	if (vm->state == VM_RUNNING)
		assert_running(vm);
	remove_vms();
	return true;
}

static void test_a_later_request_never_weakens(void **state)
{
	(void)state;
	set_cpus(3);
	for (enum vm_transition a = VM_PAUSE; a <= VM_CRASH; a++)
		for (enum vm_transition b = VM_PAUSE; b <= VM_CRASH; b++) {
			unsigned count = 0;

			while (two_requests(a, count, b))
				assert_true(++count < 20);
			assert_true(count > 3); /* some vCPUs had stopped, some not */
		}
}

static void test_reason_is_that_of_the_strongest(void **state)
{
	struct vm *vm;

	(void)state;
	set_cpus(3);
	vm = running_vm();
	vm_request_stop(vm, "ACPI");
	vm_request_reset(vm, "weaker");
	vm_request_stop(vm, "too late");
	assert_string_equal(vm->reason, "ACPI");
	vm_crash(vm, "it broke rule %d", 3);
	vm_request_stop(vm, "weaker");
	settle();
	assert_string_equal(vm->reason, "it broke rule 3");
	assert_said("error: VM a crashed: it broke rule 3\n");
	assert_said("VM a stopped after its crash: it broke rule 3\n");
	/* the last transition's reason is not that of the one before it */
	assert_int_equal(vm_stop(vm), FIRN_OK);
	assert_string_equal(vm->reason, "asked for at the console");
	assert_said("VM a stopped: asked for at the console\n");
	start_vm_ok(vm);
	assert_string_equal(vm->reason, "");
}

static void test_long_reasons_are_cut(void **state)
{
	char text[512];
	struct vm *vm = make_vm(0, 1);

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	start_vm_ok(vm);
	vm_crash(vm, "%s", text);
	settle();
	assert_int_equal(strlen(vm->reason), sizeof(vm->reason) - 1);
	assert_int_equal(vm->state, VM_CRASHED);
}

/* A request while the start still waits for its CPUs, after each possible number of passes. */
static void test_request_while_the_start_is_queued(void **state)
{
	(void)state;
	set_cpus(3);
	for (enum vm_transition what = VM_PAUSE; what <= VM_CRASH; what++)
		for (unsigned count = 0; count < 8; count++) {
			struct vm *vm = make_vm(0, 4);

			nr_done = 0;
			start_vm_ok(vm);
			passes(count);
			ask(vm, what);
			settle();
			assert_int_equal(nr_done, 1);
			assert_int_equal(done[0].what, what);
			assert_int_equal(vm->state, after_transition[what]);
			if (count == 0)
				assert_int_equal(guest_of(vm->vcpu[0])->runs, what == VM_RESET);
			if (what == VM_PAUSE)
				assert_int_equal(vm_resume(vm), FIRN_OK);
			else if (what != VM_RESET)
				start_vm_ok(vm);
			settle();
			assert_running(vm);
			assert_int_equal(vm->vcpu[0]->state, VCPU_HALTED);
			assert_int_equal(nr_done, 1);
			remove_vms();
		}
}

/* A vCPU that stopped gets a second request, which stays with it: not in its next life. */
static void test_stop_event_of_the_last_life(void **state)
{
	(void)state;
	set_cpus(3);
	for (unsigned paused = 0; paused < 2; paused++) {
		struct vm *vm = running_vm();

		vm_pause(vm);
		cpu_pass(1);
		assert_int_equal(vm->vcpu[1]->state, VCPU_STOPPED);
		ask(vm, paused ? VM_PAUSE : VM_CRASH);
		if (paused) /* same request: no second event; one by hand */
			vcpu_post_event(vm->vcpu[1], VCPU_EVENT_STOP);
		settle();
		assert_int_equal(nr_done, 1);
		assert_true(vm->vcpu[1]->events & VCPU_EVENT_STOP);
		if (paused)
			assert_int_equal(vm_resume(vm), FIRN_OK);
		else
			start_vm_ok(vm);
		settle();
		assert_running(vm);
		assert_int_equal(nr_done, 1);
		assert_false(vm->vcpu[1]->events & VCPU_EVENT_STOP);
		remove_vms();
	}
}

/* The guest's own requests, from a vCPU's exit. */
static void guest_crashes(struct vcpu *vcpu)
{
	vm_crash(vcpu->vm, "vCPU %u", vcpu->id);
}
static void guest_resets(struct vcpu *vcpu)
{
	vm_request_reset(vcpu->vm, "0xcf9");
}
static void guest_powers_off(struct vcpu *vcpu)
{
	vm_request_stop(vcpu->vm, "ACPI sleep");
}
static void guest_triple_faults(struct vcpu *vcpu)
{
	vm_triple_fault(vcpu->vm);
}

static void test_requests_of_guests(void **state)
{
	static const struct {
		guest_step step;
		enum vm_action action;
		enum vm_transition expected;
		const char *said;
	} rows[] = {
		{ guest_crashes, VM_ACTION_RESET, VM_CRASH, "stopped after its crash: vCPU 0" },
		{ guest_resets, VM_ACTION_RESET, VM_RESET, "VM a reset: 0xcf9" },
		{ guest_resets, VM_ACTION_STOP, VM_STOP, "VM a stopped: 0xcf9" },
		{ guest_powers_off, VM_ACTION_RESET, VM_STOP, "VM a stopped: ACPI sleep" },
		{ guest_triple_faults, VM_ACTION_RESET, VM_RESET, "VM a reset: triple fault" },
		{ guest_triple_faults, VM_ACTION_STOP, VM_STOP, "VM a stopped: triple fault" },
	};

	(void)state;
	set_cpus(3);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vm *vm = make_vm(0, 2);

		nr_done = 0;
		said_clear();
		configs[0].on_reboot = rows[i].action;
		configs[0].on_triple_fault = rows[i].action;
		start_vm_ok(vm);
		settle();
		assert_running(vm);
		guest_of(vm->vcpu[0])->step[0] = rows[i].step;
		guest_of(vm->vcpu[0])->step[1] = rows[i].step; /* must not run */
		guest_irq(vm->vcpu[0]);
		for (unsigned j = 0; j < 20 && !nr_done; j++)
			cpu_pass(1 - j % 2);
		assert_int_equal(nr_done, 1);
		assert_int_equal(done[0].what, rows[i].expected);
		assert_said(rows[i].said);
		assert_true(guest_of(vm->vcpu[0])->next <= 1);
		guest_of(vm->vcpu[0])->step[0] = NULL;
		remove_vms();
	}
}

static void guest_panics(struct vcpu *vcpu)
{
	vm_panicked(vcpu->vm);
}

/* Whatever follows a reboot: a panic has an answer of its own. */
static void test_guest_panic(void **state)
{
	static const struct {
		enum vm_action action;
		enum vm_transition expected;
		const char *said;
	} rows[] = {
		{ VM_ACTION_KEEP, VM_CRASH, "VM a crashed: the guest's kernel panicked" },
		{ VM_ACTION_RESET, VM_RESET, "VM a reset: the guest's kernel panicked" },
		{ VM_ACTION_STOP, VM_STOP, "VM a stopped: the guest's kernel panicked" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vm *vm = make_vm(0, 1);

		nr_done = 0;
		said_clear();
		configs[0].on_panic = rows[i].action;
		configs[0].on_reboot = VM_ACTION_STOP;
		guest_of(vm->vcpu[0])->step[0] = guest_panics;
		start_vm_ok(vm);
		for (unsigned j = 0; j < 20 && !nr_done; j++)
			cpu_pass(0);
		assert_int_equal(nr_done, 1);
		assert_int_equal(done[0].what, rows[i].expected);
		assert_said(rows[i].said);
		guest_of(vm->vcpu[0])->step[0] = NULL;
		remove_vms();
	}
}

/* A start gives as many as the configuration says; a reset leaves what is there. */
static void test_vcpus_that_are_there(void **state)
{
	struct vm *vm;

	(void)state;
	set_cpus(2);
	configs[0].abi = ABI_NEWEST;
	vm = make_vm(0, 4);
	configs[0].cpus = 2;
	assert_int_equal(vm->nr_vcpus, 4);
	assert_int_equal(vm->abi, ABI_NEWEST);
	start_vm_ok(vm);
	settle();
	assert_int_equal(vm->present, 0x3);
	vm->present = 0xd;
	assert_int_equal(vm_reset(vm), FIRN_OK);
	settle();
	assert_int_equal(vm->state, VM_RUNNING);
	assert_int_equal(vm->present, 0xd);
	assert_int_equal(vm_stop(vm), FIRN_OK);
	settle();
	start_vm_ok(vm);
	assert_int_equal(vm->present, 0x3);
	settle();
}

/* An order to stop ends a run in the middle of it; what was asked for last by each counts once. */
static void test_two_vcpus_crash_at_once(void **state)
{
	struct vm *vm;

	(void)state;
	set_cpus(2);
	vm = make_vm(0, 2);
	guest_of(vm->vcpu[0])->step[0] = guest_crashes;
	guest_of(vm->vcpu[1])->step[0] = guest_crashes;
	start_vm_ok(vm);
	vcpu_post_event(vm->vcpu[1], VCPU_EVENT_SIPI);
	cpu_pass(1);
	cpu_pass(0);
	cpu_pass(1);
	settle();
	assert_int_equal(nr_done, 1);
	assert_int_equal(vm->state, VM_CRASHED);
}

static void test_restart_that_fails(void **state)
{
	struct vm *vm = make_vm(0, 1);

	(void)state;
	start_vm_ok(vm);
	settle();
	load_result = ERR_NOMEM;
	vm_reset(vm);
	settle();
	assert_int_equal(vm->state, VM_STOPPED);
	assert_int_equal(nr_done, 1);
	assert_int_equal(done[0].what, VM_RESET);
	assert_said("error: VM a cannot start again: kernel vmlinuz: out of memory\n");
	load_result = FIRN_OK;
	start_vm_ok(vm);
	settle();
	assert_running(vm);
}

static void test_exit_status_is_kept(void **state)
{
	struct vm *vm = make_vm(0, 1);

	(void)state;
	assert_false(vm->reported);
	vm_report_exit_status(vm, 0);
	assert_true(vm->reported);
	vm_report_exit_status(vm, 200);
	vm_report_exit_status(vm, 3); /* of the next life: a failure is not forgotten */
	assert_int_equal(vm->exit_status, 200);
}

/* The others are reset before the boot vCPU can wake them, whichever CPU comes first. */
static void guest_wakes_others(struct vcpu *vcpu)
{
	for (unsigned i = 1; i < vcpu->vm->nr_vcpus; i++) {
		vcpu_post_init(vcpu->vm->vcpu[i]);
		vcpu_post_sipi(vcpu->vm->vcpu[i], (u8)(0x10 + i));
	}
}

static void test_boot_vcpu_starts_when_the_others_are_reset(void **state)
{
	(void)state;
	set_cpus(3);
	for (unsigned first = 0; first < 3; first++) {
		struct vm *vm = make_vm(0, 3);

		guest_of(vm->vcpu[0])->step[0] = guest_wakes_others;
		start_vm_ok(vm);
		for (unsigned i = 0; i < 10; i++) /* the others' CPUs are busy for long */
			cpu_pass(first);
		settle();
		for (unsigned i = 1; i < 3; i++) {
			assert_int_equal(vm->vcpu[i]->state, VCPU_HALTED);
			assert_int_equal(guest_of(vm->vcpu[i])->vector, 0x10 + i);
			assert_int_equal(guest_of(vm->vcpu[i])->inits, 1);
			assert_int_equal(guest_of(vm->vcpu[i])->resets, 1);
		}
		remove_vms();
	}
}

/*
 * Memory
 */

static void assert_only_kernel(struct vm *vm)
{
	static u8 bytes[FIXTURE_VM_MEMORY], zeros[FIXTURE_VM_MEMORY];

	assert_int_equal(guest_read(&vm->memory, 0, bytes, sizeof(bytes)), FIRN_OK);
	assert_string_equal(bytes + FIXTURE_LOAD_GPA, FIXTURE_KERNEL);
	memset(bytes + FIXTURE_LOAD_GPA, 0, sizeof(FIXTURE_KERNEL));
	assert_memory_equal(bytes, zeros, sizeof(bytes));
}

static void guest_scribbles(struct vcpu *vcpu)
{
	static u8 junk[FIXTURE_VM_MEMORY];

	memset(junk, 0x5a, sizeof(junk));
	assert_int_equal(guest_write(&vcpu->vm->memory, 0, junk, sizeof(junk)), FIRN_OK);
}

static void test_old_contents_are_never_seen(void **state)
{
	struct vm *vm = make_vm(0, 1);
	struct guest *g = guest_of(vm->vcpu[0]);

	(void)state;
	start_vm_ok(vm);
	assert_only_kernel(vm);
	g->step[0] = guest_scribbles;
	settle();
	assert_int_equal(vm_reset(vm), FIRN_OK);
	g->step[0] = NULL;
	settle();
	assert_running(vm);
	assert_only_kernel(vm);
	/* a pause keeps it */
	guest_scribbles(vm->vcpu[0]);
	vm_pause(vm);
	settle();
	vm_resume(vm);
	settle();
	assert_int_equal(guest_write(&vm->memory, FIXTURE_LOAD_GPA, "", 1), FIRN_OK);
	/* a crash keeps it for inspection, and the next start forgets it */
	vm_crash(vm, "crash");
	settle();
	assert_int_equal(vm->state, VM_CRASHED);
	{
		u8 byte = 0;

		assert_int_equal(guest_read(&vm->memory, 100, &byte, 1), FIRN_OK);
		assert_int_equal(byte, 0x5a);
	}
	start_vm_ok(vm);
	assert_only_kernel(vm);
}

static void test_another_vm_does_not_see_it_either(void **state)
{
	struct vm *vm = make_vm(0, 1);
	struct vm *other;

	(void)state;
	start_vm_ok(vm);
	guest_scribbles(vm->vcpu[0]);
	remove_vms();
	other = make_vm(0, 1);
	start_vm_ok(other);
	assert_only_kernel(other);
}

/* Adds memory that is not there for real: the last tests of the program. */
static void test_memory_around_the_hole(void **state)
{
	struct vm *vm;
	struct pmem_stats before, after;

	(void)state;
	assert_int_equal(pmem_add(64 * GiB, 8 * GiB), FIRN_OK);
	pmem_get_stats(&before);
	configs[0].memory = 5 * GiB;
	vm = make_vm(0, 1);
	assert_int_equal(vm->memory.count, 2);
	assert_int_equal(vm->memory.slot[0].gpa, 0);
	assert_int_equal(vm->memory.slot[0].size, GUEST_HOLE_START);
	assert_true(IS_ALIGNED(vm->memory.slot[0].backing->hpa, GiB));
	assert_int_equal(vm->memory.slot[1].gpa, GUEST_HOLE_END);
	assert_int_equal(vm->memory.slot[1].size, 2 * GiB);
	assert_true(IS_ALIGNED(vm->memory.slot[1].backing->hpa, GiB));
	remove_vms();
	pmem_get_stats(&after);
	assert_int_equal(after.free, before.free);
}

static void test_table_of_vms(void **state)
{
	static struct vm_config many[CONFIG_MAX_VMS + 1];
	struct load_error error = { "" };
	struct vm *vm;

	(void)state;
	for (unsigned i = 0; i < CONFIG_MAX_VMS; i++) {
		many[i] = configs[0];
		many[i].memory = PAGE_SIZE; /* the table is meant, not the memory */
		many[i].name[0] = (char)('0' + i);
		assert_int_equal(vm_create(&many[i], &vm, &error), FIRN_OK);
		assert_int_equal(vm->id, i);
		assert_ptr_equal(vm_by_id(i), vm);
		assert_null(vm_by_id(i + 1));
	}
	assert_int_equal(vm_count(), CONFIG_MAX_VMS);
	assert_ptr_equal(vm_by_name("5"), vm_by_id(5));
	assert_null(vm_by_name("55"));
	assert_null(vm_by_name(""));
	assert_int_equal(vm_create(&many[0], &vm, &error), ERR_FULL);
	assert_string_equal(error.text, "no free slot left");
	assert_null(vm_by_id(~0u));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vm_fixture_setup, vm_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_create_without_cet),
		TEST(test_create_fails_at_every_step),
		TEST(test_create_without_enough_memory),
		TEST(test_create_without_page_tables_for_memory),
		TEST(test_create_with_memory_in_too_many_pieces),
		TEST(test_placement),
		TEST(test_start),
		TEST(test_start_that_fails),
		TEST(test_every_operation_in_every_state),
		TEST(test_a_refused_start_says_why),
		TEST(test_states_of_vcpus_over_a_pause),
		TEST(test_a_later_request_never_weakens),
		TEST(test_reason_is_that_of_the_strongest),
		TEST(test_long_reasons_are_cut),
		TEST(test_request_while_the_start_is_queued),
		TEST(test_stop_event_of_the_last_life),
		TEST(test_requests_of_guests),
		TEST(test_guest_panic),
		TEST(test_vcpus_that_are_there),
		TEST(test_two_vcpus_crash_at_once),
		TEST(test_restart_that_fails),
		TEST(test_exit_status_is_kept),
		TEST(test_boot_vcpu_starts_when_the_others_are_reset),
		TEST(test_old_contents_are_never_seen),
		TEST(test_another_vm_does_not_see_it_either),
		TEST(test_memory_around_the_hole),
		TEST(test_table_of_vms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
