/* SPDX-License-Identifier: MIT */
/*
 * VMs on a fake machine for the tests of core/vm.c, vcpu.c, sched.c and machine.c: the CPUs are
 * simulated by the test's one thread, a pass of their loop at a time; guests are lists of steps;
 * loaders, devices and consoles are small stand-ins that can fail.
 */
#ifndef FIRN_TESTS_VM_FIXTURE_H
#define FIRN_TESTS_VM_FIXTURE_H

#include "core/sched_queue.h"
#include "core/vm.h"

#define FIXTURE_VMS	  4
#define FIXTURE_VCPUS	  4
#define FIXTURE_CPUS	  4
#define FIXTURE_VM_MEMORY (4 * MiB)
#define FIXTURE_RAM_BASE  0x40000000ull
#define FIXTURE_RAM	  (48 * MiB)
#define FIXTURE_RELAX_TSC 100
#define FIXTURE_OLD	  0xa5 /* what the machine's RAM holds before a guest uses it */
#define FIXTURE_KERNEL	  "kernel in memory"
#define FIXTURE_LOAD_GPA  0x3000ull

/* What a guest does until its next exit; runs on the vCPU's CPU. */
typedef void (*guest_step)(struct vcpu *vcpu);
void guest_halt(struct vcpu *vcpu);
void guest_spin(struct vcpu *vcpu); /* until the end of its slice */

/* A vCPU's program, and what the core did to the vCPU. */
struct guest {
	guest_step step[16]; /* NULL ends it; then it halts for ever */
	guest_step then;     /* unless it does this */
	unsigned next;	     /* index in step; 0 again after reset, INIT and SIPI */
	u32 irq;	     /* atomic: an interrupt is pending, raised by guest_irq() */
	unsigned irqs;	     /* taken */
	unsigned nmis;
	unsigned preempted, scheduled_in, arrivals; /* calls of the hooks */
	unsigned runs, resets, inits, sipis, resumes, unloads;
	const struct boot_state *boot; /* of the last reset */
	u8 vector;		       /* of the last SIPI */
	bool polls_itself;	       /* arch_vcpu_may_poll() is false */
	bool in_user;		       /* arch_vcpu_in_kernel() is false */
	bool on_cpu;		       /* something of it is held by its CPU */
};
extern struct guest guests[FIXTURE_VMS][FIXTURE_VCPUS];
struct guest *guest_of(const struct vcpu *vcpu);
/* As a device does: pending first, then vcpu_notify(). Any CPU. */
void guest_irq(struct vcpu *vcpu);

extern struct vm_config configs[FIXTURE_VMS];

/* cmocka: one ready CPU, old contents in RAM, default configurations; nothing may be left over. */
int vm_fixture_setup(void **state);
int vm_fixture_teardown(void **state);

/* That many CPUs, all of them ready to run guests. */
void set_cpus(unsigned count);
/* VM number index with so many vCPUs, vCPU n on CPU n modulo the CPUs. */
struct vm *make_vm(unsigned index, unsigned vcpus);
void start_vm_ok(struct vm *vm);
/* Removes all VMs, and what their guests and transitions left. Called by the teardown. */
void remove_vms(void);

/* One pass of the CPU's loop; nothing while it sleeps and nothing woke it: returns false then. */
bool cpu_pass(unsigned cpu);
/* Passes on all CPUs in turn until all sleep, at most so many each: spinning guests go on. */
void settle(void);
bool cpu_asleep(unsigned cpu);
/* Also checks that it is there once at most. */
bool on_run_queue(unsigned cpu, const struct vcpu *vcpu);

/* The next or a later call of something that can fail fails: 0 = the next; -1 = none. */
extern int fail_after;
extern const char *failed; /* what failed, NULL = nothing did */
bool fixture_fails(const char *what);
extern enum firn_err load_check_result, load_result;

/* Transitions that were completed, in order. */
struct done {
	struct vm *vm;
	enum vm_transition what;
};
extern struct done done[32];
extern unsigned nr_done;

/* Called at named places inside of the fixture, for races at that very place. */
extern void (*at_place)(const char *place);

extern const char *order; /* a letter per run of a guest: 'a' + VM, upper case from vCPU 1 on */
void clear_order(void);
extern struct vm *focused; /* by the last console_focus() */
extern unsigned focus_calls;
extern struct loader_images loaded; /* by the last loader_check() */
extern u8 *fixture_ram;

/* The log since the last said_clear(). */
extern char said[16384];
void said_clear(void);
#define assert_said(text)                                         \
	do {                                                      \
		if (!strstr(said, text))                          \
			fail_msg("'%s' not in '%s'", text, said); \
	} while (0)

/* For tests with threads: CPUs are threads, so nothing sleeps and no order is written. */
extern bool threaded;
void cpu_pass_threaded(void);

#endif
