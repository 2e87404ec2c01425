/* SPDX-License-Identifier: MIT */
/* See config_fixture.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/config_fixture.h"

struct firn_config cfg;
struct config_errors errors;

enum firn_err parse_bytes(const char *text, size_t len)
{
	char *copy = malloc(len);
	enum firn_err err;

	if (len)
		memcpy(copy, text, len);
	memset(&cfg, 0xaa, sizeof(cfg));
	memset(&errors, 0xaa, sizeof(errors));
	err = config_parse(copy, len, &cfg, &errors);
	free(copy);
	assert_int_equal(err, errors.count ? ERR_FORMAT : FIRN_OK);
	return err;
}

enum firn_err parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

bool is_there(void *ctx, const char *name)
{
	++*(unsigned *)ctx;
	return strncmp(name, "missing", 7) != 0;
}
