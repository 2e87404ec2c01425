/* SPDX-License-Identifier: MIT */
/*
 * The world switch. Guest RIP, RSP, RAX, RFLAGS, control registers and CS, DS, ES, SS are switched
 * by VMRUN; FS, GS, TR, LDTR and their MSRs by VMLOAD and VMSAVE; the other general registers here.
 */
#include "arch/x86/guest_gprs.h"
#include "arch/x86/patch_site.h"

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
	PUSH_HOST_GPRS
	push %rdx
	push %rdi
	clgi
	sti
	PATCH_SITE PATCH_ENTRY
	mov %rsi, %rax
	vmload %rax
	LOAD_GUEST_GPRS
	vmrun %rax
	/* RAX and RSP are the host's again. */
	vmsave %rax
	mov (%rsp), %rax
	mov %rdi, GPR(RDI)(%rax)
	SAVE_GUEST_GPRS %rax
	pop %rdi
	pop %rax
	vmload %rax
	movl $PREDICTOR_GUEST_RAN, %gs:PREDICTOR_OFFSET
	PATCH_SITE PATCH_EXIT
	cli
	stgi
	CLEAR_GUEST_GPRS
	POP_HOST_GPRS
	ret
	.size svm_enter, . - svm_enter

	.section .note.GNU-stack, "", @progbits
