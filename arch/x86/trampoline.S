/* SPDX-License-Identifier: MIT */
/*
 * First instructions of a CPU after SIPI: real mode, CS = page, IP = 0. Runs from a copy, so that
 * every address is relative to the page; the absolute ones are filled in by smp.c.
 */

#define CR4_PAE	 0x20
#define CR0_LONG 0x80010033	/* PG, WP, NE, ET, MP, PE; not CD and NW */
#define MSR_EFER 0xc0000080
#define SEL_DATA 0x10

	.section .rodata.trampoline, "a"
	.balign	16
	.globl	trampoline, trampoline_data, trampoline_64, trampoline_end
	.code16
trampoline:
	cli
	cld
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	(gdt_limit - trampoline)
	mov	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	(cr3 - trampoline), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	mov	(efer - trampoline), %eax
	xor	%edx, %edx
	wrmsr
	mov	$CR0_LONG, %eax
	mov	%eax, %cr0	/* long mode, still in a 16-bit segment (SDM 3A 9.8.5) */
	ljmpl	*(jump - trampoline)

	.code64
trampoline_64:
	mov	$SEL_DATA, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	mov	stack(%rip), %rsp
	mov	cpu(%rip), %rdi
	xor	%ebp, %ebp	/* the end of every back-trace */
	call	*entry(%rip)
	ud2

	.balign	16
trampoline_data:
jump:	.long	0
	.word	0
gdt_limit:
	.word	0
	.long	0
cr3:	.long	0
efer:	.long	0
	.long	0
stack:	.quad	0
cpu:	.quad	0
entry:	.quad	0
gdt:	.quad	0, 0, 0
trampoline_end:

	.section .note.GNU-stack, "", @progbits
