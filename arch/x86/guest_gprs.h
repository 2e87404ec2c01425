/* SPDX-License-Identifier: MIT */
/*
 * A guest's general registers in the world switch of both vendors: loaded before the entry, saved
 * after the exit. RAX, and RDI where it is saved, go their own ways. For assembly; gpr[] is that of
 * struct arch_vcpu, in the order of instruction encodings.
 */
#ifndef FIRN_X86_GUEST_GPRS_H
#define FIRN_X86_GUEST_GPRS_H

#define GPR(n) (8 * (n))
#define RAX    0
#define RCX    1
#define RDX    2
#define RBX    3
#define RBP    5
#define RSI    6
#define RDI    7

/* clang-format off */
/* What the caller keeps (System V ABI). */
.macro PUSH_HOST_GPRS
	.irp reg, rbx, rbp, r12, r13, r14, r15
	push %\reg
	.endr
.endm

.macro POP_HOST_GPRS
	.irp reg, r15, r14, r13, r12, rbp, rbx
	pop %\reg
	.endr
.endm

/* RDI: gpr[], and loaded last. Flags stay. */
.macro LOAD_GUEST_GPRS
	mov GPR(RCX)(%rdi), %rcx
	mov GPR(RDX)(%rdi), %rdx
	mov GPR(RBX)(%rdi), %rbx
	mov GPR(RBP)(%rdi), %rbp
	mov GPR(RSI)(%rdi), %rsi
	.irp n, 8, 9, 10, 11, 12, 13, 14, 15
	mov GPR(\n)(%rdi), %r\n
	.endr
	mov GPR(RDI)(%rdi), %rdi
.endm

/* All but RAX and RDI. */
.macro SAVE_GUEST_GPRS gpr
	mov %rcx, GPR(RCX)(\gpr)
	mov %rdx, GPR(RDX)(\gpr)
	mov %rbx, GPR(RBX)(\gpr)
	mov %rbp, GPR(RBP)(\gpr)
	mov %rsi, GPR(RSI)(\gpr)
	.irp n, 8, 9, 10, 11, 12, 13, 14, 15
	mov %r\n, GPR(\n)(\gpr)
	.endr
.endm

/*
 * No guest value stays in a register that host code might use speculatively: RAX has the result, and
 * the others are popped.
 */
.macro CLEAR_GUEST_GPRS
	.irp reg, ecx, edx, esi, edi, r8d, r9d, r10d, r11d
	xor %\reg, %\reg
	.endr
.endm
/* clang-format on */

#endif
