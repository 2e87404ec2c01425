/* SPDX-License-Identifier: MIT */
/* const char *f(void): control flow that no compiler makes. NULL if the CPU lets it pass. */
#include "arch/x86/function.h"

	.text

/* Returns to an address that the caller did not give it. */
	FUNCTION selftest_cet_ret
	endbr64
	mov (%rsp), %rdx
	lea 1f(%rip), %rax
	mov %rax, (%rsp)
	ret
1:	xor %eax, %eax
	push %rdx
	ret
	END_FUNCTION selftest_cet_ret

	FUNCTION selftest_cet_jump
	endbr64
	lea 1f(%rip), %rax
	jmp *%rax
1:	xor %eax, %eax
	ret
	END_FUNCTION selftest_cet_jump

	FUNCTION selftest_cet_call
	endbr64
	lea 1f(%rip), %rax
	call *%rax
1:	xor %eax, %eax
	ret
	END_FUNCTION selftest_cet_call

/* Calls itself until the shadow stack, of which a call takes less than of the stack, is full. */
	FUNCTION selftest_cet_overflow
	endbr64
	call selftest_cet_overflow
	xor %eax, %eax
	ret
	END_FUNCTION selftest_cet_overflow

	.section .note.GNU-stack, "", @progbits
