/* SPDX-License-Identifier: MIT */
/* Calendar date to seconds since 1970-01-01 00:00:00. */
#ifndef FIRN_BOOT_UNIX_TIME_H
#define FIRN_BOOT_UNIX_TIME_H

#include "core/types.h"

struct calendar_time {
	unsigned year;	/* 1970..9999 */
	unsigned month; /* 1..12 */
	unsigned day;	/* 1..31 */
	unsigned hour, minute, second;
};

/* Seconds since 1970 when t is UTC (proleptic Gregorian); 0 when a field is out of its range. */
s64 unix_time(const struct calendar_time *t);

#endif
