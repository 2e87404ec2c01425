/* SPDX-License-Identifier: MIT */
/* const char *f(void): control flow that no compiler makes. NULL if the CPU lets it pass. */
	.text

.macro BEGIN name
	.balign 16
	.globl \name
	.type \name, @function
\name:
	endbr64
.endm

.macro END name
	.size \name, . - \name
.endm

/* Returns to an address that the caller did not give it. */
	BEGIN selftest_cet_ret
	mov (%rsp), %rdx
	lea 1f(%rip), %rax
	mov %rax, (%rsp)
	ret
1:	xor %eax, %eax
	push %rdx
	ret
	END selftest_cet_ret

	BEGIN selftest_cet_jump
	lea 1f(%rip), %rax
	jmp *%rax
1:	xor %eax, %eax
	ret
	END selftest_cet_jump

	BEGIN selftest_cet_call
	lea 1f(%rip), %rax
	call *%rax
1:	xor %eax, %eax
	ret
	END selftest_cet_call

/* Calls itself until the shadow stack, of which a call takes less than of the stack, is full. */
	BEGIN selftest_cet_overflow
	call selftest_cet_overflow
	xor %eax, %eax
	ret
	END selftest_cet_overflow

	.section .note.GNU-stack, "", @progbits
