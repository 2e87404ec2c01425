/* SPDX-License-Identifier: MIT */
/* See golden.h. */
#include "tests/unit/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_TEXT (512 * KiB)
#define ROW	 16

static char made[MAX_TEXT], kept[MAX_TEXT];
static size_t made_len;

void golden_begin(void)
{
	made_len = 0;
	golden_print("# SPDX-License-Identifier: MIT\n");
}

void golden_print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	made_len += vsnprintf(made + made_len, sizeof(made) - made_len, fmt, ap);
	va_end(ap);
	assert_in_range(made_len, 0, sizeof(made) - 1);
}

static bool is_zero(const u8 *bytes, size_t len)
{
	while (len && !bytes[len - 1])
		len--;
	return len == 0;
}

void golden_dump(const u8 *bytes, size_t len)
{
	for (size_t at = 0; at < len; at += ROW) {
		if (is_zero(bytes + at, MIN(len - at, (size_t)ROW)))
			continue;
		golden_print("%04zx", at);
		for (size_t i = at; i < MIN(len, at + ROW); i++)
			golden_print(" %02x", bytes[i]);
		golden_print("\n");
	}
}

static void update(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		fail_msg("%s cannot be written", path);
	assert_int_equal(fwrite(made, 1, made_len, f), made_len);
	assert_int_equal(fclose(f), 0);
}

static void read_kept(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f)
		fail_msg("there is no %s", path);
	kept[fread(kept, 1, sizeof(kept) - 1, f)] = '\0';
	fclose(f);
}

static void compare(const char *path)
{
	const char *a = kept, *b = made;

	for (unsigned line = 1; *a || *b; line++) {
		size_t a_len = strcspn(a, "\n"), b_len = strcspn(b, "\n");

		if (a_len != b_len || memcmp(a, b, a_len) != 0)
			fail_msg("%s:%u: '%.*s', now '%.*s'. If the profile is not released yet "
				 "and this is meant: make update-golden",
				 path, line, (int)a_len, a, (int)b_len, b);
		a += a_len + (a[a_len] == '\n');
		b += b_len + (b[b_len] == '\n');
	}
}

void golden_check(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), GOLDEN_DIRECTORY "%s", name);
	if (getenv("FIRN_UPDATE_GOLDEN")) {
		update(path);
		return;
	}
	read_kept(path);
	compare(path);
}
