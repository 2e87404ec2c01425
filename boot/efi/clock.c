/* SPDX-License-Identifier: MIT */
/* Wall-clock time from the firmware (UEFI 8.3). */
#include "boot/efi/loader.h"

#include "arch/x86/x86.h"
#include "core/calendar.h"

#define SECONDS_PER_MINUTE 60

void clock_read(struct loader *l)
{
	EFI_TIME now;
	struct calendar_time t;
	s64 seconds;

	if (EFI_ERROR(RT->GetTime(&now, NULL)))
		return;
	l->h->boot_time_tsc = rdtsc();
	t =
		(struct calendar_time){ now.Year, now.Month,  now.Day,
					now.Hour, now.Minute, now.Second };
	seconds = unix_time(&t);
	/* Local time = UTC - TimeZone; an unspecified zone is taken for UTC. */
	if (seconds && now.TimeZone != EFI_UNSPECIFIED_TIMEZONE)
		seconds += now.TimeZone * SECONDS_PER_MINUTE;
	l->h->boot_time = seconds;
}
