/* SPDX-License-Identifier: MIT */
/* Texts of the error codes. */
#include "core/err.h"

#define FIRN_ERR_TEXT(name, text) [name] = text,
static const char *const err_text[FIRN_ERR_COUNT] = { FIRN_ERRORS(FIRN_ERR_TEXT) };
#undef FIRN_ERR_TEXT

const char *firn_strerror(enum firn_err err)
{
	if ((unsigned)err >= FIRN_ERR_COUNT)
		return "unknown error";
	return err_text[err];
}
