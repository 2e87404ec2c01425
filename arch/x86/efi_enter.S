/* SPDX-License-Identifier: MIT */
/* void efi_enter(u64 function, u64 arg1, u64 arg2): Microsoft calling convention, 4 arguments. */

	.section .text.efi_enter, "ax"
	.code64
	.globl	efi_enter, efi_enter_abort
efi_enter:
	endbr64
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, efi_enter_rsp(%rip)
	and	$-16, %rsp
	sub	$32, %rsp	/* home of the register arguments */
	mov	%rdi, %rax
	mov	%rsi, %rcx
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	call	__x86_indirect_thunk_rax
/* Also where a fault in the firmware continues, with RSP = efi_enter_rsp. */
efi_enter_abort:
	mov	efi_enter_rsp(%rip), %rsp
	cld
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	jmp	__x86_return_thunk

	.section .note.GNU-stack, "", @progbits
