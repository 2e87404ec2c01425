/* SPDX-License-Identifier: MIT */
/* Are the TSCs of two CPUs the same clock? Both run the check at the same time. */
#ifndef FIRN_X86_TSC_SYNC_H
#define FIRN_X86_TSC_SYNC_H

#include "core/types.h"

/* Before the other CPU is started. */
void tsc_sync_prepare(void);
/*
 * On the CPU that started the other one: the most ticks that time was seen to go back between
 * the two, 0 = none; ~0 when the other CPU does not take part (bounded wait).
 */
u64 tsc_sync_lead(void);
/* On the started CPU: takes over the boot CPU's TSC_ADJUST, then plays its part. */
void tsc_sync_follow(void);

#endif
