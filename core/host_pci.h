/* SPDX-License-Identifier: MIT */
/* The machine's PCI functions as firmware left them. Found and kept by drivers/pci. */
#ifndef FIRN_CORE_HOST_PCI_H
#define FIRN_CORE_HOST_PCI_H

#include "core/types.h"

#define HOST_PCI_BARS 6

struct pci_address {
	u16 segment;
	u8 bus, device, function;
};
#define PCI_ADDRESS_FORMAT "%04x:%02x:%02x.%u"
#define PCI_ADDRESS(a)	   (a).segment, (a).bus, (a).device, (a).function

enum pci_bar_type {
	PCI_BAR_ABSENT,
	PCI_BAR_PORTS,
	PCI_BAR_MEMORY_32,
	PCI_BAR_MEMORY_64 /* the next register is its upper half */
};
struct host_bar {
	u64 address; /* 0 = firmware assigned none */
	u64 size;    /* bytes, a power of two; 0 = not asked for: bridges and possible consoles */
	enum pci_bar_type type;
	bool prefetchable;
};

struct host_pci {		   /* a function */
	struct host_pci *next;	   /* by address */
	struct host_pci *upstream; /* the bridge above, NULL on a root bus */
	struct pci_address address;
	u16 vendor_id, device_id;
	u32 class_code;			   /* class, subclass, interface */
	u8 header_type;			   /* without the multifunction bit */
	u8 secondary_bus, subordinate_bus; /* of a bridge whose bus numbers are sound, else 0 */
	u8 msi, msix, express; /* capabilities: offset in configuration space, 0 = none */
	u16 msi_vectors, msix_vectors;
	struct host_bar bar[HOST_PCI_BARS];
	const char *owner; /* the driver, NULL = none; atomic */
};

/* The list is constant from boot on. Any CPU. NULL = there are none. */
struct host_pci *pci_first(void);
/* A class in words; constant text. */
const char *pci_class_name(u32 class_code);

#endif
