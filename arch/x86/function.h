/* SPDX-License-Identifier: MIT */
/*
 * Functions in assembly. What indirect calls reach has endbr64 behind FUNCTION. RETURN_FUNCTION is
 * the end of one with a single way out, its last instruction.
 */
#ifndef FIRN_X86_FUNCTION_H
#define FIRN_X86_FUNCTION_H

/* clang-format off */
.macro FUNCTION name
	.balign 16
	.globl \name
	.type \name, @function
\name:
.endm

.macro END_FUNCTION name
	.size \name, . - \name
.endm

.macro RETURN_FUNCTION name
	jmp __x86_return_thunk
	END_FUNCTION \name
.endm
/* clang-format on */

#endif
