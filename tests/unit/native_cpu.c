/* SPDX-License-Identifier: MIT */
/*
 * The instruction is copied into an executable page, followed by a jump to native_return. A #DE
 * arrives as SIGFPE on a stack of its own, and is continued there too: the registers are those at
 * the fault then.
 */
#include "native_cpu.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define GREG_RIP 16 /* REG_RIP of <sys/ucontext.h>, whose names would collide with ours */

/* Used by the assembly below: offsets into struct emu_regs. */
struct emu_regs native_regs;
u64 native_host_rsp;
void *native_code;
void native_enter(void);
extern const char native_return[];

_Static_assert(offsetof(struct emu_regs, rflags) == 17 * 8, "native_enter knows it");

__asm__(".pushsection .text\n"
	".macro each op\n"
	"	\\op 0, %rax\n	\\op 8, %rcx\n	\\op 16, %rdx\n	\\op 24, %rbx\n"
	"	\\op 32, %rsp\n	\\op 40, %rbp\n	\\op 48, %rsi\n	\\op 56, %rdi\n"
	"	\\op 64, %r8\n	\\op 72, %r9\n	\\op 80, %r10\n	\\op 88, %r11\n"
	"	\\op 96, %r12\n	\\op 104, %r13\n \\op 112, %r14\n \\op 120, %r15\n"
	".endm\n"
	".macro load offset, reg\n	mov native_regs+\\offset(%rip), \\reg\n.endm\n"
	".macro save offset, reg\n	mov \\reg, native_regs+\\offset(%rip)\n.endm\n"
	"native_enter:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, native_host_rsp(%rip)\n"
	"	pushq native_regs+136(%rip)\n"
	"	popfq\n"
	"	each load\n"
	"	jmp *native_code(%rip)\n"
	"native_return:\n"
	"	each save\n"
	"	mov native_host_rsp(%rip), %rsp\n"
	"	pushfq\n"
	"	popq native_regs+136(%rip)\n"
	"	cld\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	".popsection\n");

static volatile int vector;

static void divide_error(__attribute__((unused)) int sig, __attribute__((unused)) siginfo_t *info,
			 void *context)
{
	ucontext_t *uc = context;

	vector = VECTOR_DE;
	uc->uc_mcontext.gregs[GREG_RIP] = (greg_t)native_return;
}

static void make_code_page(void)
{
	native_code = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (native_code == MAP_FAILED)
		abort();
}

/* Every time: the test runner installs its own handlers for each test. */
static void catch_divide_error(void)
{
	static char stack[64 * KiB];
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_sigaction = divide_error,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };

	if (sigaltstack(&alt, NULL) != 0 || sigaction(SIGFPE, &action, NULL) != 0)
		abort();
}

int native_execute(const u8 *bytes, unsigned len, struct emu_regs *regs)
{
	static const u8 jump[] = { 0xff, 0x25, 0, 0, 0, 0 }; /* jmp *0(%rip) */
	const char *target = native_return;
	u8 *code;

	if (!native_code)
		make_code_page();
	catch_divide_error();
	code = native_code;
	memcpy(code, bytes, len);
	memcpy(code + len, jump, sizeof(jump));
	memcpy(code + len + sizeof(jump), &target, sizeof(target));
	vector = NO_VECTOR;
	native_regs = *regs;
	native_regs.rflags = (regs->rflags & NATIVE_FLAGS) | RFLAGS_ONE | RFLAGS_IF;
	native_enter();
	memcpy(regs->gpr, native_regs.gpr, sizeof(regs->gpr));
	regs->rflags = (regs->rflags & ~NATIVE_FLAGS) | (native_regs.rflags & NATIVE_FLAGS);
	return vector;
}
