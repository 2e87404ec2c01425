/* SPDX-License-Identifier: MIT */
/* Debug exit and debug console. */
#include "core/vdev/test_devices.h"

#include <string.h>

#include "core/console.h"
#include "core/vm.h"

static u64 exit_read(void *dev, u64 offset, unsigned width)
{
	(void)dev;
	(void)offset;
	(void)width;
	return 0;
}

static void exit_write(void *dev, u64 offset, unsigned width, u64 value)
{
	struct test_devices *td = dev;

	(void)width;
	if (offset != 0)
		return;
	vm_report_exit_status(td->vm, value);
	vm_request_stop(td->vm, "debug exit");
}

const struct iodev_ops debug_exit_ops = {
	.name = "debug-exit",
	.read = exit_read,
	.write = exit_write,
};

static u64 console_read(void *dev, u64 offset, unsigned width)
{
	(void)dev;
	(void)offset;
	(void)width;
	return DEBUG_CONSOLE_PORT;
}

static void drain(struct test_devices *td)
{
	while (td->count && vm_console_put(td->vm->console, td->buffer[td->head])) {
		td->head = (td->head + 1) % DEBUG_CONSOLE_BUFFER;
		td->count--;
	}
}

static void console_write(void *dev, u64 offset, unsigned width, u64 value)
{
	struct test_devices *td = dev;

	(void)offset;
	(void)width;
	spin_lock(&td->lock);
	if (td->count < DEBUG_CONSOLE_BUFFER)
		td->buffer[(td->head + td->count++) % DEBUG_CONSOLE_BUFFER] = value;
	drain(td);
	spin_unlock(&td->lock);
}

const struct iodev_ops debug_console_ops = {
	.name = "debug-console",
	.read = console_read,
	.write = console_write,
};

void test_devices_init(struct test_devices *td, struct vm *vm)
{
	memset(td, 0, sizeof(*td));
	td->vm = vm;
}

void test_devices_output_ready(struct test_devices *td)
{
	spin_lock(&td->lock);
	drain(td);
	spin_unlock(&td->lock);
}
