/* SPDX-License-Identifier: MIT */
/* The little of a C library that guest kernels and the compiler need. */
#include "tests/guest/lib/printf.h"

#include "core/types.h"

void *memcpy(void *to, const void *from, size_t len)
{
	void *dest = to;

	__asm__ volatile("rep movsb" : "+D"(dest), "+S"(from), "+c"(len) : : "memory");
	return to;
}

void *memset(void *to, int c, size_t len)
{
	void *dest = to;

	__asm__ volatile("rep stosb" : "+D"(dest), "+c"(len) : "a"(c) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const u8 *x = a, *y = b;

	for (; len > 0; len--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

struct out {
	char *at, *end; /* one byte is kept for the NUL */
};

static void put(struct out *o, char c)
{
	if (o->at < o->end)
		*o->at++ = c;
}

static void put_number(struct out *o, u64 value, unsigned base, unsigned width, char pad)
{
	char digits[24];
	unsigned n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while ((value /= base) != 0);
	for (; width > n; width--)
		put(o, pad);
	while (n > 0)
		put(o, digits[--n]);
}

static void put_text(struct out *o, const char *s)
{
	while (*s)
		put(o, *s++);
}

static void put_signed(struct out *o, s64 value, unsigned width, char pad)
{
	if (value < 0)
		put(o, '-');
	put_number(o, value < 0 ? -(u64)value : (u64)value, 10, width, pad);
}

/* Everything after the %: returns the position behind it. */
static const char *convert(struct out *o, const char *fmt, va_list *ap)
{
	char pad = *fmt == '0' ? '0' : ' ';
	unsigned width = 0, longs = 0;

	for (; *fmt >= '0' && *fmt <= '9'; fmt++)
		width = width * 10 + (*fmt - '0');
	for (; *fmt == 'l' || *fmt == 'z'; fmt++)
		longs++;
	if (*fmt == 's')
		put_text(o, va_arg(*ap, const char *));
	else if (*fmt == 'c')
		put(o, va_arg(*ap, int));
	else if (*fmt == 'd')
		put_signed(o, longs ? va_arg(*ap, s64) : va_arg(*ap, int), width, pad);
	else if (*fmt == 'u' || *fmt == 'x')
		put_number(o, longs ? va_arg(*ap, u64) : va_arg(*ap, unsigned),
			   *fmt == 'x' ? 16 : 10, width, pad);
	else
		put(o, *fmt);
	return fmt + 1;
}

void guest_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, buf + size - 1 };
	va_list args;

	va_copy(args, ap);
	while (*fmt) {
		if (*fmt == '%')
			fmt = convert(&o, fmt + 1, &args);
		else
			put(&o, *fmt++);
	}
	va_end(args);
	*o.at = '\0';
}

void guest_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	guest_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
}
