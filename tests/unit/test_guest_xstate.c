/* SPDX-License-Identifier: MIT */
/* XCR0: every combination of the bits that matter, against the rules written down again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/x86/guest_xstate.h"
#include "guest_cpu.h"

#define X87    0x1
#define SSE    0x2
#define AVX    0x4
#define MPX    0x18
#define AVX512 0xe0
#define PKRU   0x200

static bool legal(u64 v, u64 supported)
{
	bool avx512 = v & AVX512;

	return !(v & ~supported) && (v & X87) && !((v & AVX) && !(v & SSE)) &&
	       (!avx512 || ((v & AVX512) == AVX512 && (v & AVX) && (v & SSE))) &&
	       ((v & MPX) == 0 || (v & MPX) == MPX);
}

static void check_all(u64 supported)
{
	struct fake_vm *fake;
	struct vcpu *vcpu;
	unsigned accepted = 0;

	fake = guest_create(1);
	vcpu = &fake->vcpu[0]->vcpu;
	((struct cpuid_leaf *)cpuid_image_find(&fake->vm.arch.cpuid, 0xd, 0))->eax = (u32)supported;
	assert_int_equal(guest_xcr0_supported(&fake->vm.arch.cpuid), supported);
	for (u64 v = 0; v < 0x400; v++) {
		bool ok;

		vcpu->arch.xcr0 = X87;
		ok = guest_xcr0_set(vcpu, 0, v);
		assert_int_equal(ok, legal(v, supported));
		assert_int_equal(vcpu->arch.xcr0, ok ? v : X87);
		accepted += ok;
	}
	assert_true(accepted > 0);
	for (unsigned bit = 10; bit < 64; bit++) {
		assert_false(guest_xcr0_set(vcpu, 0, X87 | BIT(bit)));
		assert_int_equal(vcpu->arch.xcr0 & ~0x3ffull, 0);
	}
	/* Only XCR0 exists. */
	assert_false(guest_xcr0_set(vcpu, 1, X87));
	assert_false(guest_xcr0_set(vcpu, 0x80000000, X87));
	guest_destroy(fake);
}

static void test_all_combinations(void **state)
{
	(void)state;
	host_full();
	check_all(X87 | SSE | AVX | AVX512);
	check_all(X87 | SSE | AVX);
	check_all(X87 | SSE);
	check_all(X87 | SSE | AVX | MPX | AVX512 | PKRU);
}

static void test_without_xsave(void **state)
{
	struct fake_vm *fake;

	(void)state;
	host_full();
	host_off(X86_FEATURE_XSAVE);
	fake = guest_create(1);
	assert_int_equal(guest_xcr0_supported(&fake->vm.arch.cpuid), 0);
	for (u64 v = 0; v < 8; v++)
		assert_false(guest_xcr0_set(&fake->vcpu[0]->vcpu, 0, v));
	guest_destroy(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_combinations),
		cmocka_unit_test(test_without_xsave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
