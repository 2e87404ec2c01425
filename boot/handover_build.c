/* SPDX-License-Identifier: MIT */
/* Filling in struct handover, the same for both loaders. */
#include "boot/handover_build.h"

#include <string.h>

#include "boot/memory_map.h"

static const char default_config[] = "firn.conf";

void handover_init(struct handover *h, enum handover_source source)
{
	memset(h, 0, sizeof(*h));
	h->magic = HANDOVER_MAGIC;
	h->version = HANDOVER_VERSION;
	h->source = (u16)source;
	memcpy(h->config_name, default_config, sizeof(default_config));
}

bool handover_copy_text(char *dst, size_t size, const char *src, size_t len)
{
	size_t n = MIN(len, size - 1);

	for (size_t i = 0; i < n; i++)
		dst[i] = src[i] >= ' ' && src[i] <= '~' ? src[i] : '?';
	dst[n] = '\0';
	return n == len;
}

static size_t append(char *dst, size_t size, size_t at, const char *text)
{
	while (*text && at < size - 1)
		dst[at++] = *text++;
	dst[at] = '\0';
	return at;
}

void handover_note(struct handover *h, const char *what, const char *problem)
{
	static const char separator[] = "; ", cut[] = "...";
	const size_t size = sizeof(h->message);
	const size_t before = strlen(h->message);
	size_t start = append(h->message, size, before, before ? separator : ""), at, len;

	at = append(h->message, size, start, what);
	at = append(h->message, size, at, ": ");
	at = append(h->message, size, at, problem);
	len = at - start;
	if (before >= len && !memcmp(h->message + before - len, h->message + start, len))
		h->message[before] = '\0'; /* the same once more */
	else if (at == size - 1)
		memcpy(h->message + size - sizeof(cut), cut, sizeof(cut));
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\0';
}

/* A name that can stand in firn.conf and in a file entry: printable, no path, not cut. */
static const char *name_problem(const char *name, size_t len)
{
	const char *problem = NULL;

	if (!len || len >= HANDOVER_NAME_MAX)
		problem = "file name is empty or too long, ignored";
	for (size_t i = 0; i < len && !problem; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/' || name[i] == '\\')
			problem = "file name is not plain ASCII, ignored";
	return problem;
}

void handover_read_cmdline(struct handover *h, const char *cmdline, size_t len)
{
	static const char key[] = "config=";
	const size_t key_len = sizeof(key) - 1;

	for (size_t i = 0; i + key_len <= len; i++) {
		const char *name = cmdline + i + key_len;
		size_t n = 0;

		if ((i && !is_space(cmdline[i - 1])) || memcmp(cmdline + i, key, key_len))
			continue;
		while (i + key_len + n < len && !is_space(name[n]))
			n++;
		if (name_problem(name, n))
			handover_note(h, "config=", name_problem(name, n));
		else
			handover_copy_text(h->config_name, sizeof(h->config_name), name, n);
		break;
	}
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_name(const char *a, const char *b, size_t b_len)
{
	bool same = strlen(a) == b_len;

	for (size_t i = 0; same && i < b_len; i++)
		same = lower(a[i]) == lower(b[i]);
	return same;
}

bool handover_is_config(const struct handover *h, const char *name, size_t len)
{
	return same_name(h->config_name, name, len);
}

struct handover_file *handover_add_file(struct handover *h, const char *name, size_t len)
{
	const char *problem = name_problem(name, len);
	struct handover_file *file = NULL;
	char shown[HANDOVER_NAME_MAX];

	if (!problem && h->nr_files == HANDOVER_MAX_FILES)
		problem = "too many files, ignored";
	for (u32 i = 0; i < h->nr_files && !problem; i++)
		if (same_name(h->files[i].name, name, len))
			problem = "second file of this name, ignored";
	if (problem) {
		handover_copy_text(shown, sizeof(shown), name, len);
		handover_note(h, shown, problem);
	} else {
		file = &h->files[h->nr_files++];
		handover_copy_text(file->name, sizeof(file->name), name, len);
		file->base = 0;
		file->size = 0;
	}
	return file;
}

void handover_drop_file(struct handover *h)
{
	h->nr_files--;
}

void handover_claim_memory(struct handover *h, u64 self, u64 size)
{
	/* The real-mode vectors and the BIOS data area: nobody should get physical page 0. */
	memory_map_add(h, 0, PAGE_SIZE, HANDOVER_MEM_RESERVED);
	memory_map_add(h, self, size, HANDOVER_MEM_LOADER);
	memory_map_add(h, h->image_base, h->image_size, HANDOVER_MEM_LOADER);
	memory_map_add(h, h->config_base, h->config_size, HANDOVER_MEM_LOADER);
	for (u32 i = 0; i < h->nr_files; i++)
		memory_map_add(h, h->files[i].base, h->files[i].size, HANDOVER_MEM_LOADER);
}
