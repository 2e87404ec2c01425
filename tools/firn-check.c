/* SPDX-License-Identifier: MIT */
/*
 * Would Firn accept this configuration with these files? The answer of Firn's own parser and
 * loaders, for tools/mkimage:   firn-check CONFIG NAME=FILE ...
 * Problems go to stderr as CONFIG:LINE: TEXT; the exit status is 1 then, 2 when a file is unreadable.
 * A file that the configuration does not name is only noted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "core/loader.h"

#define MAX_FILES 64 /* HANDOVER_MAX_FILES */

enum exit_code {
	EXIT_GOOD,
	EXIT_REFUSED,
	EXIT_UNREADABLE
};

static struct loader_file files[MAX_FILES];
static int nr_files;

/* Reads a whole file; ends the program when that is not possible. */
static struct loader_file read_file(const char *name, const char *path)
{
	struct loader_file file = { .name = name };
	FILE *f = fopen(path, "rb");
	long size = -1;
	char *data = NULL;

	if (f && fseek(f, 0, SEEK_END) == 0)
		size = ftell(f);
	if (size >= 0) {
		rewind(f);
		data = malloc((size_t)size + 1);
	}
	if (!data || fread(data, 1, (size_t)size, f) != (size_t)size) {
		perror(path);
		exit(EXIT_UNREADABLE);
	}
	fclose(f);
	file.data = data;
	file.size = (u64)size;
	return file;
}

static const struct loader_file *find_file(const char *name)
{
	for (int i = 0; i < nr_files; i++) {
		if (strcmp(files[i].name, name) == 0)
			return &files[i];
	}
	return NULL;
}

static bool named[MAX_FILES]; /* by the configuration */

static bool file_exists(void *unused, const char *name)
{
	const struct loader_file *file = find_file(name);

	(void)unused;
	if (file)
		named[file - files] = true;
	return file != NULL;
}

/* No error, but perhaps a line was forgotten. */
static void print_unnamed(const char *path)
{
	for (int i = 0; i < nr_files; i++)
		if (!named[i])
			fprintf(stderr, "%s: note: no VM has the file '%s'\n", path, files[i].name);
}

static void check_vm(const struct vm_config *vm, struct config_errors *errors)
{
	struct loader_images img = {
		.kernel = *find_file(vm->kernel.name),
		.nr_modules = vm->nr_modules,
		.cmdline = vm->cmdline,
	};
	struct load_error why = { .text = "" };

	if (vm->initrd.name[0])
		img.initrd = *find_file(vm->initrd.name);
	for (unsigned i = 0; i < vm->nr_modules; i++) {
		img.module[i].file = *find_file(vm->module[i].name);
		img.module[i].args = vm->module[i].args;
	}
	if (loader_check(&img, vm->memory, &why) != FIRN_OK)
		config_add_error(errors, vm->kernel.line, "%s", why.text);
}

static void print_errors(const char *path, const struct config_errors *errors)
{
	unsigned shown = MIN(errors->count, CONFIG_MAX_ERRORS);

	for (unsigned i = 0; i < shown; i++)
		fprintf(stderr, "%s:%u: %s\n", path, errors->error[i].line, errors->error[i].text);
	if (errors->count > shown)
		fprintf(stderr, "%s: %u more errors\n", path, errors->count - shown);
}

static void add_file(char *spec)
{
	char *path = strchr(spec, '=');

	if (!path || nr_files == MAX_FILES) {
		fprintf(stderr, "%s: expected NAME=FILE, %d times at most\n", spec, MAX_FILES);
		exit(EXIT_UNREADABLE);
	}
	*path++ = '\0';
	files[nr_files++] = read_file(spec, path);
}

int main(int argc, char **argv)
{
	static struct firn_config cfg;
	static struct config_errors errors;
	struct loader_file text;

	if (argc < 2 || argv[1][0] == '-') {
		fprintf(stderr, "usage: firn-check CONFIG NAME=FILE ...\n");
		return EXIT_UNREADABLE;
	}
	text = read_file(argv[1], argv[1]);
	for (int i = 2; i < argc; i++)
		add_file(argv[i]);
	config_parse(text.data, text.size, &cfg, &errors);
	config_check_files(&cfg, file_exists, NULL, &errors);
	if (errors.count == 0) {
		for (unsigned i = 0; i < cfg.nr_vms; i++)
			check_vm(&cfg.vm[i], &errors);
	}
	print_errors(argv[1], &errors);
	print_unnamed(argv[1]);
	return errors.count ? EXIT_REFUSED : EXIT_GOOD;
}
