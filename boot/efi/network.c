/* SPDX-License-Identifier: MIT */
/* Separate files from a server: which ones. */
#include "boot/efi/network.h"

#include <string.h>

#include "boot/handover_build.h"
#include "core/config.h"

void network_note(struct loader *l, const char *what, const CHAR16 *text)
{
	char narrow[sizeof(l->h->message)], problem[sizeof(narrow)];
	const size_t len = text_narrow(narrow, sizeof(narrow), text, sizeof(narrow));

	handover_copy_text(problem, sizeof(problem), narrow, len);
	console_note(l, what, problem, EFI_SUCCESS);
}

static bool is_loaded(const struct handover *h, const char *name)
{
	bool found = false;

	for (u32 i = 0; i < h->nr_files && !found; i++)
		found = !strcmp(h->files[i].name, name);
	return found;
}

/* For config_check_files(), which asks for each reference to a file. */
static bool load_file(void *ctx, const char *name)
{
	struct network_source *source = ctx;
	struct handover *h = source->l->h;
	struct handover_file *file;

	if (is_loaded(h, name))
		return true;
	file = handover_add_file(h, name, strlen(name));
	if (!file)
		return false;
	file->base = source->fetch(source, name, &file->size);
	if (!file->base) {
		handover_drop_file(h);
		return false;
	}
	return true;
}

struct parsed {
	struct firn_config config;
	struct config_errors errors;
};

/*
 * A configuration with mistakes still names files: Firn parses it again, and tells the mistakes at
 * its prompt.
 */
static void load_named_files(struct network_source *source)
{
	const struct handover *h = source->l->h;
	struct parsed *parsed = (struct parsed *)memory_allocate(sizeof(*parsed));

	if (!parsed) {
		console_note(source->l, h->config_name, "no memory to read it",
			     EFI_OUT_OF_RESOURCES);
		return;
	}
	config_parse((const char *)h->config_base, h->config_size, &parsed->config,
		     &parsed->errors);
	config_check_files(&parsed->config, load_file, source, &parsed->errors);
	memory_free((u64)parsed, sizeof(*parsed));
}

void network_load_all(struct network_source *source)
{
	struct handover *h = source->l->h;

	h->config_base = source->fetch(source, h->config_name, &h->config_size);
	if (h->config_base)
		load_named_files(source);
	else
		h->config_size = 0;
}
