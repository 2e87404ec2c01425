/* SPDX-License-Identifier: MIT */
/* The table of VMs, their creation and their life. */
#include "core/vm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arch.h"
#include "core/console.h"
#include "core/files.h"
#include "core/guest_frames.h"
#include "core/guest_layout.h"
#include "core/guest_memory.h"
#include "core/log.h"
#include "core/pmem.h"
#include "core/sched.h"
#include "core/vcpu.h"
#include "core/vdev/vdevs.h"

/* So many resets in a row may come sooner after a start than this. */
#define QUICK_RESETS_MAX 3
#define QUICK_RESET_NS	 NS_PER_S

const char *const vm_state_name[VM_STATES] = {
	[VM_STOPPED] = "stopped",
	[VM_RUNNING] = "running",
	[VM_PAUSED] = "paused",
	[VM_CRASHED] = "crashed",
};

static struct vm *vms[CONFIG_MAX_VMS];
static unsigned nr_vms;

void (*vm_transition_hook)(struct vm *vm, enum vm_transition done);

unsigned vm_count(void)
{
	return nr_vms;
}

struct vm *vm_by_id(unsigned id)
{
	return id < nr_vms ? vms[id] : NULL;
}

struct vm *vm_by_name(const char *name)
{
	for (unsigned i = 0; i < nr_vms; i++)
		if (strcmp(vms[i]->config->name, name) == 0)
			return vms[i];
	return NULL;
}

/*
 * Memory
 */

#define HUGE_PAGE (2 * MiB)

/* One block if there is one: 1 GiB-aligned for large guests, so that few table entries map it. */
static u64 alloc_guest_block(u64 size, u64 *got)
{
	u64 align = size >= GiB && pmem_largest(GiB) >= size ? GiB : HUGE_PAGE;
	u64 largest = pmem_largest(align), hpa = 0;

	*got = size <= largest ? size : ALIGN_DOWN(largest, HUGE_PAGE);
	if (*got)
		hpa = pmem_alloc(*got, align, PMEM_ANY, PMEM_GUEST);
	if (hpa && guest_memory_take(hpa, *got) != FIRN_OK) {
		pmem_free(hpa, *got, PMEM_GUEST);
		hpa = 0;
	}
	return hpa;
}

static void free_guest_block(struct backing *b)
{
	backing_wipe(b);
	guest_memory_return(b->hpa, b->size);
	pmem_free(b->hpa, b->size, PMEM_GUEST);
	b->hpa = 0;
}

static enum firn_err add_ram(struct vm *vm, u64 gpa, u64 size)
{
	enum firn_err err = FIRN_OK;

	while (size && err == FIRN_OK) {
		struct backing *b = &vm->backing[vm->memory.count];
		u64 got;

		if (vm->memory.count == MEMSLOT_MAX)
			return ERR_FULL;
		b->hpa = alloc_guest_block(size, &got);
		if (!b->hpa)
			return ERR_NOMEM;
		b->size = got;
		b->present = calloc(backing_map_words(got), sizeof(*b->present));
		if (!b->present)
			return ERR_NOMEM;
		err = memslot_create(&vm->memory, MEMSLOT_RAM, gpa, b);
		gpa += got;
		size -= got;
	}
	return err;
}

static void free_memory(struct vm *vm)
{
	while (vm->memory.count)
		memslot_delete(&vm->memory, vm->memory.slot[0].gpa);
	for (unsigned i = 0; i < ARRAY_SIZE(vm->backing); i++) {
		if (vm->backing[i].hpa)
			free_guest_block(&vm->backing[i]);
		free(vm->backing[i].present);
	}
}

static enum firn_err create_memory(struct vm *vm)
{
	u64 memory = vm->config->memory;
	enum firn_err err = add_ram(vm, 0, guest_ram_below_hole(memory));

	if (err == FIRN_OK)
		err = add_ram(vm, GUEST_HOLE_END, guest_ram_above_4g(memory));
	return err;
}

/*
 * Creation
 */

static enum firn_err create_vcpus(struct vm *vm)
{
	for (unsigned i = 0; i < vm->config->max_cpus; i++) {
		struct vcpu *vcpu = calloc(1, sizeof(*vcpu));
		enum firn_err err;

		if (!vcpu)
			return ERR_NOMEM;
		vcpu_setup(vcpu, vm, i, sched_place(vm, i));
		vm->vcpu[i] = vcpu;
		vm->nr_vcpus = i + 1;
		err = arch_vcpu_create(vcpu);
		if (err != FIRN_OK)
			return err;
	}
	return FIRN_OK;
}

static enum firn_err create_devices(struct vm *vm)
{
	vm->console = vm_console_create(vm);
	return vm->console ? vdevs_create(vm) : ERR_NOMEM;
}

static void complete_transition(struct work *work);
static void reset_again(struct timer *timer);

/* For a VM that could not be created: gives back what there is of it. */
static void destroy_vm(struct vm *vm)
{
	if (vm->vdevs)
		vdevs_destroy(vm);
	if (vm->console)
		vm_console_destroy(vm->console);
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		arch_vcpu_destroy(vm->vcpu[i]);
		free(vm->vcpu[i]->trace);
		free(vm->vcpu[i]);
	}
	arch_vm_destroy(vm);
	free_memory(vm);
	free(vm);
}

/* After destroy_vm(), so that the amounts are those that the VM would find. */
static void explain_failure(const struct vm_config *config, const char *step, enum firn_err err,
			    struct load_error *error)
{
	struct pmem_stats st;
	int len = snprintf(error->text, sizeof(error->text), "%s: %s", step, firn_strerror(err));

	if (err != ERR_NOMEM && err != ERR_FULL)
		return;
	pmem_get_stats(&st);
	snprintf(error->text + len, sizeof(error->text) - len,
		 " (%llu MiB and page tables are wanted, %llu MiB are free, %llu MiB in one piece)",
		 (unsigned long long)(config->memory / MiB), (unsigned long long)(st.free / MiB),
		 (unsigned long long)(pmem_largest(HUGE_PAGE) / MiB));
}

/* A bit each, as in vm->present. */
static u64 initial_vcpus(const struct vm_config *config)
{
	_Static_assert(VM_MAX_VCPUS == 64, "vm->present has a bit for each");
	return ~0ull >> (VM_MAX_VCPUS - config->cpus);
}

enum firn_err vm_create(const struct vm_config *config, struct vm **out, struct load_error *error)
{
	static const struct {
		const char *what;
		enum firn_err (*create)(struct vm *vm);
	} steps[] = {
		{ "a CPU that it may run on", sched_admit },
		{ "memory", create_memory },
		{ "page tables", arch_vm_create },
		{ "vCPUs", create_vcpus },
		{ "devices", create_devices },
	};
	enum firn_err err = nr_vms < CONFIG_MAX_VMS ? ERR_NOMEM : ERR_FULL;
	const char *lacks = config->cet ? arch_cet_lacks() : NULL;
	struct vm *vm;

	if (lacks) {
		snprintf(error->text, sizeof(error->text), "cet = yes: %s", lacks);
		return ERR_UNSUPPORTED;
	}
	vm = err == ERR_NOMEM ? calloc(1, sizeof(*vm)) : NULL;
	if (!vm) {
		snprintf(error->text, sizeof(error->text), "%s", firn_strerror(err));
		return err;
	}
	vm->id = nr_vms;
	vm->config = config;
	vm->abi = config->abi;
	vm->present = initial_vcpus(config);
	vm->transition_work.run = complete_transition;
	vm->reset_timer.fire = reset_again;
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		err = steps[i].create(vm);
		if (err == FIRN_OK)
			continue;
		destroy_vm(vm);
		explain_failure(config, steps[i].what, err, error);
		return err;
	}
	vms[nr_vms++] = vm;
	*out = vm;
	return FIRN_OK;
}

/*
 * Starting
 */

static struct loader_file file_ref(const struct config_file_ref *ref)
{
	const struct loader_file *f = ref->name[0] ? files_find(ref->name) : NULL;

	return f ? *f : (struct loader_file){ .name = ref->name };
}

static void collect_images(const struct vm_config *c, struct loader_images *img)
{
	*img = (struct loader_images){
		.kernel = file_ref(&c->kernel),
		.initrd = file_ref(&c->initrd),
		.nr_modules = c->nr_modules,
		.cmdline = c->cmdline,
	};
	for (unsigned i = 0; i < c->nr_modules; i++) {
		img->module[i].file = file_ref(&c->module[i]);
		img->module[i].args = c->module[i].args;
	}
}

/* Nothing of an earlier guest or of the firmware may be seen by this one. */
static void forget_memory(struct vm *vm)
{
	for (unsigned i = 0; i < vm->memory.count; i++) {
		struct memslot *slot = &vm->memory.slot[i];

		backing_forget(slot->backing);
		memslot_mark_dirty(slot, 0, slot->size);
	}
	arch_vm_forget_memory(vm);
}

static void run_vcpus(struct vm *vm, bool from_start)
{
	iobus_go_live(&vm->pio);
	iobus_go_live(&vm->mmio);
	vm->active_vcpus = vm->nr_vcpus;
	vm->state = VM_RUNNING;
	__atomic_store_n(&vm->transition, VM_NO_TRANSITION, __ATOMIC_RELEASE);
	vdevs_resume(vm);
	/* Before any of them runs: the boot vCPU may wake another one that has not begun here. */
	for (unsigned i = 0; from_start && i < vm->nr_vcpus; i++)
		__atomic_store_n(&vm->vcpu[i]->events, 0, __ATOMIC_RELEASE);
	for (unsigned i = vm->nr_vcpus; i-- > 0;) {
		vm->vcpu[i]->from_start = from_start;
		work_post(vcpu_cpu(vm->vcpu[i]), &vm->vcpu[i]->start_work);
	}
}

static enum firn_err load_and_run(struct vm *vm, struct load_error *error)
{
	struct loader_images img;
	enum firn_err err;

	collect_images(vm->config, &img);
	err = loader_check(&img, vm->config->memory, error);
	if (err != FIRN_OK)
		return err;
	forget_memory(vm);
	arch_vm_reset(vm);
	err = vdevs_reset(vm);
	if (err != FIRN_OK) {
		snprintf(error->text, sizeof(error->text), "ACPI tables: %s", firn_strerror(err));
		return err;
	}
	err = loader_load(vm, &img, &vm->boot, error);
	if (err != FIRN_OK)
		return err;
	vm->reason[0] = 0;
	vm->starts++;
	vm->started = clock_tsc();
	run_vcpus(vm, true);
	return FIRN_OK;
}

enum firn_err vm_start(struct vm *vm, struct load_error *error)
{
	if (vm->state == VM_RUNNING || vm->state == VM_PAUSED) {
		snprintf(error->text, sizeof(error->text), "it is %s", vm_state_name[vm->state]);
		return ERR_STATE;
	}
	vm->present = initial_vcpus(vm->config);
	return load_and_run(vm, error);
}

/*
 * Transitions: asked for from anywhere, completed on the boot CPU when all vCPUs have stopped
 */

/* The reason goes with the transition: two vCPUs may ask at once. */
static bool raise_transition(struct vm *vm, enum vm_transition wanted, const char *why)
{
	bool raised = false;

	spin_lock(&vm->transition_lock);
	if (vm->transition < wanted) {
		__atomic_store_n(&vm->transition, wanted, __ATOMIC_RELEASE);
		snprintf(vm->reason, sizeof(vm->reason), "%s", why);
		raised = true;
	}
	spin_unlock(&vm->transition_lock);
	return raised;
}

static void request(struct vm *vm, enum vm_transition wanted, const char *why)
{
	if (!raise_transition(vm, wanted, why))
		return;
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		vcpu_post_event(vm->vcpu[i], VCPU_EVENT_STOP);
}

void vm_crash(struct vm *vm, const char *fmt, ...)
{
	char why[sizeof(vm->reason)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	log_error("VM %s crashed: %s", vm->config->name, why);
	request(vm, VM_CRASH, why);
}

void vm_request_reset(struct vm *vm, const char *why)
{
	bool stop = vm->config->on_reboot == VM_ACTION_STOP;

	request(vm, stop ? VM_STOP : VM_RESET, why);
}

void vm_request_stop(struct vm *vm, const char *why)
{
	request(vm, VM_STOP, why);
}

void vm_triple_fault(struct vm *vm)
{
	bool stop = vm->config->on_triple_fault == VM_ACTION_STOP;

	request(vm, stop ? VM_STOP : VM_RESET, "triple fault");
}

void vm_panicked(struct vm *vm)
{
	static const char why[] = "the guest's kernel panicked";

	if (vm->config->on_panic == VM_ACTION_KEEP) {
		vm_crash(vm, "%s", why);
		return;
	}
	log_error("VM %s: %s", vm->config->name, why);
	request(vm, vm->config->on_panic == VM_ACTION_STOP ? VM_STOP : VM_RESET, why);
}

void vm_report_exit_status(struct vm *vm, u8 status)
{
	vm->exit_status = MAX(vm->exit_status, status);
	vm->reported = true;
}

static void finish_transition(struct vm *vm);

static enum firn_err request_if(struct vm *vm, bool possible, enum vm_transition wanted)
{
	static const char at_console[] = "asked for at the console";

	if (!possible)
		return ERR_STATE;
	if (vm->state == VM_RUNNING) {
		request(vm, wanted, at_console);
		return FIRN_OK;
	}
	vm->transition = wanted;
	snprintf(vm->reason, sizeof(vm->reason), "%s", at_console);
	finish_transition(vm);
	return FIRN_OK;
}

enum firn_err vm_pause(struct vm *vm)
{
	return request_if(vm, vm->state == VM_RUNNING, VM_PAUSE);
}

enum firn_err vm_stop(struct vm *vm)
{
	return request_if(vm, vm->state != VM_STOPPED, VM_STOP);
}

enum firn_err vm_reset(struct vm *vm)
{
	return request_if(vm, vm->state != VM_STOPPED, VM_RESET);
}

enum firn_err vm_resume(struct vm *vm)
{
	if (vm->state != VM_PAUSED)
		return ERR_STATE;
	run_vcpus(vm, false);
	return FIRN_OK;
}

/* The guest keeps the vCPUs that it was given. */
static void restart(struct vm *vm)
{
	struct load_error error = { "" };

	vm->state = VM_STOPPED;
	if (load_and_run(vm, &error) != FIRN_OK)
		log_error("VM %s cannot start again: %s", vm->config->name, error.text);
}

/* A start forgets the reason, but not that there was a crash. */
static void count_crash(struct vm *vm)
{
	vm->crashes++;
	snprintf(vm->last_crash, sizeof(vm->last_crash), "%s", vm->reason);
}

static void finish_transition(struct vm *vm)
{
	enum vm_transition t = __atomic_load_n(&vm->transition, __ATOMIC_ACQUIRE);
	static const struct {
		enum vm_state state;
		const char *done;
	} after[] = {
		[VM_PAUSE] = { VM_PAUSED, "paused" },
		[VM_RESET] = { VM_STOPPED, "reset" },
		[VM_STOP] = { VM_STOPPED, "stopped" },
		[VM_CRASH] = { VM_CRASHED, "stopped after its crash" },
	};

	BUG_ON(t == VM_NO_TRANSITION);
	vdevs_pause(vm);
	vm->state = after[t].state;
	if (t == VM_CRASH)
		count_crash(vm);
	log_info("VM %s %s: %s", vm->config->name, after[t].done, vm->reason);
	if (t == VM_RESET)
		restart(vm);
	if (vm_transition_hook)
		vm_transition_hook(vm, t);
}

/*
 * A reset is work of the boot CPU: it loads the guest's files. A guest that does nothing else would
 * leave little of that CPU to others, so it has to wait after a few.
 */
static bool reset_waits(struct vm *vm)
{
	u64 due = vm->started + clock_ns_to_tsc(QUICK_RESET_NS);

	if (clock_tsc() >= due) {
		vm->quick_resets = 0;
		return false;
	}
	if (vm->quick_resets < QUICK_RESETS_MAX) {
		vm->quick_resets++;
		return false;
	}
	timer_set(&vm->reset_timer, due);
	return true;
}

/* What came meanwhile, such as a stop, is done instead. */
static void reset_again(struct timer *timer)
{
	finish_transition(container_of(timer, struct vm, reset_timer));
}

static void complete_transition(struct work *work)
{
	struct vm *vm = container_of(work, struct vm, transition_work);

	if (__atomic_load_n(&vm->transition, __ATOMIC_ACQUIRE) != VM_RESET || !reset_waits(vm))
		finish_transition(vm);
}
