/* SPDX-License-Identifier: MIT */
/* Messages on the firmware's console. */
#include "boot/efi/loader.h"

#include "boot/handover_build.h"

#define EFI_SECOND   10000000ull /* timers count 100 ns */
#define READING_TIME (10 * EFI_SECOND)

void console_note(struct loader *l, const char *what, const char *problem, EFI_STATUS status)
{
	if (EFI_ERROR(status))
		Print(L"Firn: %a: %a: %r\n", what, problem, status);
	else
		Print(L"Firn: %a: %a\n", what, problem);
	handover_note(l->h, what, problem);
}

EFI_STATUS console_fatal(const char *what, const char *problem, EFI_STATUS status)
{
	Print(L"\nFirn cannot start: %a: %a: %r\n", what, problem, status);
	return status;
}

void console_wait(void)
{
	if (ST->ConIn) {
		Print(L"Press a key to go back to the firmware.\n");
		WaitForSingleEvent(ST->ConIn->WaitForKey, READING_TIME);
	} else {
		BS->Stall(READING_TIME / 10);
	}
}
