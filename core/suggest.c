/* SPDX-License-Identifier: MIT */
/* How near words are to each other. */
#include "core/suggest.h"

#include <string.h>

#define WORD_MAX	 24 /* no key, choice or command is longer */
#define ABBREVIATION_MIN 2

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/*
 * Changes (insert, delete, replace a letter, swap two neighbours) that lead from a to b: the optimal
 * string alignment, with the three rows of its table that matter.
 */
static unsigned distance(const char *a, size_t len_a, const char *b, size_t len_b)
{
	unsigned rows[3][WORD_MAX + 1];

	for (size_t i = 0; i <= len_a; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3];
		const unsigned *above2 = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= len_b; j++) {
			if (i == 0) {
				row[j] = (unsigned)j;
				continue;
			}
			row[j] = MIN(above[j - 1] + (lower(a[i - 1]) != b[j - 1]),
				     MIN(row[j - 1], above[j]) + 1);
			if (i > 1 && j > 1 && lower(a[i - 1]) == b[j - 2] &&
			    lower(a[i - 2]) == b[j - 1])
				row[j] = MIN(row[j], above2[j - 2] + 1);
		}
	}
	return rows[len_a % 3][len_b];
}

/* "warn" for "warning" is meant even though half of the letters are missing. */
static bool is_abbreviation(const char *found, size_t len, const char *word)
{
	return len >= ABBREVIATION_MIN && len < strlen(word) && memcmp(found, word, len) == 0;
}

void suggest(struct suggestion *best, const char *found, size_t len, const char *word)
{
	size_t len_word = strlen(word);
	unsigned d = 1;

	if (len > WORD_MAX || len_word > WORD_MAX)
		return;
	if (!is_abbreviation(found, len, word))
		d = distance(found, len, word, len_word);
	if (d <= 1 + len_word / 4 && (!best->word || d < best->distance))
		*best = (struct suggestion){ d, word };
}
