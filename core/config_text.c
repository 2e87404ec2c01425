/* SPDX-License-Identifier: MIT */
/* Text of the configuration: pieces of a line, numbers, and how messages quote and suggest. */
#include <stdio.h>
#include <string.h>

#include "core/config_parser.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct text text_trim(struct text t)
{
	while (t.len > 0 && is_blank(t.s[0])) {
		t.s++;
		t.len--;
	}
	while (t.len > 0 && is_blank(t.s[t.len - 1]))
		t.len--;
	return t;
}

bool text_is(struct text t, const char *s)
{
	return t.len == strlen(s) && memcmp(t.s, s, t.len) == 0;
}

bool text_split(struct text *rest, char c, struct text *before)
{
	const char *at = rest->len ? memchr(rest->s, c, rest->len) : NULL;

	if (!at)
		return false;
	*before = (struct text){ rest->s, at - rest->s };
	rest->len -= before->len + 1;
	rest->s = at + 1;
	return true;
}

struct text text_take_word(struct text *rest)
{
	struct text word = text_trim(*rest);
	size_t n = 0;

	while (n < word.len && !is_blank(word.s[n]))
		n++;
	*rest = text_trim((struct text){ word.s + n, word.len - n });
	word.len = n;
	return word;
}

bool text_sets(struct text file, const char *key, const char *value)
{
	while (file.len > 0) {
		struct text line, name;

		if (!text_split(&file, '\n', &line)) {
			line = file;
			file.len = 0;
		}
		if (line.len > 0 && line.s[line.len - 1] == '\r')
			line.len--;
		if (text_split(&line, '=', &name) && text_is(text_trim(name), key) &&
		    text_is(text_trim(line), value))
			return true;
	}
	return false;
}

struct quote suggestion_hint(const struct suggestion *best)
{
	struct quote q = { "" };

	if (best->word)
		snprintf(q.s, sizeof(q.s), " (did you mean '%s'?)", best->word);
	return q;
}

bool text_to_u64(struct text t, u64 *value)
{
	*value = 0;
	for (size_t i = 0; i < t.len; i++) {
		if (t.s[i] < '0' || t.s[i] > '9')
			return false;
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, t.s[i] - '0', value))
			return false;
	}
	return t.len > 0;
}

bool text_to_size(struct text t, u64 *value)
{
	u64 unit = 1;

	switch (t.len ? t.s[t.len - 1] : 0) {
	case 'k':
	case 'K':
		unit = KiB;
		break;
	case 'm':
	case 'M':
		unit = MiB;
		break;
	case 'g':
	case 'G':
		unit = GiB;
		break;
	}
	if (unit != 1)
		t.len--;
	return text_to_u64(t, value) && !__builtin_mul_overflow(*value, unit, value);
}

struct quote text_quote(struct text t)
{
	struct quote q = { "" };
	size_t n = MIN(t.len, (size_t)QUOTE_MAX);

	for (size_t i = 0; i < n; i++)
		q.s[i] = t.s[i] >= ' ' && t.s[i] <= '~' ? t.s[i] : '?';
	if (t.len > n)
		strcpy(q.s + n, "...");
	return q;
}
