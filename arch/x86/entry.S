/* SPDX-License-Identifier: MIT */
/* Interrupt entry: 256 stubs of 16 bytes that make one frame layout out of all vectors. */

/* #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP (SDM 3A table 6-1); #VC, #SX (APM 2 table 8-1) */
#define ERROR_CODE_VECTORS 0x60227d00

	.section .text.interrupt_stubs, "ax"
	.code64
	.balign	16
	.globl	interrupt_stubs
interrupt_stubs:
	.set	vector, 0
	.rept	256
	.balign	16
	endbr64
	.set	has_error_code, 0
	.if	vector < 32
	.set	has_error_code, (ERROR_CODE_VECTORS >> vector) & 1
	.endif
	.if	has_error_code == 0
	push	$0
	.endif
	push	$vector
	jmp	interrupt_common
	.set	vector, vector + 1
	.endr

/*
 * The CPU aligns RSP to 16 before it pushes (SDM 3A 6.14.2) and struct exception_frame is a
 * multiple of 16, so the call is aligned. RBP stays the interrupted one: the back-trace goes on.
 */
interrupt_common:
	cld
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	call	interrupt_entry
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp	/* vector, error code */
	iretq

	.section .note.GNU-stack, "", @progbits
