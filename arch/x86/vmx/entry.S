/* SPDX-License-Identifier: MIT */
/*
 * The world switch. Guest RIP, RSP, RFLAGS, control and segment registers are switched by the
 * VMCS; the other general registers here.
 */
#include "arch/x86/guest_gprs.h"
#include "arch/x86/patch_site.h"

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
	PUSH_HOST_GPRS
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
	LOAD_GUEST_GPRS
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
	SAVE_GUEST_GPRS %rdi
	popq GPR(RDI)(%rdi)
	pop %rdi
	movl $PREDICTOR_GUEST_RAN, %gs:PREDICTOR_OFFSET
	PATCH_SITE PATCH_EXIT
	mov $1, %eax
	CLEAR_GUEST_GPRS
5:	POP_HOST_GPRS
	jmp __x86_return_thunk
	.size vmx_enter, . - vmx_enter

	.section .note.GNU-stack, "", @progbits
