/* SPDX-License-Identifier: MIT */
/* Where a second processor starts: real mode, straight to long mode with the first one's tables. */
#include "tests/guest/lib/segments.h"

#define CR0_PE	    0x1
#define TRAMPOLINE  0x9000
#define OFFSET(label) (label - ap_trampoline)

	.data
	.globl ap_trampoline, ap_trampoline_end
	.balign 16
ap_trampoline:
	.code16
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl OFFSET(gdtr)
	movl %cr0, %eax
	orl $CR0_PE, %eax
	movl %eax, %cr0
	ljmpl $GUEST_CS32, $ap_start32
	.balign 8
gdtr:
	.word GUEST_TSS + 15
	.long guest_gdt
ap_trampoline_end:

	.text
	.code32
ap_start32:
	load_segments
	movl $ap_stacks, %esp /* for one call, whose return address is the same for all */
	call next_index
	movl %eax, %esi
	incl %eax
	shll $12, %eax
	leal ap_stacks(%eax), %esp
	call enter_long_paging
	ljmp $GUEST_CS64, $ap_start64

	/* EAX = 0..SMP_MAX - 1, the next stack that is free. */
next_index:
	movl $1, %eax
	lock xaddl %eax, ap_next
	andl $(SMP_MAX - 1), %eax
	ret

	.code64
ap_start64:
	load_segments64
	xorl %ebp, %ebp
	call ap_main
1:	cli
	hlt
	jmp 1b

	.data
	.globl ap_next
ap_next: .long 0

	.bss
	.balign 4096
	.skip 4096
ap_stacks:
	.skip SMP_MAX * 4096

	.section .note.GNU-stack, "", @progbits
