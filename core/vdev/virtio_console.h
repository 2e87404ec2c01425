/* SPDX-License-Identifier: MIT */
/*
 * Console device (virtio 1.2, 5.3) with one port: a second way to the VM's console besides the
 * UART. Output of both is mixed; input goes here once the driver is ready.
 */
#ifndef FIRN_VDEV_VIRTIO_CONSOLE_H
#define FIRN_VDEV_VIRTIO_CONSOLE_H

#include "core/err.h"

struct vm;

/* If the configuration says so. Errors of virtio_create(). */
enum firn_err virtio_console_create(struct vm *vm);
/* vm_console_get() has a byte. False: not for this device. Boot CPU. */
bool virtio_console_input_ready(struct vm *vm);
/* vm_console_put() has room again. Boot CPU. */
void virtio_console_output_ready(struct vm *vm);

#endif
