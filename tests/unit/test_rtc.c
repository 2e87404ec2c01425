/* SPDX-License-Identifier: MIT */
/* Real-time clock: calendar, formats, setting, UIP, memory. The C library's calendar is the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/vdev/rtc.h"
#include "fake.h"

#define NS 1000000000ull

enum {
	SEC = 0,
	MIN = 2,
	HOUR = 4,
	WDAY = 6,
	DAY,
	MONTH,
	YEAR,
	A,
	B,
	C,
	D,
	CENTURY = 0x32
};

static struct rtc rtc;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	rtc_init(&rtc);
	return 0;
}

static u8 in(u8 reg)
{
	rtc_ops.write(&rtc, 0, 1, reg);
	return rtc_ops.read(&rtc, 1, 1);
}

static void out(u8 reg, u8 value)
{
	rtc_ops.write(&rtc, 0, 1, reg);
	rtc_ops.write(&rtc, 1, 1, value);
}

static unsigned bcd(u8 value)
{
	assert_true((value & 0xf) < 10 && value >> 4 < 10);
	return (value >> 4) * 10 + (value & 0xf);
}

static void assert_time(s64 seconds)
{
	time_t t = seconds;
	struct tm tm;

	gmtime_r(&t, &tm);
	assert_int_equal(bcd(in(SEC)), tm.tm_sec);
	assert_int_equal(bcd(in(MIN)), tm.tm_min);
	assert_int_equal(bcd(in(HOUR)), tm.tm_hour);
	assert_int_equal(bcd(in(WDAY)), tm.tm_wday + 1);
	assert_int_equal(bcd(in(DAY)), tm.tm_mday);
	assert_int_equal(bcd(in(MONTH)), tm.tm_mon + 1);
	assert_int_equal(bcd(in(YEAR)), tm.tm_year % 100);
	assert_int_equal(bcd(in(CENTURY)), (tm.tm_year + 1900) / 100);
}

static void test_calendar(void **state)
{
	static const s64 corners[] = {
		1,	    951782399,	951782400,  951868799,	951868800,  978307199,	  978307200,
		1709164799, 1709164800, 1709251200, 4107542399, 4107542400, 253402300799,
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(corners); i++) {
		fake_set_wall_seconds(corners[i]);
		assert_time(corners[i]);
	}
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		s64 t = 1 + ((s64)rand() << 20 ^ rand()) % 253402300799;

		fake_set_wall_seconds(t);
		assert_time(t);
	}
}

static void test_unknown_wall_clock_still_ticks(void **state)
{
	(void)state;
	assert_time(946684800);
	fake_set_clock_ns(100 * NS);
	assert_time(946684900);
}

static void test_twelve_hours(void **state)
{
	static const u8 bcd_hours[24] = {
		0x12, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x10, 0x11,
		0x92, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x90, 0x91,
	};

	(void)state;
	out(B, 0);
	for (unsigned hour = 0; hour < 24; hour++) {
		fake_set_wall_seconds(86400 + hour * 3600);
		assert_int_equal(in(HOUR), bcd_hours[hour]);
	}
}

static void test_binary(void **state)
{
	(void)state;
	fake_set_wall_seconds(1709251199); /* 2024-02-29 23:59:59 */
	out(B, 0x06);
	assert_int_equal(in(SEC), 59);
	assert_int_equal(in(HOUR), 23);
	assert_int_equal(in(DAY), 29);
	assert_int_equal(in(YEAR), 24);
	assert_int_equal(in(CENTURY), 20);
	out(B, 0x04);
	assert_int_equal(in(HOUR), 0x80 | 11);
}

static void set_time(u8 b, u8 hour)
{
	out(B, 0x80 | b);
	out(SEC, 0x56);
	out(MIN, 0x34);
	out(HOUR, hour);
	out(DAY, 0x31);
	out(MONTH, 0x12);
	out(YEAR, 0x99);
	out(CENTURY, 0x20);
	out(B, b);
}

static void test_setting(void **state)
{
	const s64 expected = 4102443296; /* 2099-12-31 23:34:56 */

	(void)state;
	fake_set_wall_seconds(1700000000);
	set_time(0x02, 0x23);
	assert_time(expected);
	fake_set_clock_ns(10 * NS);
	assert_time(expected + 10);
	set_time(0x00, 0x91); /* 11 pm */
	out(B, 0x02);
	assert_time(expected);
}

static u8 to_bcd(unsigned value)
{
	return value / 10 << 4 | value % 10;
}

static void test_setting_any_time(void **state)
{
	(void)state;
	fake_set_wall_seconds(1700000000);
	srand(5);
	for (unsigned i = 0; i < 20000; i++) {
		time_t t = ((s64)rand() << 20 ^ rand()) % 253402300799;
		struct tm tm;

		gmtime_r(&t, &tm);
		out(B, 0x82);
		out(SEC, to_bcd(tm.tm_sec));
		out(MIN, to_bcd(tm.tm_min));
		out(HOUR, to_bcd(tm.tm_hour));
		out(DAY, to_bcd(tm.tm_mday));
		out(MONTH, to_bcd(tm.tm_mon + 1));
		out(YEAR, to_bcd(tm.tm_year % 100));
		out(CENTURY, to_bcd((tm.tm_year + 1900) / 100));
		out(B, 0x02);
		assert_time(t);
	}
}

static void test_stopped_clock_stands_still(void **state)
{
	(void)state;
	fake_set_wall_seconds(1700000000);
	out(B, 0x82);
	fake_set_clock_ns(5 * NS);
	assert_int_equal(bcd(in(SEC)), 1700000000 % 60);
	out(SEC, 0x07);
	assert_int_equal(in(SEC), 0x07);
	out(B, 0x02);
	assert_int_equal(in(SEC), 0x07);
	fake_set_clock_ns(6 * NS);
	assert_int_equal(in(SEC), 0x08);
}

static void test_setting_without_stopping(void **state)
{
	(void)state;
	fake_set_wall_seconds(1700000000);
	out(MIN, 0x59);
	out(SEC, 0x58);
	fake_set_clock_ns(1 * NS);
	assert_int_equal(in(MIN), 0x59);
	assert_int_equal(in(SEC), 0x59);
}

/* Nonsense leaves the clock alone, whatever byte is where. */
static void test_nonsense_times(void **state)
{
	static const u8 regs[] = { SEC, MIN, HOUR, DAY, MONTH };

	(void)state;
	fake_set_wall_seconds(1700000000);
	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++) {
		out(regs[i], 0xff);
		assert_time(1700000000);
		out(regs[i], 0x6a);
		if (regs[i] != SEC && regs[i] != MIN)
			assert_time(1700000000);
	}
	out(B, 0x00);
	out(HOUR, 0x13);
	out(HOUR, 0x80);
	out(HOUR, 0x00);
	out(B, 0x02);
	assert_int_equal(bcd(in(HOUR)), 1700000000 / 3600 % 24);
	srand(2);
	for (unsigned i = 0; i < 100000; i++)
		out(rand() % 128, rand());
	out(B, 0x02);
	bcd(in(SEC));
	bcd(in(CENTURY));
}

static void test_update_in_progress(void **state)
{
	(void)state;
	fake_set_clock_ns(0);
	assert_int_equal(in(A), 0x26);
	fake_set_clock_ns(NS - 2228001);
	assert_int_equal(in(A), 0x26);
	fake_set_clock_ns(NS - 2228000);
	assert_int_equal(in(A), 0xa6);
	fake_set_clock_ns(NS - 1);
	assert_int_equal(in(A), 0xa6);
	out(B, 0x82); /* a stopped clock does not update */
	assert_int_equal(in(A), 0x26);
	out(B, 0x02);
	fake_set_clock_ns(NS);
	assert_int_equal(in(A), 0x26);
	out(A, 0xff);
	assert_int_equal(in(A), 0x7f);
}

/* The flag rises before the seconds change, wherever the wall clock's seconds begin. */
static void test_update_of_the_wall_clock(void **state)
{
	u8 before;

	(void)state;
	fake_set_wall(1700000000, 400000000);
	fake_set_clock_ns(600000000 - 2228001);
	before = in(SEC);
	assert_int_equal(in(A), 0x26);
	fake_set_clock_ns(600000000 - 1);
	assert_int_equal(in(A), 0xa6);
	assert_int_equal(in(SEC), before);
	fake_set_clock_ns(600000000);
	assert_int_equal(in(A), 0x26);
	assert_int_equal(in(SEC), before + 1);
	fake_set_clock_ns(NS - 1);
	assert_int_equal(in(A), 0x26);
}

static void test_status_and_memory(void **state)
{
	(void)state;
	out(C, 0xff);
	out(D, 0xff);
	assert_int_equal(in(C), 0);
	assert_int_equal(in(D), 0x80);
	for (unsigned reg = 0x0e; reg < 128; reg++)
		if (reg != CENTURY)
			out(reg, reg ^ 0xa5);
	for (unsigned reg = 0x0e; reg < 128; reg++)
		if (reg != CENTURY)
			assert_int_equal(in(reg | 0x80), (u8)(reg ^ 0xa5)); /* bit 7: NMI mask */
	out(1, 0x12);							    /* alarms are memory */
	assert_int_equal(in(1), 0x12);
	assert_int_equal(rtc_ops.read(&rtc, 0, 1), 0xff);
}

static void test_widths(void **state)
{
	(void)state;
	out(0x40, 0x11);
	rtc_ops.write(&rtc, 0, 2, 0x2241);
	assert_int_equal(rtc_ops.read(&rtc, 1, 1), 0x11);
	assert_int_equal((u16)rtc_ops.read(&rtc, 0, 2), 0xffff);
}

static void test_reset_keeps_time_and_memory(void **state)
{
	(void)state;
	fake_set_wall_seconds(1700000000);
	set_time(0x02, 0x23);
	out(0x40, 0x77);
	out(B, 0xfa);
	rtc_reset(&rtc);
	assert_int_equal(in(B), 0x02);
	assert_int_equal(in(0x40), 0x77);
	assert_time(4102443296);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_calendar),
		TEST(test_unknown_wall_clock_still_ticks),
		TEST(test_twelve_hours),
		TEST(test_binary),
		TEST(test_setting),
		TEST(test_setting_any_time),
		TEST(test_stopped_clock_stands_still),
		TEST(test_setting_without_stopping),
		TEST(test_nonsense_times),
		TEST(test_update_in_progress),
		TEST(test_update_of_the_wall_clock),
		TEST(test_status_and_memory),
		TEST(test_widths),
		TEST(test_reset_keeps_time_and_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
