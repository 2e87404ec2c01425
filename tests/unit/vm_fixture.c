/* SPDX-License-Identifier: MIT */
/* See vm_fixture.h. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/files.h"
#include "core/guest_memory.h"
#include "fake.h"
#include "tests/unit/vm_fixture.h"
/* Their static state is wiped between tests. */
#include "core/sched.c"
#include "core/vm.c"

bool threaded;

/*
 * Failures
 */

int fail_after;
const char *failed;

bool fixture_fails(const char *what)
{
	if (fail_after < 0 || fail_after-- > 0)
		return false;
	failed = what;
	return true;
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	return fixture_fails("calloc") ? NULL : __real_calloc(count, size);
}

/*
 * Guests
 */

struct guest guests[FIXTURE_VMS][FIXTURE_VCPUS];
void (*at_place)(const char *place);
static char runs[4096];
static size_t nr_runs;
const char *order = runs;

void clear_order(void)
{
	nr_runs = 0;
	memset(runs, 0, sizeof(runs));
}

static void place(const char *name)
{
	if (at_place)
		at_place(name);
}

struct guest *guest_of(const struct vcpu *vcpu)
{
	assert_true(vcpu->vm->id < FIXTURE_VMS && vcpu->id < FIXTURE_VCPUS);
	return &guests[vcpu->vm->id][vcpu->id];
}

void guest_irq(struct vcpu *vcpu)
{
	__atomic_store_n(&guest_of(vcpu)->irq, 1, __ATOMIC_SEQ_CST);
	vcpu_notify(vcpu);
}

void guest_halt(struct vcpu *vcpu)
{
	place("before halt");
	vcpu->state = VCPU_HALTED;
	place("after halt");
}

void guest_spin(struct vcpu *vcpu)
{
	(void)vcpu;
	if (!threaded)
		fake_set_tsc(clock_tsc() + clock_ns_to_tsc(SCHED_SLICE_NS));
}

/*
 * CPUs that sleep until they are kicked or their timer is due. Kicks that came before the last
 * look for work are spent, which is the worst that an interrupt window can do.
 */

#define IDLE_NS 100000 /* that a sleep lasts, of CPUs that are threads */

static struct {
	unsigned kicks_seen;
	bool asleep;
} sleeper[MAX_CPUS];

void arch_idle(void)
{
	unsigned cpu = cpu_index();

	/* Time goes on while all sleep: what waits for its VM's next period has nothing else to wake it. */
	if (threaded) {
		fake_add_tsc(clock_ns_to_tsc(IDLE_NS));
		sched_yield();
		return;
	}
	place("idle");
	assert_null(run_queues[cpu].head);
	assert_null(run_queues[cpu].running);
	sleeper[cpu].asleep = fake_kicks(cpu) == sleeper[cpu].kicks_seen;
}

/* Only code on that CPU fills its run queue, so then it is awake: the test plays that code. */
bool cpu_asleep(unsigned cpu)
{
	return sleeper[cpu].asleep && !run_queues[cpu].head &&
	       fake_kicks(cpu) == sleeper[cpu].kicks_seen && clock_tsc() < fake_wakeup(cpu);
}

bool cpu_pass(unsigned cpu)
{
	if (cpu_asleep(cpu))
		return false;
	fake_set_cpu(cpu);
	sleeper[cpu].asleep = false;
	sleeper[cpu].kicks_seen = fake_kicks(cpu);
	sched_set_idle(this_queue(), false);
	pass(this_queue());
	/* arch_idle() has come back here; the CPU is in it until its next pass. */
	if (sleeper[cpu].asleep)
		sched_set_idle(this_queue(), true);
	fake_set_cpu(0);
	return true;
}

void cpu_pass_threaded(void)
{
	pass(this_queue());
}

#define SETTLE_PASSES 40

void settle(void)
{
	bool busy = true;

	for (unsigned i = 0; i < SETTLE_PASSES && busy; i++) {
		busy = false;
		for (unsigned cpu = 0; cpu < nr_cpus(); cpu++)
			busy |= cpu_pass(cpu);
	}
}

bool on_run_queue(unsigned cpu, const struct vcpu *vcpu)
{
	unsigned found = 0;

	for (const struct vcpu *v = run_queues[cpu].head; v; v = v->next)
		found += v == vcpu;
	assert_true(found <= 1);
	assert_int_equal(found, vcpu->queued && vcpu->cpu == cpu);
	return found;
}

/*
 * The vendor's part
 */

static void check_owner(const struct vcpu *vcpu)
{
	if (!threaded)
		assert_int_equal(cpu_index(), vcpu->cpu);
}

bool vcpu_can_wake(struct vcpu *vcpu)
{
	bool can = __atomic_load_n(&guest_of(vcpu)->irq, __ATOMIC_SEQ_CST) ||
		   (__atomic_load_n(&vcpu->events, __ATOMIC_ACQUIRE) &
		    (VCPU_EVENT_NMI | VCPU_EVENT_UNHALT));

	check_owner(vcpu);
	place(can ? "can wake" : "cannot wake");
	return can;
}

static void take_interrupts(struct vcpu *vcpu)
{
	struct guest *g = guest_of(vcpu);
	u32 events = __atomic_fetch_and(&vcpu->events, ~(u32)VCPU_EVENT_NMI, __ATOMIC_ACQ_REL);

	if (__atomic_exchange_n(&g->irq, 0, __ATOMIC_SEQ_CST))
		__atomic_fetch_add(&g->irqs, 1, __ATOMIC_RELEASE);
	if (events & VCPU_EVENT_NMI)
		__atomic_fetch_add(&g->nmis, 1, __ATOMIC_RELEASE);
}

static void step(struct vcpu *vcpu)
{
	struct guest *g = guest_of(vcpu);
	guest_step what = g->next < ARRAY_SIZE(g->step) ? g->step[g->next] : NULL;

	if (what)
		g->next++;
	else
		what = g->then ? g->then : guest_halt;
	what(vcpu);
}

static void note_run(const struct vcpu *vcpu)
{
	guest_of(vcpu)->runs++;
	guest_of(vcpu)->on_cpu = true;
	if (threaded)
		fake_add_tsc(1);
	if (!threaded && nr_runs < sizeof(runs) - 1)
		runs[nr_runs++] = (char)((vcpu->id ? 'A' : 'a') + vcpu->vm->id);
}

/* As arch/x86/vmx/run.c goes about it. */
enum vcpu_stop arch_vcpu_run(struct vcpu *vcpu, u64 slice_end)
{
	check_owner(vcpu);
	assert_true(vcpu->state == VCPU_RUNNABLE || vcpu->state == VCPU_HALTED);
	assert_int_equal(vcpu->vm->state, VM_RUNNING);
	assert_false(vcpu->sched.in_transit);
	note_run(vcpu);
	for (;;) {
		sleeper[cpu_index()].kicks_seen = fake_kicks(cpu_index());
		place("before entry");
		if (__atomic_load_n(&vcpu->events, __ATOMIC_ACQUIRE) & VCPU_EVENTS_STOPPING)
			return VCPU_STOP_EVENT;
		place("events checked");
		if (work_pending())
			return VCPU_STOP_PREEMPTED;
		place("work checked");
		if (vcpu->state == VCPU_HALTED) {
			if (!vcpu_can_wake(vcpu)) {
				place("halted");
				return VCPU_STOP_HALTED;
			}
			vcpu_end_halt(vcpu);
		}
		if (clock_tsc() >= slice_end)
			return VCPU_STOP_PREEMPTED;
		take_interrupts(vcpu);
		step(vcpu);
	}
}

void arch_vcpu_arrived(struct vcpu *vcpu)
{
	check_owner(vcpu);
	assert_false(guest_of(vcpu)->on_cpu);
	guest_of(vcpu)->arrivals++;
}

bool arch_vcpu_may_poll(const struct vcpu *vcpu)
{
	return !guest_of(vcpu)->polls_itself;
}

bool arch_vcpu_in_kernel(struct vcpu *vcpu)
{
	check_owner(vcpu);
	return !guest_of(vcpu)->in_user;
}

void arch_relax(void)
{
	place("relax");
	fake_add_tsc(FIXTURE_RELAX_TSC);
}

void arch_vcpu_preempted(struct vcpu *vcpu)
{
	check_owner(vcpu);
	guest_of(vcpu)->preempted++;
}

void arch_vcpu_scheduled_in(struct vcpu *vcpu)
{
	check_owner(vcpu);
	guest_of(vcpu)->scheduled_in++;
}

void arch_vcpu_reset(struct vcpu *vcpu, const struct boot_state *boot)
{
	struct guest *g = guest_of(vcpu);

	check_owner(vcpu);
	g->resets++;
	g->next = 0;
	__atomic_store_n(&g->irq, 0, __ATOMIC_SEQ_CST);
	g->boot = boot;
	g->on_cpu = true;
}

void arch_vcpu_init(struct vcpu *vcpu)
{
	check_owner(vcpu);
	assert_true(guest_of(vcpu)->resets > 0);
	place("INIT");
	__atomic_fetch_add(&guest_of(vcpu)->inits, 1, __ATOMIC_RELEASE);
	guest_of(vcpu)->next = 0;
	guest_of(vcpu)->on_cpu = true;
}

void arch_vcpu_sipi(struct vcpu *vcpu, u8 vector)
{
	check_owner(vcpu);
	__atomic_fetch_add(&guest_of(vcpu)->sipis, 1, __ATOMIC_RELEASE);
	guest_of(vcpu)->vector = vector;
	guest_of(vcpu)->next = 0;
	guest_of(vcpu)->on_cpu = true;
}

void arch_vcpu_resumed(struct vcpu *vcpu)
{
	check_owner(vcpu);
	guest_of(vcpu)->resumes++;
}

void arch_vcpu_unload(struct vcpu *vcpu)
{
	check_owner(vcpu);
	assert_false(vcpu->sched.in_transit);
	guest_of(vcpu)->unloads++;
	guest_of(vcpu)->on_cpu = false;
}

/* Halves of what a failed create made are left to destroy. */
enum firn_err arch_vcpu_create(struct vcpu *vcpu)
{
	/* An address and no memory behind it: a test may have promised more than there is. */
	vcpu->arch.lapic.page = (u8 *)pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_VIRT);
	return fixture_fails("vCPU") ? ERR_NOMEM : FIRN_OK;
}

void arch_vcpu_destroy(struct vcpu *vcpu)
{
	if (vcpu->arch.lapic.page)
		pmem_free((u64)vcpu->arch.lapic.page, PAGE_SIZE, PMEM_VIRT);
}

const char *arch_cet_lacks(void)
{
	return fixture_fails("CET") ? "the CPU has none" : NULL;
}

enum firn_err arch_vm_create(struct vm *vm)
{
	vm->arch.nested_root = pmem_alloc(PAGE_SIZE, PAGE_SIZE, PMEM_ANY, PMEM_PAGE_TABLE);
	return fixture_fails("page tables") ? ERR_UNSUPPORTED : FIRN_OK;
}

void arch_vm_destroy(struct vm *vm)
{
	if (vm->arch.nested_root)
		pmem_free(vm->arch.nested_root, PAGE_SIZE, PMEM_PAGE_TABLE);
}

static void check_nothing_runs(const struct vm *vm)
{
	assert_int_not_equal(vm->state, VM_RUNNING);
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		assert_int_equal(vm->vcpu[i]->state, VCPU_STOPPED);
}

void arch_vm_forget_memory(struct vm *vm)
{
	check_nothing_runs(vm);
}

void arch_vm_reset(struct vm *vm)
{
	check_nothing_runs(vm);
}

/*
 * Devices, console, loader
 */

enum firn_err vdevs_create(struct vm *vm)
{
	if (fixture_fails("devices"))
		return ERR_OVERLAP;
	assert_non_null(vm->console);
	vm->vdevs = __real_calloc(1, sizeof(*vm->vdevs));
	return FIRN_OK;
}

void vdevs_destroy(struct vm *vm)
{
	free(vm->vdevs);
}

void vdevs_pause(struct vm *vm)
{
	assert_non_null(vm->vdevs);
}

void vdevs_resume(struct vm *vm)
{
	assert_non_null(vm->vdevs);
}

enum firn_err vdevs_reset(struct vm *vm)
{
	check_nothing_runs(vm);
	return fixture_fails("ACPI tables") ? ERR_NOMEM : FIRN_OK;
}

struct vm_console {
	struct vm *vm;
};
struct vm *focused;
unsigned focus_calls;

struct vm_console *vm_console_create(struct vm *vm)
{
	struct vm_console *con =
		fixture_fails("console") ? NULL : __real_calloc(1, sizeof(struct vm_console));

	if (con)
		con->vm = vm;
	return con;
}

void vm_console_destroy(struct vm_console *con)
{
	free(con);
}

void console_focus(struct vm *vm)
{
	focused = vm;
	focus_calls++;
}

enum firn_err load_check_result, load_result;
struct loader_images loaded;

static enum firn_err load_answer(enum firn_err err, const char *name, struct load_error *error)
{
	if (err != FIRN_OK)
		snprintf(error->text, sizeof(error->text), "kernel %s: %s", name,
			 firn_strerror(err));
	return err;
}

enum firn_err loader_check(const struct loader_images *img, u64 memory, struct load_error *err)
{
	assert_true(memory > 0);
	loaded = *img;
	return load_answer(load_check_result, img->kernel.name, err);
}

enum firn_err loader_load(struct vm *vm, const struct loader_images *img, struct boot_state *out,
			  struct load_error *err)
{
	check_nothing_runs(vm);
	if (load_result == FIRN_OK) {
		*out = (struct boot_state){ .rip = FIXTURE_LOAD_GPA };
		assert_int_equal(guest_load(&vm->memory, FIXTURE_LOAD_GPA, FIXTURE_KERNEL,
					    sizeof(FIXTURE_KERNEL)),
				 FIRN_OK);
	}
	return load_answer(load_result, img->kernel.name, err);
}

/*
 * Log and transitions
 */

char said[16384];
struct done done[32];
unsigned nr_done;

void said_clear(void)
{
	said[0] = '\0';
}

static void sink_write(struct log_sink *sink, const char *text, size_t len)
{
	size_t used = strlen(said);

	(void)sink;
	if (used + len < sizeof(said)) {
		memcpy(said + used, text, len);
		said[used + len] = '\0';
	}
}
static struct log_sink sink = { .name = "test", .write = sink_write };

/* A VM that does not run is held by no CPU. */
static void record_done(struct vm *vm, enum vm_transition what)
{
	assert_int_equal(cpu_index(), 0);
	assert_true(nr_done < ARRAY_SIZE(done));
	for (unsigned i = 0; vm->state != VM_RUNNING && i < vm->nr_vcpus; i++) {
		assert_int_equal(vm->vcpu[i]->state, VCPU_STOPPED);
		assert_false(guest_of(vm->vcpu[i])->on_cpu);
	}
	done[nr_done++] = (struct done){ vm, what };
}

/*
 * Setup
 */

struct vm_config configs[FIXTURE_VMS];
u8 *fixture_ram;

void set_cpus(unsigned count)
{
	fake_set_nr_cpus(count);
	for (unsigned cpu = 0; cpu < count; cpu++) {
		fake_set_cpu(cpu);
		sched_cpu_ready();
	}
	fake_set_cpu(0);
}

struct vm *make_vm(unsigned index, unsigned vcpus)
{
	struct load_error error = { "" };
	struct vm *vm = NULL;

	assert_int_equal(index, vm_count()); /* scripts are found by the VM's number */
	configs[index].cpus = configs[index].max_cpus = vcpus;
	assert_int_equal(vm_create(&configs[index], &vm, &error), FIRN_OK);
	for (unsigned i = 0; i < vcpus; i++)
		vm->vcpu[i]->cpu = i % nr_cpus();
	return vm;
}

void start_vm_ok(struct vm *vm)
{
	struct load_error error = { "" };

	assert_int_equal(vm_start(vm, &error), FIRN_OK);
}

static void drain_work(void)
{
	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
		fake_set_cpu(cpu);
		while (work_pending())
			work_run();
	}
	fake_set_cpu(0);
}

/* Nothing of the VMs that go, or of the time that passed, is left. */
static void empty_queue(unsigned cpu)
{
	struct run_queue *q = &run_queues[cpu];
	bool ready = q->ready;

	fake_set_cpu(cpu);
	timer_cancel(&q->cap_timer);
	sched_set_idle(q, false);
	memset(q, 0, sizeof(*q));
	if (ready)
		sched_cpu_ready();
	sched_set_idle(q, sleeper[cpu].asleep);
	fake_set_cpu(0);
}

void remove_vms(void)
{
	drain_work();
	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
		empty_queue(cpu);
	while (nr_vms)
		destroy_vm(vms[--nr_vms]);
	memset(guests, 0, sizeof(guests));
	nr_done = 0;
}

static void default_configs(void)
{
	memset(configs, 0, sizeof(configs));
	for (unsigned i = 0; i < FIXTURE_VMS; i++) {
		struct vm_config *c = &configs[i];

		snprintf(c->name, sizeof(c->name), "%c", 'a' + i);
		snprintf(c->kernel.name, sizeof(c->kernel.name), "vmlinuz");
		c->line = 10 * (i + 1);
		c->cpus = c->max_cpus = 1;
		c->weight = CONFIG_WEIGHT_DEFAULT;
		c->memory = FIXTURE_VM_MEMORY;
		c->autostart = true;
		c->on_reboot = c->on_triple_fault = VM_ACTION_RESET;
	}
}

static void first_setup(void)
{
	static bool ready;

	if (ready)
		return;
	ready = true;
	assert_int_equal(pmem_add(FIXTURE_RAM_BASE, FIXTURE_RAM), FIRN_OK);
	assert_int_equal(files_add("vmlinuz", "kernel", 6), FIRN_OK);
	log_add_sink(&sink);
}

int vm_fixture_setup(void **state)
{
	(void)state;
	fake_reset();
	fake_set_tsc(1000);
	fixture_ram = fake_set_ram(FIXTURE_RAM_BASE, FIXTURE_RAM);
	memset(fixture_ram, FIXTURE_OLD, FIXTURE_RAM);
	first_setup();
	fail_after = -1;
	failed = NULL;
	load_check_result = load_result = FIRN_OK;
	at_place = NULL;
	cpu_loop_poll = NULL;
	focused = NULL;
	focus_calls = nr_done = 0;
	threaded = false;
	memset(guests, 0, sizeof(guests));
	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
		sched_set_idle(&run_queues[cpu], false);
	memset(run_queues, 0, sizeof(run_queues));
	memset(sleeper, 0, sizeof(sleeper));
	vm_transition_hook = record_done;
	default_configs();
	set_cpus(1);
	said_clear();
	clear_order();
	return 0;
}

int vm_fixture_teardown(void **state)
{
	struct pmem_stats st;

	(void)state;
	at_place = NULL;
	fail_after = -1;
	vm_transition_hook = NULL;
	cpu_loop_poll = NULL;
	remove_vms();
	pmem_get_stats(&st);
	assert_int_equal(st.free, st.total);
	for (unsigned use = 0; use < PMEM_USES; use++)
		assert_int_equal(st.used[use], 0);
	fake_reset();
	return 0;
}
