/* SPDX-License-Identifier: MIT */
/* MSI-X of a claimed function: vectors by table entry, each with a CPU of its own (PCI 3.0 6.8.2). */
#ifndef FIRN_DRIVERS_PCI_MSIX_H
#define FIRN_DRIVERS_PCI_MSIX_H

#include "arch/x86/vectors.h"
#include "drivers/pci/pci.h"

struct pci_vector {
	struct interrupt *interrupt; /* NULL = not requested */
	unsigned cpu, old_cpu;
	u8 vector, old_vector; /* old: where messages may still be under way; 0 = none */
};

/* The owner serializes all calls about one function. */
struct pci_msix {
	struct host_pci *fn;
	unsigned count;
	volatile u32 *table;
	struct pci_vector *vector; /* by entry */
};

/*
 * Takes MSI-X into use: table mapped, every entry masked, INTx off. Memory decoding must be on
 * (pci_enable()). ERR_UNSUPPORTED: the function has none; ERR_FORMAT: the table is not inside a
 * memory BAR; ERR_NOMEM; ERR_IO: the table can't be written.
 */
enum firn_err pci_msix_enable(struct pci_msix *msix, struct host_pci *fn);
/* Releases all entries and turns MSI-X off. */
void pci_msix_disable(struct pci_msix *msix);

/*
 * Gives an entry a vector of a CPU and unmasks it. ERR_RANGE: no such entry, or the CPU can't be
 * reached; ERR_STATE: it has one; ERR_FULL: the CPU has no vector left; ERR_NOMEM.
 */
enum firn_err pci_msix_request(struct pci_msix *msix, unsigned entry, unsigned cpu,
			       struct interrupt *interrupt);
/* Masks the entry and gives its vector back. */
void pci_msix_release(struct pci_msix *msix, unsigned entry);
/* Leads an entry to another CPU; no message is lost. Errors as above, then nothing changed. */
enum firn_err pci_msix_move(struct pci_msix *msix, unsigned entry, unsigned cpu);
/* While masked, the function remembers one message (pending bit). */
void pci_msix_mask(struct pci_msix *msix, unsigned entry, bool masked);

#endif
