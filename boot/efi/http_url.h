/* SPDX-License-Identifier: MIT */
/* URLs of files beside the one that the loader came from, and the size of an answer. No firmware calls. */
#ifndef FIRN_BOOT_EFI_HTTP_URL_H
#define FIRN_BOOT_EFI_HTTP_URL_H

#include "boot/handover.h"

#define HTTP_FOLDER_MAX 1024
#define HTTP_HOST_MAX	280 /* a DNS name of 253 bytes and a port */
#define HTTP_URL_MAX	(HTTP_FOLDER_MAX + 3 * HANDOVER_NAME_MAX)

struct http_folder {
	char url[HTTP_FOLDER_MAX]; /* "http://HOST/path/" */
	char host[HTTP_HOST_MAX];  /* with the port, as the request's field Host has it */
	u32 path;		   /* where in url the path begins, behind its first '/' */
};

/*
 * Reads the URI of the loader's file (len bytes from outside) and takes the folder from it. False
 * when it is no http or https URI, has user information or characters that no URI has, or is too
 * long.
 */
bool http_folder_read(const char *uri, size_t len, struct http_folder *folder);

/* The URL of a file in that folder; name is shorter than HANDOVER_NAME_MAX and no URL yet. */
void http_url_make(const struct http_folder *folder, const char *name, char url[HTTP_URL_MAX]);

/* What Content-Length says, in bytes. False when it is no number or too large for one. */
bool http_length_read(const char *value, u64 *size);

/* Names of header fields have no case (RFC 9110, 5.1). */
bool http_same_field(const char *a, const char *b);

#endif
