/* SPDX-License-Identifier: MIT */
/*
 * Whatever URI a DHCP server sends and length a web server: the folder is a text that fits, begins
 * as the URI does, and ends in a slash; every name has a URL in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "boot/efi/http_url.h"

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_folder(const char *uri, size_t size)
{
	struct http_folder folder;
	char name[HANDOVER_NAME_MAX], url[HTTP_URL_MAX];
	size_t len, host;

	if (!http_folder_read(uri, size, &folder))
		return;
	len = strnlen(folder.url, sizeof(folder.url));
	host = strnlen(folder.host, sizeof(folder.host));
	check(len < sizeof(folder.url) && host && host < sizeof(folder.host));
	check(folder.url[len - 1] == '/' && folder.path <= len && len - 1 <= size);
	check(!memcmp(folder.url, uri, len - 1));
	check(!memcmp(folder.url + folder.path - 1 - host, folder.host, host));
	check(!strpbrk(folder.host, "@/?# \r\n") && !strpbrk(folder.url, "?# \r\n"));

	memcpy(name, uri, MIN(size, sizeof(name) - 1));
	name[MIN(size, sizeof(name) - 1)] = '\0';
	http_url_make(&folder, name, url);
	check(strnlen(url, sizeof(url)) < sizeof(url) && !memcmp(url, folder.url, len));
	check(!strpbrk(url + len, "/?# \r\n"));
}

static void check_length(const char *value)
{
	u64 size;

	if (http_length_read(value, &size)) {
		errno = 0;
		check(strtoull(value, NULL, 10) == size && !errno);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	check_folder((const char *)data, size);
	check_length(text);
	free(text);
	return 0;
}
