/* SPDX-License-Identifier: MIT */
/* A random number at any time, also before there is core/entropy.h. */
#ifndef FIRN_X86_HW_RANDOM_H
#define FIRN_X86_HW_RANDOM_H

#include "core/types.h"

/* From the CPU's generator, or from its clock, which can be guessed, when there is none. */
u64 hw_random_or_clock(void);

#endif
