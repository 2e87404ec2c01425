/* SPDX-License-Identifier: MIT */
/* Events of the generic event device and its interrupt line. */
#include "core/vdev/ged.h"

#include "core/vm.h"

static u32 take_events(struct ged *ged)
{
	u32 events;

	spin_lock(&ged->lock);
	events = ged->events;
	ged->events = 0;
	vm_set_irq(ged->vm, GED_GSI, false);
	spin_unlock(&ged->lock);
	return events;
}

static u64 event_read(void *dev, u64 offset, unsigned width)
{
	return offset == 0 && width == sizeof(u32) ? take_events(dev) : 0;
}

static void event_write(void *dev, u64 offset, unsigned width, u64 value)
{
	(void)dev;
	(void)offset;
	(void)width;
	(void)value;
}

const struct iodev_ops ged_ops = {
	.name = "ged",
	.read = event_read,
	.write = event_write,
};

void ged_init(struct ged *ged, struct vm *vm)
{
	*ged = (struct ged){ .vm = vm };
}

void ged_reset(struct ged *ged)
{
	take_events(ged);
}

void ged_raise(struct ged *ged, enum ged_event event)
{
	spin_lock(&ged->lock);
	ged->events |= event;
	vm_set_irq(ged->vm, GED_GSI, true);
	spin_unlock(&ged->lock);
}
