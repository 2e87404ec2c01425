/* SPDX-License-Identifier: MIT */
/*
 * What runs first after a VM exit, executed on the build machine under single-step next to a model of the
 * return stack buffer that a guest has filled: no return of Firn's is predicted by it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/single_step.h"

void mitigations_exit(void);
void mitigations_exit_rsb_fill(void);

/* Of what else is in mitigations_sites.S and does not run here. */
u32 spec_ctrl_host, spec_ctrl_forced;

#define OPCODE_RET  0xc3
#define OPCODE_CALL 0xe8
#define OPCODE_INT3 0xcc
#define CALL_LENGTH 5
#define MAX_ENTRIES 32 /* processors have 16 or 32 */
#define GUEST	    0xbadull
#define CALLER	    0xca11ull /* behind the patched site */

static const u8 lfence[] = { 0x0f, 0xae, 0xe8 };

/* What a guest left, a ring; and how far the code under test came. */
static struct {
	u64 entry[MAX_ENTRIES];
	unsigned entries, top;
	unsigned calls, fences, returns;
	unsigned calls_at_fence; /* the last one before the first return */
} rsb;

static void push(u64 address)
{
	rsb.top = (rsb.top + 1) % rsb.entries;
	rsb.entry[rsb.top] = address;
	rsb.calls++;
}

static u64 pop(void)
{
	const u64 predicted = rsb.entry[rsb.top];

	rsb.top = (rsb.top + rsb.entries - 1) % rsb.entries;
	rsb.returns++;
	return predicted;
}

/* The call to routine counts: it is the patched site, after the exit. */
static void run(void (*routine)(void), unsigned entries)
{
	unsigned i = 0;

	memset(&rsb, 0, sizeof(rsb));
	rsb.entries = entries;
	for (unsigned k = 0; k < entries; k++)
		rsb.entry[k] = GUEST;
	assert_true(single_step(routine));
	assert_in_range(rips, 3, MAX_RIPS - 1);
	while (i < rips && rip[i] != (u64)routine)
		i++;
	assert_in_range(i, 0, rips - 2);
	push(CALLER);
	/* Up to the return that leaves it. */
	for (unsigned depth = 1; depth > 0 && i + 1 < rips; i++) {
		const u8 *code = (const u8 *)rip[i];

		if (code[0] == OPCODE_CALL) {
			push(rip[i] + CALL_LENGTH);
		} else if (code[0] == OPCODE_RET) {
			assert_true(rsb.fences > 0);
			assert_true(pop() != GUEST);
			depth--;
		} else if (memcmp(code, lfence, sizeof(lfence)) == 0) {
			rsb.fences++;
			if (rsb.returns == 0)
				rsb.calls_at_fence = rsb.calls;
		}
	}
	assert_int_equal(rsb.returns, 1);
}

/* Enhanced IBRS: one call has retired before the first return. */
static void test_one_call(void **state)
{
	(void)state;
	run(mitigations_exit, MAX_ENTRIES);
	assert_int_equal(rsb.calls_at_fence, 1);
	assert_int_equal(rsb.calls, 1);
}

/* Filled: all that later returns could find is a place where speculation ends. */
static void test_fill(void **state)
{
	static const unsigned depths[] = { 16, 32 };

	(void)state;
	for (unsigned d = 0; d < ARRAY_SIZE(depths); d++) {
		run(mitigations_exit_rsb_fill, depths[d]);
		assert_int_equal(rsb.calls_at_fence, 1 + MAX_ENTRIES);
		for (unsigned i = 0; i < rsb.entries; i++) {
			assert_true(rsb.entry[i] != GUEST);
			assert_int_equal(*(const u8 *)rsb.entry[i], OPCODE_INT3);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_call),
		cmocka_unit_test(test_fill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
