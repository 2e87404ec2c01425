/* SPDX-License-Identifier: MIT */
/*
 * Functions with one instruction that may fault. After a fault the exception's entry lets the
 * function return false (entry.S): so nothing may be on the stack there but the return address.
 * IRET to another place is not possible, for the shadow stack has the old one.
 */
#include "arch/x86/function.h"

	.text

.macro MAY_FAULT instruction:vararg
773:	\instruction
	.pushsection .fixup, "a"
	.balign 8
	.quad 773b
	.popsection
.endm

	FUNCTION rdmsr_safe
	endbr64
	mov %edi, %ecx
	MAY_FAULT rdmsr
	mov %eax, (%rsi)
	mov %edx, 4(%rsi)
	mov $1, %eax
	RETURN_FUNCTION rdmsr_safe

	FUNCTION wrmsr_safe
	endbr64
	mov %edi, %ecx
	mov %esi, %eax
	mov %rsi, %rdx
	shr $32, %rdx
	MAY_FAULT wrmsr
	mov $1, %eax
	RETURN_FUNCTION wrmsr_safe

	.section .note.GNU-stack, "", @progbits
