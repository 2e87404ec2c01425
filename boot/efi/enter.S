/* SPDX-License-Identifier: MIT */
/*
 * From the firmware's paging to ours. Copied to a page below 4 GiB: the new page tables map
 * nothing above, where the loader itself may be. Paging is off for a moment, because that is the
 * only way out of 5-level paging (SDM 3A 4.1.1), which some firmware uses.
 *
 * RDI = hand-over, RSI = page tables, both below 4 GiB; RDX = entry in the top 2 GiB. The upper
 * halves of registers are lost outside 64-bit mode, which is why these limits matter.
 */
#include "boot/entry.h"

	.section .text.enter, "ax"
	.code64
	.globl enter_start, enter_end
	.hidden enter_start, enter_end
	.balign 16
enter_start:
	endbr64
	cli
	cld
	mov	%edx, %ebx
	lea	enter_start + TABLE_SIZE(%rip), %rsp

	/* Paging can't be turned off with CR4.PCIDE on, nor WP while CR4.CET is on. */
	mov	%cr4, %rax
	and	$(BOOT_CR4_LA57 | BOOT_CR4), %eax
	mov	%rax, %cr4

	lea	gdt(%rip), %rax
	push	%rax
	pushw	$(gdt_end - gdt - 1)
	lgdt	(%rsp)
	add	$10, %rsp
	lea	2f(%rip), %rbp
	lea	1f(%rip), %rax
	pushq	$BOOT_CODE32
	push	%rax
	lretq

	.code32
1:	mov	$BOOT_DATA, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	mov	%cr0, %eax
	and	$~BOOT_CR0_PG, %eax
	mov	%eax, %cr0
	mov	$BOOT_CR4, %eax
	mov	%eax, %cr4
	mov	%esi, %cr3
	mov	$EFER_MSR, %ecx
	xor	%edx, %edx
	mov	$BOOT_EFER, %eax
	wrmsr
	mov	$BOOT_CR0, %eax
	mov	%eax, %cr0
	pushl	$BOOT_CODE64
	pushl	%ebp
	lretl

	.code64
2:	movslq	%ebx, %rax
	mov	%edi, %edi
	jmp	*%rax

	.balign 8
gdt:
	.quad 0
	.quad GDT_CODE64
	.quad GDT_DATA
	.quad GDT_CODE32
gdt_end:
enter_end:

	.section .note.GNU-stack, "", @progbits
