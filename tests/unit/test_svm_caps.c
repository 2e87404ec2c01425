/* SPDX-License-Identifier: MIT */
/* SVM capability discovery: what is missing is named, and only what is required stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "arch/x86/svm/caps.h"

static u32 max_leaf, svm_leaf[4];

static void read_cpuid(u32 leaf, u32 out[4])
{
	memset(out, 0, 4 * sizeof(*out));
	if (leaf == 0x80000000)
		out[0] = max_leaf;
	else if (leaf == 0x8000000a && leaf <= max_leaf)
		memcpy(out, svm_leaf, sizeof(svm_leaf));
	else
		fail_msg("leaf 0x%x does not exist on this CPU", leaf);
}

static int setup(void **state)
{
	(void)state;
	max_leaf = 0x8000001f;
	svm_leaf[0] = 0xabcdef01; /* revision in 7:0 */
	svm_leaf[1] = 32768;
	svm_leaf[3] = ~0u;
	return 0;
}

static struct {
	unsigned required, optional;
	char names[512];
} missing;

static void note(void *ctx, const char *name, bool required)
{
	assert_ptr_equal(ctx, &missing);
	(*(required ? &missing.required : &missing.optional))++;
	strcat(missing.names, name);
	strcat(missing.names, ";");
}

static enum firn_err check(void)
{
	struct svm_caps caps;

	memset(&missing, 0, sizeof(missing));
	assert_int_equal(svm_caps_read(&caps, read_cpuid), FIRN_OK);
	return svm_caps_check(&caps, note, &missing);
}

static void full_cpu(void **state)
{
	struct svm_caps caps;

	(void)state;
	assert_int_equal(svm_caps_read(&caps, read_cpuid), FIRN_OK);
	assert_int_equal(caps.revision, 1);
	assert_int_equal(caps.nr_asids, 32768);
	assert_int_equal(check(), FIRN_OK);
	assert_string_equal(missing.names, "");
}

/* QEMU 7.2: nested paging and nothing else. */
static void bare_cpu(void **state)
{
	(void)state;
	svm_leaf[1] = 16;
	svm_leaf[3] = 1;
	assert_int_equal(check(), FIRN_OK);
	assert_string_equal(missing.names, "next-RIP save;VMCB clean bits;flush by ASID;PAUSE "
					   "filter;");
	assert_int_equal(missing.optional, 4);
	assert_int_equal(missing.required, 0);
}

static void required_features(void **state)
{
	(void)state;
	svm_leaf[3] = ~1u;
	assert_int_equal(check(), ERR_UNSUPPORTED);
	assert_string_equal(missing.names, "nested paging;");
	svm_leaf[3] = ~0u;
	for (svm_leaf[1] = 0; svm_leaf[1] < 2; svm_leaf[1]++) {
		assert_int_equal(check(), ERR_UNSUPPORTED);
		assert_string_equal(missing.names, "address space identifiers;");
	}
	assert_int_equal(check(), FIRN_OK);
	/* All at once, so that one try shows them all. */
	svm_leaf[1] = svm_leaf[3] = 0;
	assert_int_equal(check(), ERR_UNSUPPORTED);
	assert_int_equal(missing.required, 2);
}

static void no_leaf(void **state)
{
	struct svm_caps caps;

	(void)state;
	max_leaf = 0;
	assert_int_equal(svm_caps_read(&caps, read_cpuid), ERR_UNSUPPORTED);
	max_leaf = 0x80000009;
	assert_int_equal(svm_caps_read(&caps, read_cpuid), ERR_UNSUPPORTED);
	max_leaf = 0x8000000a;
	assert_int_equal(svm_caps_read(&caps, read_cpuid), FIRN_OK);
	svm_leaf[0] = 0x100;
	assert_int_equal(svm_caps_read(&caps, read_cpuid), ERR_UNSUPPORTED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(full_cpu),
		TEST(bare_cpu),
		TEST(required_features),
		TEST(no_leaf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
