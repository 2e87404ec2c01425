/* SPDX-License-Identifier: MIT */
/*
 * The indirect branches and returns of all code, under the names by which the compiler calls them
 * (-mindirect-branch and -mfunction-return=thunk-extern). Each stands in the upper half of its cache
 * line, where Indirect Target Selection does not predict it by what guests ran (branch_thunks.h).
 */
#include "arch/x86/branch_thunks.h"

	.text

.macro THUNK name, branch:vararg
	.balign BRANCH_THUNK_SIZE, 0xcc
	.skip BRANCH_THUNK_ENTRY, 0xcc
	.globl \name
	.type \name, @function
\name:
	\branch
	int3		/* nothing behind it is executed speculatively */
	.size \name, . - \name
.endm

	.balign BRANCH_THUNK_SIZE, 0xcc
	.globl branch_thunks
	.type branch_thunks, @object
branch_thunks:
	/* In the order of the registers' numbers; none is called through RSP. */
	THUNK __x86_indirect_thunk_rax, jmp *%rax
	THUNK __x86_indirect_thunk_rcx, jmp *%rcx
	THUNK __x86_indirect_thunk_rdx, jmp *%rdx
	THUNK __x86_indirect_thunk_rbx, jmp *%rbx
	THUNK __x86_return_thunk, ret
	THUNK __x86_indirect_thunk_rbp, jmp *%rbp
	THUNK __x86_indirect_thunk_rsi, jmp *%rsi
	THUNK __x86_indirect_thunk_rdi, jmp *%rdi
	.irp n, 8, 9, 10, 11, 12, 13, 14, 15
	THUNK __x86_indirect_thunk_r\n, jmp *%r\n
	.endr
	.balign BRANCH_THUNK_SIZE, 0xcc
	.size branch_thunks, . - branch_thunks

	.section .note.GNU-stack, "", @progbits
