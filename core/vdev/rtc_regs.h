/* SPDX-License-Identifier: MIT */
/* Registers of the MC146818 real-time clock (data sheet, figures 11 and 12), and those that PCs add. */
#ifndef FIRN_VDEV_RTC_REGS_H
#define FIRN_VDEV_RTC_REGS_H

#include "core/types.h"

#define RTC_PORT  0x70 /* index, then data */
#define RTC_PORTS 2

enum rtc_register {
	RTC_SECONDS,
	RTC_SECONDS_ALARM,
	RTC_MINUTES,
	RTC_MINUTES_ALARM,
	RTC_HOURS,
	RTC_HOURS_ALARM,
	RTC_DAY_OF_WEEK, /* 1 = Sunday */
	RTC_DAY_OF_MONTH,
	RTC_MONTH,
	RTC_YEAR, /* two digits */
	RTC_A,
	RTC_B,
	RTC_C,
	RTC_D,
	RTC_CENTURY = 0x32 /* where the FADT says so */
};

#define RTC_A_UPDATE_IN_PROGRESS BIT(7)
#define RTC_B_SET		 BIT(7)
#define RTC_B_BINARY		 BIT(2)
#define RTC_B_24_HOURS		 BIT(1)
#define RTC_D_VALID_RAM		 BIT(7)
#define RTC_HOURS_PM		 BIT(7)

/* Times are in BCD unless register B says that they are binary. */
static inline unsigned rtc_from_bcd(u8 value)
{
	return (value >> 4) * 10u + (value & 0xf);
}

static inline u8 rtc_to_bcd(unsigned value)
{
	return value / 10 << 4 | value % 10;
}

#endif
