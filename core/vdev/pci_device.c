/* SPDX-License-Identifier: MIT */
/* PCI functions: configuration space, BARs on the I/O bus, capabilities. */
#include "core/vdev/pci_device.h"

#include <string.h>

#include "core/guest_layout.h"
#include "core/log.h"
#include "core/vm.h"

/* The PCI memory in equal parts: what one device number has. */
#define SLOT_WINDOW ((GUEST_PCI_MMIO_END - GUEST_PCI_MMIO_START) / PCI_SLOTS)

#define COMMAND_WRITABLE                                                                       \
	(PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR | \
	 PCI_COMMAND_INTX_DISABLE)

static struct pci_header *header(struct pci_device *dev)
{
	return (struct pci_header *)dev->config;
}

static struct pci_header *header_mask(struct pci_device *dev)
{
	return (struct pci_header *)dev->writable;
}

static u64 bar_address(struct pci_device *dev, unsigned index)
{
	const u32 *bar = &header(dev)->bar[index];

	return (u64)bar[1] << 32 | (bar[0] & ~PCI_BAR_FLAGS);
}

static void set_bar_address(struct pci_device *dev, unsigned index, u64 address)
{
	u32 *bar = &header(dev)->bar[index];

	bar[0] = (u32)address | PCI_BAR_64BIT;
	bar[1] = address >> 32;
}

/* The bridge passes on its window only, so a BAR can hide neither RAM nor the interrupt controllers. */
static bool bridge_passes(u64 base, u64 size)
{
	return base >= GUEST_PCI_MMIO_START && base < GUEST_PCI_MMIO_END &&
	       size <= GUEST_PCI_MMIO_END - base;
}

static void unmap_bar(struct pci_device *dev, struct pci_bar *bar)
{
	if (bar->mapped)
		iobus_unregister(&dev->vm->mmio, bar->base);
	bar->mapped = false;
}

/* Of BARs that overlap, the one that was there first answers, and the next one when that goes. */
static enum firn_err map_bar(struct pci_device *dev, struct pci_bar *bar, u64 base)
{
	enum firn_err err;

	if (bar->mapped)
		return FIRN_OK;
	err = iobus_register(&dev->vm->mmio, base, bar->size, bar->ops, bar->dev);
	bar->mapped = err == FIRN_OK;
	bar->base = base;
	return err;
}

static bool is_decoded(struct pci_device *dev, unsigned index)
{
	return dev->bar[index].size && (header(dev)->command & PCI_COMMAND_MEMORY) &&
	       bridge_passes(bar_address(dev, index), dev->bar[index].size);
}

/* Takes BARs that are not where they were off the bus; true if there are any. */
static bool unmap_moved(struct pci_device *dev)
{
	bool any = false;

	for (unsigned i = 0; i < PCI_BARS; i += 2) {
		struct pci_bar *bar = &dev->bar[i];

		if (!bar->mapped || (is_decoded(dev, i) && bar->base == bar_address(dev, i)))
			continue;
		unmap_bar(dev, bar);
		any = true;
	}
	return any;
}

/* Puts BARs where the registers say, after unmap_moved(); the first failure is returned. */
static enum firn_err map_bars(struct pci_device *dev)
{
	enum firn_err first = FIRN_OK;

	for (unsigned i = 0; i < PCI_BARS; i += 2) {
		enum firn_err err = FIRN_OK;

		if (is_decoded(dev, i))
			err = map_bar(dev, &dev->bar[i], bar_address(dev, i));
		if (first == FIRN_OK)
			first = err;
	}
	return first;
}

static u16 msix_control(struct pci_device *dev)
{
	u16 control;

	if (!dev->msix_capability)
		return 0;
	memcpy(&control,
	       dev->config + dev->msix_capability + offsetof(struct pci_cap_msix, control),
	       sizeof(control));
	return control;
}

static void update_bus_master(struct pci_device *dev)
{
	bool bus_master = header(dev)->command & PCI_COMMAND_BUS_MASTER;

	__atomic_store_n(&dev->bus_master, bus_master, __ATOMIC_RELAXED);
	if (dev->msix_capability)
		msix_set_control(&dev->msix, msix_control(dev), bus_master);
}

static struct pci_device *of_function(struct pci_function *function)
{
	return container_of(function, struct pci_device, function);
}

static u32 config_read(struct pci_function *function, unsigned offset, unsigned width)
{
	struct pci_device *dev = of_function(function);
	u32 value = 0;

	if (offset >= PCI_CONFIG_SIZE)
		return 0;
	if (dev->ops && dev->ops->config_reading)
		dev->ops->config_reading(dev, offset, width);
	memcpy(&value, dev->config + offset, width);
	return value;
}

/* What a BAR of this device left may be what one of another device waits for. */
static void map_others(struct pci_device *dev)
{
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		struct pci_function *f = dev->host->function[PCI_DEVFN(slot)];

		if (f && f != &dev->function && f->config_read == config_read)
			map_bars(of_function(f));
	}
}

/* Makes the bus agree with command register and BARs. */
static void decode(struct pci_device *dev)
{
	bool moved = unmap_moved(dev);
	enum firn_err err = map_bars(dev);

	if (err != FIRN_OK)
		log_ratelimited(LOG_WARN, "VM %s: PCI device %u: a BAR is not decoded: %s",
				dev->vm->config->name, dev->slot, firn_strerror(err));
	if (moved)
		map_others(dev);
}

static void config_write(struct pci_function *function, unsigned offset, unsigned width, u32 value)
{
	struct pci_device *dev = of_function(function);

	if (offset >= PCI_CONFIG_SIZE)
		return;
	for (unsigned i = 0; i < width; i++, value >>= 8) {
		u8 mask = dev->writable[offset + i];
		u8 *byte = &dev->config[offset + i];

		*byte = (*byte & ~mask) | ((u8)value & mask);
	}
	decode(dev);
	update_bus_master(dev);
	if (dev->ops && dev->ops->config_written)
		dev->ops->config_written(dev, offset, width);
}

void pci_device_init(struct pci_device *dev, struct vm *vm, u8 slot, const struct pci_id *id,
		     const struct pci_device_ops *ops)
{
	struct pci_header *h = header(dev);

	memset(dev, 0, sizeof(*dev));
	dev->function.config_read = config_read;
	dev->function.config_write = config_write;
	dev->vm = vm;
	dev->slot = slot;
	dev->ops = ops;
	dev->next_free = sizeof(*h);
	dev->last_capability =
		offsetof(struct pci_header, capabilities) - offsetof(struct pci_capability, next);
	h->vendor_id = id->vendor;
	h->device_id = id->device;
	h->subsystem_vendor_id = id->subsystem_vendor;
	h->subsystem_id = id->subsystem;
	h->revision_id = id->revision;
	for (unsigned i = 0; i < sizeof(h->class_code); i++)
		h->class_code[i] = id->class_code >> (8 * i);
	/* As firmware leaves it: memory on, bus mastering off. */
	h->command = PCI_COMMAND_MEMORY;
	h->status = PCI_STATUS_CAPABILITIES;
	header_mask(dev)->command = COMMAND_WRITABLE;
	header_mask(dev)->cache_line_size = 0xff;
	header_mask(dev)->interrupt_line = 0xff;
}

u8 pci_device_add_capability(struct pci_device *dev, u8 id, u8 len)
{
	u8 at = dev->next_free;
	struct pci_capability *cap = (struct pci_capability *)(dev->config + at);
	unsigned end = ALIGN_UP(at + len, 4u);

	if (end >= PCI_CONFIG_SIZE)
		return 0;
	cap->id = id;
	((struct pci_capability *)(dev->config + dev->last_capability))->next = at;
	dev->last_capability = at;
	dev->next_free = end;
	return at;
}

void pci_device_add_bar(struct pci_device *dev, unsigned index, u64 size,
			const struct iodev_ops *ops, void *bar_dev)
{
	u32 *mask = &header_mask(dev)->bar[index];

	dev->bar[index] = (struct pci_bar){ .size = size, .ops = ops, .dev = bar_dev };
	mask[0] = ~(u32)(size - 1);
	mask[1] = ~(u32)((size - 1) >> 32);
	set_bar_address(dev, index, 0);
}

enum firn_err pci_device_add_msix(struct pci_device *dev, unsigned bar_index, unsigned vectors)
{
	u8 at = pci_device_add_capability(dev, PCI_CAP_ID_MSIX, sizeof(struct pci_cap_msix));
	struct pci_cap_msix *cap = (struct pci_cap_msix *)(dev->config + at);
	struct pci_cap_msix *mask = (struct pci_cap_msix *)(dev->writable + at);
	enum firn_err err;

	if (!at)
		return ERR_FULL;
	err = msix_init(&dev->msix, dev->vm, vectors);
	if (err != FIRN_OK)
		return err;
	cap->control = vectors - 1;
	mask->control = MSIX_CONTROL_ENABLE | MSIX_CONTROL_FUNCTION_MASK;
	cap->table = MSIX_TABLE | bar_index;
	cap->pba = MSIX_PBA | bar_index;
	dev->msix_capability = at;
	pci_device_add_bar(dev, bar_index, MSIX_BAR_SIZE, &msix_ops, &dev->msix);
	return FIRN_OK;
}

static enum firn_err add_express(struct pci_device *dev)
{
	u8 at = pci_device_add_capability(dev, PCI_CAP_ID_EXPRESS, sizeof(struct pci_cap_express));
	struct pci_cap_express *cap = (struct pci_cap_express *)(dev->config + at);
	struct pci_cap_express *mask = (struct pci_cap_express *)(dev->writable + at);

	if (!at)
		return ERR_FULL;
	cap->capabilities = PCIE_VERSION_2 | PCIE_TYPE_RC_ENDPOINT;
	cap->device_capabilities = PCIE_ROLE_BASED_ERRORS;
	cap->device_control = PCIE_RELAXED_ORDERING | PCIE_NO_SNOOP | PCIE_MAX_READ_512;
	mask->device_control = PCIE_DEVICE_CONTROL_WRITES;
	return FIRN_OK;
}

/* One BAR behind the other in the device's window, each at a multiple of its size. */
static enum firn_err assign_bars(struct pci_device *dev)
{
	u64 window = GUEST_PCI_MMIO_START + dev->slot * SLOT_WINDOW, next = window;

	for (unsigned i = 0; i < PCI_BARS; i += 2) {
		u64 size = dev->bar[i].size;

		if (!size)
			continue;
		next = ALIGN_UP(next, size);
		if (next + size > window + SLOT_WINDOW)
			return ERR_FULL;
		set_bar_address(dev, i, next);
		next += size;
	}
	return FIRN_OK;
}

void pci_device_unmap(struct pci_device *dev)
{
	for (unsigned i = 0; i < PCI_BARS; i += 2)
		unmap_bar(dev, &dev->bar[i]);
}

enum firn_err pci_device_attach(struct pci_device *dev, struct pci_host *host)
{
	enum firn_err err = add_express(dev);

	if (err == FIRN_OK)
		err = assign_bars(dev);
	if (err == FIRN_OK)
		err = map_bars(dev);
	if (err == FIRN_OK)
		err = pci_host_add(host, PCI_DEVFN(dev->slot), &dev->function);
	if (err != FIRN_OK) {
		pci_device_unmap(dev);
		return err;
	}
	dev->host = host;
	memcpy(dev->power_on, dev->config, sizeof(dev->power_on));
	return FIRN_OK;
}

void pci_device_destroy(struct pci_device *dev)
{
	pci_device_unmap(dev);
	msix_destroy(&dev->msix);
}

void pci_device_reset(struct pci_device *dev)
{
	enum firn_err err;

	if (dev->msix_capability)
		msix_reset(&dev->msix);
	memcpy(dev->config, dev->power_on, sizeof(dev->config));
	err = map_bars(dev);
	if (err != FIRN_OK)
		log_error("VM %s: PCI device %u: a BAR is not decoded: %s", dev->vm->config->name,
			  dev->slot, firn_strerror(err));
	update_bus_master(dev);
}

static struct pci_bar *find_bar(struct pci_device *dev, unsigned index, u64 offset, unsigned width)
{
	struct pci_bar *bar = index < PCI_BARS ? &dev->bar[index] : NULL;

	if (!bar || !bar->size || offset >= bar->size || width > bar->size - offset)
		return NULL;
	return bar;
}

bool pci_device_bar_read(struct pci_device *dev, unsigned index, u64 offset, unsigned width,
			 u64 *value)
{
	struct pci_bar *bar = find_bar(dev, index, offset, width);

	if (!bar)
		return false;
	*value = bar->ops->read(bar->dev, offset, width);
	return true;
}

bool pci_device_bar_write(struct pci_device *dev, unsigned index, u64 offset, unsigned width,
			  u64 value)
{
	struct pci_bar *bar = find_bar(dev, index, offset, width);

	if (!bar)
		return false;
	bar->ops->write(bar->dev, offset, width, value);
	return true;
}
