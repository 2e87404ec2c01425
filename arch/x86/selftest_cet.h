/* SPDX-License-Identifier: MIT */
/* selftest cet CASE [CPU], for the table of selftest.c. */
#ifndef FIRN_X86_SELFTEST_CET_H
#define FIRN_X86_SELFTEST_CET_H

#include "core/shell.h"

/* The chosen CPU does it a little later. Boot CPU. */
enum shell_result selftest_cet(const struct shell_line *line);

#endif
