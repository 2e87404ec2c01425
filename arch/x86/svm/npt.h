/* SPDX-License-Identifier: MIT */
/* Entries of nested page tables; the tables themselves: nested_table.h. */
#ifndef FIRN_SVM_NPT_H
#define FIRN_SVM_NPT_H

#include "core/err.h"

#define NPT_PRESENT  BIT(0)
#define NPT_WRITABLE BIT(1)
#define NPT_USER     BIT(2)

/* As nested_map(), as write-back memory. */
enum firn_err npt_map(u64 root, u64 gpa, u64 hpa, u64 size, bool writable);

#endif
