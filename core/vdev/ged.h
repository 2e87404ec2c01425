/* SPDX-License-Identifier: MIT */
/*
 * Generic event device (ACPI 6.4 5.6.9): tells the guest's ACPI that something happened, since
 * hardware-reduced ACPI has no GPE. The interrupt is level-triggered, so that no event is lost while
 * the guest has it masked or does not listen yet; reading the register takes the events.
 */
#ifndef FIRN_VDEV_GED_H
#define FIRN_VDEV_GED_H

#include "core/iobus.h"

struct vm;

#define GED_EVENT_PORT \
	0x604 /* one dword: enum ged_event bits, cleared by the read; as in the DSDT */
#define GED_EVENT_PORTS 4
#define GED_GSI		16 /* above the lines of ISA devices; as in the DSDT */

enum ged_event {
	GED_CPU_HOTPLUG = BIT(0),  /* core/vdev/cpu_hotplug.h */
	GED_POWER_BUTTON = BIT(1), /* pressed */
};

struct ged {
	struct vm *vm;
	struct spinlock lock; /* of events and the interrupt line */
	u32 events;	      /* enum ged_event, not taken yet */
};

extern const struct iodev_ops ged_ops; /* GED_EVENT_PORT */

void ged_init(struct ged *ged, struct vm *vm);
void ged_reset(struct ged *ged);
/* Any CPU. */
void ged_raise(struct ged *ged, enum ged_event event);

#endif
