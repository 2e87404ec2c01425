/* SPDX-License-Identifier: MIT */
/* A virtual machine: memory, buses, vCPUs, devices, and its life. */
#ifndef FIRN_CORE_VM_H
#define FIRN_CORE_VM_H

#include "arch_vm.h"
#include "core/config.h"
#include "core/iobus.h"
#include "core/loader.h"
#include "core/memslot.h"
#include "core/timer.h"
#include "core/work.h"

struct vcpu;
struct vm_console;
struct vdevs;

#define VM_MAX_VCPUS CONFIG_MAX_VCPUS

enum vm_state {
	VM_STOPPED, /* never started, or its guest powered off */
	VM_RUNNING,
	VM_PAUSED,  /* by the console */
	VM_CRASHED, /* the guest broke a rule; state kept for inspection */
	VM_STATES,
};
extern const char *const vm_state_name[VM_STATES];

/* Ways out of VM_RUNNING, by rising priority: a later request never weakens an earlier one. */
enum vm_transition {
	VM_NO_TRANSITION,
	VM_PAUSE,
	VM_RESET,
	VM_STOP,
	VM_CRASH
};

/* Time that its vCPUs together have used, sched_cap.c */
struct vm_cap {
	struct spinlock lock;
	u64 period_end, used; /* TSC, TSC ticks */
};

struct vm {
	unsigned id;	      /* index in the table of VMs */
	enum abi_profile abi; /* what its guest sees; never changes */
	const struct vm_config *config;
	u32 state;			 /* enum vm_state; written on the boot CPU */
	u32 transition;			 /* enum vm_transition, atomic */
	u32 active_vcpus;		 /* atomic: vCPUs that have not stopped yet */
	char reason[128];		 /* of the last transition */
	unsigned starts, crashes;	 /* since Firn started */
	u64 started;			 /* TSC, the last time */
	unsigned quick_resets;		 /* in a row, each soon after the start before */
	struct timer reset_timer;	 /* the next one waits; boot CPU */
	char last_crash[128];		 /* why; "" = it never did */
	struct spinlock transition_lock; /* of transition and reason while it runs */
	bool dedicated;			 /* its vCPUs have their CPUs for themselves, for ever */
	bool reported;			 /* the guest wrote an exit status */
	u8 exit_status;

	struct memslots memory;
	struct dirty_log *dirty_log; /* NULL = off; core/dirty_log.h */
	struct backing backing[MEMSLOT_MAX];
	struct iobus pio, mmio;

	struct cpu_set cpus; /* that it may use */
	struct vm_cap cap;
	u32 yielded_to; /* atomic: id of the vCPU that a spinning one yielded to last */

	unsigned nr_vcpus; /* that it may have */
	u64 present;	   /* atomic: those that its guest has, bit = id; the others never run */
	struct vcpu *vcpu[VM_MAX_VCPUS];
	struct boot_state boot; /* of the last start, for its boot vCPU */
	struct work transition_work;

	struct vm_console *console; /* where its UART's bytes go, core/console.h */
	struct vdevs *vdevs;	    /* its devices, core/vdev/vdevs.h */
	struct arch_vm arch;	    /* nested page tables, CPUID image, IOAPIC */
};

/*
 * Bad guest behaviour ends here: the VM stops, its state is kept, the host goes on. Callable from
 * exit handlers and devices on a CPU that runs a vCPU of it.
 */
void vm_crash(struct vm *vm, const char *fmt, ...) __printf(2, 3);

/* The guest asked for it (ACPI, 0xCF9, debug exit). From device and exit context, any CPU. */
void vm_request_reset(struct vm *vm, const char *why);
void vm_request_stop(struct vm *vm, const char *why);
/* Reset or stop, as its configuration says. */
void vm_triple_fault(struct vm *vm);
/* The guest's kernel gave up: kept as it is, reset or stopped, as its configuration says. */
void vm_panicked(struct vm *vm);
/* Debug exit port: remembers the status that the machine reports when Firn shuts down. */
void vm_report_exit_status(struct vm *vm, u8 status);

/* Does its guest have this vCPU? Any CPU. */
static inline bool vm_has_vcpu(const struct vm *vm, unsigned id)
{
	return __atomic_load_n(&vm->present, __ATOMIC_ACQUIRE) >> id & 1;
}

/* Drives an interrupt line of the VM's IOAPIC (pin = GSI, 0..23). Any CPU. arch/x86/ioapic.c */
void vm_set_irq(struct vm *vm, unsigned gsi, bool level);
/*
 * A device's message-signalled interrupt: a write of data to address (SDM 3A 10.11). Addresses and
 * delivery modes that mean no interrupt are dropped. Any CPU. arch/x86/msi.c
 */
void vm_send_msi(struct vm *vm, u64 address, u32 data);

/*
 * The rest is for the boot CPU only.
 */

/*
 * A new, stopped VM with its memory, vCPUs and devices; config stays with it. ERR_UNSUPPORTED (cet = yes
 * on a machine without), ERR_NOMEM, ERR_FULL (as many VMs as there may be, or memory in too many
 * pieces), and what scheduler, arch/ and devices refuse it by; the text says which of them.
 */
enum firn_err vm_create(const struct vm_config *config, struct vm **out, struct load_error *err);
/*
 * Loads the guest's files and lets it run from the start, with as many vCPUs as its configuration
 * says. ERR_STATE unless stopped or crashed; else the loader's error, or that of vdevs_reset(): the VM
 * is not running, and the text says why.
 */
enum firn_err vm_start(struct vm *vm, struct load_error *err);
/*
 * From running they complete later, when every vCPU has stopped, and a stronger request that comes
 * meanwhile wins; from other states at once. ERR_STATE in states that are not named.
 */
enum firn_err vm_pause(struct vm *vm);	/* running */
enum firn_err vm_resume(struct vm *vm); /* paused */
enum firn_err vm_reset(struct vm *vm);	/* running, paused, crashed */
enum firn_err vm_stop(struct vm *vm);	/* running, paused, crashed */

unsigned vm_count(void);
struct vm *vm_by_id(unsigned id); /* NULL = none */
struct vm *vm_by_name(const char *name);
/* Called after each completed transition; one listener (core/machine.c). */
extern void (*vm_transition_hook)(struct vm *vm, enum vm_transition done);

#endif
