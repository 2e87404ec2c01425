/* SPDX-License-Identifier: MIT */
/* PCI configuration mechanisms and the host bridge function. */
#include "core/vdev/pci_host.h"

#include <string.h>

/* Offsets from the first port */
#define CONFIG_ADDRESS 0
#define RESET_CONTROL  1
#define CONFIG_DATA    (PCI_CONFIG_DATA - PCI_CONFIG_ADDRESS)

#define ADDRESS_WRITABLE 0x80fffffcu

#define PCI_VENDOR_ID  0x00
#define PCI_CLASS_CODE 0x08

/*
 * The bridge has no registers of its own. It has the id of Red Hat's generic PCIe host, for which
 * operating systems have a name but no quirks.
 */
#define BRIDGE_ID	  0x00081b36u
#define BRIDGE_CLASS_CODE 0x06000000u /* host bridge, revision 0 */

static u64 all_ones(unsigned width)
{
	return ~0ull >> (64 - width * 8);
}

static u32 bridge_read(struct pci_function *function, unsigned offset, unsigned width)
{
	u32 dword = 0;

	(void)function;
	if (ALIGN_DOWN(offset, 4) == PCI_VENDOR_ID)
		dword = BRIDGE_ID;
	else if (ALIGN_DOWN(offset, 4) == PCI_CLASS_CODE)
		dword = BRIDGE_CLASS_CODE;
	return dword >> (offset % 4 * 8) & all_ones(width);
}

static void bridge_write(struct pci_function *function, unsigned offset, unsigned width, u32 value)
{
	(void)function;
	(void)offset;
	(void)width;
	(void)value;
}

static bool access_allowed(unsigned offset, unsigned width)
{
	return width <= 4 && offset % width == 0 && offset + width <= PCIE_CONFIG_SIZE;
}

static u32 config_read(struct pci_host *host, u8 devfn, unsigned offset, unsigned width)
{
	struct pci_function *f = host->function[devfn];

	if (!f || !access_allowed(offset, width))
		return all_ones(width);
	return f->config_read(f, offset, width) & all_ones(width);
}

static void config_write(struct pci_host *host, u8 devfn, unsigned offset, unsigned width,
			 u32 value)
{
	struct pci_function *f = host->function[devfn];

	if (f && access_allowed(offset, width))
		f->config_write(f, offset, width, value & all_ones(width));
}

/* ECAM has one dword at a time; an 8-byte access is two of them. */
static u64 ecam_read(void *dev, u64 offset, unsigned width)
{
	struct pci_host *host = dev;
	unsigned reg = offset % PCIE_CONFIG_SIZE;
	u8 devfn = offset >> PCI_ECAM_FUNCTION_SHIFT;
	u64 value;

	spin_lock(&host->lock);
	value = config_read(host, devfn, reg, MIN(width, 4u));
	if (width == 8)
		value |= (u64)config_read(host, devfn, reg + 4, 4) << 32;
	spin_unlock(&host->lock);
	return value;
}

static void ecam_write(void *dev, u64 offset, unsigned width, u64 value)
{
	struct pci_host *host = dev;
	unsigned reg = offset % PCIE_CONFIG_SIZE;
	u8 devfn = offset >> PCI_ECAM_FUNCTION_SHIFT;

	spin_lock(&host->lock);
	config_write(host, devfn, reg, MIN(width, 4u), value);
	if (width == 8)
		config_write(host, devfn, reg + 4, 4, value >> 32);
	spin_unlock(&host->lock);
}

const struct iodev_ops pci_host_ecam_ops = {
	.name = "pci-ecam",
	.read = ecam_read,
	.write = ecam_write,
};

/* Is a data access meant for bus 0? *offset becomes the register. */
static bool decode_address(const struct pci_host *host, u64 port, u8 *devfn, unsigned *offset)
{
	u32 address = host->config_address;

	*devfn = address >> PCI_CONFIG_FUNCTION_SHIFT;
	*offset = (address & 0xfc) + (port - CONFIG_DATA);
	return (address & PCI_CONFIG_ENABLE) && (u8)(address >> PCI_CONFIG_BUS_SHIFT) == 0;
}

static u32 data_read(struct pci_host *host, u64 port, unsigned width)
{
	unsigned offset;
	u8 devfn;

	if (!decode_address(host, port, &devfn, &offset))
		return all_ones(width);
	return config_read(host, devfn, offset, width);
}

static void data_write(struct pci_host *host, u64 port, unsigned width, u32 value)
{
	unsigned offset;
	u8 devfn;

	if (decode_address(host, port, &devfn, &offset))
		config_write(host, devfn, offset, width, value);
}

/* CONFIG_ADDRESS takes dword accesses only; others pass through to ports that nobody has. */
static u64 port_read(void *dev, u64 offset, unsigned width)
{
	struct pci_host *host = dev;
	u64 value = all_ones(width);

	if (offset == RESET_CONTROL && width == 1)
		return host->reset_ops->read(host->reset_dev, 0, 1);
	spin_lock(&host->lock);
	if (offset == CONFIG_ADDRESS && width == 4)
		value = host->config_address;
	else if (offset >= CONFIG_DATA)
		value = data_read(host, offset, width);
	spin_unlock(&host->lock);
	return value;
}

static void port_write(void *dev, u64 offset, unsigned width, u64 value)
{
	struct pci_host *host = dev;

	if (offset == RESET_CONTROL && width == 1) {
		host->reset_ops->write(host->reset_dev, 0, 1, value);
		return;
	}
	spin_lock(&host->lock);
	if (offset == CONFIG_ADDRESS && width == 4)
		host->config_address = value & ADDRESS_WRITABLE;
	else if (offset >= CONFIG_DATA)
		data_write(host, offset, width, value);
	spin_unlock(&host->lock);
}

const struct iodev_ops pci_host_port_ops = {
	.name = "pci-config",
	.read = port_read,
	.write = port_write,
};

void pci_host_init(struct pci_host *host, const struct iodev_ops *reset_ops, void *reset_dev)
{
	memset(host, 0, sizeof(*host));
	host->reset_ops = reset_ops;
	host->reset_dev = reset_dev;
	host->bridge.config_read = bridge_read;
	host->bridge.config_write = bridge_write;
	host->function[0] = &host->bridge;
}

void pci_host_reset(struct pci_host *host)
{
	spin_lock(&host->lock);
	host->config_address = 0;
	spin_unlock(&host->lock);
}

enum firn_err pci_host_add(struct pci_host *host, u8 devfn, struct pci_function *function)
{
	if (host->function[devfn])
		return ERR_EXIST;
	host->function[devfn] = function;
	return FIRN_OK;
}
