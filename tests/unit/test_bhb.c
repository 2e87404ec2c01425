/* SPDX-License-Identifier: MIT */
/*
 * The loops that overwrite the branch history, executed on the build machine under single-step:
 * taken branches, registers, stack, and where the returns stand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/single_step.h"

void bhb_clear_short(void);
void bhb_clear_long(void);

#define LINE	    64
#define OPCODE_RET  0xc3
#define OPCODE_CALL 0xe8

/* Length of the instructions that the loops are made of. */
static unsigned length_at(u64 address)
{
	const u8 *code = (const u8 *)address;

	switch (code[0]) {
	case 0x55: /* push %rbp */
	case 0x5d: /* pop %rbp */
	case 0x90:
	case OPCODE_RET:
		return 1;
	case 0x75: /* jnz, short */
	case 0xeb: /* jmp, short */
	case 0xff: /* dec */
		return 2;
	case 0x0f: /* jnz, near */
		return 6;
	case 0x48: /* mov %rsp, %rbp */
		return 3;
	case 0xb8: /* mov to %eax, %ecx */
	case 0xb9:
	case OPCODE_CALL:
	case 0xe9:
		return 5;
	default:
		return 0;
	}
}

/* From the first call in the routine to the jump behind the last return. */
static void check_loop(void (*loop)(void), unsigned outer, unsigned inner)
{
	const u64 start = (u64)loop;
	unsigned taken = 0, returns = 0, first = 0, last = 0;

	assert_true(single_step(loop));
	assert_in_range(rips, 2 * outer * inner, MAX_RIPS - 1);

	while (first < rips && rip[first] != start)
		first++;
	assert_in_range(first, 0, rips - 1);
	/* Its own call, the third instruction, begins the count. */
	for (unsigned i = first; i + 1 < rips; i++) {
		unsigned length = length_at(rip[i]);
		const u8 opcode = *(const u8 *)rip[i];

		if (opcode == 0x5d) { /* behind the jump */
			last = i;
			break;
		}
		if (length == 0)
			fail_msg("unknown instruction 0x%x at +0x%llx", opcode,
				 (unsigned long long)(rip[i] - start));
		if (rip[i + 1] != rip[i] + length)
			taken++;
		if (opcode == OPCODE_RET) {
			returns++;
			assert_true(rip[i] % LINE >= LINE / 2);
		}
	}
	assert_int_not_equal(last, 0);
	assert_int_equal(taken, 2 * outer * inner + 2 * outer + 2);
	assert_int_equal(returns, outer + 1);
	/* The one that leaves it. */
	assert_int_equal(*(const u8 *)rip[last + 1], OPCODE_RET);
	assert_true(rip[last + 1] % LINE >= LINE / 2);
}

static void test_short(void **state)
{
	(void)state;
	check_loop(bhb_clear_short, 5, 5);
	assert_int_equal(2 * 5 * 5 + 2 * 5 + 2, 62);
}

static void test_long(void **state)
{
	(void)state;
	check_loop(bhb_clear_long, 12, 7);
	assert_int_equal(2 * 12 * 7 + 2 * 12 + 2, 194);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
