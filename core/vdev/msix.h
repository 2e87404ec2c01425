/* SPDX-License-Identifier: MIT */
/* MSI-X of one function: vector table and pending bits in a BAR, masking (PCI 3.0 6.8.2, 6.8.3). */
#ifndef FIRN_VDEV_MSIX_H
#define FIRN_VDEV_MSIX_H

#include "core/err.h"
#include "core/iobus.h"
#include "core/spinlock.h"

struct vm;

#define MSIX_MAX_VECTORS 256
#define MSIX_BAR_SIZE	 0x2000ull
#define MSIX_TABLE	 0x0000u /* in the BAR */
#define MSIX_PBA	 0x1000u

struct msix_entry {
	u64 address;
	u32 data;
	u32 control;
};
_Static_assert(sizeof(struct msix_entry) == 16, "PCI 3.0 figure 6-13");
#define MSIX_ENTRY_MASKED BIT(0)

struct msix {
	struct vm *vm;
	struct spinlock lock;
	unsigned count;
	u16 control;	 /* MSIX_CONTROL_*, as in configuration space; written under lock, atomic */
	bool bus_master; /* messages are writes on the bus */
	u64 pending[MSIX_MAX_VECTORS / 64];
	struct msix_entry *entry;
};

extern const struct iodev_ops msix_ops; /* the BAR; dev = struct msix */

/* ERR_RANGE: 0 vectors or more than MSIX_MAX_VECTORS. ERR_NOMEM. */
enum firn_err msix_init(struct msix *msix, struct vm *vm, unsigned count);
void msix_destroy(struct msix *msix);
/* All vectors masked, nothing pending. */
void msix_reset(struct msix *msix);
/* The function's registers changed: what became possible is sent now. Any CPU. */
void msix_set_control(struct msix *msix, u16 control, bool bus_master);
/* Sends the vector, or remembers it while it is masked. Nothing if MSI-X is off. Any CPU. */
void msix_send(struct msix *msix, unsigned vector);
bool msix_enabled(struct msix *msix);

#endif
