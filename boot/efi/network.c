/* SPDX-License-Identifier: MIT */
/*
 * Configuration and files from the server that the loader came from: by TFTP, through the
 * firmware's PXE base code protocol (UEFI 24.3), from the boot file's folder.
 */
#include "boot/efi/loader.h"

#include <string.h>

#include "boot/efi/dhcp_reply.h"
#include "boot/handover_build.h"
#include "core/config.h"

#define BLOCK_SIZE    1428 /* bytes a TFTP packet: in an Ethernet frame, with room for a tunnel */
#define FILE_SIZE_MAX (1024 * GiB) /* what a server says beyond that is no size */
#define PATH_MAX      (DHCP_FOLDER_MAX + HANDOVER_NAME_MAX)

struct network {
	struct loader *l;
	EFI_PXE_BASE_CODE_PROTOCOL *pxe;
	EFI_IP_ADDRESS server;
	struct dhcp_boot boot;
};

static void make_path(const struct network *n, const char *name, char path[PATH_MAX])
{
	const size_t folder = strlen(n->boot.folder);

	memcpy(path, n->boot.folder, folder);
	memcpy(path + folder, name, strlen(name) + 1);
}

static void note(struct network *n, const char *what, const CHAR16 *text)
{
	char problem[sizeof(n->l->h->message)];
	size_t i = 0;

	for (; text[i] && i < sizeof(problem) - 1; i++)
		problem[i] = text[i] >= ' ' && text[i] <= '~' ? (char)text[i] : '?';
	problem[i] = '\0';
	console_note(n->l, what, problem, EFI_SUCCESS);
}

/* The server's own words, when it sent any, tell more than the status. */
static void note_failure(struct network *n, const char *name, EFI_STATUS status)
{
	const EFI_PXE_BASE_CODE_TFTP_ERROR *error = &n->pxe->Mode->TftpError;
	const u8 *ip = n->boot.server;
	char path[PATH_MAX], words[sizeof(error->ErrorString) + 1];
	CHAR16 text[sizeof(n->l->h->message)];
	size_t len = 0;

	make_path(n, name, path);
	while (len < sizeof(error->ErrorString) && error->ErrorString[len])
		len++;
	handover_copy_text(words, sizeof(words), (const char *)error->ErrorString, len);
	if (status == EFI_UNSUPPORTED) /* iPXE reads files, but does not tell their sizes */
		UnicodeSPrint(text, sizeof(text),
			      L"not loaded: iPXE serves no separate files by itself; fetch them "
			      L"with initrd in its script, or start one .efi");
	else if (status == EFI_TFTP_ERROR && n->pxe->Mode->TftpErrorReceived)
		UnicodeSPrint(text, sizeof(text), L"not loaded from %d.%d.%d.%d: TFTP error %d, %a",
			      ip[0], ip[1], ip[2], ip[3], error->ErrorCode, words);
	else
		UnicodeSPrint(text, sizeof(text), L"not loaded from %d.%d.%d.%d: %r", ip[0], ip[1],
			      ip[2], ip[3], status);
	note(n, path, text);
}

static EFI_STATUS transfer(struct network *n, EFI_PXE_BASE_CODE_TFTP_OPCODE operation,
			   const char *name, void *buffer, u64 *size)
{
	char path[PATH_MAX];
	UINTN block_size = BLOCK_SIZE;

	make_path(n, name, path);
	return n->pxe->Mtftp(n->pxe, operation, buffer, FALSE, size, &block_size, &n->server,
			     (UINT8 *)path, NULL, FALSE);
}

/* Loads a file; returns its address, or 0 after a message. name is shorter than HANDOVER_NAME_MAX. */
static u64 fetch(struct network *n, const char *name, u64 *size)
{
	u64 base = 0, room = 0;
	EFI_STATUS status = transfer(n, EFI_PXE_BASE_CODE_TFTP_GET_FILE_SIZE, name, NULL, &room);

	*size = room;
	if (!EFI_ERROR(status) && room > FILE_SIZE_MAX)
		status = EFI_BAD_BUFFER_SIZE;
	if (!EFI_ERROR(status)) {
		base = memory_allocate(room);
		status = base ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;
	}
	if (!EFI_ERROR(status)) {
		Print(L"Firn: loading %a%a by TFTP, %lu KiB\n", n->boot.folder, name,
		      DIV_ROUND_UP(room, KiB));
		status = transfer(n, EFI_PXE_BASE_CODE_TFTP_READ_FILE, name, (void *)base, size);
	}
	if (!EFI_ERROR(status) && *size > room)
		status = EFI_BAD_BUFFER_SIZE;
	if (EFI_ERROR(status)) {
		note_failure(n, name, status);
		if (base)
			memory_free(base, room);
		base = 0;
	}
	return base;
}

static bool is_loaded(const struct handover *h, const char *name)
{
	bool found = false;

	for (u32 i = 0; i < h->nr_files && !found; i++)
		found = !strcmp(h->files[i].name, name);
	return found;
}

/* For config_check_files(), which asks for each reference to a file. */
static bool load_file(void *ctx, const char *name)
{
	struct network *n = ctx;
	struct handover_file *file;

	if (is_loaded(n->l->h, name))
		return true;
	file = handover_add_file(n->l->h, name, strlen(name));
	if (!file)
		return false;
	file->base = fetch(n, name, &file->size);
	if (!file->base) {
		handover_drop_file(n->l->h);
		return false;
	}
	return true;
}

struct parsed {
	struct firn_config config;
	struct config_errors errors;
};

/*
 * A configuration with mistakes still names files: Firn parses it again, and tells the mistakes at
 * its prompt.
 */
static void load_named_files(struct network *n)
{
	const struct handover *h = n->l->h;
	struct parsed *parsed = (struct parsed *)memory_allocate(sizeof(*parsed));

	if (!parsed) {
		console_note(n->l, h->config_name, "no memory to read it", EFI_OUT_OF_RESOURCES);
		return;
	}
	config_parse((const char *)h->config_base, h->config_size, &parsed->config,
		     &parsed->errors);
	config_check_files(&parsed->config, load_file, n, &parsed->errors);
	memory_free((u64)parsed, sizeof(*parsed));
}

/* The reply that named the boot file: a boot server's, a proxy's, or the DHCP server's own. */
static bool find_server(struct network *n)
{
	const EFI_PXE_BASE_CODE_MODE *mode = n->pxe->Mode;
	bool found = false;

	if (mode->PxeReplyReceived)
		found = dhcp_boot_read(&mode->PxeReply, sizeof(mode->PxeReply), &n->boot);
	if (!found && mode->ProxyOfferReceived)
		found = dhcp_boot_read(&mode->ProxyOffer, sizeof(mode->ProxyOffer), &n->boot);
	if (!found && mode->DhcpAckReceived)
		found = dhcp_boot_read(&mode->DhcpAck, sizeof(mode->DhcpAck), &n->boot);
	memcpy(&n->server, n->boot.server, sizeof(n->boot.server));
	return found;
}

bool network_load_files(struct loader *l)
{
	static EFI_GUID guid = EFI_PXE_BASE_CODE_PROTOCOL_GUID;
	struct network n = { .l = l };
	const char *problem = NULL;

	if (!l->self->DeviceHandle ||
	    EFI_ERROR(BS->HandleProtocol(l->self->DeviceHandle, &guid, (void **)&n.pxe)))
		return false;
	if (!n.pxe->Mode->Started)
		problem = "not loaded: the firmware has stopped its PXE client";
	else if (n.pxe->Mode->UsingIpv6)
		problem = "not loaded: separate files over the network need IPv4";
	else if (!find_server(&n))
		problem = "not loaded: no DHCP reply names a boot file and its server";
	if (problem) {
		console_note(l, l->h->config_name, problem, EFI_SUCCESS);
		return true;
	}
	l->h->config_base = fetch(&n, l->h->config_name, &l->h->config_size);
	if (l->h->config_base)
		load_named_files(&n);
	else
		l->h->config_size = 0;
	return true;
}
