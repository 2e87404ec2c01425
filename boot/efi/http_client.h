/* SPDX-License-Identifier: MIT */
/* One file by HTTP, through the firmware's client. */
#ifndef FIRN_BOOT_EFI_HTTP_CLIENT_H
#define FIRN_BOOT_EFI_HTTP_CLIENT_H

#include "boot/efi/http_protocol.h"
#include "boot/efi/loader.h"

/* A server that says nothing for this long is given up. */
#define HTTP_PATIENCE_MS 30000

struct http_client {
	EFI_SERVICE_BINDING *binding; /* of the network device */
	bool ipv6;		      /* which of the two is this machine's address */
	EFI_HTTPv4_ACCESS_POINT v4;
	EFI_HTTPv6_ACCESS_POINT v6;
};

struct http_file {
	u64 base; /* memory_allocate()d; 0 = not loaded */
	u64 size; /* bytes */
	u64 received;
	/* Why it was not loaded; NULL: the returned status tells. */
	const char *problem;
};

/*
 * Asks for the file at url on host ("name" or "name:port"). told() is called once, when the server
 * has promised the file and before the first byte of it is asked for. Does not return before the
 * file is there, the server has refused it or has been silent for HTTP_PATIENCE_MS.
 */
EFI_STATUS http_get(const struct http_client *client, const char *url, const char *host,
		    struct http_file *file, void (*told)(const char *url, u64 size));

#endif
