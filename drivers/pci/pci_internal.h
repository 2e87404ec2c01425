/* SPDX-License-Identifier: MIT */
/* Inside drivers/pci: what the steps of pci_init() are. Boot CPU. */
#ifndef FIRN_DRIVERS_PCI_INTERNAL_H
#define FIRN_DRIVERS_PCI_INTERNAL_H

#include "drivers/acpi/acpi.h"
#include "drivers/pci/pci.h"

#define PCI_MAX_FUNCTIONS \
	1024 /* more than any machine has; an end for hardware that answers always */
#define PCI_BUSES	     256
#define PCI_DEVICES	     32
#define PCI_DEVICE_FUNCTIONS 8

/* A range of buses that configuration accesses reach. */
struct pci_range {
	volatile u8 *ecam; /* of the first bus; NULL = by ports */
	u16 segment;
	u8 first_bus, last_bus;
};

/* The ranges, at least one; *count of them. Constant afterwards. */
const struct pci_range *pci_find_ranges(const struct acpi_info *acpi, const struct handover *h,
					unsigned *count);
/* All functions of the range, in order of their addresses, behind *tail; the new tail. */
struct host_pci **pci_scan(const struct pci_range *range, struct host_pci **tail, unsigned *count);
/* Fills the BARs. Memory and I/O decoding is off meanwhile, but not in what may be a console. */
void pci_read_bars(struct host_pci *fn);
/* Fills offsets and vector counts of the capabilities that Firn uses. */
void pci_read_capabilities(struct host_pci *fn);

#endif
