/* SPDX-License-Identifier: MIT */
/* PE section finder: names, sizes, and headers that lead out of the image. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/efi/pe_sections.h"

#define IMAGE_SIZE   0x3000
#define PE_AT	     0x80
#define OPTIONAL     0xf0
#define SECTIONS_AT  (PE_AT + 24 + OPTIONAL)
#define SECTION_SIZE 40

static void put32(u8 *at, u32 v)
{
	memcpy(at, &v, sizeof(v));
}

static void put_section(u8 *image, unsigned i, const char *name, u32 virtual_size, u32 address,
			u32 raw_size)
{
	u8 *at = image + SECTIONS_AT + i * SECTION_SIZE;

	memset(at, 0, SECTION_SIZE);
	memcpy(at, name, strlen(name));
	put32(at + 8, virtual_size);
	put32(at + 12, address);
	put32(at + 16, raw_size);
}

static u8 *new_image(void)
{
	u8 *image = calloc(1, IMAGE_SIZE);

	memcpy(image, "MZ", 2);
	put32(image + 0x3c, PE_AT);
	memcpy(image + PE_AT, "PE\0\0\x64\x86\x04\0", 8);
	image[PE_AT + 20] = OPTIONAL;
	put_section(image, 0, ".text", 0x100, 0x1000, 0x200);
	put_section(image, 1, ".firn", 0x123, 0x2000, 0x200);
	put_section(image, 2, ".raw", 0, 0x2200, 0x200);
	put_section(image, 3, ".eightch", 1, IMAGE_SIZE - 1, 0);
	return image;
}

static enum firn_err find(u8 *image, const char *name, struct pe_section *section)
{
	return pe_find_section(image, IMAGE_SIZE, name, section);
}

static void test_finds(void **state)
{
	u8 *image = new_image();
	struct pe_section s;

	(void)state;
	assert_int_equal(find(image, ".firn", &s), FIRN_OK);
	assert_ptr_equal(s.data, image + 0x2000);
	assert_int_equal(s.size, 0x123); /* without the padding */
	assert_int_equal(find(image, ".raw", &s), FIRN_OK);
	assert_int_equal(s.size, 0x200);
	assert_int_equal(find(image, ".eightch", &s), FIRN_OK);
	assert_int_equal(s.size, 1);
	assert_int_equal(find(image, ".fir", &s), ERR_NOENT);
	assert_int_equal(find(image, ".firnx", &s), ERR_NOENT);
	assert_int_equal(find(image, "", &s), ERR_NOENT);
	free(image);
}

static void test_section_outside(void **state)
{
	u8 *image = new_image();
	struct pe_section s;

	(void)state;
	put_section(image, 1, ".firn", 0x1001, 0x2000, 0);
	assert_int_equal(find(image, ".firn", &s), ERR_TRUNCATED);
	put_section(image, 1, ".firn", 0x1000, 0x2000, 0);
	assert_int_equal(find(image, ".firn", &s), FIRN_OK);
	put_section(image, 1, ".firn", 1, IMAGE_SIZE, 0);
	assert_int_equal(find(image, ".firn", &s), ERR_TRUNCATED);
	put_section(image, 1, ".firn", 0xffffffff, 0xffffffff, 0);
	assert_int_equal(find(image, ".firn", &s), ERR_TRUNCATED);
	free(image);
}

static void test_bad_headers(void **state)
{
	u8 *image = new_image();
	struct pe_section s;

	(void)state;
	image[0] = 'X';
	assert_int_equal(find(image, ".firn", &s), ERR_FORMAT);
	image[0] = 'M';
	image[PE_AT] = 'X';
	assert_int_equal(find(image, ".firn", &s), ERR_FORMAT);
	image[PE_AT] = 'P';
	put32(image + 0x3c, 0xffffffff);
	assert_int_equal(find(image, ".firn", &s), ERR_FORMAT);
	put32(image + 0x3c, IMAGE_SIZE - 23);
	assert_int_equal(find(image, ".firn", &s), ERR_FORMAT);
	put32(image + 0x3c, PE_AT);
	memset(image + PE_AT + 6, 0xff, 2); /* 65535 sections */
	assert_int_equal(find(image, ".none", &s), ERR_TRUNCATED);
	memset(image + PE_AT + 20, 0xff, 2); /* optional header beyond the image */
	assert_int_equal(find(image, ".firn", &s), ERR_TRUNCATED);
	free(image);
}

static void test_every_length(void **state)
{
	const size_t end_of_table = SECTIONS_AT + 4 * SECTION_SIZE;
	u8 *image = new_image();
	struct pe_section s;

	(void)state;
	for (size_t size = 0; size < end_of_table; size++) {
		u8 *cut = malloc(size ? size : 1);

		memcpy(cut, image, size);
		assert_int_not_equal(pe_find_section(cut, size, ".eightch", &s), FIRN_OK);
		free(cut);
	}
	free(image);
}

static void test_lines(void **state)
{
	static const char text[] = "\nvmlinuz\r\n\n  a b\ninitrd.gz\0\0\n";
	const struct pe_section s = { (const u8 *)text, sizeof(text) - 1 };
	const char *line;
	size_t len;
	u64 at = 0;

	(void)state;
	assert_true(pe_next_line(&s, &at, &line, &len));
	assert_int_equal(len, 7);
	assert_memory_equal(line, "vmlinuz", 7);
	assert_true(pe_next_line(&s, &at, &line, &len));
	assert_int_equal(len, 5);
	assert_memory_equal(line, "  a b", 5);
	assert_true(pe_next_line(&s, &at, &line, &len));
	assert_int_equal(len, 9); /* padding ends the text */
	assert_false(pe_next_line(&s, &at, &line, &len));
	assert_false(pe_next_line(&s, &at, &line, &len));
}

static void test_line_without_end(void **state)
{
	const struct pe_section s = { (const u8 *)"abc", 3 }, empty = { (const u8 *)"", 0 };
	const char *line;
	size_t len;
	u64 at = 0;

	(void)state;
	assert_true(pe_next_line(&s, &at, &line, &len));
	assert_int_equal(len, 3);
	assert_false(pe_next_line(&s, &at, &line, &len));
	at = 0;
	assert_false(pe_next_line(&empty, &at, &line, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds),	    cmocka_unit_test(test_section_outside),
		cmocka_unit_test(test_bad_headers), cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_lines),	    cmocka_unit_test(test_line_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
