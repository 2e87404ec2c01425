/* SPDX-License-Identifier: MIT */
/* What assembly and C of the guest kernels share: selectors (start.S), number of processors (smp.S). */
#ifndef FIRN_GUEST_SEGMENTS_H
#define FIRN_GUEST_SEGMENTS_H

#define GUEST_CS64	  0x08
#define GUEST_DS	  0x10
#define GUEST_USER_DS	  0x1b
#define GUEST_USER_CS	  0x23
#define GUEST_CS32	  0x28
#define GUEST_CS16	  0x30
#define GUEST_DS16	  0x38
#define GUEST_NOT_PRESENT 0x40
#define GUEST_TSS	  0x48

#define SMP_MAX 64 /* processors, each with a stack of its own; a power of two */

#ifdef __ASSEMBLER__
/* clang-format off */
/* EAX changes. In 64-bit mode FS and GS are null: their bases are MSRs. */
.macro load_segments
	movl $GUEST_DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
.endm

.macro load_segments64
	load_segments
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
.endm
/* clang-format on */
#endif

#endif
