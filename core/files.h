/* SPDX-License-Identifier: MIT */
/* The files that came with the image: kernels, initrds, modules. Filled once at boot, then constant. */
#ifndef FIRN_CORE_FILES_H
#define FIRN_CORE_FILES_H

#include "core/loader.h"

/* name and data must live for ever. ERR_EXIST, ERR_FULL. Boot CPU, at boot. */
enum firn_err files_add(const char *name, const void *data, u64 size);
/* NULL = no such file. */
const struct loader_file *files_find(const char *name);
bool files_exist(void *unused, const char *name); /* for config_check_files() */
u64 files_total_size(void);

#endif
