/* SPDX-License-Identifier: MIT */
/*
 * I/O bus: which device answers at an address. One for port I/O, one for MMIO per VM.
 * The map is an immutable sorted array, published by one store-release; lookups take no lock and
 * registration never waits for running vCPUs. Replaced arrays are freed after every CPU has
 * passed a quiescent state (core/epoch.h).
 */
#ifndef FIRN_CORE_IOBUS_H
#define FIRN_CORE_IOBUS_H

#include "core/epoch.h"
#include "core/err.h"
#include "core/spinlock.h"

#define IOBUS_MAX_RANGES 1000

struct iodev_ops {
	const char *name;
	/* width: 1, 2, 4 or 8 bytes; offset: from the range's base. Any CPU that runs the VM. */
	u64 (*read)(void *dev, u64 offset, unsigned width);
	void (*write)(void *dev, u64 offset, unsigned width, u64 value);
};

struct iorange {
	u64 base, len; /* len 0: unregistered, but still in its place in the array */
	const struct iodev_ops *ops;
	void *dev;
};

struct iobus_map {
	struct epoch_entry retired;
	unsigned count;
	unsigned first_step;	/* of the search, in entries */
	u64 *base;		/* range[].base once more, packed and padded for the search */
	struct iorange range[]; /* sorted by base */
};

struct iobus {
	struct iobus_map *map; /* NULL = empty */
	struct spinlock lock;  /* writers */
	bool live;	       /* a vCPU has run: old maps must wait for quiescence */
};

/* Before the first vCPU runs: from now on replaced maps are freed only after quiescence. */
void iobus_go_live(struct iobus *bus);

/* ERR_RANGE (len 0, wrap, last byte of the address space), ERR_OVERLAP, ERR_FULL, ERR_NOMEM */
enum firn_err iobus_register(struct iobus *bus, u64 base, u64 len, const struct iodev_ops *ops,
			     void *dev);
/*
 * ERR_NOENT when no range starts there. Needs no memory to succeed and never affects other ranges.
 * Other CPUs may still be inside the device: free what it needs by epoch_defer().
 */
enum firn_err iobus_unregister(struct iobus *bus, u64 base);
/* All ranges go. The VM's vCPUs have stopped. */
void iobus_destroy(struct iobus *bus);

/* The range that holds all of [addr, addr+width), NULL else. Caller is between two quiescent states. */
const struct iorange *iobus_find(const struct iobus *bus, u64 addr, unsigned width);

/* A miss reads all ones of that width and ignores writes; returns false then. */
bool iobus_read(const struct iobus *bus, u64 addr, unsigned width, u64 *value);
bool iobus_write(const struct iobus *bus, u64 addr, unsigned width, u64 value);

#endif
