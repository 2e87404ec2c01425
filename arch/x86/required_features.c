/* SPDX-License-Identifier: MIT */
/* Features that guests need of any CPU, by table. */
#include "arch/x86/required_features.h"

#include "arch/x86/cpuid_bits.h"

static const struct {
	u32 feature;
	const char *name;
} required[] = {
	/* Without it neither Firn nor a guest could have data that is not code. */
	{ X86_FEATURE_NX, "no-execute pages: NX or XD may be off in firmware setup" },
	/* What switches a guest's registers; guests are offered it, too. */
	{ X86_FEATURE_XSAVE, "XSAVE" },
};

enum firn_err required_features_check(bool (*has)(u32 feature),
				      void (*missing)(void *ctx, const char *name, bool required),
				      void *ctx)
{
	enum firn_err err = FIRN_OK;

	for (size_t i = 0; i < ARRAY_SIZE(required); i++) {
		if (has(required[i].feature))
			continue;
		missing(ctx, required[i].name, true);
		err = ERR_UNSUPPORTED;
	}
	return err;
}
