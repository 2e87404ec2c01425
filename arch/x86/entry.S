/* SPDX-License-Identifier: MIT */
/* Interrupt entry: 256 stubs of 16 bytes that make one frame layout out of all vectors. */

/* #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP (SDM 3A table 6-1); #VC, #SX (APM 2 table 8-1) */
#define ERROR_CODE_VECTORS 0x60227d00

#define VECTOR_ABOVE_CALLER_SAVED 72 /* above nine registers */

/* struct exception_frame and struct shadow_frame */
#define FRAME_RFLAGS	   152
#define FRAME_RSP	   160
#define SHADOW_FRAME_WORDS 3

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
	.if	vector < 32
	jmp	exception_common
	.else
	jmp	interrupt_common
	.endif
	.set	vector, vector + 1
	.endr

/*
 * The CPU aligns RSP to 16 before it pushes (SDM 3A 6.14.2), and 16 words are on the stack at the
 * call. RBP stays the interrupted one: the back-trace goes on.
 */
interrupt_common:
	cld
	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	mov	VECTOR_ABOVE_CALLER_SAVED(%rsp), %edi
	call	interrupt_dispatch
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$16, %rsp	/* vector, nothing */
	iretq

/* struct exception_frame, a multiple of 16. */
exception_common:
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
	xor	%esi, %esi
	rdsspq	%rsi	/* does nothing without a shadow stack */
	call	exception_entry
	test	%al, %al
	jnz	probe_failed
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

/*
 * A function of probe.S faulted and returns false: what callers rely on is in the registers still.
 * Its return address is on top of its stack and, below the exception's frame, of the shadow stack.
 */
probe_failed:
	xor	%eax, %eax
	rdsspq	%rax
	test	%rax, %rax
	jz	1f
	mov	$SHADOW_FRAME_WORDS, %eax
	incsspq	%rax
1:	push	FRAME_RFLAGS(%rsp)
	popfq
	mov	FRAME_RSP(%rsp), %rsp
	xor	%eax, %eax
	jmp __x86_return_thunk

	.section .note.GNU-stack, "", @progbits
