/* SPDX-License-Identifier: MIT */
/*
 * Entry from GRUB: 32-bit protected mode without paging, EAX = magic, EBX = multiboot information
 * (multiboot 2, 3.2). Runs wherever it was loaded: every address is EBP (the image's physical
 * base) plus an offset into the image.
 */
#include "boot/image.h"
#include "boot/entry.h"

#define OFFSET(symbol) ((symbol) - IMAGE_LINK_BASE)

/* COM1 and VGA text memory, for the messages of a machine that can't run us. */
#define COM1_DATA	0x3f8
#define COM1_LCR	0x3fb
#define COM1_LSR	0x3fd
#define LCR_DLAB_8N1	0x83
#define LCR_8N1		0x03
#define DIVISOR_115200	1
#define LSR_THR_EMPTY	0x20
#define LSR_TRIES	100000
#define VGA_TEXT	0xb8000
#define VGA_WHITE	0x0f

	.section .text.entry32, "ax"
	.code32
	.globl multiboot2_entry32
	.type multiboot2_entry32, @function
multiboot2_entry32:
	cli
	cld
	cmp	$MB2_BOOTLOADER_MAGIC, %eax
	jne	not_multiboot2

	/* The only memory we know is the information's header; its second word is reserved. */
	lea	8(%ebx), %esp
	call	1f
1:	pop	%ebp
	sub	$OFFSET(1b), %ebp
	lea	OFFSET(boot_stack_top)(%ebp), %esp
	push	%ebx

	mov	$CPUID_EXT_MAX, %eax
	cpuid
	cmp	$CPUID_EXT, %eax
	jb	no_long_mode
	mov	$CPUID_EXT, %eax
	cpuid
	test	$CPUID_EXT_LM, %edx
	jz	no_long_mode
	test	$(IMAGE_ALIGN - 1), %ebp
	jnz	misplaced

	call	build_page_tables
	mov	$BOOT_CR4, %eax
	mov	%eax, %cr4
	lea	OFFSET(early_pml4)(%ebp), %eax
	mov	%eax, %cr3
	mov	$EFER_MSR, %ecx
	xor	%edx, %edx
	mov	$BOOT_EFER, %eax
	wrmsr
	mov	$BOOT_CR0, %eax
	mov	%eax, %cr0

	pop	%ebx
	lea	OFFSET(boot_gdt)(%ebp), %eax
	push	%eax
	pushw	$BOOT_GDT_LIMIT
	lgdt	(%esp)
	add	$6, %esp
	lea	OFFSET(entry_long_mode)(%ebp), %eax
	push	$BOOT_CODE64
	push	%eax
	lret

/* Identity for 4 GiB, and the image at its link address. The tables are zero: they are in bss. */
build_page_tables:
	lea	OFFSET(early_pml4)(%ebp), %edi
	lea	(OFFSET(early_pdpt_identity) + TABLE_PRESENT_RW)(%ebp), %eax
	mov	%eax, (%edi)
	lea	(OFFSET(early_pdpt_image) + TABLE_PRESENT_RW)(%ebp), %eax
	mov	%eax, (IMAGE_PML4E * 8)(%edi)

	lea	OFFSET(early_pdpt_identity)(%ebp), %edi
	lea	(OFFSET(early_pd_identity) + TABLE_PRESENT_RW)(%ebp), %eax
	mov	$IDENTITY_TABLES, %ecx
1:	mov	%eax, (%edi)
	add	$TABLE_SIZE, %eax
	add	$8, %edi
	loop	1b

	lea	OFFSET(early_pdpt_image)(%ebp), %edi
	lea	(OFFSET(early_pd_image) + TABLE_PRESENT_RW)(%ebp), %eax
	mov	%eax, (IMAGE_PDPTE * 8)(%edi)

	lea	OFFSET(early_pd_identity)(%ebp), %edi
	mov	$LARGE_PRESENT_RW, %eax
	mov	$IDENTITY_LARGE, %ecx
	call	fill_directory
	lea	OFFSET(early_pd_image)(%ebp), %edi
	lea	LARGE_PRESENT_RW(%ebp), %eax
	mov	$__image_large_pages, %ecx

/* ECX entries at EDI, the first one EAX. */
fill_directory:
	mov	%eax, (%edi)
	add	$LARGE_SIZE, %eax
	add	$8, %edi
	loop	fill_directory
	ret

not_multiboot2: /* by whatever way we came here: most likely we are where we are linked */
	mov	$IMAGE_LOAD_BASE, %ebp
	mov	$OFFSET(text_not_multiboot2), %esi
	jmp	die
no_long_mode:
	mov	$OFFSET(text_no_long_mode), %esi
	jmp	die
misplaced:
	mov	$OFFSET(text_misplaced), %esi
	jmp	die

/* Shows the text at EBP + ESI on COM1 and on the text screen, and stops. Needs no stack. */
die:
	add	%ebp, %esi
	mov	$VGA_TEXT, %edi
	mov	$COM1_LCR, %edx
	mov	$LCR_DLAB_8N1, %al
	out	%al, %dx
	mov	$COM1_DATA, %edx
	mov	$DIVISOR_115200, %al
	out	%al, %dx
	inc	%edx
	xor	%al, %al
	out	%al, %dx
	mov	$COM1_LCR, %edx
	mov	$LCR_8N1, %al
	out	%al, %dx
next_character:
	lodsb
	test	%al, %al
	jz	stop
	mov	%al, %bl
	mov	%al, (%edi)
	movb	$VGA_WHITE, 1(%edi)
	add	$2, %edi
	mov	$COM1_LSR, %edx
	mov	$LSR_TRIES, %ecx
1:	in	%dx, %al
	test	$LSR_THR_EMPTY, %al
	loopz	1b
	mov	$COM1_DATA, %edx
	mov	%bl, %al
	out	%al, %dx
	jmp	next_character
stop:
	hlt
	jmp	stop

	.section .rodata.entry32, "a"
text_not_multiboot2:
	.asciz "Firn: not started by a multiboot 2 boot loader.\r\n"
text_no_long_mode:
	.asciz "Firn: this processor has no 64-bit mode.\r\n"
text_misplaced:
	.asciz "Firn: the boot loader put the image at an address that is not 2 MiB-aligned.\r\n"

	.section .bss.page_aligned, "aw", @nobits
	.balign TABLE_SIZE
early_pml4:
	.skip	TABLE_SIZE
early_pdpt_identity:
	.skip	TABLE_SIZE
early_pd_identity:
	.skip	IDENTITY_TABLES * TABLE_SIZE
early_pdpt_image:
	.skip	TABLE_SIZE
early_pd_image:
	.skip	TABLE_SIZE

	.section .note.GNU-stack, "", @progbits
