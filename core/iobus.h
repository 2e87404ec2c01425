/* SPDX-License-Identifier: MIT */
/*
 * I/O bus: which device answers at an address. One for port I/O, one for MMIO per VM.
 * The map is an immutable sorted array, published by one store-release; lookups take no lock and
 * registration never waits for running vCPUs. Replaced arrays are freed after every CPU has
 * passed a quiescent state (core/epoch.h).
 */
#ifndef FIRN_CORE_IOBUS_H
#define FIRN_CORE_IOBUS_H

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
	u64 base, len;
	const struct iodev_ops *ops;
	void *dev;
};

struct iobus_map {
	unsigned count;
	struct iorange range[]; /* sorted by base */
};

struct iobus {
	struct iobus_map *map; /* NULL = empty */
	struct spinlock lock;  /* writers */
	bool live;	       /* a vCPU has run: old maps must wait for quiescence */
};

/* ERR_RANGE (len 0, wrap), ERR_OVERLAP, ERR_FULL, ERR_NOMEM */
enum firn_err iobus_register(struct iobus *bus, u64 base, u64 len, const struct iodev_ops *ops,
			     void *dev);
/* ERR_NOENT when no range starts there; other ranges are never affected, not even by ERR_NOMEM. */
enum firn_err iobus_unregister(struct iobus *bus, u64 base);
void iobus_destroy(struct iobus *bus);

/* The range that holds all of [addr, addr+width), NULL else. Caller is between two quiescent states. */
const struct iorange *iobus_find(const struct iobus *bus, u64 addr, unsigned width);

/* A miss reads all ones of that width and ignores writes; returns false then. */
bool iobus_read(const struct iobus *bus, u64 addr, unsigned width, u64 *value);
bool iobus_write(const struct iobus *bus, u64 addr, unsigned width, u64 value);

#endif
