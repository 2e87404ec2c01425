/* SPDX-License-Identifier: MIT */
/* Firn's own control-flow enforcement: the choice, #CP in words, what is in shadow stacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/cet_choice.h"
#include "arch/x86/control_protection.h"
#include "arch/x86/shadow_stack.h"

static const struct cet_facts all = {
	.wanted = true, .shstk = true, .ibt = true, .sss = true, .shadow_stacks = true
};

static void expect_choice(struct cet_facts facts, u64 s_cet, const char *without)
{
	struct cet_choice choice = cet_choose(&facts);

	assert_int_equal(choice.s_cet, s_cet);
	if (without)
		assert_string_equal(choice.without, without);
	else
		assert_null(choice.without);
}

static void test_choice(void **state)
{
	struct cet_facts f = all;

	(void)state;
	expect_choice(f, CET_SH_STK_EN | CET_ENDBR_EN, NULL);
	f.ibt = false;
	expect_choice(f, CET_SH_STK_EN, "the CPU has no branch tracking");
	f = all;
	f.shstk = false;
	expect_choice(f, CET_ENDBR_EN, "the CPU has no shadow stacks");
	f.ibt = false;
	expect_choice(f, 0, "the CPU has neither shadow stacks nor branch tracking");
	f = all;
	f.wanted = false;
	expect_choice(f, 0, "cet-host = off");
	f = all;
	f.lacks = "VM exits forget it";
	expect_choice(f, 0, "VM exits forget it");
}

static void test_choice_shadow_stacks(void **state)
{
	struct cet_facts f = all;

	(void)state;
	f.nested = true;
	expect_choice(f, CET_SH_STK_EN | CET_ENDBR_EN, NULL);
	f.sss = false;
	expect_choice(f, CET_ENDBR_EN, "the outer hypervisor may disturb shadow stacks");
	f.nested = false;
	expect_choice(f, CET_SH_STK_EN | CET_ENDBR_EN, NULL);
	f.shadow_stacks = false;
	expect_choice(f, CET_ENDBR_EN, "no memory for shadow stacks");
	f.ibt = false;
	expect_choice(f, 0, "the CPU has no branch tracking");
}

/* Whatever the machine has: no instruction of Firn's may write a shadow stack. */
static void test_choice_bits(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 128; i++) {
		struct cet_facts f = {
			.wanted = i & 1,
			.shstk = i & 2,
			.ibt = i & 4,
			.sss = i & 8,
			.nested = i & 16,
			.lacks = i & 32 ? "it" : NULL,
			.shadow_stacks = i & 64,
		};
		struct cet_choice choice = cet_choose(&f);

		assert_false(choice.s_cet & ~CET_CHOICE_BITS);
		assert_true(choice.without || choice.s_cet == CET_CHOICE_BITS);
		if ((choice.s_cet & CET_SH_STK_EN))
			assert_true(f.wanted && f.shstk && !f.lacks && f.shadow_stacks);
		if (choice.s_cet & CET_ENDBR_EN)
			assert_true(f.wanted && f.ibt && !f.lacks);
	}
}

static void test_reasons(void **state)
{
	static const char *const reserved = "reserved error code";

	(void)state;
	assert_non_null(strstr(control_protection_reason(CP_NEAR_RET), "near RET"));
	assert_non_null(strstr(control_protection_reason(CP_FAR_RET_IRET), "IRET"));
	assert_non_null(strstr(control_protection_reason(CP_ENDBRANCH), "ENDBR64"));
	assert_non_null(strstr(control_protection_reason(CP_RSTORSSP), "RSTORSSP"));
	assert_non_null(strstr(control_protection_reason(CP_SETSSBSY), "SETSSBSY"));
	assert_ptr_equal(control_protection_reason(CP_ENDBRANCH | CP_ENCL),
			 control_protection_reason(CP_ENDBRANCH));
	assert_string_equal(control_protection_reason(0), reserved);
	assert_string_equal(control_protection_reason(CP_SETSSBSY + 1), reserved);
	assert_string_equal(control_protection_reason(CP_ERROR_MASK), reserved);
	assert_string_equal(control_protection_reason(BIT(16) | CP_NEAR_RET), reserved);
	assert_string_equal(control_protection_reason(~0ull), reserved);
}

/* Each stack in a block of its own: a read outside of it is found. */
static struct shadow_stack *stack[SHADOW_STACKS_PER_CPU];
#define STACKS ((const struct shadow_stack *const *)stack)

static int setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SHADOW_STACKS_PER_CPU; i++)
		stack[i] = calloc(1, sizeof(*stack[i]));
	shadow_stack_fill(stack, (const struct shadow_stack **)stack);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SHADOW_STACKS_PER_CPU; i++)
		free(stack[i]);
	return 0;
}

static void test_fill(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SHADOW_STACKS_PER_CPU; i++) {
		assert_int_equal(stack[i]->token, &stack[i]->token);
		assert_int_equal(stack[i]->token % 8, 0);
	}
	assert_int_equal(stack[0]->int_ssp_table[0], 0);
	for (unsigned i = 1; i < INT_SSP_TABLE_ENTRIES; i++)
		assert_int_equal(stack[0]->int_ssp_table[i],
				 i < SHADOW_STACKS_PER_CPU ? &stack[i]->token : NULL);
}

/* Pushes as the CPU does; the stacks are in use. */
static u64 push(u64 ssp, u64 value)
{
	ssp -= sizeof(u64);
	*(u64 *)ssp = value;
	return ssp;
}

static u64 interrupt(u64 ssp, u64 lip, u64 old_ssp)
{
	return push(push(push(ssp, 8), lip), old_ssp);
}

static void test_trace(void **state)
{
	u64 ssp = (u64)&stack[0]->token, rip[8], nmi;

	(void)state;
	stack[0]->token |= SHADOW_TOKEN_BUSY;
	assert_int_equal(shadow_stack_trace(STACKS, ssp, rip, 8), 0);
	ssp = push(push(ssp, 0x1001), 0x1002);
	assert_int_equal(shadow_stack_trace(STACKS, ssp, rip, 8), 2);
	assert_int_equal(rip[0], 0x1002);
	assert_int_equal(rip[1], 0x1001);
	/* An interrupt on the same stack, a call in it, an NMI on its own stack. */
	ssp = push(interrupt(ssp, 0x1003, ssp), 0x1004);
	stack[1]->token |= SHADOW_TOKEN_BUSY;
	nmi = push(interrupt((u64)&stack[1]->token, 0x1005, ssp), 0x1006);
	assert_int_equal(shadow_stack_trace(STACKS, nmi, rip, 8), 6);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(rip[i], 0x1006 - i);
	assert_int_equal(shadow_stack_trace(STACKS, nmi, rip, 4), 4);
}

static void test_trace_bad(void **state)
{
	u64 top = (u64)&stack[0]->token, rip[8], ssp;

	(void)state;
	assert_int_equal(shadow_stack_trace(STACKS, 0, rip, 8), 0);
	assert_int_equal(shadow_stack_trace(STACKS, ~7ull, rip, 8), 0);
	ssp = push(push(top, 1), 2);
	assert_int_equal(shadow_stack_trace(STACKS, ssp + 4, rip, 8), 0);
	assert_int_equal(shadow_stack_trace(STACKS, (u64)stack[0] - 8, rip, 8), 0);
	assert_int_equal(shadow_stack_trace(STACKS, (u64)stack[0]->int_ssp_table, rip, 8), 0);
	/* No token: the end of the stack ends it. */
	stack[0]->token = 3;
	assert_int_equal(shadow_stack_trace(STACKS, ssp, rip, 8), 3);
	/* A frame that is cut off by the end, and one that leads in a circle. */
	stack[0]->token = (u64)stack[0];
	assert_int_equal(shadow_stack_trace(STACKS, top, rip, 8), 0);
	ssp = push(push(top, 0x1000), top);
	*(u64 *)ssp = ssp + 1;
	assert_int_equal(shadow_stack_trace(STACKS, ssp, rip, 8), 0);
	stack[1]->entry[0] = (u64)&stack[2]->entry[0];
	stack[2]->entry[0] = (u64)&stack[1]->entry[0];
	assert_int_equal(shadow_stack_trace(STACKS, (u64)&stack[1]->entry[0], rip, 8), 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_choice_shadow_stacks),
		cmocka_unit_test(test_choice_bits),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test_setup_teardown(test_fill, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trace_bad, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
