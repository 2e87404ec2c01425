/* SPDX-License-Identifier: MIT */
/* To 16-bit real mode and back: exits must work there as well (unrestricted guest). */
#include "tests/guest/lib/callee_saved.h"
#include "tests/guest/lib/segments.h"

#define CR0_PE	  0x1
#define CR0_PG	  0x80000000
#define CR0_PE_PG 0x80000001
#define EFER	  0xc0000080
#define EFER_LME  0x100
#define CR4_PAE	  0x20
#define TEST_INT  0x60

/* Runs at REALMODE_BASE, where realmode_run copies it; the code segment's base there is the same. */
#define REALMODE_BASE 0x8000
#define AT(label)     (REALMODE_BASE + label - realmode_start)
#define OFFSET(label) (label - realmode_start)

	.text
	.code64
	/* void realmode_enter(void): the code is at REALMODE_BASE; all but RSP may change. */
	.globl realmode_enter
realmode_enter:
	push_callee_saved
	movq %rsp, saved_rsp
	sidt saved_idtr
	pushq $GUEST_CS32
	pushq $leave_long
	lretq

	.code32
leave_long:
	load_segments
	movl %cr0, %eax
	andl $~CR0_PG, %eax
	movl %eax, %cr0
	movl $EFER, %ecx
	rdmsr
	andl $~EFER_LME, %eax
	wrmsr
	movl $GUEST_DS16, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl %eax, %ss
	ljmp $GUEST_CS16, $AT(real16)

	/* Back in 32-bit protected mode. */
back32:
	load_segments
	movl $stack32_top, %esp
	call enter_long_paging
	ljmp $GUEST_CS64, $back64

	.code64
back64:
	load_segments64
	lidt saved_idtr
	movq saved_rsp, %rsp
	pop_callee_saved
	ret

	.data
	.globl realmode_start, realmode_end, realmode_results
	.balign 16
realmode_start:
	.code16
real16: /* still in 16-bit protected mode with base 0 */
	movl %cr0, %eax
	andl $~CR0_PE, %eax
	movl %eax, %cr0
	ljmp $(REALMODE_BASE >> 4), $OFFSET(real)
real:
	movw %cs, %ax
	movw %ax, %ds
	movw %ax, %es
	xorw %ax, %ax
	movw %ax, %ss
	movw $REALMODE_BASE, %sp
	lidt OFFSET(real_idtr)

	movl $0x40000000, %eax
	cpuid
	movl %ebx, OFFSET(r_cpuid)

	movl $0x80000000, %eax
	movw $0xcf8, %dx
	outl %eax, %dx
	movw $0xcfc, %dx
	inl %dx, %eax
	movl %eax, OFFSET(r_in)

	movw $OFFSET(r_string), %di
	movw $2, %cx
	cld
	rep insl

	movl $EFER, %ecx
	rdmsr
	movl %eax, OFFSET(r_efer)

	int $TEST_INT

	movl %cr0, %eax
	movl %eax, OFFSET(r_cr0)

	/* Device memory through a segment beyond 1 MiB is out of reach; ROM and RAM are not. */
	movw $0xf000, %ax
	movw %ax, %fs
	movl %fs:0, %eax
	movl %eax, OFFSET(r_rsdp)

	movl $0x12345678, %eax
	pushl %eax
	popl OFFSET(r_stack)

	lgdtl OFFSET(real_gdtr)
	movl %cr0, %eax
	orl $CR0_PE, %eax
	movl %eax, %cr0
	ljmpl $GUEST_CS32, $back32

real_int: /* of TEST_INT */
	incl %cs:OFFSET(r_int)
	iretw

	.balign 8
real_idtr:
	.word 0x3ff
	.long 0
	.balign 8
real_gdtr:
	.word GUEST_TSS + 15
	.long guest_gdt
	.balign 8
	/* struct realmode_results */
realmode_results:
r_cpuid:  .long 0
r_in:	  .long 0
r_string: .long 0, 0
r_efer:	  .long 0
r_int:	  .long 0
r_cr0:	  .long 0
r_rsdp:	  .long 0
r_stack:  .long 0
r_int_offset:
	.long OFFSET(real_int)
realmode_end:

	.bss
	.balign 16
saved_rsp:  .skip 8
saved_idtr: .skip 16
	.skip 256
stack32_top:

	.section .note.GNU-stack, "", @progbits
