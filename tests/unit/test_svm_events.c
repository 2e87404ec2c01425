/* SPDX-License-Identifier: MIT */
/* SVM events: what is injected, delivered again or held back; NMI blocking; TPR; the interrupt window. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/svm/svm.h"
#include "arch/fake/fake.h"
#include "arch/x86/pv_eoi.h"
#include "core/guest_memory.h"
#include "lapic_fixture.h"

static struct fake_vm *fake;
static struct vcpu *vcpu;
static struct svm_vcpu *svm;
static struct vmcb *vmcb;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	fake = fake_vm_create(1);
	vcpu = &fake->vcpu[0]->vcpu;
	svm = &vcpu->arch.svm;
	vmcb = calloc(1, sizeof(*vmcb));
	svm->vmcb = vmcb;
	vmcb->cr0 = CR0_PE;
	vmcb->rip = 0x1000;
	vmcb->rflags = RFLAGS_ONE | RFLAGS_IF;
	vmcb->clean = CLEAN_ALL;
	fake_vm_start_lapics(fake);
	svm_choose_injection(false);
	return 0;
}

static int setup_virtual(void **state)
{
	setup(state);
	svm_choose_injection(true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(vmcb);
	lapic_reset(&vcpu->arch.lapic, false);
	fake_vm_destroy(fake);
	return 0;
}

static void expect_event(u64 type, unsigned vector, u64 flags_and_error)
{
	assert_int_equal(svm->queued, EVENT_VALID | type | vector | flags_and_error);
	assert_true(svm_event_queued(vcpu));
}

static void exceptions(void **state)
{
	(void)state;
	svm_inject(vcpu, VECTOR_UD, 0x55); /* has no error code */
	expect_event(EVENT_EXCEPTION, VECTOR_UD, 0);
	svm->queued = 0;
	svm_inject(vcpu, VECTOR_GP, 0x10);
	expect_event(EVENT_EXCEPTION, VECTOR_GP, EVENT_ERROR_CODE | 0x10ull << 32);
	svm->queued = 0;
	vmcb->cr0 = 0; /* real mode pushes none */
	svm_inject(vcpu, VECTOR_GP, 0x10);
	expect_event(EVENT_EXCEPTION, VECTOR_GP, 0);
}

/* A fault's handler returns to the instruction without stopping at its breakpoint again. */
static void faults_set_rf(void **state)
{
	(void)state;
	svm_inject(vcpu, VECTOR_DB, 0);
	assert_false(vmcb->rflags & RFLAGS_RF);
	svm->queued = 0;
	svm_inject(vcpu, VECTOR_GP, 0);
	assert_true(vmcb->rflags & RFLAGS_RF);
}

static void page_fault_sets_cr2(void **state)
{
	(void)state;
	vcpu->arch.cr2 = 0xdead000;
	svm_inject(vcpu, VECTOR_PF, 6);
	expect_event(EVENT_EXCEPTION, VECTOR_PF, EVENT_ERROR_CODE | 6ull << 32);
	assert_int_equal(vmcb->cr2, 0xdead000);
	assert_false(vmcb->clean & CLEAN_CR2);
}

static void double_and_triple_fault(void **state)
{
	(void)state;
	svm_inject(vcpu, VECTOR_PF, 2);
	svm_inject(vcpu, VECTOR_GP, 8);
	expect_event(EVENT_EXCEPTION, VECTOR_DF, EVENT_ERROR_CODE);
	svm_inject(vcpu, VECTOR_NP, 8);
	assert_int_equal(fake->triple_faults, 1);
	assert_false(svm_event_queued(vcpu));
	/* Only exceptions make pairs: an interrupt on the way is replaced. */
	svm_queue(vcpu, EVENT_INTR | VECTOR_GP);
	svm_inject(vcpu, VECTOR_GP, 8);
	expect_event(EVENT_EXCEPTION, VECTOR_GP, EVENT_ERROR_CODE | 8ull << 32);
}

static void single_step(void **state)
{
	(void)state;
	svm_single_step_trap(vcpu);
	expect_event(EVENT_EXCEPTION, VECTOR_DB, 0);
	assert_int_equal(vmcb->dr6, BIT(14));
	assert_false(vmcb->clean & CLEAN_DR);
}

static void requeue(u64 info)
{
	svm->queued = 0;
	vmcb->exit_int_info = info;
	svm_requeue_event(vcpu);
}

static void delivered_again(void **state)
{
	static const u64 again[] = {
		EVENT_VALID | EVENT_INTR | 0x31,
		EVENT_VALID | EVENT_EXCEPTION | VECTOR_UD,
		EVENT_VALID | EVENT_EXCEPTION | VECTOR_PF | EVENT_ERROR_CODE | 2ull << 32,
		EVENT_VALID | EVENT_NMI | VECTOR_NMI,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(again); i++) {
		requeue(again[i]);
		assert_int_equal(svm->queued, again[i]);
	}
}

/* RIP is still on INT n, INT3 and INTO: they come again by themselves. */
static void executed_again(void **state)
{
	(void)state;
	requeue(EVENT_VALID | EVENT_SOFTWARE | 0x80);
	assert_int_equal(svm->queued, 0);
	requeue(EVENT_VALID | EVENT_EXCEPTION | VECTOR_BP);
	assert_int_equal(svm->queued, 0);
	requeue(EVENT_VALID | EVENT_EXCEPTION | VECTOR_OF);
	assert_int_equal(svm->queued, 0);
}

/* Its handler will have begun after the next VMRUN: the one after it waits for IRET all the same. */
static void nmi_that_is_delivered_again_blocks(void **state)
{
	(void)state;
	vcpu->events = VCPU_EVENT_NMI;
	svm_prepare_nmi(vcpu);
	vcpu->events = VCPU_EVENT_NMI;
	requeue(EVENT_VALID | EVENT_NMI | VECTOR_NMI);
	expect_event(EVENT_NMI, VECTOR_NMI, 0);
	assert_true(svm->nmi_blocked);
	assert_true(vmcb->intercept_misc1 & INTERCEPT_IRET);
	svm_prepare_nmi(vcpu);
	svm->queued = 0; /* entered */
	svm_prepare_nmi(vcpu);
	assert_int_equal(svm->queued, 0);
	assert_int_equal(vcpu->events, VCPU_EVENT_NMI);
}

static bool window_open(void)
{
	bool on = vmcb->intercept_misc1 & INTERCEPT_VINTR;

	assert_int_equal(on, svm->window);
	if (on) {
		assert_true(vmcb->int_ctl & INT_CTL_V_IRQ);
		assert_true(vmcb->int_ctl & INT_CTL_V_IGN_TPR);
	}
	return on;
}

/* The guest takes it at its first instruction, without an exit. */
static void expect_interrupt(u64 vector)
{
	assert_false(window_open());
	assert_false(svm->queued & EVENT_VALID);
	assert_int_equal(vmcb->int_ctl & (INT_CTL_REQUEST | INT_CTL_V_VECTOR),
			 INT_CTL_REQUEST | vector << INT_CTL_V_VECTOR_SHIFT);
	assert_false(vmcb->clean & CLEAN_TPR);
	assert_true(svm_event_queued(vcpu));
}

/* What the CPU does then. */
static void interrupt_is_taken(void)
{
	vmcb->int_ctl &= ~INT_CTL_V_IRQ;
	assert_false(svm_event_queued(vcpu));
}

static void post(u8 vector)
{
	lapic_post(&vcpu->arch.lapic, vector, false);
	lapic_sync_pir(&vcpu->arch.lapic);
}

static void interrupt_is_injected(void **state)
{
	(void)state;
	post(0x41);
	svm_inject_pending(vcpu);
	expect_event(EVENT_INTR, 0x41, 0);
	assert_false(vmcb->int_ctl & INT_CTL_V_IRQ);
	assert_true(vmcb->clean & CLEAN_TPR);
	assert_true(lapic_irr_empty(&vcpu->arch.lapic));
	assert_int_equal(lapic_highest_isr(&vcpu->arch.lapic), 0x41);
	svm_inject_pending(vcpu); /* what is queued stays */
	expect_event(EVENT_INTR, 0x41, 0);
}

static void interrupt_is_injected_after_the_window(void **state)
{
	(void)state;
	vmcb->rflags &= ~RFLAGS_IF;
	post(0x41);
	svm_inject_pending(vcpu);
	assert_true(window_open());
	vmcb->rflags |= RFLAGS_IF;
	svm_inject_pending(vcpu);
	expect_event(EVENT_INTR, 0x41, 0);
	assert_false(window_open());
	assert_false(vmcb->int_ctl & INT_CTL_V_IRQ);
}

static void interrupt_is_given_as_a_virtual_one(void **state)
{
	(void)state;
	post(0x41);
	svm_inject_pending(vcpu);
	expect_interrupt(0x41);
	assert_false(window_open());
	assert_true(lapic_irr_empty(&vcpu->arch.lapic));
	assert_int_equal(lapic_highest_isr(&vcpu->arch.lapic), 0x41);
	assert_false(vmcb->intercept_cr & INTERCEPT_CR_WRITE(8));
}

/* Only the last of two may be ended by the bit in memory, and nothing takes it back before the entry. */
static void paravirtual_eoi(void **state)
{
	u32 *word;

	(void)state;
	fake_vm_set_ram(fake, MiB);
	word = guest_map(&fake->vm.memory, 0x100, sizeof(*word), GUEST_READ);
	assert_true(pv_eoi_msr_write(vcpu, 0x100 | PV_EOI_MSR_ENABLE));
	post(0x41);
	post(0x52);
	svm_inject_pending(vcpu);
	expect_interrupt(0x52);
	assert_int_equal(*word, 0);
	interrupt_is_taken();
	lapic_eoi(&vcpu->arch.lapic);
	svm_inject_pending(vcpu);
	expect_interrupt(0x41);
	assert_int_equal(*word, 1);
	interrupt_is_taken();
	*word = 0; /* what the guest does */
	post(0x43);
	svm_inject_pending(vcpu);
	expect_interrupt(0x43);
	assert_int_equal(*word, 1);
}

static void two_interrupts(void **state)
{
	(void)state;
	post(0x41);
	post(0x52);
	svm_inject_pending(vcpu);
	expect_interrupt(0x52);
	/* The other one is of lower priority: no window, but TPR and EOI can change that. */
	assert_false(window_open());
	assert_true(vmcb->intercept_cr & INTERCEPT_CR_WRITE(8));
	interrupt_is_taken();
	lapic_eoi(&vcpu->arch.lapic);
	svm_inject_pending(vcpu);
	expect_interrupt(0x41);
	assert_false(vmcb->intercept_cr & INTERCEPT_CR_WRITE(8));
}

/* INIT while an interrupt is on its way, or has to wait: the processor that starts anew gets neither. */
static void reset_forgets(void **state)
{
	(void)state;
	post(0x41);
	svm_inject_pending(vcpu);
	assert_true(svm_event_queued(vcpu));
	lapic_reset(&vcpu->arch.lapic, true);
	svm_forget_events(vcpu);
	assert_false(svm_event_queued(vcpu));
	assert_false(vmcb->int_ctl & INT_CTL_V_IRQ);
	lapic_write(&vcpu->arch.lapic, APIC_SVR, SVR_ON);
	vmcb->rflags = RFLAGS_ONE;
	post(0x52);
	svm_inject_pending(vcpu);
	assert_true(window_open());
	svm_forget_events(vcpu);
	assert_false(window_open());
	assert_false(svm->window);
}

static void closed(void)
{
	post(0x41);
	svm_inject_pending(vcpu);
	assert_true(window_open());
	assert_int_equal(svm->queued & EVENT_TYPE, svm->queued ? EVENT_EXCEPTION : 0);
	assert_false(vmcb->clean & CLEAN_TPR);
}

static void window_for_closed_interrupts(void **state)
{
	(void)state;
	vmcb->rflags &= ~RFLAGS_IF;
	closed();
	vmcb->rflags |= RFLAGS_IF;
	svm_inject_pending(vcpu);
	expect_interrupt(0x41);
	assert_false(window_open());
}

static void window_for_a_shadow(void **state)
{
	(void)state;
	vmcb->int_state = INT_STATE_SHADOW;
	closed();
}

static void window_behind_another_event(void **state)
{
	(void)state;
	svm_inject(vcpu, VECTOR_UD, 0);
	closed();
	expect_event(EVENT_EXCEPTION, VECTOR_UD, 0);
}

static void an_exit_before_the_interrupt(void **state)
{
	(void)state;
	post(0x41);
	svm_inject_pending(vcpu);
	svm_inject_pending(vcpu); /* nothing new: it is given again, as an event */
	expect_event(EVENT_INTR, 0x41, 0);
	assert_false(vmcb->int_ctl & INT_CTL_V_IRQ);
	assert_int_equal(lapic_highest_isr(&vcpu->arch.lapic), 0x41);
}

static void a_higher_interrupt_comes_before_the_first_is_taken(void **state)
{
	(void)state;
	post(0x41);
	svm_inject_pending(vcpu);
	post(0x91);
	svm_inject_pending(vcpu);
	expect_event(EVENT_INTR, 0x41, 0);
	assert_true(window_open()); /* as soon as the first handler lets it in */
}

static void an_nmi_comes_before_the_interrupt_is_taken(void **state)
{
	(void)state;
	post(0x41);
	svm_inject_pending(vcpu);
	vcpu->events = VCPU_EVENT_NMI;
	svm_prepare_nmi(vcpu);
	expect_event(EVENT_INTR, 0x41, 0);
	assert_int_equal(fake_kicks(0), 1);
	assert_int_equal(vcpu->events, VCPU_EVENT_NMI);
}

static void an_interrupt_behind_an_exception_stays(void **state)
{
	(void)state;
	post(0x41);
	svm_inject_pending(vcpu);
	svm_inject(vcpu, VECTOR_UD, 0);
	post(0x91);
	svm_inject_pending(vcpu);
	svm->queued = 0;
	expect_interrupt(0x41);
	/* Its handler begins with interrupts off. */
	vmcb->rflags &= ~RFLAGS_IF;
	svm_inject_pending(vcpu);
	expect_interrupt(0x41);
}

/* Another one could be given meanwhile: the CPU may leave the request set. */
static void an_interrupt_whose_delivery_was_interrupted(void **state)
{
	(void)state;
	post(0x41);
	svm_inject_pending(vcpu);
	requeue(EVENT_VALID | EVENT_INTR | 0x41);
	expect_event(EVENT_INTR, 0x41, 0);
	assert_false(vmcb->int_ctl & INT_CTL_V_IRQ);
}

/* As QEMU 7.2 reports it. VMRUN refuses an exception with such a vector. */
static void interrupted_virtual_interrupt_called_an_exception(void **state)
{
	(void)state;
	post(0x41);
	svm_inject_pending(vcpu);
	requeue(EVENT_VALID | EVENT_EXCEPTION | 0x41);
	expect_event(EVENT_INTR, 0x41, 0);
	assert_false(vmcb->int_ctl & INT_CTL_V_IRQ);
}

static void tpr_holds_back(void **state)
{
	(void)state;
	lapic_set_cr8(&vcpu->arch.lapic, 4);
	post(0x41);
	svm_inject_pending(vcpu);
	assert_false(svm_event_queued(vcpu));
	assert_false(window_open());
	assert_true(vmcb->intercept_cr & INTERCEPT_CR_WRITE(8));
}

static void tpr_both_ways(void **state)
{
	(void)state;
	lapic_write(&vcpu->arch.lapic, APIC_TPR, 0x35);
	vmcb->int_ctl = INT_CTL_V_INTR_MASKING;
	svm_give_tpr(vcpu, vmcb);
	assert_int_equal(vmcb->int_ctl, INT_CTL_V_INTR_MASKING | 3);
	svm_take_tpr(vcpu, vmcb);
	assert_int_equal(lapic_read(&vcpu->arch.lapic, APIC_TPR), 0x35); /* sub-class is kept */
	vmcb->int_ctl = INT_CTL_V_INTR_MASKING | 0xc;
	svm_take_tpr(vcpu, vmcb);
	assert_int_equal(lapic_read(&vcpu->arch.lapic, APIC_TPR), 0xc0);
}

static void nmi_is_injected_once(void **state)
{
	(void)state;
	vcpu->events = VCPU_EVENT_NMI;
	svm_prepare_nmi(vcpu);
	expect_event(EVENT_NMI, VECTOR_NMI, 0);
	assert_int_equal(vcpu->events, 0);
	assert_true(svm->nmi_blocked);
	assert_true(vmcb->intercept_misc1 & INTERCEPT_IRET);
	svm->queued = 0;
	vcpu->events = VCPU_EVENT_NMI; /* the next one waits for IRET */
	svm_prepare_nmi(vcpu);
	assert_int_equal(svm->queued, 0);
	assert_int_equal(vcpu->events, VCPU_EVENT_NMI);
}

static void nmi_behind_another_event(void **state)
{
	(void)state;
	vcpu->events = VCPU_EVENT_NMI;
	svm_inject(vcpu, VECTOR_UD, 0);
	svm_prepare_nmi(vcpu);
	expect_event(EVENT_EXCEPTION, VECTOR_UD, 0);
	assert_int_equal(fake_kicks(0), 1); /* so that the guest comes back at once */
	assert_int_equal(vcpu->events, VCPU_EVENT_NMI);
}

static void db_exit(u64 rip, u64 rflags)
{
	vmcb->exit_code = SVM_EXIT_EXCEPTION(VECTOR_DB);
	vmcb->dr6 |= BIT(14);
	vmcb->rip = rip;
	vmcb->rflags = rflags;
}

static void iret_ends_the_blocking(void **state)
{
	(void)state;
	svm_set_nmi_blocked(vcpu, true);
	svm_iret(vcpu);
	assert_false(svm->nmi_blocked);
	assert_true(vmcb->rflags & RFLAGS_TF);
	vcpu->events = VCPU_EVENT_NMI;
	svm_prepare_nmi(vcpu); /* not before IRET was executed */
	assert_int_equal(svm->queued, 0);
	db_exit(0x2000, RFLAGS_ONE);
	assert_true(svm_end_step(vcpu)); /* the trap is not the guest's */
	assert_int_equal(vmcb->dr6, 0);
	svm_prepare_nmi(vcpu);
	expect_event(EVENT_NMI, VECTOR_NMI, 0);
}

/* An interrupt of the host comes before IRET is executed. */
static void iret_that_was_not_executed(void **state)
{
	(void)state;
	svm_set_nmi_blocked(vcpu, true);
	svm_iret(vcpu);
	vmcb->exit_code = SVM_EXIT_INTR;
	assert_false(svm_end_step(vcpu));
	assert_true(svm->nmi_blocked);
	assert_true(vmcb->intercept_misc1 & INTERCEPT_IRET);
	assert_false(vmcb->rflags & RFLAGS_TF);
}

/* IRET loads a TF of the guest's: it stays, and the guest's step is not taken from it. */
static void iret_to_code_that_steps(void **state)
{
	(void)state;
	svm_iret(vcpu);
	db_exit(0x2000, RFLAGS_ONE | RFLAGS_TF);
	assert_true(svm_end_step(vcpu));
	assert_true(vmcb->rflags & RFLAGS_TF);
	/* The guest steps over IRET itself. */
	svm_iret(vcpu);
	db_exit(0x3000, RFLAGS_ONE | RFLAGS_TF);
	assert_false(svm_end_step(vcpu));
	assert_int_equal(vmcb->dr6, BIT(14));
}

static void nmi_in_a_shadow(void **state)
{
	(void)state;
	vcpu->events = VCPU_EVENT_NMI;
	vmcb->int_state = INT_STATE_SHADOW;
	svm_prepare_nmi(vcpu);
	assert_int_equal(svm->queued, 0);
	assert_true(svm->stepping);
	vmcb->int_state = 0;
	db_exit(0x1001, vmcb->rflags);
	assert_true(svm_end_step(vcpu));
	assert_false(vmcb->rflags & RFLAGS_TF);
	svm_prepare_nmi(vcpu);
	expect_event(EVENT_NMI, VECTOR_NMI, 0);
}

int main(void)
{
#define TEST(name)	   cmocka_unit_test_setup_teardown(name, setup, teardown)
#define VIRTUAL_TEST(name) cmocka_unit_test_setup_teardown(name, setup_virtual, teardown)
	const struct CMUnitTest tests[] = {
		TEST(exceptions),
		TEST(faults_set_rf),
		TEST(page_fault_sets_cr2),
		TEST(double_and_triple_fault),
		TEST(single_step),
		TEST(delivered_again),
		TEST(executed_again),
		TEST(nmi_that_is_delivered_again_blocks),
		TEST(interrupt_is_injected),
		TEST(interrupt_is_injected_after_the_window),
		VIRTUAL_TEST(interrupt_is_given_as_a_virtual_one),
		VIRTUAL_TEST(paravirtual_eoi),
		VIRTUAL_TEST(two_interrupts),
		TEST(reset_forgets),
		VIRTUAL_TEST(reset_forgets),
		VIRTUAL_TEST(window_for_closed_interrupts),
		TEST(window_for_a_shadow),
		TEST(window_behind_another_event),
		VIRTUAL_TEST(an_exit_before_the_interrupt),
		VIRTUAL_TEST(a_higher_interrupt_comes_before_the_first_is_taken),
		VIRTUAL_TEST(an_nmi_comes_before_the_interrupt_is_taken),
		VIRTUAL_TEST(an_interrupt_behind_an_exception_stays),
		VIRTUAL_TEST(an_interrupt_whose_delivery_was_interrupted),
		VIRTUAL_TEST(interrupted_virtual_interrupt_called_an_exception),
		TEST(tpr_holds_back),
		TEST(tpr_both_ways),
		TEST(nmi_is_injected_once),
		TEST(nmi_behind_another_event),
		TEST(iret_ends_the_blocking),
		TEST(iret_that_was_not_executed),
		TEST(iret_to_code_that_steps),
		TEST(nmi_in_a_shadow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
