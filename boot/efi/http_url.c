/* SPDX-License-Identifier: MIT */
/* URLs (RFC 3986) and the fields of HTTP messages (RFC 9110). */
#include "boot/efi/http_url.h"

#include <string.h>

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_one_of(char c, const char *set)
{
	return c && memchr(set, c, strlen(set));
}

/* What may stand in a path's segment as it is (RFC 3986, 3.3); '%' may not. */
static bool is_pchar(char c)
{
	return (lower(c) >= 'a' && lower(c) <= 'z') || is_digit(c) ||
	       is_one_of(c, "-._~!$&'()*+,;=:@");
}

static bool is_uri_text(const char *text, size_t len)
{
	bool good = true;

	for (size_t i = 0; i < len && good; i++)
		good = is_pchar(text[i]) || is_one_of(text[i], "/?#[]%");
	return good;
}

/* Bytes of "http://" or "https://", 0 when it is neither. */
static size_t scheme_length(const char *uri, size_t len)
{
	static const char *const schemes[] = { "http://", "https://" };
	size_t found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(schemes) && !found; i++) {
		const size_t n = strlen(schemes[i]);
		size_t same = 0;

		while (same < n && same < len && lower(uri[same]) == schemes[i][same])
			same++;
		if (same == n)
			found = n;
	}
	return found;
}

bool http_folder_read(const char *uri, size_t len, struct http_folder *folder)
{
	const size_t scheme = scheme_length(uri, len);
	size_t host_end = scheme, folder_end;

	while (host_end < len && !is_one_of(uri[host_end], "/?#"))
		host_end++;
	if (!scheme || host_end == scheme || host_end - scheme >= sizeof(folder->host) ||
	    !is_uri_text(uri, len) || memchr(uri + scheme, '@', host_end - scheme))
		return false;
	folder_end = host_end;
	for (size_t i = host_end; i < len && !is_one_of(uri[i], "?#"); i++)
		if (uri[i] == '/')
			folder_end = i;
	if (folder_end + sizeof("/") > sizeof(folder->url))
		return false;
	memcpy(folder->host, uri + scheme, host_end - scheme);
	folder->host[host_end - scheme] = '\0';
	memcpy(folder->url, uri, folder_end);
	memcpy(folder->url + folder_end, "/", sizeof("/"));
	folder->path = (u32)host_end + 1;
	return true;
}

void http_url_make(const struct http_folder *folder, const char *name, char url[HTTP_URL_MAX])
{
	static const char hex[] = "0123456789ABCDEF";
	size_t at = strlen(folder->url);

	memcpy(url, folder->url, at);
	for (; *name; name++) {
		if (is_pchar(*name)) {
			url[at++] = *name;
		} else {
			url[at++] = '%';
			url[at++] = hex[(u8)*name >> 4];
			url[at++] = hex[(u8)*name & 0xf];
		}
	}
	url[at] = '\0';
}

bool http_length_read(const char *value, u64 *size)
{
	bool good = is_digit(*value);

	*size = 0;
	for (; good && *value; value++) {
		const u64 digit = (u64)*value - '0';

		good = is_digit(*value) && !__builtin_mul_overflow(*size, 10, size) &&
		       !__builtin_add_overflow(*size, digit, size);
	}
	return good;
}

bool http_same_field(const char *a, const char *b)
{
	while (*a && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return *a == *b;
}
