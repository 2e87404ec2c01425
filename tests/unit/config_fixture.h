/* SPDX-License-Identifier: MIT */
/* Tests of firn.conf: one configuration, its errors, and the files that there are. */
#ifndef FIRN_TESTS_CONFIG_FIXTURE_H
#define FIRN_TESTS_CONFIG_FIXTURE_H

#include "core/config.h"

/* Of the last parse. */
extern struct firn_config cfg;
extern struct config_errors errors;

/* Parses a copy on the heap of exactly that size: reading beyond it is caught. */
enum firn_err parse_bytes(const char *text, size_t len);
enum firn_err parse(const char *text);
/* For config_check_files(): all but those that begin with "missing"; ctx: unsigned, counts calls. */
bool is_there(void *ctx, const char *name);

#endif
