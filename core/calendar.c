/* SPDX-License-Identifier: MIT */
/* The Gregorian calendar in eras of 400 years; years begin in March, so that leap days come last. */
#include "core/calendar.h"

#define DAYS_PER_ERA	146097
#define DAYS_UNTIL_1970 719468 /* from 0000-03-01 */

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
	return is_valid(t) ? calendar_to_seconds(t) : 0;
}

s64 calendar_to_seconds(const struct calendar_time *t)
{
	unsigned year = t->month <= 2 ? t->year - 1 : t->year;
	unsigned era = year / 400, year_of_era = year % 400;
	unsigned day_of_year = (153 * ((t->month + 9) % 12) + 2) / 5 + t->day - 1;
	s64 days = (s64)era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 -
		   year_of_era / 100 + day_of_year - DAYS_UNTIL_1970;

	return days * SECONDS_PER_DAY + t->hour * 3600 + t->minute * 60 + t->second;
}

void calendar_from_seconds(u64 seconds, struct calendar_time *t)
{
	u64 days = seconds / SECONDS_PER_DAY + DAYS_UNTIL_1970;
	unsigned in_day = seconds % SECONDS_PER_DAY;
	unsigned day_of_era = days % DAYS_PER_ERA;
	unsigned year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned march_month = (5 * day_of_year + 2) / 153;

	t->day = day_of_year - (153 * march_month + 2) / 5 + 1;
	t->month = march_month < 10 ? march_month + 3 : march_month - 9;
	t->year = year_of_era + days / DAYS_PER_ERA * 400 + (t->month <= 2);
	t->hour = in_day / 3600;
	t->minute = in_day / 60 % 60;
	t->second = in_day % 60;
}
