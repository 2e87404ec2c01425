/* SPDX-License-Identifier: MIT */
/* The machine's PCI: finding functions, reading and writing their registers, claiming them. */
#ifndef FIRN_DRIVERS_PCI_H
#define FIRN_DRIVERS_PCI_H

#include "arch/x86/paging.h"
#include "core/err.h"
#include "core/host_pci.h"

/*
 * Finds the ways to configuration space (MCFG, else ports 0xcf8 and 0xcfc) and lists all functions.
 * Nothing is moved or renumbered. What is malformed is logged and left out. Boot CPU, while it is
 * the only one, after platform_init().
 */
void pci_init(const struct handover *h);

/*
 * Configuration space. offset is a multiple of the access's width; where nothing answers, reads
 * give all ones and writes do nothing. Registers from 256 on need the MCFG. Any CPU; who changes a
 * register by reading and writing it has claimed the function.
 */
u8 pci_read8(struct pci_address a, unsigned offset);
u16 pci_read16(struct pci_address a, unsigned offset);
u32 pci_read32(struct pci_address a, unsigned offset);
void pci_write8(struct pci_address a, unsigned offset, u8 value);
void pci_write16(struct pci_address a, unsigned offset, u16 value);
void pci_write32(struct pci_address a, unsigned offset, u32 value);

/* Offset of a capability, of an extended one; 0 = there is none, or the list is broken before it. */
unsigned pci_find_capability(const struct host_pci *fn, u8 id);
/* The next one behind the one at this offset (0: the first); 0 = no more. */
unsigned pci_next_capability(const struct host_pci *fn, unsigned after, u8 id);
unsigned pci_find_extended(const struct host_pci *fn, u16 id);

/* The next function behind prev (NULL: the first) with these ids; NULL = no more. */
struct host_pci *pci_find(struct host_pci *prev, u16 vendor_id, u16 device_id);

/* Makes the function a driver's own; owner is constant text. ERR_STATE: it has a driver. Any CPU. */
enum firn_err pci_claim(struct host_pci *fn, const char *owner);
/* The driver is done: no more DMA, no more interrupts. */
void pci_release(struct host_pci *fn);

/* For the owner: memory decoding and bus mastering on; no DMA any more. */
void pci_enable(struct host_pci *fn);
void pci_stop_dma(struct host_pci *fn);
/*
 * Maps a whole memory BAR, for good. NULL: no memory BAR, no address or size known, or out of
 * memory. The owner.
 */
void *pci_map_bar(const struct host_pci *fn, unsigned bar, enum mmio_type type);

#endif
