/* SPDX-License-Identifier: MIT */
/* The low half of the identity root: what firmware may need in a call, one to one. */
#ifndef FIRN_X86_IDENTITY_MAP_H
#define FIRN_X86_IDENTITY_MAP_H

#include "boot/handover.h"
#include "core/err.h"

/*
 * Maps device memory and firmware's own memory up to limit, but no memory that is Firn's or its
 * guests'. Only EFI runtime memory, of which nobody tells code from data, is writable and
 * executable. no_execute: PTE_NX or 0. ERR_NOMEM.
 */
enum firn_err identity_map(u64 *root, const struct handover *h, u64 limit, unsigned max_level,
			   u64 no_execute);

/* One page of Firn's own, readable and executable, and gone again. */
enum firn_err identity_map_code(u64 *root, u64 page);
void identity_unmap_code(u64 *root, u64 page);

#endif
