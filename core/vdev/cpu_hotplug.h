/* SPDX-License-Identifier: MIT */
/*
 * CPU hotplug: the modern register block of QEMU's docs/specs/acpi_cpu_hotplug, which the CPUs in
 * the DSDT use. There is no legacy bitmap to switch away from. All vCPUs that a VM may have exist
 * from its making; this device decides which of them its guest has (vm->present).
 */
#ifndef FIRN_VDEV_CPU_HOTPLUG_H
#define FIRN_VDEV_CPU_HOTPLUG_H

#include "core/config.h"
#include "core/err.h"
#include "core/iobus.h"

struct vm;
struct ged;

#define CPU_HOTPLUG_PORT  0xcd8 /* as in the DSDT */
#define CPU_HOTPLUG_PORTS 12

struct cpu_hotplug {
	struct vm *vm;
	struct ged *ged;
	struct spinlock lock;	 /* of what follows, and of writes to vm->present */
	u32 selector;		 /* any value; no CPU beyond vm->nr_vcpus */
	u8 command;		 /* the last one, for the data register */
	u64 inserting, removing; /* bit = vCPU: the guest has not taken note of the event yet */
	u64 firmware;		 /* bit = vCPU: handed to firmware to eject */
	u64 unanswered;		 /* bit = vCPU: _OST is to say how the last request went */
	u32 ost_event[CONFIG_MAX_VCPUS]; /* last event of _OST (ACPI 6.4 6.3.5) */
};

extern const struct iodev_ops cpu_hotplug_ops; /* CPU_HOTPLUG_PORT */

void cpu_hotplug_init(struct cpu_hotplug *hp, struct vm *vm, struct ged *ged);
/* Forgets events and requests to remove a CPU. The selector stays. */
void cpu_hotplug_reset(struct cpu_hotplug *hp);
/*
 * Gives the guest the absent vCPU with the lowest number and tells it. VM running or paused.
 * ERR_FULL: it has all. Boot CPU.
 */
enum firn_err cpu_hotplug_add(struct cpu_hotplug *hp, unsigned *id);
/*
 * Asks the guest to give a vCPU back; it leaves when the guest ejects it, if ever. ERR_NOENT: it is
 * absent; ERR_INVALID: vCPU 0, which a guest can't give up. Boot CPU.
 */
enum firn_err cpu_hotplug_remove(struct cpu_hotplug *hp, unsigned id);

#endif
