/* SPDX-License-Identifier: MIT */
/* The firmware's 16-bit text as a string: where it ends, and what is no ASCII. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/efi/loader.h"

/* Both in memory of exactly their sizes, so that a sanitizer sees what is touched behind them. */
static void assert_narrow(const CHAR16 *from, size_t max, size_t size, const char *wanted)
{
	CHAR16 *text = malloc(MAX(max, 1) * sizeof(*text));
	char *to = malloc(size);

	memcpy(text, from, max * sizeof(*text));
	memset(to, 0xaa, size);
	assert_int_equal(text_narrow(to, size, text, max), strlen(wanted));
	assert_string_equal(to, wanted);
	free(text);
	free(to);
}

static void ends(void **state)
{
	(void)state;
	assert_narrow(L"firn.conf", 10, 10, "firn.conf");
	assert_narrow(L"firn.conf", 9, 10, "firn.conf"); /* no NUL in its room */
	assert_narrow(L"firn.conf", 10, 9, "firn.con");
	assert_narrow(L"a\0b", 4, 8, "a");
	assert_narrow(L"", 1, 1, "");
	assert_narrow(L"a", 1, 1, "");
	assert_narrow(L"", 0, 8, "");
	assert_int_equal(text_narrow((char[1]){ 'x' }, 1, NULL, 0), 0);
}

static void characters(void **state)
{
	(void)state;
	assert_narrow(L" a\t~", 5, 8, " a\t~");
	assert_narrow(L"\x7f\x80\xe4\x141\xff61", 6, 8, "\1\1\1\1\1"); /* not 'A', not 'a' */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends),
		cmocka_unit_test(characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
