/* SPDX-License-Identifier: MIT */
/* Events of pvpanic. */
#include "core/vdev/pvpanic.h"

#include "core/log.h"
#include "core/vm.h"

#define PVPANIC_PANICKED     BIT(0)
#define PVPANIC_CRASH_LOADED BIT(1) /* panicked, and the guest's own crash kernel takes over */
#define PVPANIC_SHUTDOWN     BIT(2) /* an orderly shutdown has begun */

static u64 events_read(void *dev, u64 offset, unsigned width)
{
	(void)dev;
	(void)offset;
	(void)width;
	return PVPANIC_PANICKED | PVPANIC_CRASH_LOADED | PVPANIC_SHUTDOWN;
}

static void event_write(void *dev, u64 offset, unsigned width, u64 value)
{
	struct vm *vm = dev;

	(void)offset;
	(void)width;
	if (value & PVPANIC_PANICKED)
		vm_panicked(vm);
	else if (value & PVPANIC_CRASH_LOADED)
		log_ratelimited(LOG_WARN, "VM %s: the guest panicked and starts its crash kernel",
				vm->config->name);
	else if (value & PVPANIC_SHUTDOWN)
		log_ratelimited(LOG_INFO, "VM %s: the guest shuts down", vm->config->name);
}

const struct iodev_ops pvpanic_ops = {
	.name = "pvpanic",
	.read = events_read,
	.write = event_write,
};
