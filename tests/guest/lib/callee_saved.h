/* SPDX-License-Identifier: MIT */
/* For assembly: the registers that a C caller expects back (System V ABI, 3.2.1). */
#ifndef FIRN_GUEST_CALLEE_SAVED_H
#define FIRN_GUEST_CALLEE_SAVED_H

/* clang-format off */
	.macro push_callee_saved
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	.endm

	.macro pop_callee_saved
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	.endm
/* clang-format on */

#endif
