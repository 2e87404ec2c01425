/* SPDX-License-Identifier: MIT */
/*
 * Overwriting the branch history: so many taken branches that nothing of a guest's is left in it.
 *
 *   void bhb_clear_short(void), bhb_clear_long(void);
 *
 * Registers: EAX, ECX and RFLAGS change, the rest is kept; the stack is as before. The depth of the
 * stack varies inside, so RBP is a frame pointer for whoever looks from outside. The short one is
 * for processors before Alder Lake, the long one for those since. Calls and returns keep the
 * loop-stream detector out. Returns stand in the upper half of their cache line (Indirect Target
 * Selection). An LFENCE must follow unless the privilege level changes: callers have it.
 *
 * Taken branches from the first call to the jump after the last return: 2 * outer * inner +
 * 2 * outer + 2, that is 62 and 194.
 */
#define LINE  64
#define UPPER 32

	.text

.macro BHB_CLEAR name, outer, inner
	.balign LINE, 0xcc
	.globl \name
	.type \name, @function
\name:
	push %rbp
	mov %rsp, %rbp
	mov $\outer, %ecx
	call 1f
	jmp 5f

	.balign LINE, 0xcc
	.skip UPPER, 0xcc
1:	call 2f
	ret

	/* Counters are 32 bits wide: byte registers are slow on some processors. */
	.balign LINE, 0xcc
	.skip UPPER, 0xcc
2:	mov $\inner, %eax
3:	jmp 4f
	nop
4:	dec %eax
	jnz 3b
	dec %ecx
	jnz 1b
	ret

	.balign LINE, 0xcc
	.skip UPPER, 0xcc
5:	pop %rbp
	ret
	.size \name, . - \name
.endm

	BHB_CLEAR bhb_clear_short, 5, 5
	BHB_CLEAR bhb_clear_long, 12, 7

	.section .note.GNU-stack, "", @progbits
