/* SPDX-License-Identifier: MIT */
/* SVM in a CPU's life, on a model CPU: every step failing, nothing left behind. */
#include "tests/unit/lifecycle_fixture.h"

#include <string.h>

#include <svm_hw.h>

#include "arch/x86/svm/caps.h"
#include "arch/x86/svm/lifecycle.h"

/* The model: one CPU at a time, chosen by fake_set_cpu(). */
static struct model_cpu {
	bool has_svm, no_vm_cr, vm_cr_stuck, efer_stuck, hsave_stuck, gif;
	u32 max_leaf, features;
	u64 vm_cr, efer, hsave;
	unsigned stgis;
} model[TEST_CPUS];

static struct model_cpu *me(void)
{
	return &model[cpu_index()];
}

struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
	(void)subleaf;
	switch (leaf) {
	case 0x80000000:
		return (struct cpuid_regs){ .eax = me()->max_leaf };
	case 0x80000001:
		return (struct cpuid_regs){ .ecx = me()->has_svm ? BIT(2) : 0 };
	case 0x8000000a:
		return (struct cpuid_regs){ .eax = 1, .ebx = 16, .edx = me()->features };
	default:
		fail_msg("CPUID 0x%x", leaf);
		return (struct cpuid_regs){ 0 };
	}
}

bool rdmsr_safe(u32 msr, u64 *value)
{
	struct model_cpu *m = me();

	if (msr == MSR_VM_CR && m->no_vm_cr)
		return false;
	*value = msr == MSR_VM_CR ? m->vm_cr : msr == MSR_EFER ? m->efer : m->hsave;
	return true;
}

static bool write_efer(struct model_cpu *m, u64 value)
{
	/* APM 2 15.4: with VM_CR.SVMDIS, EFER.SVME is reserved. */
	if (m->efer_stuck || ((value & EFER_SVME) && (m->vm_cr & VM_CR_SVMDIS)))
		return false;
	m->efer = value;
	return true;
}

bool wrmsr_safe(u32 msr, u64 value)
{
	struct model_cpu *m = me();

	if (msr == MSR_EFER)
		return write_efer(m, value);
	if (msr == MSR_VM_HSAVE_PA) {
		assert_true(IS_ALIGNED(value, PAGE_SIZE));
		if (m->hsave_stuck)
			return false;
		m->hsave = value;
		return true;
	}
	assert_int_equal(msr, MSR_VM_CR);
	if (m->vm_cr & VM_CR_LOCK)
		return false;
	if (!m->vm_cr_stuck)
		m->vm_cr = value;
	return true;
}

/* #UD without SVME. */
void stgi(void)
{
	assert_true(me()->efer & EFER_SVME);
	me()->gif = true;
	me()->stgis++;
}

static struct svm_cpu cpu[TEST_CPUS];

static int setup(void **state)
{
	(void)state;
	fake_set_cpu(0);
	memset(cpu, 0, sizeof(cpu));
	memset(model, 0, sizeof(model));
	memset(&svm_caps, 0, sizeof(svm_caps));
	for (unsigned i = 0; i < TEST_CPUS; i++) {
		model[i].has_svm = true;
		model[i].max_leaf = 0x8000000a;
		model[i].features = SVM_CAP_NP;
		model[i].efer = EFER_LME | EFER_LMA | EFER_NXE;
		model[i].gif = true;
	}
	return 0;
}

static void on_and_off(void **state)
{
	u64 efer = model[0].efer;

	(void)state;
	assert_int_equal(svm_cpu_enable(&cpu[0]), FIRN_OK);
	assert_int_equal(cpu[0].state, SVM_ON);
	assert_int_equal(model[0].efer, efer | EFER_SVME);
	assert_int_equal(model[0].hsave, virt_to_phys(cpu[0].host_save));
	assert_int_equal(cpu[0].host_vmcb_pa, virt_to_phys(cpu[0].host_vmcb));
	assert_int_equal(cpu[0].asids.limit, 16);
	assert_int_equal(svm_cpu_enable(&cpu[0]), ERR_STATE); /* twice is refused */
	model[0].gif = false;
	assert_int_equal(svm_cpu_disable(&cpu[0]), FIRN_OK);
	assert_int_equal(cpu[0].state, SVM_OFF);
	assert_true(model[0].gif);
	assert_int_equal(model[0].efer, efer);
	assert_int_equal(model[0].hsave, 0);
	assert_int_equal(memory_used(), 0);
	assert_int_equal(svm_cpu_disable(&cpu[0]), ERR_STATE);
	assert_int_equal(svm_cpu_enable(&cpu[0]), FIRN_OK); /* on again after off */
	assert_int_equal(svm_cpu_disable(&cpu[0]), FIRN_OK);
}

static void off_without_on(void **state)
{
	(void)state;
	assert_int_equal(svm_cpu_disable(&cpu[0]), ERR_STATE);
	svm_cpu_emergency_disable(&cpu[0]); /* harmless in any state */
	assert_int_equal(cpu[0].state, SVM_OFFLINE);
	assert_int_equal(model[0].stgis, 0);
}

/* What one failing step must leave: an error, a reason, registers as they were, no memory taken. */
static void expect_failure(enum firn_err err, const char *why)
{
	u64 efer = model[0].efer;

	assert_int_equal(svm_cpu_enable(&cpu[0]), err);
	assert_int_equal(cpu[0].state, SVM_NONE);
	assert_string_equal(cpu[0].why, why);
	assert_int_equal(model[0].efer, efer);
	assert_int_equal(model[0].hsave, 0);
	assert_int_equal(memory_used(), 0);
}

static void each_step_fails(void **state)
{
	(void)state;
	model[0].has_svm = false;
	expect_failure(ERR_UNSUPPORTED, "the processor has no SVM");
	model[0].has_svm = true;
	model[0].no_vm_cr = true;
	expect_failure(ERR_UNSUPPORTED, "no VM_CR");
	model[0].no_vm_cr = false;
	model[0].vm_cr = VM_CR_SVMDIS | VM_CR_LOCK;
	expect_failure(ERR_DISABLED, "SVM disabled by firmware (VM_CR.SVMDIS, locked)");
	model[0].vm_cr = VM_CR_SVMDIS;
	model[0].vm_cr_stuck = true;
	expect_failure(ERR_DISABLED, "SVM disabled by firmware (VM_CR.SVMDIS)");
	model[0].vm_cr_stuck = false;
	model[0].max_leaf = 0x80000008;
	expect_failure(ERR_UNSUPPORTED, "no CPUID leaf with SVM features");
	model[0].max_leaf = 0x8000000a;
	model[0].features = ~(u32)SVM_CAP_NP;
	expect_failure(ERR_UNSUPPORTED, "required SVM features are missing");
	model[0].features = SVM_CAP_NP;
	model[0].efer |= EFER_SVME;
	expect_failure(ERR_STATE, "EFER.SVME is set already: somebody else uses SVM");
	model[0].efer &= ~EFER_SVME;
	model[0].efer_stuck = true;
	expect_failure(ERR_VMFAIL, "EFER.SVME can't be set");
	model[0].efer_stuck = false;
	model[0].hsave_stuck = true;
	expect_failure(ERR_VMFAIL, "VM_HSAVE_PA is not writable");
	model[0].hsave_stuck = false;
	/* The way is free now: each failure was undone. */
	assert_int_equal(svm_cpu_enable(&cpu[0]), FIRN_OK);
	assert_int_equal(svm_cpu_disable(&cpu[0]), FIRN_OK);
}

static void unlocked_by_us(void **state)
{
	(void)state;
	model[0].vm_cr = VM_CR_SVMDIS | BIT(1);
	assert_int_equal(svm_cpu_enable(&cpu[0]), FIRN_OK);
	assert_int_equal(model[0].vm_cr, BIT(1));
	svm_cpu_disable(&cpu[0]);
}

static void out_of_memory(void **state)
{
	void *page[MiB / PAGE_SIZE + 1];
	unsigned n = 0;

	(void)state;
	while ((page[n] = pmem_alloc_page(PMEM_CPU)))
		n++;
	expect_failure(ERR_NOMEM, "no memory for the host save area");
	pmem_free_page(page[--n], PMEM_CPU); /* one page is not enough */
	expect_failure(ERR_NOMEM, "no memory for the host save area");
	while (n)
		pmem_free_page(page[--n], PMEM_CPU);
	assert_int_equal(svm_cpu_enable(&cpu[0]), FIRN_OK);
	svm_cpu_disable(&cpu[0]);
}

static enum firn_err enable(unsigned i)
{
	return svm_cpu_enable(&cpu[i]);
}

static enum firn_err disable(unsigned i)
{
	return svm_cpu_disable(&cpu[i]);
}

static void one_cpu_without(void **state)
{
	(void)state;
	model[2].efer_stuck = true;
	expect_all_but_one(2, enable, disable);
}

static void cpus_must_be_alike(void **state)
{
	(void)state;
	assert_int_equal(svm_cpu_enable(&cpu[0]), FIRN_OK);
	fake_set_cpu(1);
	model[1].features |= SVM_CAP_NRIPS;
	assert_int_equal(svm_cpu_enable(&cpu[1]), ERR_UNSUPPORTED);
	assert_string_equal(cpu[1].why, "SVM capabilities differ from the boot CPU's");
	fake_set_cpu(0);
	svm_cpu_disable(&cpu[0]);
}

/* The emergency way frees nothing: pages stay until the next life, which must not lose them. */
static void emergency(void **state)
{
	(void)state;
	assert_int_equal(svm_cpu_enable(&cpu[0]), FIRN_OK);
	model[0].gif = false;
	svm_cpu_emergency_disable(&cpu[0]);
	svm_cpu_emergency_disable(&cpu[0]); /* may come twice */
	assert_int_equal(model[0].stgis, 1);
	assert_true(model[0].gif);
	assert_false(model[0].efer & EFER_SVME);
	assert_int_equal(model[0].hsave, 0);
	assert_int_equal(cpu[0].state, SVM_OFF);
	assert_int_not_equal(memory_used(), 0);
	assert_int_equal(svm_cpu_enable(&cpu[0]), FIRN_OK);
	assert_int_equal(svm_cpu_disable(&cpu[0]), FIRN_OK);
}

static void names(void **state)
{
	(void)state;
	for (unsigned s = SVM_OFFLINE; s <= SVM_OFF; s++)
		assert_string_not_equal(svm_cpu_state_name(s), "?");
	assert_string_equal(svm_cpu_state_name(99), "?");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, lifecycle_teardown)
	const struct CMUnitTest tests[] = {
		TEST(on_and_off),	  TEST(off_without_on), TEST(each_step_fails),
		TEST(unlocked_by_us),	  TEST(out_of_memory),	TEST(one_cpu_without),
		TEST(cpus_must_be_alike), TEST(emergency),	TEST(names),
	};

	return cmocka_run_group_tests(tests, lifecycle_group_setup, NULL);
}
