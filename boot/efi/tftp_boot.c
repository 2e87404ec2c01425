/* SPDX-License-Identifier: MIT */
/*
 * Separate files by TFTP, through the firmware's PXE base code protocol (UEFI 24.3), from the boot
 * file's folder.
 */
#include <string.h>

#include "boot/efi/dhcp_reply.h"
#include "boot/efi/network.h"
#include "boot/handover_build.h"

#define BLOCK_SIZE 1428 /* bytes a TFTP packet: in an Ethernet frame, with room for a tunnel */
#define PATH_MAX   (DHCP_FOLDER_MAX + HANDOVER_NAME_MAX)

struct tftp {
	struct network_source source;
	EFI_PXE_BASE_CODE_PROTOCOL *pxe;
	EFI_IP_ADDRESS server;
	struct dhcp_boot boot;
};

static void make_path(const struct tftp *t, const char *name, char path[PATH_MAX])
{
	const size_t folder = strlen(t->boot.folder);

	memcpy(path, t->boot.folder, folder);
	memcpy(path + folder, name, strlen(name) + 1);
}

/* The server's own words, when it sent any, tell more than the status. */
static void note_failure(struct tftp *t, const char *name, EFI_STATUS status)
{
	const EFI_PXE_BASE_CODE_TFTP_ERROR *error = &t->pxe->Mode->TftpError;
	const u8 *ip = t->boot.server;
	char path[PATH_MAX], words[sizeof(error->ErrorString) + 1];
	CHAR16 text[sizeof(t->source.l->h->message)];
	size_t len = 0;

	make_path(t, name, path);
	while (len < sizeof(error->ErrorString) && error->ErrorString[len])
		len++;
	handover_copy_text(words, sizeof(words), (const char *)error->ErrorString, len);
	if (status == EFI_UNSUPPORTED) /* iPXE reads files, but does not tell their sizes */
		UnicodeSPrint(text, sizeof(text),
			      L"not loaded: iPXE serves no separate files by itself; fetch them "
			      L"with initrd in its script, or start one .efi");
	else if (status == EFI_TFTP_ERROR && t->pxe->Mode->TftpErrorReceived)
		UnicodeSPrint(text, sizeof(text), L"not loaded from %d.%d.%d.%d: TFTP error %d, %a",
			      ip[0], ip[1], ip[2], ip[3], error->ErrorCode, words);
	else
		UnicodeSPrint(text, sizeof(text), L"not loaded from %d.%d.%d.%d: %r", ip[0], ip[1],
			      ip[2], ip[3], status);
	network_note(t->source.l, path, text);
}

static EFI_STATUS transfer(struct tftp *t, EFI_PXE_BASE_CODE_TFTP_OPCODE operation,
			   const char *name, void *buffer, u64 *size)
{
	char path[PATH_MAX];
	UINTN block_size = BLOCK_SIZE;

	make_path(t, name, path);
	return t->pxe->Mtftp(t->pxe, operation, buffer, FALSE, size, &block_size, &t->server,
			     (UINT8 *)path, NULL, FALSE);
}

static u64 fetch(struct network_source *source, const char *name, u64 *size)
{
	struct tftp *t = container_of(source, struct tftp, source);
	u64 base = 0, room = 0;
	EFI_STATUS status = transfer(t, EFI_PXE_BASE_CODE_TFTP_GET_FILE_SIZE, name, NULL, &room);

	*size = room;
	if (!EFI_ERROR(status)) {
		base = memory_allocate(room);
		status = base ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;
	}
	if (!EFI_ERROR(status)) {
		Print(L"Firn: loading %a%a by TFTP, %lu KiB\n", t->boot.folder, name,
		      DIV_ROUND_UP(room, KiB));
		status = transfer(t, EFI_PXE_BASE_CODE_TFTP_READ_FILE, name, (void *)base, size);
	}
	if (!EFI_ERROR(status) && *size > room)
		status = EFI_BAD_BUFFER_SIZE;
	if (EFI_ERROR(status)) {
		note_failure(t, name, status);
		if (base)
			memory_free(base, room);
		base = 0;
	}
	return base;
}

/* The reply that named the boot file: a boot server's, a proxy's, or the DHCP server's own. */
static bool find_server(struct tftp *t)
{
	const EFI_PXE_BASE_CODE_MODE *mode = t->pxe->Mode;
	bool found = false;

	if (mode->PxeReplyReceived)
		found = dhcp_boot_read(&mode->PxeReply, sizeof(mode->PxeReply), &t->boot);
	if (!found && mode->ProxyOfferReceived)
		found = dhcp_boot_read(&mode->ProxyOffer, sizeof(mode->ProxyOffer), &t->boot);
	if (!found && mode->DhcpAckReceived)
		found = dhcp_boot_read(&mode->DhcpAck, sizeof(mode->DhcpAck), &t->boot);
	memcpy(&t->server, t->boot.server, sizeof(t->boot.server));
	return found;
}

bool tftp_load_files(struct loader *l)
{
	static EFI_GUID guid = EFI_PXE_BASE_CODE_PROTOCOL_GUID;
	struct tftp t = { .source = { .l = l, .fetch = fetch } };
	const char *problem = NULL;

	if (!l->self->DeviceHandle ||
	    EFI_ERROR(BS->HandleProtocol(l->self->DeviceHandle, &guid, (void **)&t.pxe)))
		return false;
	if (!t.pxe->Mode->Started)
		problem = "not loaded: the firmware has stopped its PXE client";
	else if (t.pxe->Mode->UsingIpv6)
		problem = "not loaded: separate files over the network need IPv4";
	else if (!find_server(&t))
		problem = "not loaded: no DHCP reply names a boot file and its server";
	if (problem)
		console_note(l, l->h->config_name, problem, EFI_SUCCESS);
	else
		network_load_all(&t.source);
	return true;
}
