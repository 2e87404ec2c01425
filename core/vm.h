/* SPDX-License-Identifier: MIT */
/* A virtual machine: memory, buses, vCPUs, devices. */
#ifndef FIRN_CORE_VM_H
#define FIRN_CORE_VM_H

#include "arch_vm.h"
#include "core/config.h"
#include "core/iobus.h"
#include "core/memslot.h"

struct vcpu;
struct vm_console;

#define VM_MAX_VCPUS CONFIG_MAX_VCPUS

enum vm_state {
	VM_STOPPED, /* never started, or its guest powered off */
	VM_RUNNING,
	VM_PAUSED,  /* by the console */
	VM_CRASHED, /* the guest broke a rule; state kept for inspection */
};

struct vm {
	unsigned id; /* index in the table of VMs */
	const struct vm_config *config;
	u32 state; /* enum vm_state, atomic */
	char crash_reason[128];

	struct memslots memory;
	struct backing backing[MEMSLOT_MAX];
	struct iobus pio, mmio;

	unsigned nr_vcpus;
	struct vcpu *vcpu[VM_MAX_VCPUS];

	struct vm_console *console; /* where its UART's bytes go, core/console.h */
	struct vdevs *vdevs;	    /* its devices, core/vdev/vdevs.h */
	struct arch_vm arch;	    /* nested page tables, CPUID image, IOAPIC */
};

/*
 * Bad guest behaviour ends here: the VM stops, its state is kept, the host goes on. Callable from
 * exit handlers and devices on the CPU that runs the vCPU.
 */
void vm_crash(struct vm *vm, const char *fmt, ...) __printf(2, 3);

/* The guest asked for it (ACPI, 0xCF9, debug exit, triple fault). From device/exit context. */
void vm_request_reset(struct vm *vm, const char *why);
void vm_request_stop(struct vm *vm, const char *why);
/* Debug exit port: remembers the status that the machine reports when Firn shuts down. */
void vm_report_exit_status(struct vm *vm, u8 status);

/* Drives an interrupt line of the VM's IOAPIC (pin = GSI, 0..23). Any CPU. arch/x86/ioapic.c */
void vm_set_irq(struct vm *vm, unsigned gsi, bool level);

#endif
