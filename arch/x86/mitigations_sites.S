/* SPDX-License-Identifier: MIT */
/*
 * What patch sites call (patch_site.h has the contract of each), interrupts off. An LFENCE ends
 * each of them that runs on Firn's side: no indirect branch behind it starts before it is over.
 */
#include "arch/x86/function.h"
#include "arch/x86/patch_site.h"

#define MSR_IA32_SPEC_CTRL 0x48
#define MSR_IA32_PRED_CMD  0x49
#define PRED_CMD_IBPB	   1
#define MSR_IA32_FLUSH_CMD 0x10b
#define FLUSH_CMD_L1D	   1

	.text

/* EAX, ECX, EDX change. */
.macro IBPB
	mov $MSR_IA32_PRED_CMD, %ecx
	mov $PRED_CMD_IBPB, %eax
	xor %edx, %edx
	wrmsr
	movb $0, %gs:PREDICTOR_UNBARRIERED
.endm

/*
 * PATCH_SHARED: only the first time after a guest ran.
 */
.macro SHARED_BEGIN name
	FUNCTION \name
	cmpb $0, %gs:PREDICTOR_PENDING
	je 9f
	push %rax
	push %rcx
	push %rdx
	incq %gs:PREDICTOR_NEEDED
.endm

.macro SHARED_END name
	lfence
	movb $0, %gs:PREDICTOR_PENDING
	incq %gs:PREDICTOR_DONE
	pop %rdx
	pop %rcx
	pop %rax
9:	RETURN_FUNCTION \name
.endm

	SHARED_BEGIN shared_ibpb
	IBPB
	SHARED_END shared_ibpb

	SHARED_BEGIN shared_bhb_short
	call bhb_clear_short
	SHARED_END shared_bhb_short

	SHARED_BEGIN shared_bhb_long
	call bhb_clear_long
	SHARED_END shared_bhb_long

/* Nothing is flushed, but entries want to know that shared code has run. */
	FUNCTION shared_mark
	movb $0, %gs:PREDICTOR_PENDING
	RETURN_FUNCTION shared_mark

/*
 * PATCH_ENTRY and its parts. The guest's IA32_SPEC_CTRL comes last.
 */
	FUNCTION mitigations_entry
	PATCH_SITE PATCH_ENTRY_L1D
	PATCH_SITE PATCH_ENTRY_SPEC
	RETURN_FUNCTION mitigations_entry

/* Without shared code since the last exit, the cache holds nothing that was not there then. */
	FUNCTION entry_l1d_flush
	cmpb $0, %gs:PREDICTOR_PENDING
	jne 1f
	push %rdx
	mov $MSR_IA32_FLUSH_CMD, %ecx
	mov $FLUSH_CMD_L1D, %eax
	xor %edx, %edx
	wrmsr
	pop %rdx
1:	RETURN_FUNCTION entry_l1d_flush

/* EAX: what the register is while the guest runs. */
.macro GUEST_SPEC_CTRL
	mov VCPU_SPEC_CTRL(%rdi), %eax
	or spec_ctrl_forced(%rip), %eax
.endm

	FUNCTION entry_spec_ctrl
	GUEST_SPEC_CTRL
	cmp spec_ctrl_host(%rip), %eax
	je 1f
	push %rdx
	mov $MSR_IA32_SPEC_CTRL, %ecx
	xor %edx, %edx
	wrmsr
	pop %rdx
1:	RETURN_FUNCTION entry_spec_ctrl

/*
 * PATCH_EXIT where a guest's calls stay in the return stack buffer: each of its entries is
 * overwritten, before the first RET, by one at which speculation ends. The return addresses on the
 * stack are dropped, and so are those on a shadow stack (RDSSP changes nothing where there is none).
 */
#define RSB_ENTRIES 32

	FUNCTION mitigations_exit_rsb_fill
	mov $(RSB_ENTRIES / 2), %ecx
1:	call 2f
	int3
2:	call 3f
	int3
3:	add $16, %rsp
	dec %ecx
	jnz 1b
	lfence
	xor %eax, %eax
	rdsspq %rax
	test %rax, %rax
	jz mitigations_exit
	mov $RSB_ENTRIES, %ecx
	incsspq %rcx
	jmp mitigations_exit
	END_FUNCTION mitigations_exit_rsb_fill

/*
 * PATCH_EXIT and its parts. The call to it is also the one that processors want between a VM exit
 * and the first return (Post-barrier Return Stack Buffer predictions); LFENCE follows.
 */
	FUNCTION mitigations_exit
	PATCH_SITE PATCH_EXIT_SPEC
	PATCH_SITE PATCH_EXIT_IBPB
	PATCH_SITE PATCH_EXIT_BHB
	lfence
	RETURN_FUNCTION mitigations_exit

	FUNCTION exit_spec_ctrl
	GUEST_SPEC_CTRL
	mov %eax, %ecx
	mov spec_ctrl_host(%rip), %eax
	cmp %eax, %ecx
	je 1f
	mov $MSR_IA32_SPEC_CTRL, %ecx
	xor %edx, %edx
	wrmsr
1:	lfence
	RETURN_FUNCTION exit_spec_ctrl

	FUNCTION exit_spec_ctrl_always
	mov spec_ctrl_host(%rip), %eax
	mov $MSR_IA32_SPEC_CTRL, %ecx
	xor %edx, %edx
	wrmsr
	lfence
	RETURN_FUNCTION exit_spec_ctrl_always

/* The exit has set both flags before. */
	FUNCTION exit_ibpb
	IBPB
	RETURN_FUNCTION exit_ibpb

	.section .note.GNU-stack, "", @progbits
