/* SPDX-License-Identifier: MIT */
/*
 * Enumeration. Every bus of a range is looked at, in ascending order, whether or not a bridge leads
 * to it: machines have several root buses that only AML names, and no wrong bus number of a bridge
 * can lead in circles.
 */
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/vdev/pci_regs.h"
#include "drivers/pci/pci_internal.h"

#define FIELD(f) offsetof(struct pci_header, f)

struct scan {
	const struct pci_range *range;
	struct host_pci **tail;
	unsigned *count;
	bool full;
	struct host_pci *bridge[PCI_BUSES]; /* whose secondary bus it is */
};

/* Behind a downstream port is device 0 alone (PCIe 7.3.1); some answer to all 32 numbers. */
static bool leads_to_one_device(const struct host_pci *bridge)
{
	u8 type;

	if (!bridge || !bridge->express)
		return false;
	type = PCIE_TYPE(pci_read16(
		bridge->address, bridge->express + offsetof(struct pci_cap_express, capabilities)));
	return type == PCIE_ROOT_PORT || type == PCIE_DOWNSTREAM_PORT;
}

static const char *bridge_mistake(const struct scan *scan, const struct host_pci *fn, u8 secondary,
				  u8 subordinate)
{
	if (secondary <= fn->address.bus)
		return "lead back";
	if (subordinate < secondary || subordinate > scan->range->last_bus)
		return "are out of range";
	if (scan->bridge[secondary])
		return "belong to another bridge";
	return NULL;
}

static void add_bridge(struct scan *scan, struct host_pci *fn)
{
	u8 secondary = pci_read8(fn->address, offsetof(struct pci_bridge_header, secondary_bus));
	u8 subordinate =
		pci_read8(fn->address, offsetof(struct pci_bridge_header, subordinate_bus));
	const char *mistake;

	if (!secondary && !subordinate)
		return; /* firmware does not use it */
	mistake = bridge_mistake(scan, fn, secondary, subordinate);
	if (mistake) {
		log_warn("pci: " PCI_ADDRESS_FORMAT ": bus numbers 0x%02x-0x%02x %s",
			 PCI_ADDRESS(fn->address), secondary, subordinate, mistake);
		return;
	}
	fn->secondary_bus = secondary;
	fn->subordinate_bus = subordinate;
	scan->bridge[secondary] = fn;
}

static void describe(struct scan *scan, struct host_pci *fn, u16 vendor_id)
{
	struct pci_address a = fn->address;

	fn->vendor_id = vendor_id;
	fn->device_id = pci_read16(a, FIELD(device_id));
	fn->class_code = pci_read32(a, FIELD(revision_id)) >> 8;
	fn->header_type = pci_read8(a, FIELD(header_type)) & PCI_HEADER_TYPE_MASK;
	fn->upstream = scan->bridge[a.bus];
	if (fn->header_type > PCI_HEADER_TYPE_BRIDGE) {
		log_warn("pci: " PCI_ADDRESS_FORMAT ": header type %u is not supported",
			 PCI_ADDRESS(a), fn->header_type);
		return;
	}
	pci_read_capabilities(fn);
	pci_read_bars(fn);
	if (fn->header_type == PCI_HEADER_TYPE_BRIDGE)
		add_bridge(scan, fn);
}

/* False when nothing answers there, or there is no room for more. */
static bool add(struct scan *scan, struct pci_address a)
{
	u16 vendor_id = pci_read16(a, FIELD(vendor_id));
	struct host_pci *fn;

	if (vendor_id == PCI_VENDOR_ABSENT || vendor_id == 0)
		return false;
	fn = *scan->count < PCI_MAX_FUNCTIONS ? calloc(1, sizeof(*fn)) : NULL;
	if (!fn) {
		log_warn("pci: " PCI_ADDRESS_FORMAT " and what follows is left out: no room for "
			 "more than %u functions",
			 PCI_ADDRESS(a), *scan->count);
		scan->full = true;
		return false;
	}
	fn->address = a;
	describe(scan, fn, vendor_id);
	*scan->tail = fn;
	scan->tail = &fn->next;
	++*scan->count;
	return true;
}

static void scan_device(struct scan *scan, struct pci_address a)
{
	if (!add(scan, a) || !(pci_read8(a, FIELD(header_type)) & PCI_HEADER_MULTIFUNCTION))
		return;
	for (a.function = 1; a.function < PCI_DEVICE_FUNCTIONS && !scan->full; a.function++)
		add(scan, a);
}

static void scan_bus(struct scan *scan, u8 bus)
{
	unsigned devices = leads_to_one_device(scan->bridge[bus]) ? 1 : PCI_DEVICES;

	for (unsigned device = 0; device < devices && !scan->full; device++)
		scan_device(scan, (struct pci_address){ .segment = scan->range->segment,
							.bus = bus,
							.device = device });
}

struct host_pci **pci_scan(const struct pci_range *range, struct host_pci **tail, unsigned *count)
{
	static struct scan scan;

	memset(&scan, 0, sizeof(scan));
	scan.range = range;
	scan.tail = tail;
	scan.count = count;
	for (unsigned bus = range->first_bus; bus <= range->last_bus && !scan.full; bus++)
		scan_bus(&scan, bus);
	return scan.tail;
}
