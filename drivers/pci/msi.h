/* SPDX-License-Identifier: MIT */
/* MSI of a claimed function, with one vector: for functions without MSI-X (PCI 3.0 6.8.1). */
#ifndef FIRN_DRIVERS_PCI_MSI_H
#define FIRN_DRIVERS_PCI_MSI_H

#include "arch/x86/vectors.h"
#include "drivers/pci/pci.h"

/* The owner serializes all calls about one function. */
struct pci_msi {
	struct host_pci *fn;
	unsigned cpu;
	u8 vector; /* 0 = off */
};

/*
 * Leads the function's messages to a vector of a CPU; INTx off. ERR_UNSUPPORTED: the function has
 * no MSI; ERR_RANGE: the CPU can't be reached; ERR_FULL: it has no vector left; ERR_NOMEM.
 */
enum firn_err pci_msi_enable(struct pci_msi *msi, struct host_pci *fn, unsigned cpu,
			     struct interrupt *interrupt);
void pci_msi_disable(struct pci_msi *msi);

#endif
