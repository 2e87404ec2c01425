/* SPDX-License-Identifier: MIT */
/* Keyboard scan codes to characters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/keyboard/keyboard.h"

static struct keyboard_state keyboard;

static int setup(void **state)
{
	(void)state;
	memset(&keyboard, 0, sizeof(keyboard));
	return 0;
}

static void expect(const u8 *codes, size_t count, const char *text)
{
	char got[64];
	size_t len = 0;

	for (size_t i = 0; i < count; i++) {
		int ch = keyboard_translate(&keyboard, codes[i]);

		if (ch >= 0)
			got[len++] = ch;
	}
	got[len] = '\0';
	assert_string_equal(got, text);
}
#define EXPECT(text, ...) expect((const u8[]){ __VA_ARGS__ }, sizeof((u8[]){ __VA_ARGS__ }), text)

static void letters_and_releases(void **state)
{
	(void)state;
	EXPECT("help\r", 0x23, 0xa3, 0x12, 0x92, 0x26, 0xa6, 0x19, 0x99, 0x1c, 0x9c);
	EXPECT("az19- ", 0x1e, 0x2c, 0x02, 0x0a, 0x0c, 0x39);
	EXPECT("`\\/,.;'[]=", 0x29, 0x2b, 0x35, 0x33, 0x34, 0x27, 0x28, 0x1a, 0x1b, 0x0d);
}

static void shift_holds_until_released(void **state)
{
	(void)state;
	EXPECT("A!b", 0x2a, 0x1e, 0x9e, 0x02, 0x82, 0xaa, 0x30);
	EXPECT("{|~", 0x36, 0x1a, 0x2b, 0x29, 0xb6);
}

static void caps_lock_is_for_letters(void **state)
{
	(void)state;
	EXPECT("A1a", 0x3a, 0xba, 0x1e, 0x02, 0x2a, 0x1e, 0xaa);
	EXPECT("a", 0x3a, 0xba, 0x1e);
}

static void control_characters(void **state)
{
	(void)state;
	EXPECT("\x1d\x03\x04", 0x1d, 0x1b, 0x2e, 0x20, 0x9d); /* Ctrl-] Ctrl-C Ctrl-D */
	EXPECT("1", 0x1d, 0x02, 0x9d);			      /* no such control character */
	EXPECT("\x03", 0xe0, 0x1d, 0x2e, 0xe0, 0x9d);	      /* right Ctrl */
	EXPECT("c", 0x2e);
	EXPECT("\033\177\t", 0x01, 0x0e, 0x0f);
}

static void extended_keys(void **state)
{
	(void)state;
	EXPECT("\r/\177", 0xe0, 0x1c, 0xe0, 0x9c, 0xe0, 0x35, 0xe0, 0x53);
	EXPECT("a", 0xe0, 0x2a, 0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0xaa,
	       0x1e); /* cursor up types nothing */
}

static void unknown_codes_type_nothing(void **state)
{
	(void)state;
	for (unsigned code = 0x3b; code < 0x80; code++)
		assert_int_equal(keyboard_translate(&keyboard, code), -1);
	assert_int_equal(keyboard_translate(&keyboard, 0), -1);
	assert_int_equal(keyboard_translate(&keyboard, 0x38), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(letters_and_releases, setup),
		cmocka_unit_test_setup(shift_holds_until_released, setup),
		cmocka_unit_test_setup(caps_lock_is_for_letters, setup),
		cmocka_unit_test_setup(control_characters, setup),
		cmocka_unit_test_setup(extended_keys, setup),
		cmocka_unit_test_setup(unknown_codes_type_nothing, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
