/* SPDX-License-Identifier: MIT */
/*
 * The only way to touch guest memory. Every access is checked against the slots; every write
 * marks the page dirty. len may span slots that are adjacent. Any CPU.
 */
#ifndef FIRN_CORE_GUEST_MEMORY_H
#define FIRN_CORE_GUEST_MEMORY_H

#include "core/memslot.h"

/* ERR_RANGE when any byte is outside memory (then nothing was copied), ERR_READONLY for ROM. */
enum firn_err guest_read(struct memslots *ms, u64 gpa, void *buf, size_t len) __must_check;
enum firn_err guest_write(struct memslots *ms, u64 gpa, const void *buf, size_t len) __must_check;
enum firn_err guest_zero(struct memslots *ms, u64 gpa, size_t len) __must_check;

/* Loaders and firmware tables: like guest_write, but may fill ROM. VM not running. */
enum firn_err guest_load(struct memslots *ms, u64 gpa, const void *buf, size_t len) __must_check;

enum guest_access {
	GUEST_READ,
	GUEST_WRITE
};
/* What guest_read() or guest_write() of this range would answer. */
enum firn_err guest_check(struct memslots *ms, u64 gpa, u64 len,
			  enum guest_access access) __must_check;

/*
 * Two aligned bytes that the guest uses at the same time, as in rings: the load acquires, the store
 * releases and marks the page dirty afterwards. ERR_ALIGN, ERR_RANGE, ERR_READONLY.
 */
enum firn_err guest_load_u16(struct memslots *ms, u64 gpa, u16 *value) __must_check;
enum firn_err guest_store_u16(struct memslots *ms, u64 gpa, u16 value) __must_check;

/*
 * Direct pointer to [gpa, gpa+len) inside one slot, NULL if not all inside one. For atomics and
 * rings; GUEST_WRITE marks all its pages dirty now, so map again for each use.
 */
void *guest_map(struct memslots *ms, u64 gpa, size_t len, enum guest_access access) __must_check;

#endif
