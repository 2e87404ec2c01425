/* SPDX-License-Identifier: MIT */
/* MC146818 registers over a clock in seconds since 1970. */
#include "core/vdev/rtc.h"

#include <string.h>

#include "core/arch.h"
#include "core/calendar.h"

#define A_RESET	     0x26 /* 32.768 kHz time base, 1024 Hz rate */
#define B_INTERRUPTS 0x78 /* PIE, AIE, UIE, SQWE: cleared by reset */

#define INDEX_MASK 0x7f /* bit 7 of port 0x70 is the NMI mask */
/* UIP rises 244 us before an update that takes 1984 us (MC146818 table 5, 32.768 kHz). */
#define UPDATE_NS 2228000ull
/* Where the clock starts when the machine does not know the time: 2000-01-01. */
#define DEFAULT_EPOCH 946684800ll
#define THURSDAY      5 /* 1970-01-01 */

/* And nanoseconds of the current second. */
static s64 host_time(u32 *ns)
{
	s64 wall = clock_wall(ns);
	u64 since = clock_ns();

	if (wall)
		return wall;
	*ns = (u32)(since % NS_PER_S);
	return DEFAULT_EPOCH + (s64)(since / NS_PER_S);
}

static s64 host_seconds(void)
{
	u32 ns;

	return host_time(&ns);
}

/* Not whether the month is that long: who writes register by register comes across such days. */
static bool in_range(const struct calendar_time *t)
{
	return t->second < 60 && t->minute < 60 && t->hour < 24 && t->day >= 1 && t->day <= 31 &&
	       t->month >= 1 && t->month <= 12 && t->year >= 1970 && t->year <= 9999;
}

static u8 encode(const struct rtc *rtc, unsigned value)
{
	return rtc->ram[RTC_B] & RTC_B_BINARY ? value : rtc_to_bcd(value);
}

static unsigned decode(const struct rtc *rtc, u8 value)
{
	return rtc->ram[RTC_B] & RTC_B_BINARY ? value : rtc_from_bcd(value);
}

static u8 encode_hour(const struct rtc *rtc, unsigned hour)
{
	unsigned hour12 = hour % 12 ? hour % 12 : 12;

	if (rtc->ram[RTC_B] & RTC_B_24_HOURS)
		return encode(rtc, hour);
	return encode(rtc, hour12) | (hour >= 12 ? RTC_HOURS_PM : 0);
}

/* 24 or more for what is no hour. */
static unsigned decode_hour(const struct rtc *rtc, u8 value)
{
	unsigned hour;

	if (rtc->ram[RTC_B] & RTC_B_24_HOURS)
		return decode(rtc, value);
	hour = decode(rtc, value & ~RTC_HOURS_PM);
	if (hour < 1 || hour > 12)
		return 24;
	return hour % 12 + (value & RTC_HOURS_PM ? 12 : 0);
}

static bool is_time_register(u8 index)
{
	return index == RTC_SECONDS || index == RTC_MINUTES || index == RTC_HOURS ||
	       (index >= RTC_DAY_OF_WEEK && index <= RTC_YEAR) || index == RTC_CENTURY;
}

/* Time to registers, as an update cycle does. */
static void load_time(struct rtc *rtc)
{
	s64 guest = host_seconds() + rtc->offset;
	u64 seconds = MAX(guest, (s64)0);
	struct calendar_time t;

	calendar_from_seconds(seconds, &t);
	rtc->ram[RTC_SECONDS] = encode(rtc, t.second);
	rtc->ram[RTC_MINUTES] = encode(rtc, t.minute);
	rtc->ram[RTC_HOURS] = encode_hour(rtc, t.hour);
	rtc->ram[RTC_DAY_OF_WEEK] = encode(rtc, (seconds / SECONDS_PER_DAY + THURSDAY - 1) % 7 + 1);
	rtc->ram[RTC_DAY_OF_MONTH] = encode(rtc, t.day);
	rtc->ram[RTC_MONTH] = encode(rtc, t.month);
	rtc->ram[RTC_YEAR] = encode(rtc, t.year % 100);
	rtc->ram[RTC_CENTURY] = encode(rtc, t.year / 100 % 100);
}

/* Registers to time. What is no time leaves the clock as it was. */
static void store_time(struct rtc *rtc)
{
	struct calendar_time t = {
		.second = decode(rtc, rtc->ram[RTC_SECONDS]),
		.minute = decode(rtc, rtc->ram[RTC_MINUTES]),
		.hour = decode_hour(rtc, rtc->ram[RTC_HOURS]),
		.day = decode(rtc, rtc->ram[RTC_DAY_OF_MONTH]),
		.month = decode(rtc, rtc->ram[RTC_MONTH]),
		.year = decode(rtc, rtc->ram[RTC_CENTURY]) * 100 + decode(rtc, rtc->ram[RTC_YEAR]),
	};

	if (in_range(&t))
		rtc->offset = calendar_to_seconds(&t) - host_seconds();
}

static bool clock_stopped(const struct rtc *rtc)
{
	return rtc->ram[RTC_B] & RTC_B_SET;
}

static u8 read_a(const struct rtc *rtc)
{
	bool updating;
	u32 ns;

	host_time(&ns);
	updating = !clock_stopped(rtc) && ns >= NS_PER_S - UPDATE_NS;
	return rtc->ram[RTC_A] | (updating ? RTC_A_UPDATE_IN_PROGRESS : 0);
}

static u8 read_register(struct rtc *rtc)
{
	if (is_time_register(rtc->index) && !clock_stopped(rtc))
		load_time(rtc);
	switch (rtc->index) {
	case RTC_A:
		return read_a(rtc);
	case RTC_C:
		return 0; /* no interrupt flag is ever set */
	case RTC_D:
		return RTC_D_VALID_RAM;
	default:
		return rtc->ram[rtc->index];
	}
}

/* SET stops the clock with the current time in the registers; clearing it starts from what is there. */
static void write_b(struct rtc *rtc, u8 value)
{
	bool stop = value & RTC_B_SET;

	if (stop && !clock_stopped(rtc))
		load_time(rtc);
	if (!stop && clock_stopped(rtc)) {
		rtc->ram[RTC_B] = value;
		store_time(rtc);
	}
	rtc->ram[RTC_B] = value;
}

static void write_time(struct rtc *rtc, u8 value)
{
	if (!clock_stopped(rtc))
		load_time(rtc);
	rtc->ram[rtc->index] = value;
	if (!clock_stopped(rtc))
		store_time(rtc);
}

static void write_register(struct rtc *rtc, u8 value)
{
	switch (rtc->index) {
	case RTC_A:
		rtc->ram[RTC_A] = value & ~RTC_A_UPDATE_IN_PROGRESS;
		break;
	case RTC_B:
		write_b(rtc, value);
		break;
	case RTC_C:
	case RTC_D:
		break;
	default:
		if (is_time_register(rtc->index))
			write_time(rtc, value);
		else
			rtc->ram[rtc->index] = value;
		break;
	}
}

static u64 port_read(void *dev, u64 offset, unsigned width)
{
	struct rtc *rtc = dev;
	u64 value = 0xff; /* the index is write-only */

	if (width != 1)
		return ~0ull;
	spin_lock(&rtc->lock);
	if (offset == 1)
		value = read_register(rtc);
	spin_unlock(&rtc->lock);
	return value;
}

static void port_write(void *dev, u64 offset, unsigned width, u64 value)
{
	struct rtc *rtc = dev;

	if (width != 1)
		return;
	spin_lock(&rtc->lock);
	if (offset == 0)
		rtc->index = value & INDEX_MASK;
	else
		write_register(rtc, value);
	spin_unlock(&rtc->lock);
}

const struct iodev_ops rtc_ops = {
	.name = "rtc",
	.read = port_read,
	.write = port_write,
};

void rtc_init(struct rtc *rtc)
{
	memset(rtc, 0, sizeof(*rtc));
	rtc->ram[RTC_A] = A_RESET;
	rtc->ram[RTC_B] = RTC_B_24_HOURS;
}

void rtc_reset(struct rtc *rtc)
{
	spin_lock(&rtc->lock);
	write_b(rtc, rtc->ram[RTC_B] & ~(RTC_B_SET | B_INTERRUPTS));
	spin_unlock(&rtc->lock);
}
