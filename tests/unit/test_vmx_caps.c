/* SPDX-License-Identifier: MIT */
/* VMX capability discovery: only MSRs that exist are read; everything missing is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "arch/x86/regs.h"
#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/vmcs.h"

/* A CPU as MSR values; 0 in exists means RDMSR faults, and reading it fails the test. */
static u64 msr[0x500 - 0x480];
static bool exists[0x500 - 0x480];

static bool read_msr(u32 n, u64 *value)
{
	assert_in_range(n, 0x480, 0x4ff);
	if (!exists[n - 0x480])
		fail_msg("MSR 0x%x does not exist on this CPU", n);
	*value = msr[n - 0x480];
	return true;
}

static bool read_nothing(u32 n, u64 *value)
{
	(void)n;
	(void)value;
	return false;
}

static void set(u32 n, u64 value)
{
	msr[n - 0x480] = value;
	exists[n - 0x480] = true;
}

/* Tiger Lake as Bochs 2.7 models it. */
static void full_cpu(void)
{
	memset(exists, 0, sizeof(exists));
	set(0x480, 0x01d8100000000004);
	set(0x485, 0x600401e0);
	set(0x486, 0x80000021);
	set(0x487, 0xffffffff);
	set(0x488, 0x2000);
	set(0x489, 0xf72fff);
	set(0x48b, 0x02977fff00000000);
	set(0x48c, 0x00000f0106b34141);
	set(0x48d, 0x0000007f00000016);
	set(0x48e, 0xfff9fffe04006172);
	set(0x48f, 0x107fffff00036dfb);
	set(0x490, 0x0010ffff000011fb);
}

static struct {
	unsigned required, optional;
	char names[2048];
} missing;

static void note_missing(void *ctx, const char *name, bool required)
{
	assert_ptr_equal(ctx, &missing);
	if (required)
		missing.required++;
	else
		missing.optional++;
	strcat(strcat(missing.names, name), ";");
}

static enum firn_err check(struct vmx_caps *caps)
{
	memset(&missing, 0, sizeof(missing));
	assert_int_equal(vmx_caps_read(caps, read_msr), FIRN_OK);
	return vmx_caps_check(caps, note_missing, &missing);
}

/* Each condition alone keeps CET from guests, and says so. */
static void cet_needs_all(void **state)
{
	static const struct {
		u32 msr;
		u64 bit;
		const char *why;
	} needs[] = {
		{ 0x48f, EXIT_LOAD_CET << 32, "do not load CET state" },
		{ 0x490, ENTRY_LOAD_CET << 32, "do not load CET state" },
		{ 0x48b, PROC2_UNRESTRICTED << 32, "unrestricted guest" },
		{ 0x480, VMX_BASIC_ANY_ERROR_CODE, "bit 56" },
	};
	struct vmx_caps caps;

	(void)state;
	full_cpu();
	assert_int_equal(vmx_caps_read(&caps, read_msr), FIRN_OK);
	assert_null(vmx_cet_lacks(&caps));
	for (unsigned i = 0; i < ARRAY_SIZE(needs); i++) {
		full_cpu();
		assert_true(msr[needs[i].msr - 0x480] & needs[i].bit);
		msr[needs[i].msr - 0x480] &= ~needs[i].bit;
		assert_int_equal(vmx_caps_read(&caps, read_msr), FIRN_OK);
		assert_non_null(vmx_cet_lacks(&caps));
		assert_non_null(strstr(vmx_cet_lacks(&caps), needs[i].why));
	}
}

/* Firn itself needs no more than that its state is switched. */
static void host_cet_needs(void **state)
{
	static const struct {
		u32 msr;
		u64 bit;
		bool needed;
	} bits[] = {
		{ 0x48f, EXIT_LOAD_CET << 32, true },
		{ 0x490, ENTRY_LOAD_CET << 32, true },
		{ 0x489, CR4_CET, true },
		{ 0x480, VMX_BASIC_ANY_ERROR_CODE, false },
	};
	struct vmx_caps caps;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
		full_cpu();
		assert_true(msr[bits[i].msr - 0x480] & bits[i].bit);
		msr[bits[i].msr - 0x480] &= ~bits[i].bit;
		assert_int_equal(vmx_caps_read(&caps, read_msr), FIRN_OK);
		assert_int_equal(vmx_host_cet_lacks(&caps) != NULL, bits[i].needed);
	}
}

static void everything_there(void **state)
{
	struct vmx_caps caps;

	(void)state;
	full_cpu();
	assert_int_equal(check(&caps), FIRN_OK);
	assert_int_equal(missing.required + missing.optional, 0);
	assert_true(vmx_caps_apicv(&caps));
	assert_int_equal(caps.basic, 0x01d8100000000004);
	assert_int_equal(caps.ept_vpid, 0x00000f0106b34141);
}

/* Without TRUE MSRs the old ones are read, and never both. */
static void old_control_msrs(void **state)
{
	struct vmx_caps caps;

	(void)state;
	full_cpu();
	set(0x480, 0x01d8100000000004 & ~BIT(55));
	for (unsigned i = 0; i < 4; i++) {
		set(0x481 + i, msr[0x48d - 0x480 + i]);
		exists[0x48d - 0x480 + i] = false;
	}
	assert_int_equal(check(&caps), FIRN_OK);
}

static void no_secondary_controls(void **state)
{
	struct vmx_caps caps;

	(void)state;
	full_cpu();
	set(0x48e, msr[0x48e - 0x480] & ~(PROC_SECONDARY << 32));
	exists[0x48b - 0x480] = exists[0x48c - 0x480] = false;
	assert_int_equal(check(&caps), ERR_UNSUPPORTED);
	/* All of it in one list */
	assert_non_null(strstr(missing.names, "secondary processor-based controls;"));
	assert_non_null(strstr(missing.names, "extended page tables;"));
	assert_non_null(strstr(missing.names, "unrestricted guest;"));
	assert_non_null(strstr(missing.names, "4-level EPT;"));
	assert_false(vmx_caps_apicv(&caps));
}

/* Takes away one allowed-1 bit after the other: each is either named or not needed. */
static void each_bit_missing(void **state)
{
	static const u32 controls[] = { 0x48d, 0x48e, 0x48b, 0x48f, 0x490 };
	unsigned required = 0, optional = 0;

	(void)state;
	for (unsigned c = 0; c < ARRAY_SIZE(controls); c++) {
		for (unsigned bit = 32; bit < 64; bit++) {
			struct vmx_caps caps;
			enum firn_err err;

			full_cpu();
			if (!(msr[controls[c] - 0x480] & BIT(bit)) ||
			    (controls[c] == 0x48e && BIT(bit - 32) == PROC_SECONDARY))
				continue;
			msr[controls[c] - 0x480] &= ~BIT(bit);
			err = check(&caps);
			assert_int_equal(err, missing.required ? ERR_UNSUPPORTED : FIRN_OK);
			assert_in_range(missing.required + missing.optional, 0, 1);
			required += missing.required;
			optional += missing.optional;
		}
	}
	assert_int_equal(required, 20);
	assert_int_equal(optional, 16);
}

static void msr_fault_is_an_error(void **state)
{
	struct vmx_caps caps;

	(void)state;
	assert_int_equal(vmx_caps_read(&caps, read_nothing), ERR_UNSUPPORTED);
}

static void adjust(void **state)
{
	struct vmx_caps caps = { .control = { [CTL_PIN] = 0x0000007f00000016 } };

	(void)state;
	assert_int_equal(vmx_caps_adjust(&caps, CTL_PIN, 0), 0x16);
	assert_int_equal(vmx_caps_adjust(&caps, CTL_PIN, 0x41), 0x57);
	assert_int_equal(vmx_caps_adjust(&caps, CTL_PIN, 0x80), 0x16); /* can't be 1 */
}

static void counters_need_both(void **state)
{
	struct vmx_caps caps;

	(void)state;
	full_cpu();
	check(&caps);
	assert_true(vmx_caps_counters(&caps));
	caps.control[CTL_EXIT] &= ~(EXIT_LOAD_PERF << 32);
	assert_false(vmx_caps_counters(&caps));
	caps.control[CTL_EXIT] |= EXIT_LOAD_PERF << 32;
	caps.control[CTL_ENTRY] &= ~(ENTRY_LOAD_PERF << 32);
	assert_false(vmx_caps_counters(&caps));
}

/* What is all ones without this control in EAX..EDX of a leaf. */
static void expect_masked(u64 control, u32 leaf, u32 subleaf, unsigned reg, u32 gone)
{
	u32 out[4] = { ~0u, ~0u, ~0u, ~0u };
	struct vmx_caps caps;

	full_cpu();
	msr[0x48b - 0x480] &= ~(control << 32);
	assert_int_equal(vmx_caps_read(&caps, read_msr), FIRN_OK);
	vmx_caps_mask_cpuid(&caps, leaf, subleaf, out);
	for (unsigned i = 0; i < ARRAY_SIZE(out); i++)
		assert_int_equal(out[i], i == reg ? ~gone : ~0u);
}

static void instructions_need_their_control(void **state)
{
	(void)state;
	expect_masked(PROC2_RDTSCP, 0x80000001, 0, 3, BIT(27));
	expect_masked(PROC2_RDTSCP, 7, 0, 2, BIT(22));
	expect_masked(PROC2_INVPCID, 7, 0, 1, BIT(10));
	expect_masked(PROC2_XSAVES, 0xd, 1, 0, BIT(3));
	/* The same bits of other leaves are something else. */
	expect_masked(PROC2_RDTSCP | PROC2_INVPCID | PROC2_XSAVES, 7, 1, 0, 0);
	expect_masked(PROC2_RDTSCP | PROC2_INVPCID | PROC2_XSAVES, 0xd, 0, 0, 0);
	expect_masked(PROC2_RDTSCP | PROC2_INVPCID | PROC2_XSAVES, 1, 0, 0, 0);
	expect_masked(0, 7, 0, 0, 0);
}

static void apicv_needs_all(void **state)
{
	static const u64 bits[] = { PROC2_APIC_ACCESSES, PROC2_X2APIC, PROC2_APIC_REGISTERS,
				    PROC2_VIRTUAL_INTERRUPT };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
		struct vmx_caps caps;

		full_cpu();
		msr[0x48b - 0x480] &= ~(bits[i] << 32);
		assert_int_equal(check(&caps), FIRN_OK);
		assert_int_equal(missing.optional, 1);
		assert_false(vmx_caps_apicv(&caps));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_there),
		cmocka_unit_test(old_control_msrs),
		cmocka_unit_test(no_secondary_controls),
		cmocka_unit_test(each_bit_missing),
		cmocka_unit_test(msr_fault_is_an_error),
		cmocka_unit_test(adjust),
		cmocka_unit_test(apicv_needs_all),
		cmocka_unit_test(cet_needs_all),
		cmocka_unit_test(counters_need_both),
		cmocka_unit_test(host_cet_needs),
		cmocka_unit_test(instructions_need_their_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
