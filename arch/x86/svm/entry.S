/* SPDX-License-Identifier: MIT */
/*
 * The world switch. Guest RIP, RSP, RAX, RFLAGS, control registers and CS, DS, ES, SS are switched
 * by VMRUN; FS, GS, TR, LDTR and their MSRs by VMLOAD and VMSAVE; the other general registers here.
 */
#include "arch/x86/patch_site.h"

#define GPR(n) (8 * (n))
#define RCX    1
#define RDX    2
#define RBX    3
#define RBP    5
#define RSI    6
#define RDI    7

/*
 * void svm_enter(u64 gpr[16], u64 vmcb_pa, u64 host_vmcb_pa);
 *
 * GIF = 0 holds interrupts and NMIs back while half of the state is the guest's. IF = 1 at VMRUN
 * lets physical interrupts end the guest (APM 2 15.21.1: with V_INTR_MASKING, the host's IF counts);
 * they stay pending and are taken when the caller lets interrupts in.
 */
	.text
	.globl svm_enter
	.type svm_enter, @function
	.balign 16
svm_enter:
	endbr64
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	push %rdx
	push %rdi
	clgi
	sti
	PATCH_SITE PATCH_ENTRY
	mov %rsi, %rax
	vmload %rax
	mov GPR(RCX)(%rdi), %rcx
	mov GPR(RDX)(%rdi), %rdx
	mov GPR(RBX)(%rdi), %rbx
	mov GPR(RBP)(%rdi), %rbp
	mov GPR(RSI)(%rdi), %rsi
	mov GPR(8)(%rdi), %r8
	mov GPR(9)(%rdi), %r9
	mov GPR(10)(%rdi), %r10
	mov GPR(11)(%rdi), %r11
	mov GPR(12)(%rdi), %r12
	mov GPR(13)(%rdi), %r13
	mov GPR(14)(%rdi), %r14
	mov GPR(15)(%rdi), %r15
	mov GPR(RDI)(%rdi), %rdi
	vmrun %rax
	/* RAX and RSP are the host's again. */
	vmsave %rax
	mov (%rsp), %rax
	mov %rcx, GPR(RCX)(%rax)
	mov %rdx, GPR(RDX)(%rax)
	mov %rbx, GPR(RBX)(%rax)
	mov %rbp, GPR(RBP)(%rax)
	mov %rsi, GPR(RSI)(%rax)
	mov %rdi, GPR(RDI)(%rax)
	mov %r8, GPR(8)(%rax)
	mov %r9, GPR(9)(%rax)
	mov %r10, GPR(10)(%rax)
	mov %r11, GPR(11)(%rax)
	mov %r12, GPR(12)(%rax)
	mov %r13, GPR(13)(%rax)
	mov %r14, GPR(14)(%rax)
	mov %r15, GPR(15)(%rax)
	pop %rdi
	pop %rax
	vmload %rax
	movl $PREDICTOR_GUEST_RAN, %gs:PREDICTOR_OFFSET
	PATCH_SITE PATCH_EXIT
	cli
	stgi
	/* No guest value stays in a register that host code might use speculatively. */
	xor %ecx, %ecx
	xor %edx, %edx
	xor %esi, %esi
	xor %edi, %edi
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret
	.size svm_enter, . - svm_enter

	.section .note.GNU-stack, "", @progbits
