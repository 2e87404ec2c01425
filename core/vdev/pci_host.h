/* SPDX-License-Identifier: MIT */
/*
 * PCI bus 0 and its host bridge: configuration space through ECAM (PCIe base spec 7.2.2) and
 * through CONFIG_ADDRESS/CONFIG_DATA (PCI local bus spec 3.2.2.3.2).
 */
#ifndef FIRN_VDEV_PCI_HOST_H
#define FIRN_VDEV_PCI_HOST_H

#include "core/err.h"
#include "core/iobus.h"
#include "core/spinlock.h"
#include "core/vdev/pci_regs.h"

#define PCI_FUNCTIONS	  256		  /* of one bus: device << 3 | function */
#define PCI_DEVFN(device) ((device) << 3) /* function 0 */

/* Configuration accesses are aligned, 1, 2 or 4 bytes wide, inside one dword of 4 KiB. Any CPU. */
struct pci_function {
	u32 (*config_read)(struct pci_function *function, unsigned offset, unsigned width);
	void (*config_write)(struct pci_function *function, unsigned offset, unsigned width,
			     u32 value);
};

struct pci_host {
	struct spinlock lock; /* of config_address and of every configuration access */
	u32 config_address;
	struct pci_function *function[PCI_FUNCTIONS];
	struct pci_function bridge; /* 00:00.0 */
	/* Port 0xcf9 lies among ours but is the reset control register. */
	const struct iodev_ops *reset_ops;
	void *reset_dev;
};

extern const struct iodev_ops pci_host_port_ops; /* from PCI_CONFIG_ADDRESS on */
extern const struct iodev_ops pci_host_ecam_ops; /* bus 0 */

/* Accesses to port 0xcf9 go to reset_ops at offset 0. */
void pci_host_init(struct pci_host *host, const struct iodev_ops *reset_ops, void *reset_dev);
void pci_host_reset(struct pci_host *host);
/* Before the VM runs. ERR_EXIST: that function is there already. */
enum firn_err pci_host_add(struct pci_host *host, u8 devfn, struct pci_function *function);

#endif
