/* SPDX-License-Identifier: MIT */
/*
 * The world switch. Guest RIP, RSP, RFLAGS, control and segment registers are switched by the
 * VMCS; the other general registers here.
 */
#include "arch/x86/patch_site.h"

#define GPR(n)	 (8 * (n))
#define RAX	 0
#define RCX	 1
#define RDX	 2
#define RBX	 3
#define RBP	 5
#define RSI	 6
#define RDI	 7
#define HOST_RSP 0x6c14
#define HOST_SSP 0x6c1a

/*
 * bool vmx_enter(u64 gpr[16], struct vmx_host_stack *stack, bool launched);
 * True after a VM exit; false when VMLAUNCH or VMRESUME itself failed (guest registers unchanged).
 */
	.text
	.globl vmx_enter, vmx_exit_point
	.type vmx_enter, @function
	.balign 16
vmx_enter:
	endbr64
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	push %rdi
	PATCH_SITE PATCH_ENTRY
	/* The stacks are nearly always where they were: VMWRITE only when they moved. */
	cmp %rsp, (%rsi)
	je 1f
	mov %rsp, (%rsi)
	mov $HOST_RSP, %eax
	vmwrite %rsp, %rax
1:	xor %eax, %eax
	rdsspq %rax	/* 0 without a shadow stack */
	cmp %rax, 8(%rsi)
	je 2f
	mov %rax, 8(%rsi)
	mov $HOST_SSP, %ecx
	vmwrite %rax, %rcx
2:	test %dl, %dl	/* ZF survives the moves below */
	mov GPR(RAX)(%rdi), %rax
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
	jz 3f
	/* Last, for it clears what the loads above left in the CPU's buffers. It changes ZF. */
	PATCH_SITE_VERW
	vmresume
	jmp 4f
3:	PATCH_SITE_VERW
	vmlaunch
4:	pop %rdi
	PATCH_SITE PATCH_EXIT
	xor %eax, %eax
	jmp 5f

vmx_exit_point:
	push %rdi
	mov 8(%rsp), %rdi
	mov %rax, GPR(RAX)(%rdi)
	mov %rcx, GPR(RCX)(%rdi)
	mov %rdx, GPR(RDX)(%rdi)
	mov %rbx, GPR(RBX)(%rdi)
	mov %rbp, GPR(RBP)(%rdi)
	mov %rsi, GPR(RSI)(%rdi)
	mov %r8, GPR(8)(%rdi)
	mov %r9, GPR(9)(%rdi)
	mov %r10, GPR(10)(%rdi)
	mov %r11, GPR(11)(%rdi)
	mov %r12, GPR(12)(%rdi)
	mov %r13, GPR(13)(%rdi)
	mov %r14, GPR(14)(%rdi)
	mov %r15, GPR(15)(%rdi)
	popq GPR(RDI)(%rdi)
	pop %rdi
	movl $PREDICTOR_GUEST_RAN, %gs:PREDICTOR_OFFSET
	PATCH_SITE PATCH_EXIT
	mov $1, %eax
	/* No guest value stays in a register that host code might use speculatively. */
	xor %ecx, %ecx
	xor %edx, %edx
	xor %esi, %esi
	xor %edi, %edi
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
5:	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	jmp __x86_return_thunk
	.size vmx_enter, . - vmx_enter

	.section .note.GNU-stack, "", @progbits
