/* SPDX-License-Identifier: MIT */
/* DHCP replies: where boot file and server are named, and packets that are cut off or nonsense. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/efi/dhcp_reply.h"

#define AT_SIADDR  20
#define AT_SNAME   44
#define AT_FILE	   108
#define FILE_SIZE  128
#define AT_COOKIE  236
#define AT_OPTIONS 240
#define PACKET_MAX 1472

struct packet {
	u8 bytes[PACKET_MAX];
	size_t size;
};

static void put(struct packet *p, const void *bytes, size_t size)
{
	memcpy(p->bytes + p->size, bytes, size);
	p->size += size;
}

static void put_option(struct packet *p, u8 code, const void *value, u8 len)
{
	put(p, (u8[]){ code, len }, 2);
	put(p, value, len);
}

static struct packet reply(const char *file)
{
	struct packet p = { .size = AT_OPTIONS };

	memcpy(p.bytes + AT_SIADDR, (u8[]){ 10, 0, 2, 2 }, 4);
	memcpy(p.bytes + AT_FILE, file, strlen(file));
	memcpy(p.bytes + AT_COOKIE, (u8[]){ 99, 130, 83, 99 }, 4);
	return p;
}

/* In memory of exactly its size, so that a sanitizer sees every byte that is read behind it. */
static bool read_exactly(const struct packet *p, size_t size, struct dhcp_boot *boot)
{
	u8 *copy = malloc(size ? size : 1);
	bool good;

	memcpy(copy, p->bytes, size);
	memset(boot, 0xaa, sizeof(*boot));
	good = dhcp_boot_read(copy, size, boot);
	free(copy);
	return good;
}

static void assert_boot(const struct packet *p, const u8 server[4], const char *folder)
{
	struct dhcp_boot boot;

	assert_true(read_exactly(p, p->size, &boot));
	assert_memory_equal(boot.server, server, 4);
	assert_string_equal(boot.folder, folder);
}

static void assert_refused(const struct packet *p)
{
	struct dhcp_boot boot;

	assert_false(read_exactly(p, p->size, &boot));
}

static const u8 server[] = { 10, 0, 2, 2 }, other[] = { 192, 168, 1, 9 };

static void fields(void **state)
{
	static const struct {
		const char *file, *folder;
	} cases[] = {
		{ "BOOTX64.EFI", "" },	       { "/BOOTX64.EFI", "/" },
		{ "pxe/BOOTX64.EFI", "pxe/" }, { "a/b c/x.efi", "a/b c/" },
		{ "a\\b\\x.efi", "a\\b\\" },   { "pxe/", "pxe/" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct packet p = reply(cases[i].file);

		assert_boot(&p, server, cases[i].folder);
	}
}

static void file_without_end(void **state)
{
	struct packet p = reply("");
	char folder[FILE_SIZE + 1] = "";
	(void)state;

	memset(p.bytes + AT_FILE, 'x', FILE_SIZE);
	p.bytes[AT_FILE + FILE_SIZE - 1] = '/';
	memset(folder, 'x', FILE_SIZE - 1);
	folder[FILE_SIZE - 1] = '/';
	assert_boot(&p, server, folder);
}

static void options(void **state)
{
	struct packet p = reply("field/x.efi");
	(void)state;

	memset(p.bytes + AT_SIADDR, 0, 4);
	put(&p, (u8[]){ 0, 0 }, 2);
	put_option(&p, 53, (u8[]){ 5 }, 1);
	put_option(&p, 54, other, 4);
	assert_boot(&p, other, "field/");
	put_option(&p, 67, "option/x.efi", 12);
	assert_boot(&p, other, "option/");
	memcpy(p.bytes + AT_SIADDR, server, 4);
	assert_boot(&p, server, "option/");
}

static void longest_option(void **state)
{
	struct packet p = reply("");
	char path[255], folder[256] = "";
	(void)state;

	memset(path, 'p', sizeof(path));
	path[254] = '/';
	memcpy(folder, path, sizeof(path));
	put_option(&p, 67, path, 255);
	assert_boot(&p, server, folder);
}

static void behind_the_end(void **state)
{
	struct packet p = reply("field/x.efi");
	(void)state;

	put(&p, (u8[]){ 255 }, 1);
	put_option(&p, 67, "option/x.efi", 12);
	assert_boot(&p, server, "field/");
}

static void overload(void **state)
{
	static const u8 in_file[] = "\x43\x08"
				    "f/x.efi\0\xff";
	static const u8 in_sname[] = "\x43\x08"
				     "s/x.efi\0\xff";
	struct packet p = reply("");
	(void)state;

	memcpy(p.bytes + AT_FILE, in_file, sizeof(in_file));
	memcpy(p.bytes + AT_SNAME, in_sname, sizeof(in_sname));
	put_option(&p, 52, (u8[]){ 3 }, 1);
	assert_boot(&p, server, "f/");
	p.bytes[AT_OPTIONS + 2] = 2;
	p.bytes[AT_FILE] = '\0';
	assert_boot(&p, server, "s/");
	/* The field holds options: it is no name, even though it would look like one. */
	p.bytes[AT_OPTIONS + 2] = 1;
	memcpy(p.bytes + AT_FILE, "ab/x.efi", 9);
	assert_refused(&p);
}

static void refused(void **state)
{
	struct packet p;
	(void)state;

	p = reply("");
	assert_refused(&p);
	p = reply("x.efi");
	memset(p.bytes + AT_SIADDR, 0, 4);
	assert_refused(&p);
	put_option(&p, 54, (u8[]){ 0, 0, 0, 0 }, 4);
	assert_refused(&p);
	p.size = AT_OPTIONS;
	put_option(&p, 54, other, 3);
	assert_refused(&p);
	p = reply("x.efi");
	p.bytes[AT_COOKIE + 3] ^= 1;
	assert_refused(&p);
	p = reply("a\nb/x.efi");
	assert_refused(&p);
	p = reply("a\x80/x.efi");
	assert_refused(&p);
}

/* Every length: what is cut off is not read, and a cut option counts as absent. */
static void cut(void **state)
{
	struct packet p = reply("field/x.efi");
	struct dhcp_boot boot;
	(void)state;

	put_option(&p, 67, "option/x.efi", 12);
	for (size_t size = 0; size < AT_OPTIONS; size++)
		assert_false(read_exactly(&p, size, &boot));
	for (size_t size = AT_OPTIONS; size < p.size; size++) {
		assert_true(read_exactly(&p, size, &boot));
		assert_string_equal(boot.folder, "field/");
	}
	assert_boot(&p, server, "option/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),	  cmocka_unit_test(file_without_end),
		cmocka_unit_test(options),	  cmocka_unit_test(longest_option),
		cmocka_unit_test(behind_the_end), cmocka_unit_test(overload),
		cmocka_unit_test(refused),	  cmocka_unit_test(cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
