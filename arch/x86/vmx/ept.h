/* SPDX-License-Identifier: MIT */
/* Entries of extended page tables; the tables themselves: nested_table.h. */
#ifndef FIRN_VMX_EPT_H
#define FIRN_VMX_EPT_H

#include "core/err.h"

#define EPT_READ    BIT(0)
#define EPT_WRITE   BIT(1)
#define EPT_EXECUTE BIT(2)
#define EPT_DIRTY   BIT(9) /* in leaves, with EPTP_AD (SDM 3C 28.2.5) */
#define EPT_RWX	    (EPT_READ | EPT_WRITE | EPT_EXECUTE)

/* As nested_map(), as write-back memory. */
enum firn_err ept_map(u64 root, u64 gpa, u64 hpa, u64 size, u64 access);
u64 ept_pointer(u64 root); /* value for the VMCS field */

#endif
