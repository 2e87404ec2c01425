/* SPDX-License-Identifier: MIT */
/*
 * The loops that overwrite the branch history, executed on the build machine under single-step:
 * taken branches, registers, stack, and where the returns stand.
 */
#define _GNU_SOURCE /* REG_RIP */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#include <cmocka.h>

#include "core/types.h"

void bhb_clear_short(void);
void bhb_clear_long(void);

#define RFLAGS_TF   BIT(8)
#define LINE	    64
#define OPCODE_RET  0xc3
#define OPCODE_CALL 0xe8
#define MAX_RIPS    4096

static u64 rip[MAX_RIPS];
static volatile unsigned rips;

static void on_step(int number, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;

	(void)number;
	(void)info;
	if (rips < MAX_RIPS)
		rip[rips++] = (u64)uc->uc_mcontext.gregs[REG_RIP];
}

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

/* Registers that must survive, and the stack pointer. */
struct kept {
	u64 rbx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rsp;
};

static void step(void (*loop)(void), struct kept *before, struct kept *after)
{
#define FILL(reg, n) "mov $0x1111111111111111 * " #n ", %%" #reg "\n\t"
	static const struct kept wanted = {
		.rbx = 0x1111111111111111,
		.rdx = 0x2222222222222222,
		.rsi = 0x3333333333333333,
		.rdi = 0x4444444444444444,
		.rbp = 0x5555555555555555,
		.r8 = 0x6666666666666666,
		.r9 = 0x7777777777777777,
	};
	struct sigaction action = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO }, old;
	u64 got[8];

	*before = wanted;
	memset(after, 0, sizeof(*after));
	sigaction(SIGTRAP, &action, &old);
	rips = 0;
	__asm__ volatile("push %%rbp\n\t"
			 "push %%rbx\n\t"
			 "push %[got]\n\t"
			 "push %[loop]\n\t"
			 "sub $8, %%rsp\n\t" FILL(rbx, 1) FILL(rdx, 2) FILL(rsi, 3) FILL(rdi, 4)
				 FILL(rbp, 5) FILL(r8, 6) FILL(r9, 7) "mov %%rsp, %%r10\n\t"
								      "pushf\n\t"
								      "orl $0x100, (%%rsp)\n\t"
								      "popf\n\t"
								      "call *8(%%rsp)\n\t"
								      "pushf\n\t"
								      "andl $~0x100, (%%rsp)\n\t"
								      "popf\n\t"
								      "sub %%rsp, %%r10\n\t"
								      "add $16, %%rsp\n\t"
								      "pop %%rax\n\t"
								      "mov %%rbx, (%%rax)\n\t"
								      "mov %%rdx, 8(%%rax)\n\t"
								      "mov %%rsi, 16(%%rax)\n\t"
								      "mov %%rdi, 24(%%rax)\n\t"
								      "mov %%rbp, 32(%%rax)\n\t"
								      "mov %%r8, 40(%%rax)\n\t"
								      "mov %%r9, 48(%%rax)\n\t"
								      "mov %%r10, 56(%%rax)\n\t"
								      "pop %%rbx\n\t"
								      "pop %%rbp"
			 :
			 : [got] "r"(got), [loop] "r"(loop)
			 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory",
			   "cc");
	sigaction(SIGTRAP, &old, NULL);
	after->rbx = got[0];
	after->rdx = got[1];
	after->rsi = got[2];
	after->rdi = got[3];
	after->rbp = got[4];
	after->r8 = got[5];
	after->r9 = got[6];
	after->rsp = got[7]; /* how far it is off */
}

/* From the first call in the routine to the jump behind the last return. */
static void check_loop(void (*loop)(void), unsigned outer, unsigned inner)
{
	const u64 start = (u64)loop;
	unsigned taken = 0, returns = 0, first = 0, last = 0;
	struct kept before, after;

	step(loop, &before, &after);
	assert_in_range(rips, 2 * outer * inner, MAX_RIPS - 1);
	assert_memory_equal(&before, &after, sizeof(before));

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
