/* SPDX-License-Identifier: MIT */
/* What the shared code needs of a C library and GNU-EFI's own library does not have. */
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
