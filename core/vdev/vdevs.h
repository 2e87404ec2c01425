/* SPDX-License-Identifier: MIT */
/* All devices of a VM: made, reset and removed together. */
#ifndef FIRN_VDEV_VDEVS_H
#define FIRN_VDEV_VDEVS_H

#include "core/vdev/cpu_hotplug.h"
#include "core/vdev/ged.h"
#include "core/vdev/pci_host.h"
#include "core/vdev/power.h"
#include "core/vdev/rtc.h"
#include "core/vdev/test_devices.h"
#include "core/vdev/uart16550.h"
#include "core/vdev/virtio.h"

struct vm;

struct vdevs {
	struct uart uart;
	struct rtc rtc;
	struct pci_host pci;
	struct power power;
	struct ged ged;
	struct cpu_hotplug cpus;
	struct test_devices test; /* on the bus only when the configuration says so */
	/* By device number; virtio_create() puts them here, NULL = none. */
	struct virtio_device *virtio[PCI_SLOTS];
};

/*
 * Creates vm->vdevs and puts everything, the IOAPIC included, on the VM's buses and its console;
 * vm->config and ->console must exist. Guest memory stays untouched: vdevs_reset() comes before the
 * first start. On failure nothing is left. Boot CPU. ERR_NOMEM, ERR_OVERLAP, ERR_FULL.
 */
enum firn_err vdevs_create(struct vm *vm);
/*
 * Power-on state, and fresh ACPI tables in guest memory. ERR_NOMEM, ERR_RANGE (no RAM there): without
 * the tables. Boot CPU, VM not running.
 */
enum firn_err vdevs_reset(struct vm *vm) __must_check;
/* The VM stopped or goes on: device work outside of vCPUs ends, or begins again. Boot CPU. */
void vdevs_pause(struct vm *vm);
void vdevs_resume(struct vm *vm);
/* The console has its callbacks into what goes away here: destroy it next. Boot CPU, VM not running. */
void vdevs_destroy(struct vm *vm);

#endif
