/* SPDX-License-Identifier: MIT */
/* Features that guests need of any CPU, whatever its virtualization is called. */
#ifndef FIRN_X86_REQUIRED_FEATURES_H
#define FIRN_X86_REQUIRED_FEATURES_H

#include "core/err.h"

/*
 * Calls missing(name, true) for each feature that the CPU lacks; has() takes X86_FEATURE_*.
 * ERR_UNSUPPORTED when there is one: Firn then runs, but no guest. Pure.
 */
enum firn_err required_features_check(bool (*has)(u32 feature),
				      void (*missing)(void *ctx, const char *name, bool required),
				      void *ctx);

#endif
