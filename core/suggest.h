/* SPDX-License-Identifier: MIT */
/* "Did you mean ...?": of the words that were possible, the one that was probably meant. */
#ifndef FIRN_CORE_SUGGEST_H
#define FIRN_CORE_SUGGEST_H

#include "core/types.h"

/* Start with { 0 }; word stays NULL when none is near enough. */
struct suggestion {
	unsigned distance;
	const char *word;
};

/* found: len bytes of what was written; word: one that was possible, in lower case. */
void suggest(struct suggestion *best, const char *found, size_t len, const char *word);

#endif
