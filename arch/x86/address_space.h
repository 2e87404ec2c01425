/* SPDX-License-Identifier: MIT */
/* Windows of the address space that grow at run time: device memory, stacks, heap. */
#ifndef FIRN_X86_ADDRESS_SPACE_H
#define FIRN_X86_ADDRESS_SPACE_H

#include "core/types.h"

/* By paging_init(): the root table through the direct map. */
void address_space_init(u64 *root);

#endif
