/* SPDX-License-Identifier: MIT */
/* Which devices a VM has and where they answer. */
#include "core/vdev/vdevs.h"

#include <stdlib.h>

#include "core/console.h"
#include "core/guest_layout.h"
#include "core/vdev/acpi_tables.h"
#include "core/vdev/pvpanic.h"
#include "core/vdev/virtio_blk.h"
#include "core/vdev/virtio_console.h"
#include "core/vdev/virtio_net.h"
#include "core/vdev/virtio_rng.h"
#include "core/vm.h"

struct vdev_range {
	struct iobus *bus;
	u64 base, len;
	const struct iodev_ops *ops;
	void *dev;
};

#define MAX_RANGES  16
#define TEST_RANGES 2 /* the last ones, with test-devices = yes */

static unsigned list_ranges(struct vm *vm, struct vdev_range *out)
{
	struct vdevs *d = vm->vdevs;
	const struct vdev_range ranges[] = {
		{ &vm->mmio, IOAPIC_BASE, IOAPIC_SIZE, &ioapic_ops, &vm->arch.ioapic },
		{ &vm->mmio, GUEST_ECAM_BASE, GUEST_ECAM_SIZE, &pci_host_ecam_ops, &d->pci },
		{ &vm->pio, PCI_CONFIG_ADDRESS, PCI_CONFIG_PORTS, &pci_host_port_ops, &d->pci },
		{ &vm->pio, UART_COM1_PORT, UART_PORTS, &uart_ops, &d->uart },
		{ &vm->pio, RTC_PORT, RTC_PORTS, &rtc_ops, &d->rtc },
		{ &vm->pio, POWER_SLEEP_CONTROL_PORT, POWER_SLEEP_PORTS, &power_sleep_ops,
		  &d->power },
		{ &vm->pio, GED_EVENT_PORT, GED_EVENT_PORTS, &ged_ops, &d->ged },
		{ &vm->pio, CPU_HOTPLUG_PORT, CPU_HOTPLUG_PORTS, &cpu_hotplug_ops, &d->cpus },
		{ &vm->pio, PVPANIC_PORT, 1, &pvpanic_ops, vm },
		{ &vm->pio, POWER_KBC_COMMAND_PORT, 1, &power_kbc_ops, &d->power },
		{ &vm->pio, DEBUG_EXIT_PORT, DEBUG_EXIT_PORTS, &debug_exit_ops, &d->test },
		{ &vm->pio, DEBUG_CONSOLE_PORT, 1, &debug_console_ops, &d->test },
	};
	unsigned count = ARRAY_SIZE(ranges) - (vm->config->test_devices ? 0 : TEST_RANGES);

	_Static_assert(ARRAY_SIZE(ranges) <= MAX_RANGES, "enlarge MAX_RANGES");
	for (unsigned i = 0; i < count; i++)
		out[i] = ranges[i];
	return count;
}

static void unregister(const struct vdev_range *ranges, unsigned count)
{
	while (count-- > 0)
		iobus_unregister(ranges[count].bus, ranges[count].base);
}

static enum firn_err register_all(struct vm *vm)
{
	struct vdev_range ranges[MAX_RANGES];
	unsigned count = list_ranges(vm, ranges);

	for (unsigned i = 0; i < count; i++) {
		const struct vdev_range *r = &ranges[i];
		enum firn_err err = iobus_register(r->bus, r->base, r->len, r->ops, r->dev);

		if (err != FIRN_OK) {
			unregister(ranges, i);
			return err;
		}
	}
	return FIRN_OK;
}

static void unregister_all(struct vm *vm)
{
	struct vdev_range ranges[MAX_RANGES];

	unregister(ranges, list_ranges(vm, ranges));
}

/* The UART, the virtio console and the debug console share the VM's console. */
static void input_ready(void *dev)
{
	struct vdevs *d = dev;

	if (!virtio_console_input_ready(d->uart.vm))
		uart_input_ready(&d->uart);
}

static void output_ready(void *dev)
{
	struct vdevs *d = dev;

	test_devices_output_ready(&d->test);
	uart_output_ready(&d->uart);
	virtio_console_output_ready(d->uart.vm);
}

static const struct vm_console_ops console_ops = {
	.input_ready = input_ready,
	.output_ready = output_ready,
};

static void init_devices(struct vm *vm)
{
	struct vdevs *d = vm->vdevs;

	ioapic_init(&vm->arch.ioapic, vm);
	uart_init(&d->uart, vm);
	rtc_init(&d->rtc);
	power_init(&d->power, vm);
	ged_init(&d->ged, vm);
	cpu_hotplug_init(&d->cpus, vm, &d->ged);
	pci_host_init(&d->pci, &power_reset_ops, &d->power);
	test_devices_init(&d->test, vm);
}

/* Each creates what the configuration asks for, in slots of its own. */
static enum firn_err (*const virtio_creators[])(struct vm *vm) = {
	virtio_rng_create,
	virtio_blk_create,
	virtio_net_create,
	virtio_console_create,
};

static void virtio_for_each(struct vm *vm, void (*fn)(struct virtio_device *device))
{
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		if (vm->vdevs->virtio[i])
			fn(vm->vdevs->virtio[i]);
}

static enum firn_err create_virtio(struct vm *vm)
{
	enum firn_err err = FIRN_OK;

	for (unsigned i = 0; i < ARRAY_SIZE(virtio_creators) && err == FIRN_OK; i++)
		err = virtio_creators[i](vm);
	if (err != FIRN_OK)
		virtio_for_each(vm, virtio_destroy);
	return err;
}

static void unmap(struct virtio_device *device)
{
	pci_device_unmap(&device->pci);
}

static void reset(struct virtio_device *device)
{
	spin_lock(&device->lock);
	virtio_reset(device);
	spin_unlock(&device->lock);
	pci_device_reset(&device->pci);
}

/* The guest may have moved a BAR to where another one was: all go before any comes back. */
static void reset_virtio(struct vm *vm)
{
	virtio_for_each(vm, unmap);
	virtio_for_each(vm, reset);
}

void vdevs_pause(struct vm *vm)
{
	virtio_for_each(vm, virtio_pause);
}

void vdevs_resume(struct vm *vm)
{
	virtio_for_each(vm, virtio_resume);
}

enum firn_err vdevs_create(struct vm *vm)
{
	enum firn_err err = ERR_NOMEM;

	vm->vdevs = calloc(1, sizeof(*vm->vdevs));
	if (!vm->vdevs)
		return err;
	init_devices(vm);
	err = register_all(vm);
	if (err != FIRN_OK)
		goto free_devices;
	err = create_virtio(vm);
	if (err != FIRN_OK)
		goto unregister;
	vm_console_attach(vm->console, &console_ops, vm->vdevs);
	return FIRN_OK;

unregister:
	unregister_all(vm);
free_devices:
	free(vm->vdevs);
	vm->vdevs = NULL;
	return err;
}

enum firn_err vdevs_reset(struct vm *vm)
{
	struct vdevs *d = vm->vdevs;

	ioapic_reset(&vm->arch.ioapic);
	uart_reset(&d->uart);
	rtc_reset(&d->rtc);
	power_reset(&d->power);
	ged_reset(&d->ged);
	cpu_hotplug_reset(&d->cpus);
	pci_host_reset(&d->pci);
	reset_virtio(vm);
	return acpi_tables_install(vm);
}

void vdevs_destroy(struct vm *vm)
{
	virtio_for_each(vm, virtio_destroy);
	unregister_all(vm);
	free(vm->vdevs);
	vm->vdevs = NULL;
}
