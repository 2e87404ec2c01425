/* SPDX-License-Identifier: MIT */
/* The real-time clock in CMOS memory, for machines without EFI time. */
#ifndef FIRN_BOOT_MULTIBOOT2_RTC_H
#define FIRN_BOOT_MULTIBOOT2_RTC_H

#include "core/types.h"

/*
 * Seconds since 1970-01-01 UTC, taking the clock for UTC; 0 when there is none or it shows no
 * valid date. *tsc is the TSC at the reading. Waits for an update in progress: 2.5 ms at most.
 */
s64 rtc_read(u64 *tsc);

#endif
