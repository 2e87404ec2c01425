/* SPDX-License-Identifier: MIT */
/* The files that came with the image. */
#include "core/files.h"

#include <string.h>

#define FILES_MAX 64

static struct loader_file files[FILES_MAX];
static unsigned nr_files;

const struct loader_file *files_find(const char *name)
{
	for (unsigned i = 0; i < nr_files; i++)
		if (strcmp(files[i].name, name) == 0)
			return &files[i];
	return NULL;
}

enum firn_err files_add(const char *name, const void *data, u64 size)
{
	if (files_find(name))
		return ERR_EXIST;
	if (nr_files == FILES_MAX)
		return ERR_FULL;
	files[nr_files++] = (struct loader_file){ name, data, size };
	return FIRN_OK;
}

bool files_exist(void *unused, const char *name)
{
	(void)unused;
	return files_find(name) != NULL;
}

u64 files_total_size(void)
{
	u64 total = 0;

	for (unsigned i = 0; i < nr_files; i++)
		total += files[i].size;
	return total;
}
