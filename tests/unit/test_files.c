/* SPDX-License-Identifier: MIT */
/* The files that came with the image: names, limits, sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* Its static state is wiped between tests. */
#include "core/files.c"

static int setup(void **state)
{
	(void)state;
	memset(files, 0, sizeof(files));
	nr_files = 0;
	return 0;
}

static void test_empty(void **state)
{
	(void)state;
	assert_null(files_find("vmlinuz"));
	assert_null(files_find(""));
	assert_false(files_exist(NULL, "vmlinuz"));
	assert_int_equal(files_total_size(), 0);
}

static void test_add_and_find(void **state)
{
	static const char kernel[] = "kernel", initrd[] = "initrd";
	const struct loader_file *f;

	(void)state;
	assert_int_equal(files_add("vmlinuz", kernel, sizeof(kernel)), FIRN_OK);
	assert_int_equal(files_add("initrd.gz", initrd, sizeof(initrd)), FIRN_OK);
	assert_int_equal(files_add("empty", NULL, 0), FIRN_OK);
	f = files_find("vmlinuz");
	assert_non_null(f);
	assert_string_equal(f->name, "vmlinuz");
	assert_ptr_equal(f->data, kernel);
	assert_int_equal(f->size, sizeof(kernel));
	assert_ptr_equal(files_find("initrd.gz")->data, initrd);
	assert_int_equal(files_find("empty")->size, 0);
	assert_true(files_exist(NULL, "empty"));
	/* names are whole and case matters */
	assert_null(files_find("vmlinu"));
	assert_null(files_find("vmlinuz2"));
	assert_null(files_find("VMLINUZ"));
	assert_int_equal(files_total_size(), sizeof(kernel) + sizeof(initrd));
}

static void test_the_first_of_a_name_stays(void **state)
{
	(void)state;
	assert_int_equal(files_add("a", "1", 1), FIRN_OK);
	assert_int_equal(files_add("a", "22", 2), ERR_EXIST);
	assert_string_equal(files_find("a")->data, "1");
	assert_int_equal(files_total_size(), 1);
}

static void test_full(void **state)
{
	static char name[FILES_MAX][8];

	(void)state;
	for (unsigned i = 0; i < FILES_MAX; i++) {
		snprintf(name[i], sizeof(name[i]), "f%u", i);
		assert_int_equal(files_add(name[i], name[i], i), FIRN_OK);
	}
	assert_int_equal(files_add("one-more", "", 1), ERR_FULL);
	assert_int_equal(files_add("f0", "", 1), ERR_EXIST);
	assert_null(files_find("one-more"));
	assert_int_equal(files_find("f63")->size, 63);
	assert_int_equal(files_total_size(), FILES_MAX * (FILES_MAX - 1) / 2);
}

static void test_sizes_beyond_4_gib_add_up(void **state)
{
	(void)state;
	assert_int_equal(files_add("a", "", 3 * GiB), FIRN_OK);
	assert_int_equal(files_add("b", "", 3 * GiB), FIRN_OK);
	assert_true(files_total_size() == 6 * GiB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_empty, setup),
		cmocka_unit_test_setup(test_add_and_find, setup),
		cmocka_unit_test_setup(test_the_first_of_a_name_stays, setup),
		cmocka_unit_test_setup(test_full, setup),
		cmocka_unit_test_setup(test_sizes_beyond_4_gib_add_up, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
