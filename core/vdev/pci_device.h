/* SPDX-License-Identifier: MIT */
/*
 * A PCI Express function of a guest: type-0 configuration space by table, memory BARs that the
 * guest sizes and moves, MSI-X, no interrupt pin. Firn assigns the BARs, as firmware would:
 * each device number has a window of its own in the PCI memory, so addresses don't depend on
 * which other devices there are.
 */
#ifndef FIRN_VDEV_PCI_DEVICE_H
#define FIRN_VDEV_PCI_DEVICE_H

#include "core/vdev/msix.h"
#include "core/vdev/pci_host.h"
#include "core/vdev/pci_regs.h"

struct vm;

#define PCI_BARS 6

/*
 * Device numbers on bus 0. Each kind has a range, so that one device more does not renumber
 * devices of another kind.
 */
enum pci_slot {
	PCI_SLOT_BRIDGE = 0,
	PCI_SLOT_RNG = 1,
	PCI_SLOT_CONSOLE = 2,
	PCI_SLOT_DISK = 8, /* eight of them, in the order of the configuration */
	PCI_SLOT_NET = 16, /* likewise */
	PCI_SLOTS = 32,
};

struct pci_id {
	u16 vendor, device, subsystem_vendor, subsystem;
	u8 revision;
	u32 class_code; /* PCI_CLASS() */
};

/* A memory BAR, 64 bits wide: it takes two of the six registers. */
struct pci_bar {
	u64 size; /* power of two from 4 KiB; 0 = none */
	const struct iodev_ops *ops;
	void *dev;
	bool mapped;
	u64 base; /* where it is mapped */
};

struct pci_device;
struct pci_device_ops {
	/* Configuration registers with side effects; NULL = none. Under the host bridge's lock. */
	void (*config_reading)(struct pci_device *dev, unsigned offset, unsigned width);
	void (*config_written)(struct pci_device *dev, unsigned offset, unsigned width);
};

struct pci_device {
	struct pci_function function;
	struct pci_host *host; /* its bus, once attached */
	struct vm *vm;
	const struct pci_device_ops *ops; /* NULL = none */
	u8 slot;
	bool bus_master; /* atomic; without it the device touches no memory and sends nothing */
	u8 last_capability, next_free;
	u8 msix_capability; /* offset; 0 = none */
	struct pci_bar bar[PCI_BARS];
	struct msix msix;
	/* Configuration space, which of its bits the guest writes, and its power-on contents. */
	u8 config[PCI_CONFIG_SIZE] __aligned(8);
	u8 writable[PCI_CONFIG_SIZE] __aligned(8);
	u8 power_on[PCI_CONFIG_SIZE];
};

/*
 * Making, in this order, before the VM runs: init, capabilities, BARs, MSI-X, attach. Boot CPU.
 */
void pci_device_init(struct pci_device *dev, struct vm *vm, u8 slot, const struct pci_id *id,
		     const struct pci_device_ops *ops);
/* Offset of len bytes, which begin with id; the caller fills in the rest. 0 = no room left. */
u8 pci_device_add_capability(struct pci_device *dev, u8 id, u8 len);
/* index: 0, 2 or 4. */
void pci_device_add_bar(struct pci_device *dev, unsigned index, u64 size,
			const struct iodev_ops *ops, void *bar_dev);
/* Table and pending bits go into BAR bar_index. ERR_NOMEM, ERR_RANGE, ERR_FULL. */
enum firn_err pci_device_add_msix(struct pci_device *dev, unsigned bar_index, unsigned vectors);
/*
 * Gives it addresses and puts it on the bus. On failure nothing of it is there.
 * ERR_EXIST (slot taken), ERR_FULL (no room for its BARs or capabilities), and those of iobus_register().
 */
enum firn_err pci_device_attach(struct pci_device *dev, struct pci_host *host);
/* Takes its BARs off the bus and frees MSI-X. VM not running; its pci_host goes away too. */
void pci_device_destroy(struct pci_device *dev);
/*
 * Power-on state, in two steps, each for all devices before the next one: the guest may have moved
 * a BAR to where another device has its own at power-on. VM not running.
 */
void pci_device_unmap(struct pci_device *dev);
void pci_device_reset(struct pci_device *dev);

/* May it read and write guest memory? Any CPU. */
static inline bool pci_device_bus_master(const struct pci_device *dev)
{
	return __atomic_load_n(&dev->bus_master, __ATOMIC_RELAXED);
}
/* The message of this MSI-X vector. Any CPU, no lock of the device needed. */
static inline void pci_device_interrupt(struct pci_device *dev, unsigned vector)
{
	msix_send(&dev->msix, vector);
}
/* Access to a BAR through configuration space. False = there is no such BAR or offset. */
bool pci_device_bar_read(struct pci_device *dev, unsigned index, u64 offset, unsigned width,
			 u64 *value);
bool pci_device_bar_write(struct pci_device *dev, unsigned index, u64 offset, unsigned width,
			  u64 value);

#endif
