/* SPDX-License-Identifier: MIT */
/* The hypervisor below Firn: each signature, and several at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "arch/x86/outer_hypervisor.h"

#define RANGES 3
static const char *signature[RANGES]; /* 12 bytes each, NULL = zeros */

static void read_cpuid(u32 leaf, u32 out[4])
{
	memset(out, 0, 4 * sizeof(*out));
	for (u32 i = 0; i < RANGES; i++)
		if (leaf == 0x40000000 + i * 0x100 && signature[i])
			memcpy(&out[1], signature[i], 12);
}

static const char *name(const char *first, const char *second, const char *third)
{
	signature[0] = first;
	signature[1] = second;
	signature[2] = third;
	return outer_hypervisor_name(read_cpuid);
}

static void test_one(void **state)
{
	(void)state;
	assert_string_equal(name("KVMKVMKVM\0\0\0", NULL, NULL), "KVM");
	assert_string_equal(name("TCGTCGTCGTCG", NULL, NULL), "QEMU's TCG");
	assert_string_equal(name("Microsoft Hv", NULL, NULL), "Hyper-V");
	assert_string_equal(name("XenVMMXenVMM", NULL, NULL), "Xen");
	assert_string_equal(name("bhyve bhyve ", NULL, NULL), "bhyve");
}

static void test_several(void **state)
{
	(void)state;
	assert_string_equal(name("Microsoft Hv", "KVMKVMKVM\0\0\0", NULL), "KVM");
	assert_string_equal(name("Microsoft Hv", NULL, "XenVMMXenVMM"), "Xen");
}

static void test_unknown(void **state)
{
	(void)state;
	assert_string_equal(name(NULL, NULL, NULL), "an unknown hypervisor");
	assert_string_equal(name("KVMKVMKVMxxx", NULL, NULL), "an unknown hypervisor");
	assert_string_equal(name("somebodyelse", NULL, NULL), "an unknown hypervisor");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
