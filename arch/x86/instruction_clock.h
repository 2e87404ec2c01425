/* SPDX-License-Identifier: MIT */
/* A TSC that counts instructions, as that of QEMU with "-icount shift=0". */
#ifndef FIRN_X86_INSTRUCTION_CLOCK_H
#define FIRN_X86_INSTRUCTION_CLOCK_H

#include <stdbool.h>

/* Any CPU, interrupts off; takes some 100,000 instructions. */
bool tsc_counts_instructions(void);

#endif
