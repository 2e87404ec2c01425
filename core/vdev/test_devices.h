/* SPDX-License-Identifier: MIT */
/* For VMs with "test-devices = yes": debug exit port 0xf4 and debug console 0xe9. */
#ifndef FIRN_VDEV_TEST_DEVICES_H
#define FIRN_VDEV_TEST_DEVICES_H

#include "core/iobus.h"
#include "core/spinlock.h"

struct vm;

#define DEBUG_EXIT_PORT	   0xf4 /* a write ends the VM; its low byte is the exit status */
#define DEBUG_EXIT_PORTS   4
#define DEBUG_CONSOLE_PORT 0xe9 /* reads 0xe9: "there is one" */

#define DEBUG_CONSOLE_BUFFER 4096

struct test_devices {
	struct vm *vm;
	struct spinlock lock;
	/* Output that waits for the console; more than this at once is lost. */
	u8 buffer[DEBUG_CONSOLE_BUFFER];
	unsigned head, count;
};

extern const struct iodev_ops debug_exit_ops;
extern const struct iodev_ops debug_console_ops;

void test_devices_init(struct test_devices *td, struct vm *vm);
/* The console has room again. Any CPU. */
void test_devices_output_ready(struct test_devices *td);

#endif
