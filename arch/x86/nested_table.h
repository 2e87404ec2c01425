/* SPDX-License-Identifier: MIT */
/*
 * The second level of address translation, from guest-physical to physical: a tree of four levels
 * whose shape EPT and NPT share. What the bits of an entry mean is the vendor's (vmx/ept.c,
 * svm/npt.c).
 */
#ifndef FIRN_X86_NESTED_TABLE_H
#define FIRN_X86_NESTED_TABLE_H

#include "core/err.h"

/* The same in entries of both vendors. */
#define NESTED_LARGE   BIT(7) /* a leaf above the lowest level */
#define NESTED_ADDRESS 0x000ffffffffff000ull

u64 nested_create(void); /* physical address of the root, 0 = no memory */
void nested_destroy(u64 root);

/*
 * Maps page-aligned ranges with pages as large as fit, up to 1 GiB when gib_pages; what was divided
 * into smaller pages stays so, and a larger page that is mapped in part is divided. table, leaf:
 * bits of entries besides address and NESTED_LARGE. ERR_NOMEM leaves what was mapped before.
 */
struct nested_bits {
	u64 table, leaf;
	bool gib_pages;
};
enum firn_err nested_map(u64 root, u64 gpa, u64 hpa, u64 size, const struct nested_bits *bits);
/* Removes leaves in the range and the tables that it covers; no CPU uses them or caches them. */
void nested_unmap(u64 root, u64 gpa, u64 size);
/* Clears bits of leaves in the range, other ones of 4 KiB than of larger; the caller flushes. */
void nested_clear(u64 root, u64 gpa, u64 size, u64 large_bits, u64 small_bits);

/* What the tables say about an address: the leaf entry, 0 = not mapped. For tests and inspection. */
u64 nested_lookup(u64 root, u64 gpa, u64 *page_size);

#endif
