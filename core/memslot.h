/* SPDX-License-Identifier: MIT */
/*
 * A VM's physical address space: a small sorted table of slots. Kind and backing of a slot never
 * change after creation; only dirty logging can be switched. Changed only while the VM's vCPUs
 * are stopped, so readers need no lock.
 */
#ifndef FIRN_CORE_MEMSLOT_H
#define FIRN_CORE_MEMSLOT_H

#include "core/err.h"

#define MEMSLOT_MAX 32

enum memslot_kind {
	MEMSLOT_RAM = 1,
	MEMSLOT_ROM = 2
};

/* Physical memory that one slot can be bound to; freed only when unbound. */
struct backing {
	u64 hpa;  /* contiguous, page aligned */
	u64 size; /* bytes */
	bool bound;
};

struct memslot {
	u64 gpa, size; /* bytes, page aligned; size 0 = unused entry */
	enum memslot_kind kind;
	struct backing *backing;
	u64 *dirty; /* one bit a page while logging, else NULL; set with atomic OR */
};

struct memslots {
	unsigned count;
	struct memslot slot[MEMSLOT_MAX]; /* sorted by gpa */
};

/* ERR_ALIGN, ERR_RANGE (wrap, size 0, beyond 2^46), ERR_OVERLAP, ERR_STATE (backing bound), ERR_FULL */
enum firn_err memslot_create(struct memslots *ms, enum memslot_kind kind, u64 gpa,
			     struct backing *backing);
enum firn_err memslot_delete(struct memslots *ms, u64 gpa); /* ERR_NOENT */
/* bitmap: DIV_ROUND_UP(pages, 64) zeroed words owned by the caller; NULL = stop logging. */
enum firn_err memslot_set_dirty_log(struct memslots *ms, u64 gpa, u64 *bitmap);

/* The slot that holds gpa, or NULL. Binary search. */
struct memslot *memslot_find(struct memslots *ms, u64 gpa);

#endif
