/* SPDX-License-Identifier: MIT */
/* VMX events: what is injected, what tells when an NMI may come, and that a reset leaves nothing of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <vmx_hw.h>

#include "arch/fake/fake.h"
#include "arch/x86/vmx/caps.h"
#include "arch/x86/vmx/vmx.h"
#include "fake_vcpu.h"

#define NR_FIELDS 0x8000
#define STI	  INTERRUPTIBILITY_STI
#define MOV_SS	  INTERRUPTIBILITY_MOV_SS
#define NMI	  INTERRUPTIBILITY_NMI
#define INJECTED  (INTR_INFO_VALID | INTR_TYPE_NMI | VECTOR_NMI)

static struct fake_vm *fake;
static struct vcpu *vcpu;
static u64 vmcs[NR_FIELDS];

bool vmx_apicv;

u64 vmread(enum vmcs_field field)
{
	return vmcs[field];
}

void vmwrite(enum vmcs_field field, u64 value)
{
	vmcs[field] = value;
}

u64 vmx_get(struct vcpu *v, enum vreg reg)
{
	(void)v;
	assert_int_equal(reg, VREG_CR0);
	return CR0_PE;
}

void write_cr2(u64 value)
{
	(void)value;
}

void vmx_set_proc_controls(struct vcpu *v, u32 set, u32 clear)
{
	v->arch.vmx.proc_controls = (v->arch.vmx.proc_controls | set) & ~clear;
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake = fake_vm_create(1);
	vcpu = &fake->vcpu[0]->vcpu;
	for (unsigned i = 0; i < NR_FIELDS; i++)
		vmcs[i] = 0;
	vmx_caps.control[CTL_PROC] = ~0ull << 32;
	vcpu->events = VCPU_EVENT_NMI;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_vm_destroy(fake);
	return 0;
}

/* One preparation: is the NMI injected, and which control tells else when it may be? */
static void expect(u64 blocking, bool injected, u32 control)
{
	vmcs[GUEST_INTERRUPTIBILITY] = blocking;
	vmx_prepare_nmi(vcpu);
	assert_int_equal(vcpu->arch.vmx.proc_controls, control);
	assert_int_equal(vcpu->events, injected ? 0 : VCPU_EVENT_NMI);
	if (injected)
		assert_int_equal(vcpu->arch.vmx.queued_info, INJECTED);
}

static void nmi_at_once(void **state)
{
	(void)state;
	expect(0, true, 0);
}

static void nmi_waits_for_the_window(void **state)
{
	(void)state;
	expect(NMI, false, PROC_NMI_WINDOW);
	expect(NMI | MOV_SS, false, PROC_NMI_WINDOW);
	expect(MOV_SS, false, PROC_NMI_WINDOW);
	expect(0, true, 0);
}

/* Of each pair of waits one only: the other would exit without end. */
static void nmi_in_the_shadow_of_sti(void **state)
{
	(void)state;
	expect(STI, false, PROC_MONITOR_TRAP);
	expect(STI | NMI, false, PROC_NMI_WINDOW);
	expect(STI, false, PROC_MONITOR_TRAP);
	expect(0, true, 0);
}

static void without_monitor_trap_flag(void **state)
{
	(void)state;
	vmx_caps.control[CTL_PROC] &= ~(PROC_MONITOR_TRAP << 32);
	expect(STI, false, PROC_NMI_WINDOW);
	expect(0, true, 0);
}

static void nmi_waits_for_what_is_queued(void **state)
{
	(void)state;
	vmx_inject(vcpu, VECTOR_GP, 0);
	expect(0, false, PROC_NMI_WINDOW);
	vmx_prepare_events(vcpu);
	assert_int_equal(vmcs[ENTRY_INTERRUPTION_INFO] & INTR_INFO_VECTOR, VECTOR_GP);
	expect(0, true, 0);
}

/* The NMI is dropped with the reset. Its window would end each entry of the new start at once. */
static void reset_forgets(void **state)
{
	(void)state;
	vmx_inject(vcpu, VECTOR_GP, 0);
	expect(NMI, false, PROC_NMI_WINDOW);
	vmx_forget_events(vcpu);
	assert_int_equal(vcpu->arch.vmx.proc_controls, 0);
	assert_int_equal(vcpu->arch.vmx.queued_info, 0);
	expect(STI, false, PROC_MONITOR_TRAP);
	vmx_forget_events(vcpu);
	assert_int_equal(vcpu->arch.vmx.proc_controls, 0);
}

/* A fault's handler returns to the instruction without stopping at its breakpoint again. */
static void faults_set_rf(void **state)
{
	(void)state;
	vmcs[GUEST_RFLAGS] = RFLAGS_ONE;
	vmx_inject(vcpu, VECTOR_DB, 0);
	assert_int_equal(vmcs[GUEST_RFLAGS], RFLAGS_ONE);
	vmx_forget_events(vcpu);
	vmx_inject(vcpu, VECTOR_GP, 0);
	assert_int_equal(vmcs[GUEST_RFLAGS], RFLAGS_ONE | RFLAGS_RF);
}

static void fault_upon_fault(void **state)
{
	(void)state;
	vmx_inject(vcpu, VECTOR_GP, 7);
	vmx_inject(vcpu, VECTOR_GP, 8);
	assert_int_equal(vcpu->arch.vmx.queued_info & INTR_INFO_VECTOR, VECTOR_DF);
	assert_int_equal(vcpu->arch.vmx.queued_error, 0);
	vmx_inject(vcpu, VECTOR_GP, 9);
	assert_int_equal(fake->triple_faults, 1);
	assert_int_equal(vcpu->arch.vmx.queued_info, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nmi_at_once),
		TEST(nmi_waits_for_the_window),
		TEST(nmi_in_the_shadow_of_sti),
		TEST(without_monitor_trap_flag),
		TEST(nmi_waits_for_what_is_queued),
		TEST(reset_forgets),
		TEST(faults_set_rf),
		TEST(fault_upon_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
