/* SPDX-License-Identifier: MIT */
/* What the parts of the configuration parser share: text, settings and the table of keys. */
#ifndef FIRN_CORE_CONFIG_PARSER_H
#define FIRN_CORE_CONFIG_PARSER_H

#include "core/config.h"
#include "core/suggest.h"

/* Bytes of the file; never NUL-terminated. */
struct text {
	const char *s;
	size_t len;
};

bool text_is(struct text t, const char *s);
/* Without blanks at both ends. */
struct text text_trim(struct text t);
/* Takes the text before the first c out of *rest, which keeps what follows c; false without c. */
bool text_split(struct text *rest, char c, struct text *before);
/* First word in *rest; what follows it, trimmed, stays there. */
struct text text_take_word(struct text *rest);
/* Whether a line of the file sets key to value. For what is needed before the file is parsed. */
bool text_sets(struct text file, const char *key, const char *value);
/* Decimal digits only; false on overflow too. */
bool text_to_u64(struct text t, u64 *value);
/* Digits and perhaps K, M or G (powers of 1024) in bytes; false on overflow too. */
bool text_to_size(struct text t, u64 *bytes);

#define QUOTE_MAX 40 /* bytes of the file that a message repeats */

/* Part of a message: what the file says, made printable and cut to a length that fits. */
struct quote {
	char s[QUOTE_MAX + sizeof("...")];
};
struct quote text_quote(struct text t);

/* " (did you mean 'word'?)" or "" */
struct quote suggestion_hint(const struct suggestion *best);

#define CONFIG_MAX_KEYS 32

enum config_section {
	SECTION_NONE,
	SECTION_FIRN,
	SECTION_VM,
	SECTION_SKIP
};

struct parser {
	struct firn_config *cfg;
	struct config_errors *errors;
	unsigned line;
	enum config_section section;	/* SECTION_SKIP: its header was wrong */
	bool in_vm;			/* the section's header begins with vm, also a wrong one */
	struct vm_config *vm;		/* of SECTION_VM */
	unsigned firn_line;		/* where [firn] was, 0 = not yet */
	unsigned seen[CONFIG_MAX_KEYS]; /* line of each key in this section */
};

/* Adds an error for the line being parsed, and notes what cannot be started because of it. */
void parser_fail(struct parser *p, const char *fmt, ...) __printf(2, 3);

/* A word that a key takes, and what it stands for. */
struct choice {
	const char *word;
	unsigned value;
};

struct setting {
	struct parser *p;
	const struct parser_key *key;
	struct text value;
};

struct parser_key {
	struct config_key doc;
	enum config_section section;
	bool repeatable, may_be_empty;
	/* Checks the value and puts it into p->cfg or p->vm, or adds an error. */
	void (*set)(const struct setting *s);
	/* For setters of many keys: the field of the section's structure, and what it may be. */
	size_t offset;
	bool is_flag; /* a bool, else unsigned or an enumeration */
	const struct choice *choices;
	unsigned max;
};
/* The error for a value, or a part of it, that the key does not take. best: NULL = nothing is near. */
void config_bad_value(const struct setting *s, struct text found, const struct suggestion *best);
extern const struct parser_key config_keys[];
extern const unsigned config_nr_keys;

/* Names of VMs and of what they share: [a-z0-9][a-z0-9-_.]*, shorter than CONFIG_NAME_MAX. */
bool config_is_name(struct text t);
/* core/config_net.c: the key net, addresses that were not given, addresses that are given twice. */
void config_set_net(const struct setting *s);
void config_finish_nets(struct parser *p);

#define VM_MEMORY_DEFAULT (256 * MiB)

#endif
