/* SPDX-License-Identifier: MIT */
/* Which CPU is this: a number of the thread. */
#ifndef FIRN_FAKE_ARCH_CPU_H
#define FIRN_FAKE_ARCH_CPU_H

unsigned cpu_index(void);

static inline void arch_enter_shared(void)
{
}

#endif
