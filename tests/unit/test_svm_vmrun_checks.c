/* SPDX-License-Identifier: MIT */
/* The checks of VMRUN: a good VMCB passes, and each rule is found when it alone is violated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "arch/x86/svm/vmrun_checks.h"

#define PHYS_BITS 40

static struct vmcb vmcb;

static int setup(void **state)
{
	(void)state;
	memset(&vmcb, 0, sizeof(vmcb));
	vmcb.intercept_misc2 = INTERCEPT_VMRUN;
	vmcb.asid = 1;
	vmcb.iopm_base_pa = 0x10000;
	vmcb.msrpm_base_pa = 0x20000;
	vmcb.efer = EFER_SVME | EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
	vmcb.cr0 = CR0_PE | CR0_PG | CR0_ET;
	vmcb.cr3 = 0x1000;
	vmcb.cr4 = CR4_PAE;
	vmcb.dr6 = 0xffff0ff0;
	vmcb.dr7 = 0x400;
	vmcb.cs.attrib = 0x29b; /* L */
	return 0;
}

static char found[256];

static void note(void *ctx, const char *rule)
{
	assert_ptr_equal(ctx, found);
	strcat(found, rule);
	strcat(found, ";");
}

static unsigned check(void)
{
	found[0] = 0;
	return svm_check_vmcb(&vmcb, PHYS_BITS, note, found);
}

static void good(void **state)
{
	(void)state;
	assert_int_equal(check(), 0);
	vmcb.event_inj = EVENT_VALID | EVENT_EXCEPTION | VECTOR_GP | EVENT_ERROR_CODE;
	assert_int_equal(check(), 0);
	vmcb.event_inj = EVENT_VALID | EVENT_INTR | 255;
	assert_int_equal(check(), 0);
	vmcb.event_inj = EVENT_VALID | EVENT_NMI | VECTOR_NMI;
	assert_int_equal(check(), 0);
	vmcb.event_inj = EVENT_EXCEPTION | VECTOR_NMI; /* not valid: of no meaning */
	assert_int_equal(check(), 0);
	/* Real mode. */
	vmcb.efer = EFER_SVME;
	vmcb.cr0 = CR0_ET | CR0_CD | CR0_NW;
	vmcb.cr4 = 0;
	assert_int_equal(check(), 0);
}

#define VIOLATES(change, rule)                    \
	do {                                      \
		setup(NULL);                      \
		change;                           \
		assert_int_equal(check(), 1);     \
		assert_string_equal(found, rule); \
	} while (0)

static void each_rule(void **state)
{
	(void)state;
	VIOLATES(vmcb.efer &= ~EFER_SVME, "EFER.SVME is 0;");
	VIOLATES(vmcb.efer |= BIT(40), "EFER: reserved bits;");
	VIOLATES(vmcb.cr0 |= CR0_NW, "CR0.NW without CD;");
	VIOLATES(vmcb.cr0 |= BIT(32), "CR0: bits 63:32;");
	VIOLATES(vmcb.cr3 |= BIT(PHYS_BITS), "CR3: reserved bits;");
	VIOLATES(vmcb.cr4 |= BIT(32), "CR4: reserved bits;");
	VIOLATES(vmcb.dr6 |= BIT(32), "DR6 or DR7: bits 63:32;");
	VIOLATES(vmcb.dr7 |= BIT(63), "DR6 or DR7: bits 63:32;");
	VIOLATES(vmcb.cr4 = 0, "long mode without CR4.PAE;");
	VIOLATES(vmcb.cr0 &= ~CR0_PE, "long mode without CR0.PE;");
	VIOLATES(vmcb.cs.attrib |= 0x400, "CS.L and CS.D in long mode;");
	VIOLATES((vmcb.cr4 |= CR4_CET, vmcb.cr0 &= ~CR0_WP), "CR4.CET without CR0.WP;");
	VIOLATES(vmcb.intercept_misc2 = 0, "VMRUN is not intercepted;");
	VIOLATES(vmcb.iopm_base_pa = BIT(PHYS_BITS) - 2 * PAGE_SIZE, "I/O or MSR map beyond "
								     "physical memory;");
	VIOLATES(vmcb.msrpm_base_pa = BIT(PHYS_BITS) - PAGE_SIZE, "I/O or MSR map beyond physical "
								  "memory;");
	VIOLATES(vmcb.msrpm_base_pa = ~0ull & PAGE_MASK, "I/O or MSR map beyond physical memory;");
	VIOLATES(vmcb.asid = 0, "ASID 0;");
	VIOLATES(vmcb.event_inj = EVENT_VALID | EVENT_EXCEPTION | VECTOR_NMI, "illegal event to "
									      "inject;");
	VIOLATES(vmcb.event_inj = EVENT_VALID | EVENT_EXCEPTION | 32, "illegal event to inject;");
	VIOLATES(vmcb.event_inj = EVENT_VALID | 1ull << 8, "illegal event to inject;");
	VIOLATES(vmcb.event_inj = EVENT_VALID | 5ull << 8, "illegal event to inject;");
}

static void all_at_once(void **state)
{
	(void)state;
	memset(&vmcb, 0, sizeof(vmcb));
	assert_int_equal(check(), 3); /* SVME, VMRUN intercept, ASID */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(good),
		TEST(each_rule),
		TEST(all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
