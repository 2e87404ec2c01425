/* SPDX-License-Identifier: MIT */
/* Filling in the hand-over: names, notes, command line, time, page tables. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/efi/early_paging.h"
#include "boot/handover_build.h"

static struct handover h;

static int setup(void **state)
{
	(void)state;
	handover_init(&h, HANDOVER_MULTIBOOT2);
	return 0;
}

static void test_init(void **state)
{
	(void)state;
	assert_int_equal(h.magic, HANDOVER_MAGIC);
	assert_int_equal(h.version, HANDOVER_VERSION);
	assert_int_equal(h.source, HANDOVER_MULTIBOOT2);
	assert_string_equal(h.config_name, "firn.conf");
}

static void test_notes(void **state)
{
	const size_t size = sizeof(h.message);

	(void)state;
	handover_note(&h, "a", "b");
	handover_note(&h, "a", "b");
	assert_string_equal(h.message, "a: b");
	handover_note(&h, "c", "d");
	handover_note(&h, "a", "b");
	assert_string_equal(h.message, "a: b; c: d; a: b");
	for (unsigned i = 0; i < 100; i++)
		handover_note(&h, i % 2 ? "some file" : "other file", "cannot be read");
	assert_int_equal(strlen(h.message), size - 1);
	assert_string_equal(h.message + size - 4, "...");
}

static void expect_config(const char *cmdline, size_t len, const char *name)
{
	char *exact = malloc(len ? len : 1);

	handover_init(&h, HANDOVER_EFI);
	memcpy(exact, cmdline, len);
	handover_read_cmdline(&h, exact, len);
	free(exact);
	assert_string_equal(h.config_name, name);
}

static void test_cmdline(void **state)
{
	char longest[7 + HANDOVER_NAME_MAX];

	(void)state;
	expect_config("", 0, "firn.conf");
	expect_config("config=a.conf", 13, "a.conf");
	expect_config("x config=b y", 12, "b");
	expect_config("xconfig=b", 9, "firn.conf");
	expect_config("config", 6, "firn.conf");
	expect_config("config=", 7, "firn.conf");
	assert_non_null(strstr(h.message, "config="));
	expect_config("config=../a", 11, "firn.conf");
	expect_config("\1\2\0config=z\0junk", 17, "z");

	memset(longest, 'n', sizeof(longest));
	memcpy(longest, "config=", 7);
	expect_config(longest, sizeof(longest), "firn.conf");
	handover_init(&h, HANDOVER_EFI);
	handover_read_cmdline(&h, longest, sizeof(longest) - 1);
	assert_int_equal(strlen(h.config_name), HANDOVER_NAME_MAX - 1);
}

static void test_files(void **state)
{
	char name[HANDOVER_NAME_MAX + 1];
	struct handover_file *file;

	(void)state;
	file = handover_add_file(&h, "vmlinuzXX", 7);
	assert_non_null(file);
	assert_string_equal(file->name, "vmlinuz");
	assert_null(handover_add_file(&h, "VMLINUZ", 7));
	assert_non_null(strstr(h.message, "VMLINUZ: second file"));
	assert_null(handover_add_file(&h, "", 0));
	assert_null(handover_add_file(&h, "a\1b", 3));
	assert_null(handover_add_file(&h, "a b", 3));
	assert_null(handover_add_file(&h, "a/b", 3));
	memset(name, 'n', sizeof(name));
	assert_null(handover_add_file(&h, name, HANDOVER_NAME_MAX));
	assert_int_equal(h.nr_files, 1);
	assert_non_null(handover_add_file(&h, name, HANDOVER_NAME_MAX - 1));
	handover_drop_file(&h);
	assert_int_equal(h.nr_files, 1);

	for (unsigned i = 1; i < HANDOVER_MAX_FILES; i++) {
		name[0] = (char)('0' + i / 10);
		name[1] = (char)('0' + i % 10);
		assert_non_null(handover_add_file(&h, name, 2));
	}
	handover_init(&h, HANDOVER_EFI);
	h.nr_files = HANDOVER_MAX_FILES;
	assert_null(handover_add_file(&h, "more", 4));
	assert_string_equal(h.message, "more: too many files, ignored");
}

static void test_is_config(void **state)
{
	(void)state;
	assert_true(handover_is_config(&h, "firn.conf", 9));
	assert_true(handover_is_config(&h, "FIRN.CONF", 9));
	assert_false(handover_is_config(&h, "firn.con", 8));
	assert_false(handover_is_config(&h, "firn.conf2", 10));
	assert_false(handover_is_config(&h, "", 0));
}

static void test_copy_text(void **state)
{
	char text[4];

	(void)state;
	assert_true(handover_copy_text(text, sizeof(text), "a\nb", 3));
	assert_string_equal(text, "a?b");
	assert_false(handover_copy_text(text, sizeof(text), "abcd", 4));
	assert_string_equal(text, "abc");
	assert_true(handover_copy_text(text, sizeof(text), "", 0));
	assert_string_equal(text, "");
}

/* Walks the tables as the processor does; ~0 where nothing is mapped. */
static u64 translate(const u64 *tables, u64 tables_phys, u64 va)
{
	u64 entry = tables_phys | 1;

	for (int shift = 39; shift >= 21; shift -= 9) {
		const u64 *table = tables + ((entry & PAGE_MASK) - tables_phys) / sizeof(u64);

		entry = table[va >> shift & 511];
		if (!(entry & 1))
			return ~0ull;
	}
	assert_true(entry & 1 << 7);
	return (entry & ~(2 * MiB - 1)) | (va & (2 * MiB - 1));
}

static void test_early_paging(void **state)
{
	const u64 link = 0xffffffff80000000, phys = 0x7000000, image = 0x1e000000;
	u64 *tables = aligned_alloc(PAGE_SIZE, EARLY_PAGING_TABLES * PAGE_SIZE);

	(void)state;
	memset(tables, 0xff, EARLY_PAGING_TABLES * PAGE_SIZE);
	early_paging_build(tables, phys, image, 2 * MiB + 1);
	assert_int_equal(translate(tables, phys, 0), 0);
	assert_int_equal(translate(tables, phys, 0x12345678), 0x12345678);
	assert_int_equal(translate(tables, phys, 4 * GiB - 1), 4 * GiB - 1);
	assert_true(translate(tables, phys, 4 * GiB) == ~0ull);
	assert_int_equal(translate(tables, phys, link), image);
	assert_int_equal(translate(tables, phys, link + 0x200001), image + 0x200001);
	assert_true(translate(tables, phys, link + 4 * MiB) == ~0ull);
	assert_true(translate(tables, phys, link - 1) == ~0ull);
	free(tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_init, setup),
		cmocka_unit_test_setup(test_notes, setup),
		cmocka_unit_test_setup(test_cmdline, setup),
		cmocka_unit_test_setup(test_files, setup),
		cmocka_unit_test_setup(test_is_config, setup),
		cmocka_unit_test(test_copy_text),
		cmocka_unit_test(test_early_paging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
