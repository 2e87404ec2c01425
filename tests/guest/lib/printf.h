/* SPDX-License-Identifier: MIT */
/* Formatting: %s %c %d %u %x with l/ll/z, field width and 0; and the string functions. */
#ifndef FIRN_GUEST_PRINTF_H
#define FIRN_GUEST_PRINTF_H

#include <stdarg.h>
#include <stddef.h>

/* Always terminates the text; what does not fit is cut off. */
void guest_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
void guest_snprintf(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

void *memcpy(void *to, const void *from, size_t len);
void *memset(void *to, int c, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *s);

#endif
