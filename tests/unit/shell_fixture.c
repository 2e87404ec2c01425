/* SPDX-License-Identifier: MIT */
/* See shell_fixture.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "shell_fixture.h"

#include "core/console.h"
#include "core/dirty_log.h"
#include "core/epoch.h"
#include "core/files.h"
#include "core/heap.h"
#include "core/pmem.h"
#include "core/reg_ids.h"
#include "core/sched.h"
#include "core/timer.h"
#include "core/vdev/vdevs.h"
#include "fake.h"

#define PATIENCE 3 /* seconds that a command may take */

/*
 * The screen
 */

char screen[512 * 1024];
size_t screen_len, room;

static void sink_write(struct log_sink *sink, const char *text, size_t len)
{
	(void)sink;
	assert_true(screen_len + len < sizeof(screen));
	memcpy(screen + screen_len, text, len);
	screen_len += len;
	screen[screen_len] = '\0';
	room -= MIN(room, len);
}
static struct log_sink sink = { .name = "test", .write = sink_write };

size_t console_tx_room(void)
{
	return room;
}

void clear_screen(void)
{
	screen_len = 0;
	screen[0] = '\0';
	room = sizeof(screen);
}

/*
 * What the prompt calls
 */

struct vm_config config[MANY_VMS];
struct vm vm[MANY_VMS];
static struct vcpu vcpu[3]; /* two of the first VM, one of the second */
static struct vdevs vdevs[NR_VMS];
unsigned irq_line;
unsigned nr_vms;
struct vm *focus;
const char *called;
struct vm *called_vm;
enum firn_err answer;
enum machine_end ended;
unsigned refused;

const char *const vm_state_name[VM_STATES] = { "stopped", "running", "paused", "crashed" };
const char *const vcpu_state_name[VCPU_STATES] = { "waiting for SIPI", "running", "halted",
						   "stopped" };
const char *const pmem_use_name[PMEM_USES] = { "heap", "page tables",	 "guests",
					       "CPUs", "virtualization", "disks" };

unsigned vm_count(void)
{
	return nr_vms;
}
struct vm *vm_by_id(unsigned id)
{
	return id < nr_vms ? &vm[id] : NULL;
}
struct vm *vm_by_name(const char *name)
{
	for (unsigned i = 0; i < nr_vms; i++)
		if (strcmp(config[i].name, name) == 0)
			return &vm[i];
	return NULL;
}

static enum firn_err record(const char *name, struct vm *on)
{
	called = name;
	called_vm = on;
	return answer;
}
enum firn_err vm_start(struct vm *on, struct load_error *err)
{
	if (answer == ERR_FORMAT)
		snprintf(err->text, sizeof(err->text), "kernel vmlinuz: too short");
	return record("start", on);
}
enum firn_err vm_stop(struct vm *on)
{
	return record("stop", on);
}
enum firn_err vm_pause(struct vm *on)
{
	return record("pause", on);
}
enum firn_err vm_resume(struct vm *on)
{
	return record("resume", on);
}
enum firn_err vm_reset(struct vm *on)
{
	return record("reset", on);
}
enum firn_err arch_vm_log_writes(struct vm *on, bool log)
{
	(void)on;
	(void)log;
	return FIRN_OK;
}
void arch_vm_watch(struct vm *on, u64 gpa, u64 size)
{
	(void)on;
	(void)gpa;
	(void)size;
}
void arch_vm_flush_nested(struct vm *on)
{
	(void)on;
}
void epoch_defer(struct epoch_entry *entry, void (*free)(struct epoch_entry *entry))
{
	free(entry);
}
void vm_set_irq(struct vm *on, unsigned gsi, bool level)
{
	(void)on;
	irq_line = level ? gsi : 0;
}
void vcpu_post_init(struct vcpu *v)
{
	v->events |= VCPU_EVENT_INIT;
}
void console_focus(struct vm *to)
{
	if (!focus && to)
		shell_leave();
	if (focus && !to)
		shell_enter();
	focus = to;
}
void machine_shutdown(enum machine_end end)
{
	called = "shutdown";
	ended = end;
}

unsigned machine_vms_refused(void)
{
	return refused;
}

void pmem_get_stats(struct pmem_stats *st)
{
	*st = (struct pmem_stats){ 512 * MiB, 200 * MiB, { MiB, 2 * MiB, 300 * MiB, 4096, 8192 } };
}
struct sched_stats sched_get_stats(unsigned cpu)
{
	return cpu == 0 ? (struct sched_stats){ .guest_tsc = clock_tsc() / 4,
						.idle_tsc = clock_tsc() / 2 }
			: (struct sched_stats){ .idle_tsc = clock_tsc() };
}
u64 heap_size(void)
{
	return 128 * KiB;
}
u64 files_total_size(void)
{
	return 10 * MiB;
}
unsigned epoch_pending(void)
{
	return 7;
}

/*
 * arch/
 */

bool never_ran;
const char *inconsistent;
unsigned begins, ends;
struct fake_reg regs[NR_REGS] = {
	{ "msr.LSTAR", REG_ID(REG_TYPE_MSR, 0xc0000082), 0xffffffff82000000 },
	{ "rax", REG_ID(REG_TYPE_GPR, 0), 0x1234 },
	{ "rip", REG_ID(REG_TYPE_GPR, REG_GPR_RIP), 0xffffffff81000000 },
	{ "cs.selector", REG_ID(REG_TYPE_SEGMENT, 4), 0x10 },
	{ "cs.base", REG_ID(REG_TYPE_SEGMENT, 5), 0 },
};

struct host_pci *functions;
struct host_pci *pci_first(void)
{
	return functions;
}

void arch_shell_mitigations(bool json)
{
	shell_print(json ? "{}\n" : "none\n");
}

static enum shell_result fake_selftest(const struct shell_line *line)
{
	shell_print("%s with %u words\n", line->arg[0], line->nr_args);
	return SHELL_DONE;
}
const struct selftest arch_selftests[] = {
	{ "first", "does one thing", 1, fake_selftest },
	{ "second", "does another", 2, fake_selftest },
};
const size_t arch_nr_selftests = ARRAY_SIZE(arch_selftests);

void arch_shell_caps(void)
{
	shell_print("processor fake\n");
}
u32 arch_cpu_hardware_id(unsigned cpu)
{
	return cpu * 2;
}
const char *arch_cpu_status(unsigned cpu)
{
	return cpu ? "VMX disabled by \"firmware\"" : "VMX on";
}
unsigned arch_nr_exits(void)
{
	return 64;
}
const char *arch_exit_name(unsigned reason)
{
	return reason == 10 ? "CPUID" : reason == 30 ? "I/O" : "unknown";
}
u64 more_exits;
u64 arch_exit_count(const struct vcpu *v, unsigned reason)
{
	if (v->vm != &vm[0])
		return 0;
	switch (reason) {
	case 10:
		return 100;
	case 30:
		return (v->id == 0 ? 1000 : 500) + more_exits;
	default:
		return reason == 63;
	}
}
size_t arch_reg_list(struct vcpu *v, u64 *ids, size_t max)
{
	(void)v;
	for (size_t i = 0; i < ARRAY_SIZE(regs) && i < max; i++)
		ids[i] = regs[i].id;
	return ARRAY_SIZE(regs);
}
const char *arch_reg_name(u64 id, char buf[REG_NAME_MAX])
{
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
		if (regs[i].id == id)
			return strcpy(buf, regs[i].name);
	return NULL;
}
u64 arch_reg_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
		if (strcmp(regs[i].name, name) == 0)
			return regs[i].id;
	return 0;
}
enum firn_err arch_reg_begin(struct vcpu *v)
{
	assert_int_equal(cpu_index(), v->cpu);
	if (never_ran)
		return ERR_STATE;
	begins++;
	return FIRN_OK;
}
enum firn_err arch_reg_get(struct vcpu *v, u64 id, u64 *value)
{
	assert_int_equal(cpu_index(), v->cpu);
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
		if (regs[i].id == id) {
			*value = regs[i].value;
			return FIRN_OK;
		}
	return ERR_NOENT;
}
enum firn_err arch_reg_set(struct vcpu *v, u64 id, u64 value)
{
	assert_int_equal(cpu_index(), v->cpu);
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
		if (regs[i].id == id && value != 0xbad) {
			regs[i].value = value;
			return FIRN_OK;
		}
	return ERR_INVALID;
}
void arch_reg_end(struct vcpu *v)
{
	assert_int_equal(cpu_index(), v->cpu);
	ends++;
}
const char *arch_regs_inconsistent(struct vcpu *v)
{
	(void)v;
	return inconsistent;
}

/*
 * Driving it
 */

void run_cpus(void)
{
	for (unsigned pass = 0; pass < 4; pass++) {
		for (unsigned cpu = 0; cpu < nr_cpus(); cpu++) {
			fake_set_cpu(cpu);
			work_run();
		}
	}
	fake_set_cpu(0);
}

void keys(const char *text)
{
	for (; *text; text++)
		shell_input((u8)*text);
}

void pass_time(u64 ns)
{
	fake_set_clock_ns(clock_ns() + ns);
	timer_run(clock_tsc());
	run_cpus();
}

static bool at_prompt(void)
{
	size_t len = strlen(PROMPT);

	return screen_len >= len && strcmp(screen + screen_len - len, PROMPT) == 0;
}

const char *cmd(const char *line)
{
	static char printed[sizeof(screen)];
	size_t len;

	clear_screen();
	keys(line);
	keys("\r");
	run_cpus();
	for (unsigned second = 0; second < PATIENCE && !at_prompt(); second++)
		pass_time(NS_PER_S);
	assert_memory_equal(screen, line, strlen(line));
	assert_int_equal(screen[strlen(line)], '\n');
	strcpy(printed, screen + strlen(line) + 1);
	len = strlen(printed);
	assert_true(len >= strlen(PROMPT));
	assert_string_equal(printed + len - strlen(PROMPT), PROMPT);
	printed[len - strlen(PROMPT)] = '\0';
	return printed;
}

int shell_setup(void **state)
{
	static bool ready;

	(void)state;
	fake_reset();
	fake_set_nr_cpus(2);
	fake_set_clock_ns(1000000000);
	nr_vms = NR_VMS;
	refused = 0;
	config[0] = (struct vm_config){ .name = "shell", .cpus = 2, .memory = 256 * MiB };
	config[1] = (struct vm_config){ .name = "tests", .cpus = 1, .memory = 64 * MiB };
	for (unsigned i = 0; i < NR_VMS; i++)
		vm[i] = (struct vm){ .id = i, .config = &config[i] };
	vm[0].state = VM_RUNNING;
	vm[0].nr_vcpus = 2;
	vm[1].nr_vcpus = 1;
	for (unsigned i = 0; i < NR_VMS; i++)
		vm[i].present = BIT(vm[i].nr_vcpus) - 1;
	memset(vdevs, 0, sizeof(vdevs));
	for (unsigned i = 0; i < NR_VMS; i++) {
		vm[i].abi = ABI_1;
		vm[i].vdevs = &vdevs[i];
		ged_init(&vdevs[i].ged, &vm[i]);
		cpu_hotplug_init(&vdevs[i].cpus, &vm[i], &vdevs[i].ged);
	}
	irq_line = 0;
	functions = NULL;
	strcpy(vm[0].reason, "asked for"); /* of a pause that is over */
	strcpy(vm[1].reason, "debug \"exit\"");
	for (unsigned i = 0; i < ARRAY_SIZE(vcpu); i++) {
		struct vm *owner = &vm[i / 2];

		vcpu[i] = (struct vcpu){ .vm = owner, .id = i % 2, .cpu = i == 0 ? 1 : 0 };
		owner->vcpu[i % 2] = &vcpu[i];
	}
	called = NULL;
	answer = FIRN_OK;
	never_ran = false;
	inconsistent = NULL;
	begins = ends = 0;
	more_exits = 0;
	clear_screen();
	if (!ready) {
		log_add_sink(&sink);
		shell_init();
		assert_has(screen, "Ctrl-]");
		assert_has(screen, "\n" PROMPT);
		ready = true;
	}
	console_focus(NULL);
	log_set_level(LOG_INFO);
	keys(CTRL_C);
	run_cpus();
	clear_screen();
	return 0;
}
