/* SPDX-License-Identifier: MIT */
/* VM-entry checks: a good VMCS passes, each single broken field is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/entry_checks.h"

#define MAX_FIELDS 128

static struct {
	enum vmcs_field field;
	u64 value;
} vmcs[MAX_FIELDS];
static unsigned nr_fields;

static u64 read_field(enum vmcs_field field)
{
	for (unsigned i = 0; i < nr_fields; i++)
		if (vmcs[i].field == field)
			return vmcs[i].value;
	return 0;
}

static void set(enum vmcs_field field, u64 value)
{
	unsigned i = 0;

	while (i < nr_fields && vmcs[i].field != field)
		i++;
	assert_true(i < MAX_FIELDS);
	vmcs[i].field = field;
	vmcs[i].value = value;
	nr_fields = MAX(nr_fields, i + 1);
}

static void set_seg(enum x86_segment seg, u64 selector, u64 ar, u64 limit)
{
	set(GUEST_ES_SELECTOR + 2 * seg, selector);
	set(GUEST_ES_ACCESS_RIGHTS + 2 * seg, ar);
	set(GUEST_ES_LIMIT + 2 * seg, limit);
}

/* A 64-bit guest that a CPU would run. */
static void good_vmcs(void)
{
	nr_fields = 0;
	vmx_caps = (struct vmx_caps){
		.basic = BIT(55),
		.cr0_fixed0 = CR0_PE | CR0_NE | CR0_PG,
		.cr0_fixed1 = 0xffffffff,
		.cr4_fixed0 = CR4_VMXE,
		.cr4_fixed1 = 0xf72fff,
		.control = { 0x0000007f00000016, 0xfff9fffe04006172, 0x02977fff00000000,
			     0x107fffff00036dfb, 0x0010ffff000011fb },
	};
	set(PIN_BASED_CONTROLS, 0x16 | PIN_EXTERNAL_INTERRUPT | PIN_NMI | PIN_VIRTUAL_NMI);
	set(PROC_BASED_CONTROLS,
	    0x04006172 | PROC_SECONDARY | PROC_IO_BITMAPS | PROC_MSR_BITMAPS | PROC_TPR_SHADOW);
	set(PROC_BASED_CONTROLS2, PROC2_EPT | PROC2_VPID | PROC2_UNRESTRICTED);
	set(EXIT_CONTROLS, 0x00036dfb | EXIT_HOST_64 | EXIT_LOAD_CET | EXIT_LOAD_PERF);
	set(ENTRY_CONTROLS, 0x000011fb | ENTRY_IA32E | ENTRY_LOAD_CET | ENTRY_LOAD_PERF);
	set(GUEST_PERF_GLOBAL_CTRL, 0x7000000ff);
	set(EPT_POINTER, 0x100000 | 3 << 3 | 6);
	set(VPID, 1);
	set(HOST_CR0, CR0_PE | CR0_NE | CR0_PG | CR0_WP);
	set(HOST_CR4, CR4_PAE | CR4_VMXE);
	set(HOST_PAT, PAT_RESET_VALUE);
	set(HOST_EFER, EFER_LME | EFER_LMA | EFER_NXE);
	set(HOST_CS_SELECTOR, 8);
	set(HOST_SS_SELECTOR, 16);
	set(HOST_TR_SELECTOR, 24);
	set(HOST_RIP, 0xffffffff80001000);
	set(GUEST_CR0, CR0_PE | CR0_NE | CR0_PG);
	set(GUEST_CR4, CR4_PAE | CR4_VMXE);
	set(GUEST_EFER, EFER_LME | EFER_LMA);
	set(GUEST_PAT, PAT_RESET_VALUE);
	set(GUEST_RFLAGS, RFLAGS_ONE | RFLAGS_IF);
	set(GUEST_RIP, 0x1000);
	for (unsigned s = SEG_ES; s <= SEG_GS; s++)
		set_seg(s, 16, 0x93 | SEG_AR_G | SEG_AR_DB, 0xffffffff);
	set_seg(SEG_CS, 8, 0x9b | SEG_AR_G | SEG_AR_L, 0xffffffff);
	set_seg(SEG_LDTR, 0, SEG_AR_UNUSABLE, 0);
	set_seg(SEG_TR, 24, 0x8b, 0xffff);
	set(VMCS_LINK_POINTER, ~0ull);
}

static char reported[1024];

static void report(void *ctx, const char *rule)
{
	(void)ctx;
	strcat(strcat(reported, rule), ";");
}

static unsigned check_all(void)
{
	reported[0] = 0;
	return vmx_check_controls(read_field, report, NULL) +
	       vmx_check_host_state(read_field, report, NULL) +
	       vmx_check_guest_state(read_field, report, NULL);
}

static void good_passes(void **state)
{
	(void)state;
	good_vmcs();
	assert_int_equal(check_all(), 0);
	assert_string_equal(reported, "");
}

static void real_mode_passes(void **state)
{
	(void)state;
	good_vmcs();
	set(ENTRY_CONTROLS, 0x000011fb);
	set(GUEST_CR0, CR0_NE);
	set(GUEST_CR4, CR4_VMXE);
	set(GUEST_EFER, 0);
	for (unsigned s = SEG_ES; s <= SEG_GS; s++)
		set_seg(s, 0, 0x93, 0xffff);
	set_seg(SEG_CS, 0xf000, 0x9b, 0xffff);
	assert_int_equal(check_all(), 0);
}

/* One field broken at a time; part of the rule that must be named. */
static const struct {
	enum vmcs_field field;
	u64 value;
	const char *rule;
} broken[] = {
	{ GUEST_S_CET, BIT(6), "guest S_CET" },
	{ GUEST_S_CET, BIT(9), "guest S_CET" },
	{ GUEST_S_CET, CET_SUPPRESS | CET_TRACKER, "guest S_CET" },
	{ GUEST_SSP, 0x1001, "guest SSP" },
	{ GUEST_SSP, 0x1002, "guest SSP" },
	{ GUEST_SSP, BIT(48), "guest SSP" },
	{ GUEST_INT_SSP_TABLE, BIT(63), "guest interrupt SSP table" },
	{ HOST_S_CET, BIT(7), "host S_CET" },
	{ HOST_S_CET, BIT(50), "host S_CET" },
	{ HOST_SSP, 4 | 2, "host SSP" },
	{ HOST_INT_SSP_TABLE, BIT(47), "host interrupt SSP table" },
	{ ENTRY_INTERRUPTION_INFO,
	  INTR_INFO_VALID | INTR_TYPE_HW_EXCEPTION | VECTOR_CP | INTR_INFO_ERROR_CODE,
	  "error code does not fit" },
	{ PIN_BASED_CONTROLS, 0, "pin-based controls" },
	{ PROC_BASED_CONTROLS, 0, "processor-based controls" },
	{ PROC_BASED_CONTROLS2, PROC2_EPT | PROC2_VPID | BIT(31), "secondary processor-based" },
	{ PROC_BASED_CONTROLS2, PROC2_UNRESTRICTED, "unrestricted guest without EPT" },
	{ PROC_BASED_CONTROLS2, PROC2_EPT | PROC2_X2APIC | PROC2_APIC_ACCESSES, "are both 1" },
	{ EXIT_CONTROLS, 0, "VM-exit controls" },
	{ ENTRY_CONTROLS, 0, "VM-entry controls" },
	{ CR3_TARGET_COUNT, 5, "CR3-target" },
	{ IO_BITMAP_A, 8, "I/O bitmap" },
	{ MSR_BITMAP, 8, "MSR bitmap" },
	{ VIRTUAL_APIC_PAGE, 8, "virtual-APIC" },
	{ VPID, 0, "VPID is 0" },
	{ EPT_POINTER, 0x100000, "EPT pointer" },
	{ ENTRY_INTERRUPTION_INFO, INTR_INFO_VALID | 1u << 8 | 5, "reserved interruption type" },
	{ ENTRY_INTERRUPTION_INFO, INTR_INFO_VALID | INTR_TYPE_NMI | 3, "vector other than 2" },
	{ ENTRY_INTERRUPTION_INFO, INTR_INFO_VALID | INTR_TYPE_HW_EXCEPTION | 40, "above 31" },
	{ ENTRY_INTERRUPTION_INFO, INTR_INFO_VALID | INTR_TYPE_HW_EXCEPTION | VECTOR_GP,
	  "error code does not fit" },
	{ ENTRY_INTERRUPTION_INFO,
	  INTR_INFO_VALID | INTR_TYPE_HW_EXCEPTION | VECTOR_UD | INTR_INFO_ERROR_CODE,
	  "error code does not fit" },
	{ ENTRY_INTERRUPTION_INFO, INTR_INFO_VALID | 0x1000 | 64, "bits 30:12" },
	{ ENTRY_INTERRUPTION_INFO, INTR_INFO_VALID | INTR_TYPE_SW_INTERRUPT | 0x80,
	  "instruction length" },
	{ HOST_CR0, CR0_PE | CR0_PG, "host CR0" },
	{ HOST_CR4, CR4_PAE, "host CR4" },
	{ HOST_PAT, 2, "host PAT" },
	{ HOST_PERF_GLOBAL_CTRL, 1, "host IA32_PERF_GLOBAL_CTRL" },
	{ HOST_EFER, EFER_LME, "host EFER" },
	{ HOST_DS_SELECTOR, 3, "RPL or TI" },
	{ HOST_CS_SELECTOR, 0, "host CS" },
	{ HOST_TR_SELECTOR, 0, "host TR" },
	{ HOST_GS_BASE, BIT(47), "host base address" },
	{ HOST_RIP, BIT(62), "host base address" },
	{ GUEST_CR0, CR0_PE | CR0_PG, "guest CR0 violates" },
	{ GUEST_CR0, CR0_NE | CR0_PG, "PG without PE" },
	{ GUEST_CR4, CR4_PAE, "guest CR4 violates" },
	{ GUEST_CR4, CR4_VMXE, "without paging and PAE" },
	{ GUEST_EFER, 0, "LMA does not match" },
	{ GUEST_EFER, EFER_LMA, "LMA and LME differ" },
	{ GUEST_PAT, 3, "guest PAT" },
	{ GUEST_PERF_GLOBAL_CTRL, BIT(8), "guest IA32_PERF_GLOBAL_CTRL" },
	{ GUEST_PERF_GLOBAL_CTRL, BIT(35), "guest IA32_PERF_GLOBAL_CTRL" },
	{ GUEST_DR7, BIT(32), "DR7" },
	{ GUEST_SYSENTER_EIP, BIT(47), "SYSENTER" },
	{ GUEST_RIP, BIT(47), "RIP not canonical" },
	{ GUEST_RFLAGS, RFLAGS_IF, "RFLAGS reserved" },
	{ GUEST_RFLAGS, RFLAGS_ONE | BIT(15), "RFLAGS reserved" },
	{ GUEST_GDTR_BASE, BIT(47), "table base" },
	{ GUEST_IDTR_LIMIT, 0x10000, "table limit" },
	{ GUEST_ACTIVITY_STATE, 4, "activity state" },
	{ GUEST_INTERRUPTIBILITY, 3, "by STI and by MOV SS" },
	{ VMCS_LINK_POINTER, 0, "link pointer" },
	{ GUEST_ES_ACCESS_RIGHTS, 0x92, "not accessed" },
	{ GUEST_ES_ACCESS_RIGHTS, 0x99, "unreadable code" },
	{ GUEST_ES_ACCESS_RIGHTS, 0x83 | SEG_AR_G, "S = 0" },
	{ GUEST_ES_ACCESS_RIGHTS, 0x13 | SEG_AR_G, "not present" },
	{ GUEST_ES_LIMIT, 0xf000, "limit against granularity" },
	{ GUEST_ES_ACCESS_RIGHTS + 2 * SEG_CS, 0x95 | SEG_AR_G, "CS type" },
	{ GUEST_ES_ACCESS_RIGHTS + 2 * SEG_CS, 0x1b | SEG_AR_G, "CS: S or P" },
	{ GUEST_ES_ACCESS_RIGHTS + 2 * SEG_CS, 0x9b | SEG_AR_G | SEG_AR_L | SEG_AR_DB, "L and D" },
	{ GUEST_ES_ACCESS_RIGHTS + 2 * SEG_SS, 0x91 | SEG_AR_G, "SS type" },
	{ GUEST_ES_ACCESS_RIGHTS + 2 * SEG_TR, 0x89, "busy TSS" },
	{ GUEST_ES_ACCESS_RIGHTS + 2 * SEG_TR, 0x0b, "TR: S, P" },
	{ GUEST_ES_SELECTOR + 2 * SEG_TR, 4, "in the LDT" },
	{ GUEST_ES_ACCESS_RIGHTS + 2 * SEG_LDTR, 0x8b, "LDTR type" },
};

static void each_broken_field_is_named(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(broken); i++) {
		good_vmcs();
		set(broken[i].field, broken[i].value);
		if (!check_all() || !strstr(reported, broken[i].rule))
			fail_msg("field 0x%x = 0x%llx: wanted '%s', got '%s'", broken[i].field,
				 (unsigned long long)broken[i].value, broken[i].rule, reported);
	}
}

static void interrupts_need_an_open_guest(void **state)
{
	(void)state;
	good_vmcs();
	set(ENTRY_INTERRUPTION_INFO, INTR_INFO_VALID | 64);
	assert_int_equal(check_all(), 0);
	set(GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_STI);
	assert_int_equal(check_all(), 1);
	set(GUEST_INTERRUPTIBILITY, 0);
	set(GUEST_RFLAGS, RFLAGS_ONE);
	assert_int_equal(check_all(), 1);
}

static void single_step_in_a_shadow(void **state)
{
	(void)state;
	good_vmcs();
	set(GUEST_RFLAGS, RFLAGS_ONE | RFLAGS_IF | RFLAGS_TF);
	set(GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_MOV_SS);
	assert_int_equal(check_all(), 1);
	set(GUEST_PENDING_DEBUG, PENDING_DEBUG_BS);
	assert_int_equal(check_all(), 0);
}

/* IA32_VMX_BASIC[56]: the CPU does not compare error code and vector. */
static void any_error_code(void **state)
{
	(void)state;
	good_vmcs();
	vmx_caps.basic |= BIT(56);
	set(ENTRY_INTERRUPTION_INFO, INTR_INFO_VALID | INTR_TYPE_HW_EXCEPTION | VECTOR_GP);
	assert_int_equal(check_all(), 0);
}

static void error_texts(void **state)
{
	(void)state;
	assert_string_equal(vmx_instruction_error(7), "VM entry with invalid control fields");
	assert_string_equal(vmx_instruction_error(0), "unknown");
	assert_string_equal(vmx_instruction_error(14), "unknown");
	assert_string_equal(vmx_instruction_error(1000), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_passes),
		cmocka_unit_test(real_mode_passes),
		cmocka_unit_test(each_broken_field_is_named),
		cmocka_unit_test(interrupts_need_an_open_guest),
		cmocka_unit_test(single_step_in_a_shadow),
		cmocka_unit_test(any_error_code),
		cmocka_unit_test(error_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
