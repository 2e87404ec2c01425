/* SPDX-License-Identifier: MIT */
/* Calendar dates (proleptic Gregorian, UTC) and seconds since 1970-01-01 00:00:00. */
#ifndef FIRN_CORE_CALENDAR_H
#define FIRN_CORE_CALENDAR_H

#include "core/types.h"

#define SECONDS_PER_DAY 86400

struct calendar_time {
	unsigned year;	/* 1970..9999 */
	unsigned month; /* 1..12 */
	unsigned day;	/* 1..31 */
	unsigned hour, minute, second;
};

/* Seconds since 1970; 0 when there is no such time. */
s64 unix_time(const struct calendar_time *t);

/*
 * The same without a check, for fields in the ranges above: days behind the last one of a month are
 * those of the next month.
 */
s64 calendar_to_seconds(const struct calendar_time *t);
/* The way back, for what calendar_to_seconds() can give. */
void calendar_from_seconds(u64 seconds, struct calendar_time *t);

#endif
