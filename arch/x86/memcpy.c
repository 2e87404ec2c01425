/* SPDX-License-Identifier: MIT */
/*
 * memcpy() in place of the C library's, whose stores of 256 bytes and more go around the caches: what
 * Firn copies for a guest is read at once.
 */
#include <string.h>

#include "core/types.h"

#define WORD	  sizeof(u64)
#define FAST_COPY 256 /* bytes from which the CPU's own copying pays (SDM 1 7.3.9.3) */

static inline u64 load(const char *from)
{
	u64 value;

	__builtin_memcpy(&value, from, sizeof(value));
	return value;
}

static inline void store(char *to, u64 value)
{
	__builtin_memcpy(to, &value, sizeof(value));
}

/* Less than a word. */
static inline void copy_bytes(char *to, const char *from, size_t n)
{
	u32 first, last;

	if (n < sizeof(first)) {
		for (size_t i = 0; i < n; i++)
			to[i] = from[i];
		return;
	}
	__builtin_memcpy(&first, from, sizeof(first));
	__builtin_memcpy(&last, from + n - sizeof(last), sizeof(last));
	__builtin_memcpy(to, &first, sizeof(first));
	__builtin_memcpy(to + n - sizeof(last), &last, sizeof(last));
}

/* The last word ends where the bytes do, and may overlap the one before. */
__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *
memcpy(void *restrict to, const void *restrict from, size_t n)
{
	const char *source = from;
	char *target = to;
	size_t i = 0, words;

	if (n < WORD) {
		copy_bytes(target, source, n);
		return to;
	}
	if (n < FAST_COPY) {
		for (; i + 2 * WORD < n; i += 2 * WORD) {
			store(target + i, load(source + i));
			store(target + i + WORD, load(source + i + WORD));
		}
		if (i + WORD < n)
			store(target + i, load(source + i));
	} else {
		char *next = target;

		words = n / WORD;
		asm volatile("rep movsq" : "+D"(next), "+S"(source), "+c"(words) : : "memory");
		source = from;
	}
	store(target + n - WORD, load(source + n - WORD));
	return to;
}
