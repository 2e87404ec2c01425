/* SPDX-License-Identifier: MIT */
/*
 * A guest for several consoles at once: says LINES numbered lines, each with its NAME, waits for what
 * is typed and says it again. A PVH or multiboot kernel in 32-bit mode; COM1 is polled.
 */
#define COM1	     0x3f8
#define LINE_STATUS  5
#define DATA_READY   0x01
#define THR_EMPTY    0x20
#define MULTIBOOT    0x1badb002

	.section .text
	.globl start
	.balign 4
	.long MULTIBOOT, 0, -MULTIBOOT
start:
	mov $stack_end, %esp
	mov $1, %edi
1:	mov $name, %esi
	call say
	mov %edi, %eax
	call number
	mov $'\n', %al
	call put
	inc %edi
	cmp $LINES, %edi
	jbe 1b
echo:
	mov $COM1 + LINE_STATUS, %dx
	in %dx, %al
	test $DATA_READY, %al
	jz echo
	mov $COM1, %dx
	in %dx, %al
	call put
	jmp echo

/* %esi: text with a NUL */
say:
	lodsb
	test %al, %al
	jz 1f
	call put
	jmp say
1:	ret

/* %eax in decimal */
number:
	xor %edx, %edx
	mov $10, %ecx
	div %ecx
	push %edx
	test %eax, %eax
	jz 1f
	call number
1:	pop %eax
	add $'0', %al
	/* falls through */

/* %al; keeps all but %edx and %ah */
put:
	mov %al, %ah
1:	mov $COM1 + LINE_STATUS, %dx
	in %dx, %al
	test $THR_EMPTY, %al
	jz 1b
	mov %ah, %al
	mov $COM1, %dx
	out %al, %dx
	ret

name:	.asciz NAME
	.balign 16
	.skip 512
stack_end:
