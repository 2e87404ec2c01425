/* SPDX-License-Identifier: MIT */
/* From the multiboot 1 entry to long mode with the low 4 GiB identity-mapped; descriptor table. */
#include "tests/guest/lib/segments.h"

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 3 /* page-aligned modules, memory information */

#define PTE_P_RW_US    0x7
#define PTE_PS	       0x80
#define IDENTITY_PAGES (4 * 512) /* of 2 MiB */
#define STACK_SIZE     0x8000

#define CR0_KEEP    0x9fffffff /* without CD and NW */
#define CR0_LONG    0x80010033 /* PG WP NE ET MP PE */
#define CR4_PAE	    0x20
#define MSR_EFER    0xc0000080
#define EFER_LME_NX 0x900

	.section .multiboot, "a"
	.balign 4
	.long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	.text
	.code32
	.globl start
start:
	cli
	cld
	movl $stack_top, %esp /* multiboot leaves ESP undefined */
	movl %eax, %ebp
	movl $page_directories, %edi
	movl $(PTE_P_RW_US | PTE_PS), %eax
	movl $IDENTITY_PAGES, %ecx
1:	movl %eax, (%edi)
	movl $0, 4(%edi)
	addl $0x200000, %eax
	addl $8, %edi
	loop 1b
	movl $page_directories + PTE_P_RW_US, %eax
	movl $pdpt, %edi
	movl $4, %ecx
2:	movl %eax, (%edi)
	addl $0x1000, %eax
	addl $8, %edi
	loop 2b
	movl $pdpt + PTE_P_RW_US, guest_pml4
	call enter_long_paging
	lgdt guest_gdtr
	ljmp $GUEST_CS64, $start64

	/* Also the way back from real mode (test_realmode.S). Clobbers EAX, ECX, EDX. */
	.globl enter_long_paging
enter_long_paging:
	movl %cr4, %eax
	orl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $guest_pml4, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME_NX, %eax
	wrmsr
	movl %cr0, %eax
	andl $CR0_KEEP, %eax
	orl $CR0_LONG, %eax
	movl %eax, %cr0
	ret

	.code64
start64:
	load_segments64
	movq $stack_top, %rsp
	movl %ebp, %edi
	movl %ebx, %esi
	xorl %ebp, %ebp
	call guest_start
3:	hlt
	jmp 3b

	.data
	.balign 16
	.globl guest_gdt, guest_gdtr
guest_gdt: /* in the order of segments.h */
	.quad 0
	.quad 0x00af9b000000ffff /* 64-bit code */
	.quad 0x00cf93000000ffff /* data */
	.quad 0x00cff3000000ffff /* ring 3 data */
	.quad 0x00affb000000ffff /* ring 3 64-bit code */
	.quad 0x00cf9b000000ffff /* 32-bit code */
	.quad 0x00009b000000ffff /* 16-bit code */
	.quad 0x000093000000ffff /* 16-bit data */
	.quad 0x00cf13000000ffff /* data, not present */
	.quad 0, 0		 /* TSS, filled by tables_init */
guest_gdtr:
	.word . - guest_gdt - 1
	.quad guest_gdt

	.bss
	.balign 0x1000
	.globl guest_pml4
guest_pml4:	  .skip 0x1000
pdpt:		  .skip 0x1000
page_directories: .skip 4 * 0x1000
	.skip STACK_SIZE
stack_top:

	.section .note.GNU-stack, "", @progbits
