/* SPDX-License-Identifier: MIT */
/* The EFI loader: table of contents. */
#include "boot/efi/loader.h"

#include <string.h>

#include "arch/x86/x86.h"
#include "boot/handover_build.h"

/* What Firn starts with, in one block: the hand-over, then the page tables. */
static u64 *page_tables(struct loader *l)
{
	return (u64 *)((u64)l->h + LOADER_TABLES_OFFSET);
}

static EFI_STATUS start(struct loader *l)
{
	EFI_STATUS status;

	/* Loading big files takes longer than the firmware's patience of 5 minutes. */
	BS->SetWatchdogTimer(0, 0, 0, NULL);
	status = BS->HandleProtocol(l->handle, &LoadedImageProtocol, (void **)&l->self);
	if (EFI_ERROR(status))
		return console_fatal("loader", "cannot find itself", status);

	l->h = (void *)memory_allocate_low(LOADER_BLOCK_SIZE);
	if (!l->h)
		return console_fatal("memory", "no room below 4 GiB", EFI_OUT_OF_RESOURCES);
	handover_init(l->h, HANDOVER_EFI);
	return EFI_SUCCESS;
}

static void load_files(struct loader *l)
{
	if (sections_load_files(l))
		return;
	if (!volume_load_files(l) && (tftp_load_files(l) || http_load_files(l)))
		return;
	if (!l->h->config_base)
		console_note(l, l->h->config_name, "not found in \\firn of the boot volume",
			     EFI_SUCCESS);
}

/* Loader code, not data: firmware may forbid to execute the latter. */
static EFI_STATUS prepare_entry(struct loader *l)
{
	EFI_PHYSICAL_ADDRESS page = 4 * GiB - 1;
	EFI_STATUS status = BS->AllocatePages(AllocateMaxAddress, EfiLoaderCode, 1, &page);

	if (EFI_ERROR(status))
		return console_fatal("memory", "no page for the entry code", status);
	l->trampoline = (void *)page;
	memcpy(l->trampoline, enter_start, (size_t)(enter_end - enter_start));
	early_paging_build(page_tables(l), (u64)page_tables(l), l->h->image_base, l->h->image_size);
	return EFI_SUCCESS;
}

static __noreturn void enter(struct loader *l)
{
	enter_fn *const jump = (enter_fn *)l->trampoline;

	l->h->loader_tsc = rdtsc();
	jump((u64)l->h, (u64)page_tables(l), l->entry);
	__builtin_unreachable();
}

/* Everything that needs the firmware, and that can still be given up with a message. */
static EFI_STATUS prepare(struct loader *l)
{
	EFI_STATUS status = start(l);

	if (!EFI_ERROR(status)) {
		firmware_read(l);
		status = sections_load_image(l);
	}
	if (!EFI_ERROR(status)) {
		load_files(l);
		framebuffer_read(l);
		cpus_read(l);
		clock_read(l);
		status = prepare_entry(l);
	}
	return status;
}

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system_table)
{
	struct loader l = { .handle = handle };
	EFI_STATUS status;

	InitializeLib(handle, system_table);
	Print(L"Firn: loading\n");

	status = prepare(&l);
	if (EFI_ERROR(status)) {
		console_wait();
		return status;
	}
	/* Even when this fails the firmware may have stopped its timers: no waiting for keys. */
	status = memory_exit_boot_services(&l);
	if (EFI_ERROR(status))
		return status;
	enter(&l);
}
