/* SPDX-License-Identifier: MIT */
/*
 * MC146818 real-time clock at ports 0x70/0x71, with a century byte at 0x32. Runs on the host's
 * wall clock plus what the guest set. No interrupts: alarm and rate registers only keep their value.
 */
#ifndef FIRN_VDEV_RTC_H
#define FIRN_VDEV_RTC_H

#include "core/iobus.h"
#include "core/spinlock.h"
#include "core/vdev/rtc_regs.h"

#define RTC_NVRAM 128

struct rtc {
	struct spinlock lock;
	u8 index;
	u8 ram[RTC_NVRAM]; /* time registers count only while the clock is stopped by SET */
	s64 offset;	   /* guest's time minus host's, seconds */
};

extern const struct iodev_ops rtc_ops;

void rtc_init(struct rtc *rtc);
/* Battery-backed: time and memory stay, the control bits get their reset values. */
void rtc_reset(struct rtc *rtc);

#endif
