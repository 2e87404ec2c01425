/* SPDX-License-Identifier: MIT */
/* The firmware's name, its tables, and the command line that it gives us. */
#include "boot/efi/loader.h"

#include "boot/handover_build.h"

#define CMDLINE_MAX 256

static void read_name(struct handover *h)
{
	const UINT32 revision = ST->Hdr.Revision;
	CHAR16 wide[sizeof(h->firmware)];
	char name[sizeof(h->firmware)];
	size_t len;

	UnicodeSPrint(wide, sizeof(wide), L"%s (UEFI %d.%d)",
		      ST->FirmwareVendor ? ST->FirmwareVendor : L"unknown firmware", revision >> 16,
		      (revision & 0xffff) / 10);
	len = text_narrow(name, sizeof(name), wide, ARRAY_SIZE(wide));
	handover_copy_text(h->firmware, sizeof(h->firmware), name, len);
}

static u64 config_table(EFI_GUID *guid)
{
	void *table = NULL;

	return EFI_ERROR(LibGetSystemConfigurationTable(guid, &table)) ? 0 : (u64)table;
}

/* Load options are CHAR16 text from a shell or boot entry, but may as well be binary data. */
static void read_cmdline(struct loader *l)
{
	const CHAR16 *options = l->self->LoadOptions;
	const size_t max = options ? l->self->LoadOptionsSize / sizeof(CHAR16) : 0;
	char cmdline[CMDLINE_MAX];

	handover_read_cmdline(l->h, cmdline, text_narrow(cmdline, sizeof(cmdline), options, max));
}

void firmware_read(struct loader *l)
{
	static EFI_GUID acpi2 = ACPI_20_TABLE_GUID, acpi1 = ACPI_TABLE_GUID;

	read_name(l->h);
	l->h->efi_system_table = (u64)ST;
	l->h->rsdp = config_table(&acpi2);
	if (!l->h->rsdp)
		l->h->rsdp = config_table(&acpi1);
	read_cmdline(l);
}
