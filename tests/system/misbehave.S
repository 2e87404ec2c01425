/* SPDX-License-Identifier: MIT */
/* A 32-bit multiboot 1 kernel that does one thing no good guest does, chosen by -DDO_... */

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0
#define NO_MEMORY	0xd0000000 /* neither RAM nor a device */
#define IOAPIC		0xfec00000
#define TSS_OLD		0x18
#define TSS_NEW		0x20
#define TSS_SIZE	104
#define CR4_OSFXSR	0x200

	.section .text
	.code32
	.balign 4
	.long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	.globl start
start:
	cli
	movl $0x600d, %ebp /* found again by the register commands */
#if defined(DO_SPIN)
1:	jmp 1b
#elif defined(DO_HANG)
1:	hlt
	jmp 1b
#elif defined(DO_TRIPLE_FAULT)
	lidt empty
	ud2
#elif defined(DO_TASK_SWITCH)
	movl $tss, %eax
	movw %ax, gdt + TSS_OLD + 2
	movw %ax, gdt + TSS_NEW + 2
	shrl $16, %eax
	movb %al, gdt + TSS_OLD + 4
	movb %al, gdt + TSS_NEW + 4
	lgdt gdtr
	movw $TSS_OLD, %ax
	ltr %ax
	ljmp $TSS_NEW, $0
#elif defined(DO_FETCH_NOWHERE)
	movl $NO_MEMORY, %eax
	jmp *%eax
#elif defined(DO_IDT_NOWHERE)
	lidt nowhere
	int3
#elif defined(DO_VECTOR_MMIO)
	movl %cr4, %eax
	orl $CR4_OSFXSR, %eax
	movl %eax, %cr4
	movaps %xmm0, IOAPIC
#else
#error "one of DO_..."
#endif
	ud2

	.balign 8
empty:	.word 0
	.long 0
nowhere: .word 0x7ff
	.long NO_MEMORY
gdtr:	.word gdt_end - gdt - 1
	.long gdt

	.balign 8
gdt:	.quad 0
	.quad 0x00cf9b000000ffff /* code, flat */
	.quad 0x00cf93000000ffff /* data, flat */
	.quad 0x0000890000000000 + TSS_SIZE - 1 /* 32-bit TSSs, available */
	.quad 0x0000890000000000 + TSS_SIZE - 1
gdt_end:
tss:	.skip TSS_SIZE

	.section .note.GNU-stack, "", @progbits
