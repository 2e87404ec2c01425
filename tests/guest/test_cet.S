/* SPDX-License-Identifier: MIT */
/* Code that runs under control-flow enforcement, good and bad, and what catches its exceptions. */
#include "tests/guest/lib/callee_saved.h"
#include "tests/guest/lib/segments.h"

#define MSR_S_CET      0x6a2
#define SH_STK_EN      1
#define APIC_EOI       0xfee000b0
#define APIC_ICR_LOW   0xfee00300
#define ICR_SELF_62    0x44062
#define VECTOR_TAMPER  0x61
#define VECTOR_DONE    0x80 /* of the library: ends user mode */
#define UNKNOWN_MSR    0x12345678
#define EXIT_PORT      0xed

	.text
	.code64
	/*
	 * bool cet_supervisor(void (*fn)(void), u64 s_cet): true when fn was left by an exception. With
	 * a shadow stack it is that of IA32_PL0_SSP.
	 */
	.globl cet_supervisor
cet_supervisor:
	push_callee_saved
	movq %rsp, saved_rsp
	movq %rdi, %rbx
	movl $MSR_S_CET, %ecx
	movl %esi, %eax
	xorl %edx, %edx
	wrmsr
	testb $SH_STK_EN, %sil
	jz 1f
	setssbsy
1:	call *%rbx
	movl $MSR_S_CET, %ecx
	xorl %eax, %eax
	xorl %edx, %edx
	wrmsr
	jmp 2f
caught:
	movq saved_rsp, %rsp
	movl $1, %eax
2:	pop_callee_saved
	ret

	/* In place of the library's entry points, which use no ENDBR64 behind their first one. */
	.macro catch vector, pushed
	.globl cet_catch_\vector
cet_catch_\vector:
	endbr64
	.if !\pushed
	pushq $0
	.endif
	pushq $\vector
	jmp exception
	.endm
	catch 6, 0
	catch 13, 1
	catch 14, 1
	catch 21, 1
exception:
	popq cet_vector
	popq cet_error
	popq cet_rip
	xorl %eax, %eax
	rdsspq %rax
	movq %rax, cet_ssp
	movl $MSR_S_CET, %ecx
	rdmsr
	movl %eax, cet_s_cet
	xorl %eax, %eax
	xorl %edx, %edx
	wrmsr
	jmp caught

	/* An interrupt, and one whose return address is changed. */
	.globl cet_interrupt, cet_tamper
cet_interrupt:
	endbr64
	incl cet_interrupts
	pushq %rax
	movl $APIC_EOI, %eax
	movl $0, (%rax)
	popq %rax
	iretq
cet_tamper:
	endbr64
	leaq cet_nothing(%rip), %rax
	movq %rax, (%rsp)
	iretq

	/* Each is a function of its own, for cet_supervisor. */
	.macro code name
	.balign 16
	.globl cet_\name
cet_\name:
	endbr64
	.endm

	code nothing
	ret

	code calls
	call 1f
	leaq 1f(%rip), %rax
	subq $4, %rax /* its ENDBR64 */
	call *%rax
	rex.w lcall *far_pointer
	int $0x63
	ret
	endbr64
1:	ret

	.globl cet_empty_interrupt
cet_empty_interrupt:
	endbr64
	iretq
far_good:
	endbr64
	lretq

	/* Exits, and an interrupt, in between. */
	code exits
	pushq %rbx
	movl $100, %esi
1:	xorl %eax, %eax
	cpuid
	inb $EXIT_PORT, %al
	call 2f
	decl %esi
	jnz 1b
	movl $APIC_ICR_LOW, %eax
	movl $ICR_SELF_62, (%rax)
	sti
	nop
	nop
	cli
	popq %rbx
	ret
2:	ret

	code near_return
	call 1f
2:	ret
1:	leaq 2b(%rip), %rax
	incq %rax
	movq %rax, (%rsp)
	ret

	code far_return
	rex.w lcall *far_bad_pointer
	ret
far_bad:
	endbr64
	leaq cet_nothing(%rip), %rax
	movq %rax, (%rsp)
	lretq

	code interrupt_return
	int $VECTOR_TAMPER
	ret

	code jump
	leaq 1f(%rip), %rax
	jmp *%rax
1:	ret

	code notrack_jump
	leaq 1f(%rip), %rax
	notrack jmp *%rax
1:	ret

	code call_bad
	leaq 1f(%rip), %rax
	call *%rax
1:	ret

	code restore
	movq cet_shadow, %rax
	rstorssp (%rax)
	ret

	code set_busy
	setssbsy
	ret

	code write_shadow
	movq cet_shadow, %rax
	movl $0x1234, %ecx
	wrssq %rcx, (%rax)
	ret

	code write_ordinary
	leaq cet_rip(%rip), %rax
	wrssq %rax, (%rax)
	ret

	code store
	movq cet_shadow, %rax
	movq %rax, (%rax)
	ret

	code bad_rdmsr
	movl $UNKNOWN_MSR, %ecx
	rdmsr
	ret

	/* At CPL 3: the return address of the first function is not on the shadow stack. */
	code user_calls
	call 1f
	int $VECTOR_DONE
1:	ret

	code user_near_return
	call 1f
	int $VECTOR_DONE
1:	leaq 2f(%rip), %rax
	movq %rax, (%rsp)
	ret
2:	int $VECTOR_DONE

	code user_far_return
	rex.w lcall *user_far_pointer
	int $VECTOR_DONE
user_far:
	endbr64
	leaq 1f(%rip), %rax
	movq %rax, (%rsp)
	lretq
1:	int $VECTOR_DONE

	code user_jump
	leaq 1f(%rip), %rax
	jmp *%rax
1:	int $VECTOR_DONE

	code user_store
	movq cet_shadow, %rax
	movq %rax, (%rax)
	int $VECTOR_DONE

	.data
	.balign 8
	.globl cet_vector, cet_error, cet_rip, cet_ssp, cet_s_cet, cet_interrupts, cet_shadow
saved_rsp:	.quad 0
cet_vector:	.quad 0
cet_error:	.quad 0
cet_rip:	.quad 0
cet_ssp:	.quad 0
cet_shadow:	.quad 0 /* address on the shadow stack */
cet_s_cet:	.long 0
cet_interrupts:	.long 0
	.balign 16
far_pointer:
	.quad far_good
	.quad GUEST_CS64
far_bad_pointer:
	.quad far_bad
	.quad GUEST_CS64
user_far_pointer:
	.quad user_far
	.quad GUEST_USER_CS

	.section .note.GNU-stack, "", @progbits
