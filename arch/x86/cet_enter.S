/* SPDX-License-Identifier: MIT */
/* void cet_enter(u64 s_cet, void (*fn)(void)); the first call is the first entry of the shadow stack. */
#include "arch/x86/function.h"

#define MSR_IA32_S_CET 0x6a2
#define CET_SH_STK_EN  1

	.text
	FUNCTION cet_enter
	endbr64
	mov $MSR_IA32_S_CET, %ecx
	mov %rdi, %rax
	mov %rdi, %rdx
	shr $32, %rdx
	wrmsr
	test $CET_SH_STK_EN, %al
	jz 1f
	setssbsy	/* SSP = IA32_PL0_SSP, whose token is busy from now on */
1:	and $-16, %rsp
	xor %ebp, %ebp	/* the end of every back-trace */
	call *%rsi
	ud2
	END_FUNCTION cet_enter

	.section .note.GNU-stack, "", @progbits
