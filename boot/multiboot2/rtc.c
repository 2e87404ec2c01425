/* SPDX-License-Identifier: MIT */
/* The real-time clock in CMOS memory (MC146818): read twice until both readings agree. */
#include "boot/multiboot2/rtc.h"

#include <string.h>

#include "arch/x86/x86.h"
#include "boot/unix_time.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71

enum rtc_register {
	RTC_SECONDS = 0x00,
	RTC_MINUTES = 0x02,
	RTC_HOURS = 0x04,
	RTC_DAY = 0x07,
	RTC_MONTH = 0x08,
	RTC_YEAR = 0x09,
	RTC_STATUS_A = 0x0a,
	RTC_STATUS_B = 0x0b,
};
#define RTC_A_UPDATE   BIT(7)
#define RTC_B_24H      BIT(1)
#define RTC_B_BINARY   BIT(2)
#define RTC_HOURS_PM   0x80u
#define RTC_FIRST_YEAR 70

/* An update takes 2 ms; reading a port takes about 1 us, on emulators less. */
#define RTC_UPDATE_TRIES 2500
#define RTC_READ_TRIES	 8

static u8 rtc_register(enum rtc_register index)
{
	outb(CMOS_INDEX, (u8)index);
	return inb(CMOS_DATA);
}

static unsigned from_bcd(unsigned v)
{
	return (v >> 4) * 10 + (v & 0xf);
}

static void read_raw(struct calendar_time *t)
{
	for (unsigned i = 0; i < RTC_UPDATE_TRIES && rtc_register(RTC_STATUS_A) & RTC_A_UPDATE; i++)
		cpu_relax();
	t->second = rtc_register(RTC_SECONDS);
	t->minute = rtc_register(RTC_MINUTES);
	t->hour = rtc_register(RTC_HOURS);
	t->day = rtc_register(RTC_DAY);
	t->month = rtc_register(RTC_MONTH);
	t->year = rtc_register(RTC_YEAR);
}

static void decode(struct calendar_time *t, u8 status_b)
{
	const bool pm = !(status_b & RTC_B_24H) && (t->hour & RTC_HOURS_PM);

	if (!(status_b & RTC_B_24H))
		t->hour &= ~RTC_HOURS_PM;
	if (!(status_b & RTC_B_BINARY)) {
		t->second = from_bcd(t->second);
		t->minute = from_bcd(t->minute);
		t->hour = from_bcd(t->hour);
		t->day = from_bcd(t->day);
		t->month = from_bcd(t->month);
		t->year = from_bcd(t->year);
	}
	if (!(status_b & RTC_B_24H))
		t->hour = t->hour % 12 + (pm ? 12 : 0);
	/* The century's register is known from the FADT only: two digits have to do. */
	t->year += t->year < RTC_FIRST_YEAR ? 2000 : 1900;
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
	decode(&t, rtc_register(RTC_STATUS_B));
	return unix_time(&t);
}
