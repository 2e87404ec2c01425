/* SPDX-License-Identifier: MIT */
/* Text screen: what a terminal would show, and that only changes are drawn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/framebuffer/font.h"
#include "drivers/framebuffer/text_screen.h"

#define COLS 10
#define ROWS 4

static struct text_screen screen;
static char display[TEXT_SCREEN_MAX_ROWS][TEXT_SCREEN_MAX_COLS + 1];
static unsigned draws;

static void draw_cell(unsigned col, unsigned row, u8 ch)
{
	assert_true(col < screen.cols && row < screen.rows);
	assert_true(ch >= FONT_FIRST && ch <= FONT_LAST);
	display[row][col] = ch == TEXT_SCREEN_CURSOR ? '#' : ch;
	draws++;
}

static int setup(void **state)
{
	(void)state;
	memset(display, 0, sizeof(display));
	draws = 0;
	text_screen_init(&screen, COLS, ROWS, draw_cell);
	return 0;
}

static void write_text(const char *text)
{
	text_screen_write(&screen, text, strlen(text));
}

static void expect(const char *a, const char *b, const char *c, const char *d)
{
	text_screen_draw(&screen, TEXT_SCREEN_ALL);
	assert_string_equal(display[0], a);
	assert_string_equal(display[1], b);
	assert_string_equal(display[2], c);
	assert_string_equal(display[3], d);
}

#define BLANK "          "

static void plain_text_and_cursor(void **state)
{
	(void)state;
	write_text("ab\ncd");
	expect("ab        ", "cd#       ", BLANK, BLANK);
	write_text("\rx\by");
	expect("ab        ", "y#        ", BLANK, BLANK);
}

static void long_lines_wrap(void **state)
{
	(void)state;
	write_text("0123456789");
	expect("012345678#", BLANK, BLANK, BLANK); /* full, not wrapped yet */
	write_text("A");
	expect("0123456789", "A#        ", BLANK, BLANK);
}

static void scrolls(void **state)
{
	(void)state;
	write_text("1\n2\n3\n4\n5\n6");
	expect("3         ", "4         ", "5         ", "6#        ");
}

static void tabs_stop_at_the_edge(void **state)
{
	(void)state;
	write_text("a\tb\tc");
	expect("a       b ", "c#        ", BLANK, BLANK);
}

static void controls_are_not_shown(void **state)
{
	(void)state;
	text_screen_write(&screen,
			  "a\0\a\x01\xff"
			  "b",
			  6);
	expect("a??b#     ", BLANK, BLANK, BLANK);
}

static void escape_sequences(void **state)
{
	(void)state;
	write_text("one\ntwo\033[1;31mX\033[0m\033(B\033[?25l");
	expect("one       ", "twoX#     ", BLANK, BLANK);
	write_text("\033[1;2H\033[K");
	expect("o#        ", "twoX      ", BLANK, BLANK);
	write_text("\033[2;3H\033[1K");
	expect("o         ", "  #X      ", BLANK, BLANK);
	write_text("\033[H\033[2Jz");
	expect("z#        ", BLANK, BLANK, BLANK);
	write_text("\033[99;99Hq");
	expect("z         ", BLANK, BLANK, "         #");
}

static void only_changes_are_drawn(void **state)
{
	(void)state;
	write_text("abc");
	text_screen_draw(&screen, TEXT_SCREEN_ALL);
	draws = 0;
	text_screen_draw(&screen, TEXT_SCREEN_ALL);
	assert_int_equal(draws, 0);
	write_text("d");
	text_screen_draw(&screen, TEXT_SCREEN_ALL);
	assert_int_equal(draws, 2); /* the character and the cursor */
}

/* Cells and looked-at rows count; each call goes on where the last one ended, whatever is written. */
static void a_budget_is_kept(void **state)
{
	unsigned calls = 0;

	(void)state;
	assert_false(text_screen_draw(&screen, 0));
	assert_int_equal(draws, 0);
	write_text("1\n2\n3\n4\n5");
	do {
		draws = 0;
		calls++;
		assert_true(calls <= COLS * ROWS);
	} while (!text_screen_draw(&screen, 3) && draws <= 3);
	assert_in_range(draws, 0, 3);
	assert_in_range(calls, COLS * ROWS / 3, COLS * ROWS / 2);
	assert_string_equal(display[0], "2         ");
	assert_string_equal(display[3], "5#        ");
	for (unsigned i = 0; i < 2 * ROWS; i++) { /* no row is drawn over and over again */
		write_text(i % 2 ? "\033[Hb\033[4H" : "\033[Ha\033[4H");
		text_screen_draw(&screen, 2);
	}
	assert_string_equal(display[3], "#         ");
}

static void limits_are_kept(void **state)
{
	(void)state;
	text_screen_init(&screen, 100000, 100000, draw_cell);
	assert_int_equal(screen.cols, TEXT_SCREEN_MAX_COLS);
	assert_int_equal(screen.rows, TEXT_SCREEN_MAX_ROWS);
	for (unsigned i = 0; i < 2 * TEXT_SCREEN_MAX_ROWS; i++)
		write_text("line\n");
	write_text("\033[99999999999;4294967297Hx\033[J");
	text_screen_draw(&screen, TEXT_SCREEN_ALL);
}

/* Any bytes: no access outside (sanitizers), the cursor always on the screen. */
static void random_bytes(void **state)
{
	static const char alphabet[] = "\033\033[[;;0123456789HJKm\n\r\b\tab~\x80?(";

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		char ch = alphabet[rand() % (sizeof(alphabet) - 1)];

		text_screen_write(&screen, &ch, 1);
		assert_true(screen.row < screen.rows && screen.col <= screen.cols);
		if (i % 64 == 0)
			text_screen_draw(&screen, TEXT_SCREEN_ALL);
	}
}

static void every_glyph_is_there_and_different(void **state)
{
	(void)state;
	for (unsigned a = FONT_FIRST; a <= FONT_LAST; a++)
		for (unsigned b = a + 1; b <= FONT_LAST; b++)
			assert_true(memcmp(font[a - FONT_FIRST], font[b - FONT_FIRST], FONT_ROWS));
	for (unsigned i = 0; i < ARRAY_SIZE(font); i++)
		for (unsigned row = 0; row < FONT_ROWS; row++)
			assert_true(font[i][row] < BIT(FONT_COLS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(plain_text_and_cursor, setup),
		cmocka_unit_test_setup(long_lines_wrap, setup),
		cmocka_unit_test_setup(scrolls, setup),
		cmocka_unit_test_setup(tabs_stop_at_the_edge, setup),
		cmocka_unit_test_setup(controls_are_not_shown, setup),
		cmocka_unit_test_setup(escape_sequences, setup),
		cmocka_unit_test_setup(only_changes_are_drawn, setup),
		cmocka_unit_test_setup(a_budget_is_kept, setup),
		cmocka_unit_test_setup(limits_are_kept, setup),
		cmocka_unit_test_setup(random_bytes, setup),
		cmocka_unit_test(every_glyph_is_there_and_different),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
