/* SPDX-License-Identifier: MIT */
/* Registers in the VMCB that are not what the guest sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "arch/x86/guest_msr.h"
#include "arch/x86/svm/svm.h"
#include "core/pmem.h"

#define PAT_LINUX 0x0407050600070106ull

static const struct vm_config config;
static struct vm vm = { .config = &config };
static struct vcpu vcpu;
static struct vmcb vmcb;

void svm_set_nmi_blocked(struct vcpu *v, bool blocked)
{
	v->arch.svm.nmi_blocked = blocked;
}

void svm_single_step_trap(struct vcpu *v)
{
	(void)v;
}

size_t guest_msr_passthrough(bool cet, u32 *msrs, size_t max)
{
	(void)cet;
	(void)msrs;
	(void)max;
	return 0;
}

u64 pmem_alloc(u64 size, u64 align, enum pmem_where where, enum pmem_use use)
{
	(void)size;
	(void)align;
	(void)where;
	(void)use;
	return 0;
}

void *phys_to_virt(u64 pa)
{
	return (void *)(uintptr_t)pa;
}

static int setup(void **state)
{
	(void)state;
	memset(&vmcb, 0, sizeof(vmcb));
	vcpu = (struct vcpu){ .vm = &vm };
	vcpu.arch.svm.vmcb = &vmcb;
	svm_init_vmcb(&vcpu);
	vmcb.clean = CLEAN_ALL;
	return 0;
}

/* No value of the guest's PAT makes memory anything but write-back: all eight entries stay 6. */
static void pat_has_no_effect(void **state)
{
	static const u64 values[] = { 0, PAT_RESET_VALUE, PAT_LINUX };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		svm_set(&vcpu, VREG_PAT, values[i]);
		assert_int_equal(svm_get(&vcpu, VREG_PAT), values[i]);
		for (unsigned entry = 0; entry < 8; entry++)
			assert_int_equal(vmcb.g_pat >> 8 * entry & 0xff, 6);
	}
	assert_int_equal(vmcb.clean, CLEAN_ALL);
}

static void caches_stay_on(void **state)
{
	const u64 cr0 = CR0_PE | CR0_ET;

	(void)state;
	svm_set(&vcpu, VREG_CR0, cr0 | CR0_CD | CR0_NW);
	assert_int_equal(vmcb.cr0, cr0);
	assert_int_equal(svm_get(&vcpu, VREG_CR0), cr0 | CR0_CD | CR0_NW);
	assert_true(vmcb.intercept_cr & INTERCEPT_CR_READ(0));
	assert_false(vmcb.clean & CLEAN_CR);
	svm_set(&vcpu, VREG_CR0, cr0);
	assert_int_equal(svm_get(&vcpu, VREG_CR0), cr0);
	assert_false(vmcb.intercept_cr & INTERCEPT_CR_READ(0));
}

static void machine_checks_stay_on(void **state)
{
	(void)state;
	svm_set(&vcpu, VREG_CR4, CR4_PAE);
	assert_int_equal(vmcb.cr4, CR4_PAE | CR4_MCE);
	assert_int_equal(svm_get(&vcpu, VREG_CR4), CR4_PAE);
	assert_true(vmcb.intercept_cr & INTERCEPT_CR_READ(4));
	svm_set(&vcpu, VREG_CR4, CR4_PAE | CR4_MCE);
	assert_int_equal(svm_get(&vcpu, VREG_CR4), CR4_PAE | CR4_MCE);
	assert_false(vmcb.intercept_cr & INTERCEPT_CR_READ(4));
}

/* Task registers that were loaded, of 16 and of 32 or 64 bits; one that was not stays as it is. */
static void tss_is_busy(void **state)
{
	static const struct {
		u16 attrib;
		u32 type;
	} cases[] = { { 0x89, 11 }, { 0x8b, 11 }, { 0x81, 3 }, { 0x83, 3 }, { 0x09, 9 } };
	struct x86_seg tr;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		vmcb.tr.attrib = cases[i].attrib;
		svm_get_seg(&vcpu, SEG_TR, &tr);
		assert_int_equal(tr.ar & SEG_AR_TYPE, cases[i].type);
	}
}

/* Offsets of APM 2 table B-2; the CPU never takes them from its cache. */
static void cet_is_in_the_vmcb(void **state)
{
	static const struct {
		enum vreg reg;
		u16 offset;
	} places[] = {
		{ VREG_S_CET, 0x5e0 },
		{ VREG_SSP, 0x5e8 },
		{ VREG_INT_SSP_TABLE, 0x5f0 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		svm_set(&vcpu, places[i].reg, 0xffff800012345678 + i);
		assert_int_equal(*(u64 *)((char *)&vmcb + places[i].offset),
				 0xffff800012345678 + i);
		assert_int_equal(svm_get(&vcpu, places[i].reg), 0xffff800012345678 + i);
	}
	assert_false(CLEAN_ALL & BIT(12));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(pat_has_no_effect, setup),
		cmocka_unit_test_setup(caches_stay_on, setup),
		cmocka_unit_test_setup(machine_checks_stay_on, setup),
		cmocka_unit_test_setup(tss_is_busy, setup),
		cmocka_unit_test_setup(cet_is_in_the_vmcb, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
