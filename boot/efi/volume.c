/* SPDX-License-Identifier: MIT */
/* Configuration and files from the volume that the loader came from: from \firn\, or iPXE's. */
#include "boot/efi/loader.h"

#include "boot/handover_build.h"

#define DIRECTORY L"\\firn"
#define CHUNK	  (4 * MiB) /* a sign of life after each */
#define NAME_MAX  255	    /* CHAR16s in a FAT or UDF file name */

struct directory_entry {
	EFI_FILE_INFO info;
	CHAR16 rest_of_name[NAME_MAX + 1];
};

static bool is_network(EFI_HANDLE device)
{
	static EFI_GUID guid = EFI_PXE_BASE_CODE_PROTOCOL_GUID;
	void *pxe;

	return !EFI_ERROR(BS->HandleProtocol(device, &guid, &pxe));
}

/*
 * NULL: the loader came from no volume, or from one without the directory. iPXE shows what its
 * script fetched as a volume of the network device, and that has files but no directories.
 */
static EFI_FILE_HANDLE open_directory(struct loader *l)
{
	EFI_FILE_IO_INTERFACE *volume;
	EFI_FILE_HANDLE root, directory = NULL;

	if (!l->self->DeviceHandle ||
	    EFI_ERROR(BS->HandleProtocol(l->self->DeviceHandle, &FileSystemProtocol,
					 (void **)&volume)) ||
	    EFI_ERROR(volume->OpenVolume(volume, &root)))
		return NULL;
	if (is_network(l->self->DeviceHandle))
		return root;
	if (EFI_ERROR(root->Open(root, &directory, DIRECTORY, EFI_FILE_MODE_READ, 0)))
		directory = NULL;
	root->Close(root);
	return directory;
}

static EFI_STATUS read_chunks(EFI_FILE_HANDLE file, u64 base, u64 size)
{
	EFI_STATUS status = EFI_SUCCESS;

	for (u64 done = 0; done < size && !EFI_ERROR(status);) {
		UINTN n = MIN(CHUNK, size - done);

		status = file->Read(file, &n, (void *)(base + done));
		if (!EFI_ERROR(status) && !n)
			status = EFI_END_OF_FILE;
		done += n;
		Print(L".");
	}
	Print(L"\n");
	return status;
}

static u64 read_file(struct loader *l, EFI_FILE_HANDLE directory, const EFI_FILE_INFO *info,
		     const char *name)
{
	const u64 size = info->FileSize;
	u64 base = memory_allocate(size);
	EFI_FILE_HANDLE file;
	EFI_STATUS status;

	if (!base) {
		console_note(l, name, "no memory to load it", EFI_OUT_OF_RESOURCES);
		return 0;
	}
	Print(L"Firn: loading %a, %lu KiB ", name, DIV_ROUND_UP(size, KiB));
	status = directory->Open(directory, &file, (CHAR16 *)info->FileName, EFI_FILE_MODE_READ, 0);
	if (!EFI_ERROR(status)) {
		status = read_chunks(file, base, size);
		file->Close(file);
	}
	if (EFI_ERROR(status)) {
		console_note(l, name, "cannot be read", status);
		memory_free(base, size);
		base = 0;
	}
	return base;
}

static void load_entry(struct loader *l, EFI_FILE_HANDLE directory, const EFI_FILE_INFO *info)
{
	char name[NAME_MAX + 1];
	const size_t len = text_narrow(name, sizeof(name), info->FileName, NAME_MAX);
	struct handover_file *file;

	if (info->Attribute & EFI_FILE_DIRECTORY)
		return;
	if (handover_is_config(l->h, name, len)) {
		l->h->config_base = read_file(l, directory, info, name);
		l->h->config_size = l->h->config_base ? info->FileSize : 0;
	} else if ((file = handover_add_file(l->h, name, len))) {
		file->base = read_file(l, directory, info, name);
		file->size = info->FileSize;
		if (!file->base)
			handover_drop_file(l->h);
	}
}

bool volume_load_files(struct loader *l)
{
	static struct directory_entry entry;
	EFI_FILE_HANDLE directory = open_directory(l);
	EFI_STATUS status = EFI_SUCCESS;
	bool found = directory;

	while (directory) {
		UINTN size = sizeof(entry);

		status = directory->Read(directory, &size, &entry);
		if (EFI_ERROR(status) || !size)
			break;
		load_entry(l, directory, &entry.info);
	}
	if (EFI_ERROR(status))
		console_note(l, "\\firn", "directory cannot be read", status);
	if (directory)
		directory->Close(directory);
	/* A network boot program that fetched nothing: the loader asks the server itself. */
	if (found && !l->h->config_base && is_network(l->self->DeviceHandle))
		found = false;
	return found;
}
