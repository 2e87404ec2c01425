/* SPDX-License-Identifier: MIT */
/*
 * How a guest ends or restarts its machine: ACPI sleep registers (ACPI 6.4 4.8.3.7), the reset
 * control register 0xcf9, and the keyboard controller's reset pulse. There is no keyboard
 * controller apart from that: its status reads 0, ready and empty.
 */
#ifndef FIRN_VDEV_POWER_H
#define FIRN_VDEV_POWER_H

#include "core/iobus.h"

struct vm;

#define POWER_SLEEP_CONTROL_PORT 0x600 /* status register at the next port; both in the FADT */
#define POWER_SLEEP_STATUS_PORT	 0x601
#define POWER_SLEEP_PORTS	 2
#define POWER_SLEEP_TYPE_S5	 5 /* as in the DSDT's \_S5 */
#define POWER_RESET_PORT	 0xcf9
#define POWER_RESET_VALUE	 0x06 /* in the FADT */
#define POWER_KBC_COMMAND_PORT	 0x64

struct power {
	struct vm *vm;
	u8 reset_control; /* atomic */
};

extern const struct iodev_ops power_sleep_ops; /* POWER_SLEEP_CONTROL_PORT */
extern const struct iodev_ops power_reset_ops; /* POWER_RESET_PORT, one byte */
extern const struct iodev_ops power_kbc_ops;   /* POWER_KBC_COMMAND_PORT */

void power_init(struct power *power, struct vm *vm);
void power_reset(struct power *power);

#endif
