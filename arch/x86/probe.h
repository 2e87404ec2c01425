/* SPDX-License-Identifier: MIT */
/* Instructions that may fault and whose fault is the answer. */
#ifndef FIRN_X86_PROBE_H
#define FIRN_X86_PROBE_H

#include "core/types.h"

/* False when the instruction faulted; *value is unchanged then. Any CPU. */
bool rdmsr_safe(u32 msr, u64 *value);
bool wrmsr_safe(u32 msr, u64 value);

#endif
