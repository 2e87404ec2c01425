/* SPDX-License-Identifier: MIT */
/* 64-bit entry: where both loaders end, and the way there from the 32-bit entry. */
#include "boot/entry.h"

	.section .text.entry64, "ax"
	.code64

/*
 * Still at the physical address; EBX = multiboot information, EBP = physical base of the image.
 * The upper halves of the registers are undefined here (SDM 1, 3.4.1.1).
 */
	.globl entry_long_mode
	.type entry_long_mode, @function
entry_long_mode:
	mov	$BOOT_DATA, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	mov	%ebx, %edi
	mov	%ebp, %esi
	mov	$boot_stack_top, %rsp
	mov	$1f, %rax
	jmp	*%rax
1:	xor	%ebp, %ebp
	call	multiboot2_start /* (information, image base), returns the hand-over's address */
	mov	%rax, %rdi
	/* fall through */

/* State as in boot/handover.h; RDI = physical address of struct handover. */
	.globl firn_entry64
	.type firn_entry64, @function
firn_entry64:
	endbr64
	cli
	mov	$boot_stack_top, %rsp
	mov	%rdi, %rbx
	call	kaslr_start
	mov	%rbx, %rdi
	/* All addresses may be others now. MOV to CR0 serializes: none is from the old ones. */
	movabs	$2f, %rax
	jmp	*%rax
2:	endbr64
	mov	$BOOT_CR0, %eax
	mov	%rax, %cr0
	mov	$boot_stack_top, %rsp
	pushq	$RFLAGS_CLEAR
	popfq

	/* The firmware's descriptors are in memory that is ours now. */
	pushq	$boot_gdt
	pushw	$BOOT_GDT_LIMIT
	lgdt	(%rsp)
	add	$10, %rsp
	pushq	$BOOT_CODE64
	pushq	$1f
	lretq
1:	mov	$BOOT_DATA, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	lldt	%ax

	xor	%ebp, %ebp /* the end of every back-trace */
	call	firn_main
	ud2

	.section .rodata.boot_gdt, "a"
	.balign 8
	.globl boot_gdt
boot_gdt:
	.quad 0
	.quad GDT_CODE64
	.quad GDT_DATA

	.section .bss.boot_stack, "aw", @nobits
	.balign 16
	.skip	BOOT_STACK_SIZE
	.globl boot_stack_top
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
