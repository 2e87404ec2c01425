/* SPDX-License-Identifier: MIT */
/* Scan code set 1 to ASCII, US layout. */
#include "drivers/keyboard/keyboard.h"

#define RELEASE	     0x80
#define PREFIX	     0xe0
#define KEY_CTRL     0x1d
#define KEY_LSHIFT   0x2a
#define KEY_RSHIFT   0x36
#define KEY_CAPS     0x3a
#define KEY_ENTER    0x1c
#define KEY_SLASH    0x35
#define KEY_DELETE   0x53
#define CTRL_MASK    0x1f
#define ASCII_DELETE 0x7f

static const char plain[] = "\0\033"
			    "1234567890-=\177\t"
			    "qwertyuiop[]\r\0"
			    "asdfghjkl;'`\0\\"
			    "zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\033"
			      "!@#$%^&*()_+\177\t"
			      "QWERTYUIOP{}\r\0"
			      "ASDFGHJKL:\"~\0|"
			      "ZXCVBNM<>?\0*\0 ";
_Static_assert(sizeof(plain) == sizeof(shifted), "one table, two levels");

static bool modifier(struct keyboard_state *s, u8 key, bool down)
{
	switch (key) {
	case KEY_LSHIFT:
	case KEY_RSHIFT:
		s->shift = down;
		return true;
	case KEY_CTRL:
		s->ctrl = down;
		return true;
	case KEY_CAPS:
		s->caps ^= down;
		return true;
	default:
		return false;
	}
}

static bool is_letter(char ch)
{
	return ch >= 'a' && ch <= 'z';
}

static int character(const struct keyboard_state *s, u8 key)
{
	bool upper;
	char ch;

	if (key >= sizeof(plain) - 1 || !plain[key])
		return -1;
	upper = s->shift ^ (s->caps && is_letter(plain[key]));
	ch = upper ? shifted[key] : plain[key];
	if (s->ctrl && ch >= '@' && ch < ASCII_DELETE)
		return ch & CTRL_MASK;
	return ch;
}

/* Keys behind the E0 prefix: right Ctrl and the keypad's; fake shifts and cursor keys are none. */
static int extended_key(struct keyboard_state *s, u8 key, bool down)
{
	if (key == KEY_CTRL)
		s->ctrl = down;
	if (!down)
		return -1;
	switch (key) {
	case KEY_ENTER:
		return '\r';
	case KEY_SLASH:
		return '/';
	case KEY_DELETE:
		return ASCII_DELETE;
	default:
		return -1;
	}
}

int keyboard_translate(struct keyboard_state *s, u8 scancode)
{
	u8 key = scancode & ~RELEASE;
	bool down = !(scancode & RELEASE), extended = s->extended;

	s->extended = scancode == PREFIX;
	if (s->extended)
		return -1;
	if (extended)
		return extended_key(s, key, down);
	if (modifier(s, key, down) || !down)
		return -1;
	return character(s, key);
}
