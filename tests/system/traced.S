/* SPDX-License-Identifier: MIT */
/* A 32-bit multiboot 1 kernel with one access to each kind of device, for tests/system/29-trace. */

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0
#define COM1		0x3f8
#define PCI_ADDRESS	0xcf8
#define PCI_DATA	0xcfc
#define NO_PORT		0x80
#define NO_MEMORY	0xd0000000
#define IOAPIC		0xfec00000
#define IOAPIC_DATA	0x10

	.section .text
	.code32
	.balign 4
	.long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	.globl start
start:
	cli
	movw $COM1, %dx
	movb $'Z', %al
	outb %al, %dx
	movl $1, IOAPIC
	movl IOAPIC + IOAPIC_DATA, %eax
	movl $0x1234, %eax
	movw $NO_PORT, %dx
	outw %ax, %dx
	movl $0xdead, NO_MEMORY
	movb NO_MEMORY + 4, %al
	movl $0x80000000, %eax
	movw $PCI_ADDRESS, %dx
	outl %eax, %dx
	movw $PCI_DATA, %dx
	inl %dx, %eax
	xorl %eax, %eax
	cpuid
	hlt

	.section .note.GNU-stack, "", @progbits
