/* SPDX-License-Identifier: MIT */
/* The one error type. A result starts as a failure and becomes FIRN_OK at the single good exit. */
#ifndef FIRN_CORE_ERR_H
#define FIRN_CORE_ERR_H

#include "core/types.h"

/* X(name, text): the text completes "cannot do so: <text>". */
#define FIRN_ERRORS(X)                                           \
	X(FIRN_OK, "success")                                    \
	X(ERR_INVALID, "invalid argument")                       \
	X(ERR_NOMEM, "out of memory")                            \
	X(ERR_NOENT, "not found")                                \
	X(ERR_EXIST, "already exists")                           \
	X(ERR_RANGE, "address or value out of range")            \
	X(ERR_OVERLAP, "overlaps an existing range")             \
	X(ERR_ALIGN, "not aligned")                              \
	X(ERR_FULL, "no free slot left")                         \
	X(ERR_STATE, "not possible in this state")               \
	X(ERR_UNSUPPORTED, "not supported")                      \
	X(ERR_DISABLED, "disabled by firmware")                  \
	X(ERR_TRUNCATED, "truncated")                            \
	X(ERR_FORMAT, "malformed")                               \
	X(ERR_TIMEOUT, "timed out")                              \
	X(ERR_IO, "device error")                                \
	X(ERR_VMFAIL, "the processor refused a VMX instruction") \
	X(ERR_READONLY, "read-only")

#define FIRN_ERR_ENUM(name, text) name,
enum firn_err {
	FIRN_ERRORS(FIRN_ERR_ENUM) FIRN_ERR_COUNT
};
#undef FIRN_ERR_ENUM

/* Constant text for an error; "unknown error" outside the enum. Any context. */
const char *firn_strerror(enum firn_err err);

#endif
