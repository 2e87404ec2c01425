/* SPDX-License-Identifier: MIT */
/* VMX in a CPU's life, on a model CPU: every step failing, every VMCS cleared, nothing left behind. */
#include "tests/unit/lifecycle_fixture.h"

#include <string.h>

#include <vmx_hw.h>

#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/lifecycle.h"

#define REVISION 0x1234u

/* The model: one CPU at a time, chosen by fake_set_cpu(). */
static struct model_cpu {
	bool has_vmx, vmxon_fails, in_vmx, trace_enabled;
	bool no_feature_control, feature_control_stuck;
	u64 feature_control, cr0, cr4;
	u32 missing_msr;	/* RDMSR of it faults */
	u64 basic;		/* IA32_VMX_BASIC */
	u64 current, active[8]; /* VMCS physical addresses */
	unsigned nr_active, vmclears, vmxoffs, single_flushes;
} model[TEST_CPUS];

static struct model_cpu *me(void)
{
	return &model[cpu_index()];
}

struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
	(void)subleaf;
	if (leaf == 1)
		return (struct cpuid_regs){ .ecx = me()->has_vmx ? BIT(5) : 0 };
	return (struct cpuid_regs){ .ebx = BIT(25) }; /* Intel PT */
}

static u64 all_allowed(void)
{
	return 0xffffffffull << 32;
}

bool rdmsr_safe(u32 msr, u64 *value)
{
	if (msr == me()->missing_msr)
		return false;
	switch (msr) {
	case MSR_IA32_FEATURE_CONTROL:
		*value = me()->feature_control;
		return !me()->no_feature_control;
	case MSR_IA32_VMX_BASIC:
		*value = me()->basic;
		return true;
	case 0x570:
		*value = me()->trace_enabled;
		return true;
	case 0x485:
		*value = 0;
		return true;
	case 0x486: /* CR0 fixed 0: PE, NE, PG */
		*value = CR0_PE | CR0_NE | CR0_PG;
		return true;
	case 0x487:
	case 0x489:
	case 0x48c:
		*value = ~0ull;
		return true;
	case 0x488:
		*value = CR4_VMXE;
		return true;
	default:
		*value = all_allowed();
		return msr >= 0x480 && msr <= 0x490;
	}
}

bool wrmsr_safe(u32 msr, u64 value)
{
	if (msr == 0x570) {
		me()->trace_enabled = value & 1;
		return true;
	}
	assert_int_equal(msr, MSR_IA32_FEATURE_CONTROL);
	if (me()->feature_control_stuck || (me()->feature_control & FEATURE_CONTROL_LOCKED))
		return false;
	me()->feature_control = value;
	return true;
}

u64 read_cr0(void)
{
	return me()->cr0;
}
u64 read_cr4(void)
{
	return me()->cr4;
}
void write_cr4(u64 value)
{
	/* SDM 3C 23.8: VMXE can't be cleared in VMX operation. */
	assert_false(me()->in_vmx && !(value & CR4_VMXE));
	me()->cr4 = value;
}

bool vmxon(u64 region_pa)
{
	assert_true(me()->cr4 & CR4_VMXE);
	assert_true(IS_ALIGNED(region_pa, PAGE_SIZE));
	assert_int_equal(*(u32 *)phys_to_virt(region_pa), REVISION);
	assert_false(me()->trace_enabled);
	if (me()->vmxon_fails || me()->in_vmx)
		return false;
	me()->in_vmx = true;
	return true;
}

bool vmxoff(void)
{
	assert_true(me()->in_vmx);
	assert_int_equal(me()->nr_active, 0); /* the CPU may cache their data: cleared before */
	me()->in_vmx = false;
	me()->vmxoffs++;
	return true;
}

bool vmclear(u64 pa)
{
	struct model_cpu *m = me();

	assert_true(m->in_vmx);
	m->vmclears++;
	for (unsigned i = 0; i < m->nr_active; i++)
		if (m->active[i] == pa)
			m->active[i] = m->active[--m->nr_active];
	if (m->current == pa)
		m->current = 0;
	return true;
}

bool vmptrld(u64 pa)
{
	struct model_cpu *m = me();

	assert_true(m->in_vmx);
	m->current = pa;
	for (unsigned i = 0; i < m->nr_active; i++)
		if (m->active[i] == pa)
			return true;
	for (unsigned c = 0; c < TEST_CPUS; c++)
		for (unsigned i = 0; c != cpu_index() && i < model[c].nr_active; i++)
			assert_int_not_equal(model[c].active[i], pa);
	m->active[m->nr_active++] = pa;
	return true;
}

bool invept(enum inv_type type, u64 eptp)
{
	(void)eptp;
	assert_true(me()->in_vmx); /* else #UD */
	me()->single_flushes += type == INV_SINGLE;
	return true;
}
bool invvpid(enum inv_type type, u64 vpid)
{
	(void)vpid;
	assert_true(me()->in_vmx);
	return type == INV_ALL;
}

static struct vmx_cpu cpu[TEST_CPUS];

static int setup(void **state)
{
	(void)state;
	fake_set_cpu(0);
	memset(cpu, 0, sizeof(cpu));
	memset(model, 0, sizeof(model));
	memset(&vmx_caps, 0, sizeof(vmx_caps));
	for (unsigned i = 0; i < TEST_CPUS; i++) {
		model[i].has_vmx = true;
		model[i].cr0 = CR0_PE | CR0_NE | CR0_PG | CR0_WP;
		model[i].cr4 = CR4_PAE;
		model[i].basic = REVISION | BIT(55) | (u64)PAGE_SIZE << 32;
	}
	return 0;
}

static void on_and_off(void **state)
{
	(void)state;
	assert_int_equal(vmx_cpu_enable(&cpu[0]), FIRN_OK);
	assert_int_equal(cpu[0].state, VMX_ON);
	assert_true(model[0].in_vmx);
	assert_int_equal(model[0].feature_control, FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX);
	assert_int_equal(vmx_cpu_enable(&cpu[0]), ERR_STATE); /* twice is refused */
	assert_int_equal(vmx_cpu_disable(&cpu[0]), FIRN_OK);
	assert_int_equal(cpu[0].state, VMX_OFF);
	assert_false(model[0].in_vmx);
	assert_false(model[0].cr4 & CR4_VMXE);
	assert_int_equal(memory_used(), 0);
	assert_int_equal(vmx_cpu_disable(&cpu[0]), ERR_STATE);
	assert_int_equal(vmx_cpu_enable(&cpu[0]), FIRN_OK); /* on again after off */
	assert_int_equal(vmx_cpu_disable(&cpu[0]), FIRN_OK);
}

/* The dirty log visits every CPU, also those without VMX. */
static void flush_only_when_on(void **state)
{
	(void)state;
	vmx_cpu_flush_nested(&cpu[0], 0x1000);
	assert_int_equal(vmx_cpu_enable(&cpu[0]), FIRN_OK);
	vmx_cpu_flush_nested(&cpu[0], 0x1000);
	assert_int_equal(model[0].single_flushes, 1);
	vmx_cpu_disable(&cpu[0]);
	vmx_cpu_flush_nested(&cpu[0], 0x1000);
	assert_int_equal(model[0].single_flushes, 1);
}

static void off_without_on(void **state)
{
	(void)state;
	assert_int_equal(vmx_cpu_disable(&cpu[0]), ERR_STATE);
	vmx_cpu_emergency_disable(&cpu[0]); /* harmless in any state */
	assert_int_equal(cpu[0].state, VMX_OFFLINE);
}

/* What one failing step must leave: an error, a reason, VMXE as it was, no memory taken. */
static void expect_failure(enum firn_err err, const char *why)
{
	u64 cr4 = model[0].cr4;

	assert_int_equal(vmx_cpu_enable(&cpu[0]), err);
	assert_int_equal(cpu[0].state, VMX_NONE);
	assert_string_equal(cpu[0].why, why);
	assert_int_equal(model[0].cr4, cr4);
	assert_false(model[0].in_vmx);
	assert_int_equal(memory_used(), 0);
}

static void each_step_fails(void **state)
{
	(void)state;
	model[0].has_vmx = false;
	expect_failure(ERR_UNSUPPORTED, "the processor has no VMX");
	model[0].has_vmx = true;
	model[0].no_feature_control = true;
	expect_failure(ERR_UNSUPPORTED, "no IA32_FEATURE_CONTROL");
	model[0].no_feature_control = false;
	model[0].feature_control_stuck = true;
	expect_failure(ERR_DISABLED, "IA32_FEATURE_CONTROL is not writable");
	model[0].feature_control_stuck = false;
	model[0].feature_control = FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX_SMX;
	expect_failure(ERR_DISABLED, "VMX disabled by firmware (IA32_FEATURE_CONTROL locked)");
	model[0].feature_control = FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX;
	for (u32 msr = 0x480; msr <= 0x490; msr++) {
		if (msr >= 0x481 && msr <= 0x484)
			continue; /* not read when the TRUE MSRs exist */
		if (msr == 0x48a)
			continue; /* VMCS enumeration is of no interest */
		model[0].missing_msr = msr;
		expect_failure(ERR_UNSUPPORTED, "a VMX capability MSR is missing");
	}
	model[0].missing_msr = 0;
	model[0].basic |= 0x1fffull << 32;
	expect_failure(ERR_UNSUPPORTED, "VMCS larger than a page");
	model[0].basic = REVISION | BIT(55) | (u64)PAGE_SIZE << 32;
	model[0].cr4 |= CR4_VMXE;
	expect_failure(ERR_STATE, "CR4.VMXE is set already: somebody else uses VMX");
	model[0].cr4 &= ~CR4_VMXE;
	model[0].cr0 &= ~CR0_NE;
	expect_failure(ERR_UNSUPPORTED, "CR0 violates IA32_VMX_CR0_FIXED");
	model[0].cr0 |= CR0_NE;
	model[0].vmxon_fails = true;
	expect_failure(ERR_VMFAIL, "VMXON failed");
	model[0].vmxon_fails = false;
	/* The way is free now: each failure was undone. */
	assert_int_equal(vmx_cpu_enable(&cpu[0]), FIRN_OK);
	assert_int_equal(vmx_cpu_disable(&cpu[0]), FIRN_OK);
}

static enum firn_err enable(unsigned i)
{
	return vmx_cpu_enable(&cpu[i]);
}

static enum firn_err disable(unsigned i)
{
	return vmx_cpu_disable(&cpu[i]);
}

static void one_cpu_without(void **state)
{
	(void)state;
	model[2].vmxon_fails = true;
	expect_all_but_one(2, enable, disable);
}

static void cpus_must_be_alike(void **state)
{
	(void)state;
	assert_int_equal(vmx_cpu_enable(&cpu[0]), FIRN_OK);
	fake_set_cpu(1);
	model[1].basic += 1;
	assert_int_equal(vmx_cpu_enable(&cpu[1]), ERR_UNSUPPORTED);
	assert_string_equal(cpu[1].why, "VMX capabilities differ from the boot CPU's");
	fake_set_cpu(0);
	vmx_cpu_disable(&cpu[0]);
}

static void trace_is_stopped(void **state)
{
	(void)state;
	model[0].trace_enabled = true;
	assert_int_equal(vmx_cpu_enable(&cpu[0]), FIRN_OK);
	assert_false(model[0].trace_enabled);
	vmx_cpu_disable(&cpu[0]);
}

#define NR_VMCS 5
static struct vmx_vcpu vcpus[NR_VMCS];

static void make_vmcss(void)
{
	for (unsigned i = 0; i < NR_VMCS; i++)
		vcpus[i] =
			(struct vmx_vcpu){ .vmcs = pmem_alloc_page(PMEM_VIRT), .active_cpu = -1 };
}

static void free_vmcss(void)
{
	for (unsigned i = 0; i < NR_VMCS; i++)
		pmem_free_page(vcpus[i].vmcs, PMEM_VIRT);
}

static void load_and_clear_in_any_order(void **state)
{
	static const unsigned order[] = { 2, 0, 4, 3, 1 };

	(void)state;
	make_vmcss();
	vmx_cpu_enable(&cpu[0]);
	for (unsigned i = 0; i < NR_VMCS; i++)
		vmx_vmcs_load(&cpu[0], &vcpus[i]);
	assert_int_equal(model[0].nr_active, NR_VMCS);
	vmx_vmcs_load(&cpu[0], &vcpus[1]); /* current again, still active once */
	assert_int_equal(model[0].nr_active, NR_VMCS);
	assert_int_equal(model[0].current, virt_to_phys(vcpus[1].vmcs));
	for (unsigned i = 0; i < NR_VMCS; i++) {
		vcpus[order[i]].launched = true;
		vmx_vmcs_clear(&cpu[0], &vcpus[order[i]]);
		assert_false(vcpus[order[i]].launched);
		vmx_vmcs_clear(&cpu[0], &vcpus[order[i]]); /* harmless */
		assert_int_equal(model[0].nr_active, NR_VMCS - 1 - i);
	}
	assert_null(cpu[0].active);
	assert_null(cpu[0].current);
	assert_int_equal(model[0].vmclears, NR_VMCS);
	vmx_cpu_disable(&cpu[0]);
	free_vmcss();
}

static void moves_only_after_clear(void **state)
{
	(void)state;
	make_vmcss();
	vmx_cpu_enable(&cpu[0]);
	vmx_vmcs_load(&cpu[0], &vcpus[0]);
	fake_set_cpu(1);
	vmx_cpu_enable(&cpu[1]);
	assert_true(fake_panics(vmx_vmcs_load(&cpu[1], &vcpus[0])));
	assert_true(fake_panics(vmx_vmcs_clear(&cpu[1], &vcpus[0])));
	fake_set_cpu(0);
	vmx_vmcs_clear(&cpu[0], &vcpus[0]);
	fake_set_cpu(1);
	vmx_vmcs_load(&cpu[1], &vcpus[0]);
	assert_int_equal(vcpus[0].active_cpu, 1);
	vmx_cpu_disable(&cpu[1]);
	assert_int_equal(vcpus[0].active_cpu, -1);
	fake_set_cpu(0);
	vmx_cpu_disable(&cpu[0]);
	free_vmcss();
}

static void off_clears_everything(void **state)
{
	(void)state;
	for (unsigned emergency = 0; emergency < 2; emergency++) {
		make_vmcss();
		vmx_cpu_enable(&cpu[0]);
		for (unsigned i = 0; i < NR_VMCS; i++)
			vmx_vmcs_load(&cpu[0], &vcpus[i]);
		if (emergency) {
			vmx_cpu_emergency_disable(&cpu[0]);
			vmx_cpu_emergency_disable(&cpu[0]); /* may come twice */
			pmem_free_page(cpu[0].region, PMEM_VIRT);
		} else {
			vmx_cpu_disable(&cpu[0]);
		}
		assert_int_equal(model[0].vmxoffs, emergency + 1);
		assert_null(cpu[0].active);
		assert_null(cpu[0].current);
		for (unsigned i = 0; i < NR_VMCS; i++)
			assert_int_equal(vcpus[i].active_cpu, -1);
		free_vmcss();
	}
}

static void names(void **state)
{
	(void)state;
	for (unsigned s = VMX_OFFLINE; s <= VMX_OFF; s++)
		assert_string_not_equal(vmx_cpu_state_name(s), "?");
	assert_string_equal(vmx_cpu_state_name(99), "?");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, lifecycle_teardown)
	const struct CMUnitTest tests[] = {
		TEST(on_and_off),
		TEST(flush_only_when_on),
		TEST(off_without_on),
		TEST(each_step_fails),
		TEST(one_cpu_without),
		TEST(cpus_must_be_alike),
		TEST(trace_is_stopped),
		TEST(load_and_clear_in_any_order),
		TEST(moves_only_after_clear),
		TEST(off_clears_everything),
		TEST(names),
	};

	return cmocka_run_group_tests(tests, lifecycle_group_setup, NULL);
}
