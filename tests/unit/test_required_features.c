/* SPDX-License-Identifier: MIT */
/* Features that every CPU must have: all that are missing are named, not only the first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "arch/x86/cpuid_bits.h"
#include "arch/x86/required_features.h"

static bool has_nx, has_xsave;
static unsigned named;
static char names[256];

static bool has(u32 feature)
{
	if (feature == X86_FEATURE_NX)
		return has_nx;
	return feature != X86_FEATURE_XSAVE || has_xsave;
}

static void note(void *ctx, const char *name, bool required)
{
	assert_ptr_equal(ctx, names);
	assert_true(required);
	strncat(names, name, sizeof(names) - strlen(names) - 1);
	named++;
}

static enum firn_err run(bool nx, bool xsave)
{
	has_nx = nx;
	has_xsave = xsave;
	named = 0;
	names[0] = '\0';
	return required_features_check(has, note, names);
}

static void test_nothing_missing(void **state)
{
	(void)state;
	assert_int_equal(run(true, true), FIRN_OK);
	assert_int_equal(named, 0);
}

static void test_missing(void **state)
{
	(void)state;
	assert_int_equal(run(false, true), ERR_UNSUPPORTED);
	assert_int_equal(named, 1);
	assert_non_null(strstr(names, "no-execute"));
	assert_int_equal(run(true, false), ERR_UNSUPPORTED);
	assert_int_equal(named, 1);
	assert_string_equal(names, "XSAVE");
	assert_int_equal(run(false, false), ERR_UNSUPPORTED);
	assert_int_equal(named, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_missing),
		cmocka_unit_test(test_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
