/* SPDX-License-Identifier: MIT */
/* Extended page tables of a VM: built when memory slots are made, 1 GiB and 2 MiB pages where they fit. */
#ifndef FIRN_VMX_EPT_H
#define FIRN_VMX_EPT_H

#include "core/err.h"

#define EPT_READ    BIT(0)
#define EPT_WRITE   BIT(1)
#define EPT_EXECUTE BIT(2)
#define EPT_RWX	    (EPT_READ | EPT_WRITE | EPT_EXECUTE)

/* Page-aligned; no vCPU of the VM runs. ERR_NOMEM leaves what was mapped before. */
enum firn_err ept_map(u64 root, u64 gpa, u64 hpa, u64 size, u64 access);
/* Removes 4 KiB..1 GiB leaves that lie inside the range; the caller flushes. */
void ept_unmap(u64 root, u64 gpa, u64 size);
u64 ept_create(void); /* physical address of the root, 0 = no memory */
void ept_destroy(u64 root);
u64 ept_pointer(u64 root); /* value for the VMCS field */

/* What the tables say about an address: the leaf entry, 0 = not mapped. For tests and inspection. */
u64 ept_lookup(u64 root, u64 gpa, u64 *page_size);

#endif
