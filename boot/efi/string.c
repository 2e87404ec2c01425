/* SPDX-License-Identifier: MIT */
/* What the shared code needs of a C library and GNU-EFI's own library does not have. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/types.h"

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;
	int difference = 0;

	for (size_t i = 0; i < n && !difference; i++)
		difference = x[i] - y[i];
	return difference;
}

void *memmove(void *to, const void *from, size_t n)
{
	u8 *t = to;
	const u8 *f = from;

	if (t < f)
		for (size_t i = 0; i < n; i++)
			t[i] = f[i];
	else
		for (size_t i = n; i-- > 0;)
			t[i] = f[i];
	return to;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}

char *strcpy(char *to, const char *from)
{
	return memcpy(to, from, strlen(from) + 1);
}

void *memchr(const void *s, int c, size_t n)
{
	const u8 *at = s;

	while (n && *at != (u8)c) {
		at++;
		n--;
	}
	return n ? (void *)at : NULL;
}

/*
 * Only the parser's messages are formatted by these, and nobody reads them here: Firn parses the
 * configuration again and shows its own. They stay empty.
 */
int vsnprintf(char *to, size_t size, const char *format, va_list args)
{
	(void)format;
	(void)args;
	if (size)
		to[0] = '\0';
	return 0;
}

int snprintf(char *to, size_t size, const char *format, ...)
{
	(void)format;
	if (size)
		to[0] = '\0';
	return 0;
}
