/* SPDX-License-Identifier: MIT */
/* pvpanic: a port by which the guest's kernel says that it panicked (ACPI device QEMU0001). */
#ifndef FIRN_VDEV_PVPANIC_H
#define FIRN_VDEV_PVPANIC_H

#include "core/iobus.h"

#define PVPANIC_PORT 0x505 /* reads the events that are understood; as in the DSDT */

/* The device is the VM. */
extern const struct iodev_ops pvpanic_ops; /* PVPANIC_PORT, one byte */

#endif
