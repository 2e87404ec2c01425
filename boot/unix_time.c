/* SPDX-License-Identifier: MIT */
/* Calendar date to seconds since 1970-01-01 00:00:00. */
#include "boot/unix_time.h"

#define SECONDS_PER_DAY 86400

static bool is_leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const u8 days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

static bool is_valid(const struct calendar_time *t)
{
	return t->year >= 1970 && t->year <= 9999 && t->month >= 1 && t->month <= 12 &&
	       t->day >= 1 && t->day <= days_in_month(t->year, t->month) && t->hour < 24 &&
	       t->minute < 60 && t->second < 60;
}

s64 unix_time(const struct calendar_time *t)
{
	s64 days = 0;

	if (!is_valid(t))
		return 0;
	for (unsigned year = 1970; year < t->year; year++)
		days += is_leap(year) ? 366 : 365;
	for (unsigned month = 1; month < t->month; month++)
		days += days_in_month(t->year, month);
	days += t->day - 1;
	return days * SECONDS_PER_DAY + t->hour * 3600 + t->minute * 60 + t->second;
}
