/* SPDX-License-Identifier: MIT */
/* Single-step by RFLAGS.TF; the signal handler notes where. */
#define _GNU_SOURCE /* REG_RIP */
#include "tests/unit/single_step.h"

#include <signal.h>
#include <string.h>
#include <ucontext.h>

u64 rip[MAX_RIPS];
volatile unsigned rips;

static void on_step(int number, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;

	(void)number;
	(void)info;
	if (rips < MAX_RIPS)
		rip[rips++] = (u64)uc->uc_mcontext.gregs[REG_RIP];
}

/* Registers that must survive, as the code below stores them. */
struct kept {
	u64 rbx, rdx, rsi, rdi, rbp, r8, r9;
	u64 rsp_off; /* how far the stack pointer is off */
};

bool single_step(void (*routine)(void))
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
	u64 got[sizeof(struct kept) / sizeof(u64)];

	sigaction(SIGTRAP, &action, &old);
	rips = 0;
	__asm__ volatile("push %%rbp\n\t"
			 "push %%rbx\n\t"
			 "push %[got]\n\t"
			 "push %[routine]\n\t"
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
			 : [got] "r"(got), [routine] "r"(routine)
			 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory",
			   "cc");
	sigaction(SIGTRAP, &old, NULL);
	return memcmp(got, &wanted, sizeof(got)) == 0;
}
