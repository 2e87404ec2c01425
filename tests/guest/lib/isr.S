/* SPDX-License-Identifier: MIT */
/* Interrupt entry points, catching a fault, and going to user mode and back. */
#include "tests/guest/lib/callee_saved.h"
#include "tests/guest/lib/segments.h"

	.text
	.code64
	/* One entry every ISR_STEP bytes: vector v is at isr_entries + v * ISR_STEP. */
	.balign 16
	.globl isr_entries
isr_entries:
	vector = 0
	.rept 256
	.balign 16
	/* #DF #TS #NP #SS #GP #PF #AC #CP push an error code. */
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
	.else
	pushq $0
	.endif
	pushq $vector
	jmp isr_common
	vector = vector + 1
	.endr

isr_common:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rbx
	pushq %rbp
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	movq %rsp, %rbx
	andq $-16, %rsp
	call interrupt_dispatch
	movq %rbx, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rbp
	popq %rbx
	popq %rdx
	popq %rcx
	popq %rax
	addq $16, %rsp
	iretq

	/* bool catch_call(void (*fn)(void *), void *arg, u64 *rsp): true when fn was left by a fault. */
	.globl catch_call, catch_resume
catch_call:
	push_callee_saved
	pushfq
	movq %rsp, (%rdx)
	movq %rdi, %rax
	movq %rsi, %rdi
	call *%rax
	xorl %eax, %eax
	jmp 1f
catch_resume: /* interrupt_dispatch has set RSP back */
	movl $1, %eax
1:	popfq
	pop_callee_saved
	ret

	/* void enter_user(void (*fn)(void), u64 rflags, u64 *rsp): until fn returns. */
	.globl enter_user, user_resume
enter_user:
	push_callee_saved
	pushfq
	movq %rsp, (%rdx)
	movl $GUEST_USER_DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movq $user_stack_top, %rcx
	movq $user_return, -8(%rcx)
	subq $8, %rcx
	pushq %rax
	pushq %rcx
	pushq %rsi
	pushq $GUEST_USER_CS
	pushq %rdi
	iretq
user_return: /* in user mode */
	int $0x80
user_resume:
	popfq
	pop_callee_saved
	ret

	.bss
	.balign 16
	.skip 0x2000
user_stack_top:

	.section .note.GNU-stack, "", @progbits
