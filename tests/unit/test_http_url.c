/* SPDX-License-Identifier: MIT */
/* URLs of the files beside the loader, made from a server's URI; the fields of its answers. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/efi/http_url.h"

#define LONGEST 2000

/* In memory of exactly its size, so that a sanitizer sees every byte that is read behind it. */
static bool read_exactly(const char *uri, size_t len, struct http_folder *folder)
{
	char *copy = malloc(len ? len : 1);
	bool good;

	memcpy(copy, uri, len);
	memset(folder, 0xaa, sizeof(*folder));
	good = http_folder_read(copy, len, folder);
	free(copy);
	return good;
}

static void folders(void **state)
{
	static const struct {
		const char *uri, *url, *host, *path;
	} cases[] = {
		{ "http://10.0.2.2:8123/boot/BOOTX64.EFI", "http://10.0.2.2:8123/boot/",
		  "10.0.2.2:8123", "boot/" },
		{ "http://h/BOOTX64.EFI", "http://h/", "h", "" },
		{ "http://h/", "http://h/", "h", "" },
		{ "http://h", "http://h/", "h", "" },
		{ "http://h?a=/b/", "http://h/", "h", "" },
		{ "http://h#/b/", "http://h/", "h", "" },
		{ "http://h/a/b/c.efi", "http://h/a/b/", "h", "a/b/" },
		{ "http://h/a/b?file=/c/d", "http://h/a/", "h", "a/" },
		{ "http://h/a/b#/c/d", "http://h/a/", "h", "a/" },
		{ "http://h/a%20b/c", "http://h/a%20b/", "h", "a%20b/" },
		{ "http://h/a//c", "http://h/a//", "h", "a//" },
		{ "https://boot.example.org/x/y.efi", "https://boot.example.org/x/",
		  "boot.example.org", "x/" },
		{ "HTTP://h/a/b", "HTTP://h/a/", "h", "a/" },
		{ "http://[2001:db8::1]:80/a/b", "http://[2001:db8::1]:80/a/", "[2001:db8::1]:80",
		  "a/" },
		{ "http://h/a@b/c", "http://h/a@b/", "h", "a@b/" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_folder folder;

		assert_true(read_exactly(cases[i].uri, strlen(cases[i].uri), &folder));
		assert_string_equal(folder.url, cases[i].url);
		assert_string_equal(folder.host, cases[i].host);
		assert_string_equal(folder.url + folder.path, cases[i].path);
	}
}

static void no_folders(void **state)
{
	static const char *const cases[] = {
		"",
		"h",
		"http:",
		"http:/",
		"http://",
		"http:///boot/x",
		"http://?x",
		"https://",
		"tftp://h/x",
		"ttp://h/x",
		"httpx://h/x",
		"/boot/x",
		"http://user:secret@h/x", /* would be shown in messages */
		"http://h/a b/c",
		"http://h/a\"b/c",
		"http://h/a\\b",
		"http://h/\x7f/c",
		"http://h/\xc3\xa4/c",
		"http://h/\r\nHost: x/c",
		"http://h\r\n/c",
	};
	static const char nul[] = "http://h/a\0b/c";
	struct http_folder folder;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (read_exactly(cases[i], strlen(cases[i]), &folder))
			fail_msg("taken: %s", cases[i]);
	assert_false(read_exactly(nul, sizeof(nul) - 1, &folder));
}

/* Every length from short to too long; what is taken is complete. */
static void lengths(void **state)
{
	char uri[LONGEST];
	size_t taken_folder = 0, taken_host = 0;

	(void)state;
	for (size_t len = sizeof("http://h/"); len < sizeof(uri); len++) {
		struct http_folder folder;

		memset(uri, 'a', sizeof(uri));
		memcpy(uri, "http://h/", sizeof("http://h/") - 1);
		uri[len - 1] = '/';
		if (read_exactly(uri, len, &folder)) {
			assert_int_equal(strlen(folder.url), len);
			taken_folder = len;
		}
		memset(uri + sizeof("http://") - 1, 'b', sizeof(uri) - sizeof("http://"));
		if (read_exactly(uri, len, &folder)) {
			assert_int_equal(strlen(folder.host), len - (sizeof("http://") - 1));
			taken_host = strlen(folder.host);
		}
	}
	assert_int_equal(taken_folder, HTTP_FOLDER_MAX - 1);
	assert_int_equal(taken_host, HTTP_HOST_MAX - 1);
}

static void urls(void **state)
{
	static const struct {
		const char *name, *end;
	} cases[] = {
		{ "firn.conf", "firn.conf" },
		{ "vmlinuz-6.1.0_x86+a~1", "vmlinuz-6.1.0_x86+a~1" },
		{ "100%", "100%25" },
		{ "a?b#c", "a%3Fb%23c" },
		{ "a%2f..", "a%252f.." },
		{ "\"<>[]^`{|}", "%22%3C%3E%5B%5D%5E%60%7B%7C%7D" },
		{ "", "" },
	};
	struct http_folder folder;
	char url[HTTP_URL_MAX], wanted[HTTP_URL_MAX] = "http://h/d/";

	(void)state;
	assert_true(read_exactly("http://h/d/x.efi", strlen("http://h/d/x.efi"), &folder));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		strcpy(wanted + strlen("http://h/d/"), cases[i].end);
		http_url_make(&folder, cases[i].name, url);
		assert_string_equal(url, wanted);
	}
}

/* The longest folder with the longest name, of which each character takes three. */
static void longest_url(void **state)
{
	char uri[HTTP_FOLDER_MAX - 1], name[HANDOVER_NAME_MAX] = { 0 };
	char *url = malloc(HTTP_URL_MAX);
	struct http_folder folder;

	(void)state;
	memset(uri, 'a', sizeof(uri));
	memcpy(uri, "http://h/", sizeof("http://h/") - 1);
	uri[sizeof(uri) - 1] = '/';
	memset(name, '%', sizeof(name) - 1);
	assert_true(read_exactly(uri, sizeof(uri), &folder));
	http_url_make(&folder, name, url);
	assert_int_equal(strlen(url), sizeof(uri) + 3 * strlen(name));
	free(url);
}

static void content_length(void **state)
{
	static const char *const bad[] = { "",
					   " 1",
					   "1 ",
					   "-1",
					   "+1",
					   "0x10",
					   "1,2",
					   "a",
					   "1a",
					   "1.0",
					   "18446744073709551616",
					   "99999999999999999999999999" };
	u64 size;

	(void)state;
	assert_true(http_length_read("0", &size));
	assert_int_equal(size, 0);
	assert_true(http_length_read("007", &size));
	assert_int_equal(size, 7);
	assert_true(http_length_read("18446744073709551615", &size));
	assert_true(size == UINT64_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (http_length_read(bad[i], &size))
			fail_msg("taken: %s", bad[i]);
}

static void field_names(void **state)
{
	(void)state;
	assert_true(http_same_field("Content-Length", "content-length"));
	assert_true(http_same_field("CONTENT-LENGTH", "Content-Length"));
	assert_false(http_same_field("Content-Length", "Content-Lengt"));
	assert_false(http_same_field("Content-Lengt", "Content-Length"));
	assert_false(http_same_field("", "a"));
	assert_false(http_same_field("[", "{")); /* differ as letters do, but are none */
	assert_true(http_same_field("", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folders),     cmocka_unit_test(no_folders),
		cmocka_unit_test(lengths),     cmocka_unit_test(urls),
		cmocka_unit_test(longest_url), cmocka_unit_test(content_length),
		cmocka_unit_test(field_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
