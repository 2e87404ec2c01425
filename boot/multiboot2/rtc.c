/* SPDX-License-Identifier: MIT */
/* The real-time clock in CMOS memory (MC146818): read twice until both readings agree. */
#include "boot/multiboot2/rtc.h"

#include <string.h>

#include "arch/x86/x86.h"
#include "core/calendar.h"
#include "core/vdev/rtc_regs.h"

#define FIRST_YEAR 70 /* of two digits, in the century before */

/* An update takes 2 ms; reading a port takes about 1 us, on emulators less. */
#define RTC_UPDATE_TRIES 2500
#define RTC_READ_TRIES	 8

static u8 read_register(enum rtc_register index)
{
	outb(RTC_PORT, (u8)index);
	return inb(RTC_PORT + 1);
}

static void read_raw(struct calendar_time *t)
{
	for (unsigned i = 0;
	     i < RTC_UPDATE_TRIES && read_register(RTC_A) & RTC_A_UPDATE_IN_PROGRESS; i++)
		cpu_relax();
	t->second = read_register(RTC_SECONDS);
	t->minute = read_register(RTC_MINUTES);
	t->hour = read_register(RTC_HOURS);
	t->day = read_register(RTC_DAY_OF_MONTH);
	t->month = read_register(RTC_MONTH);
	t->year = read_register(RTC_YEAR);
}

static void decode(struct calendar_time *t, u8 status_b)
{
	const bool pm = !(status_b & RTC_B_24_HOURS) && (t->hour & RTC_HOURS_PM);

	if (!(status_b & RTC_B_24_HOURS))
		t->hour &= ~(unsigned)RTC_HOURS_PM;
	if (!(status_b & RTC_B_BINARY)) {
		t->second = rtc_from_bcd(t->second);
		t->minute = rtc_from_bcd(t->minute);
		t->hour = rtc_from_bcd(t->hour);
		t->day = rtc_from_bcd(t->day);
		t->month = rtc_from_bcd(t->month);
		t->year = rtc_from_bcd(t->year);
	}
	if (!(status_b & RTC_B_24_HOURS))
		t->hour = t->hour % 12 + (pm ? 12 : 0);
	/* The century's register is known from the FADT only: two digits have to do. */
	t->year += t->year < FIRST_YEAR ? 2000 : 1900;
}

s64 rtc_read(u64 *tsc)
{
	struct calendar_time t, again;
	bool stable = false;

	read_raw(&t);
	for (unsigned i = 0; i < RTC_READ_TRIES && !stable; i++) {
		read_raw(&again);
		stable = !memcmp(&t, &again, sizeof(t));
		t = again;
	}
	*tsc = rdtsc();
	if (!stable)
		return 0;
	decode(&t, read_register(RTC_B));
	return unix_time(&t);
}
