/* SPDX-License-Identifier: MIT */
/*
 * Golden files: text that a test makes is the same as in tests/golden. With FIRN_UPDATE_GOLDEN in
 * the environment (make update-golden) the files are written instead.
 */
#ifndef FIRN_TESTS_GOLDEN_H
#define FIRN_TESTS_GOLDEN_H

#include "core/types.h"

#define GOLDEN_DIRECTORY "tests/golden/"

/* The text begins anew. */
void golden_begin(void);
void golden_print(const char *fmt, ...) __printf(1, 2);
/* Bytes in rows of 16, with their offsets, without rows of zeroes. */
void golden_dump(const u8 *bytes, size_t len);
/* Fails the test at the first line that differs from the file GOLDEN_DIRECTORY name. */
void golden_check(const char *name);

#endif
