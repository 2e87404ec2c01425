/* SPDX-License-Identifier: MIT */
/*
 * Indirect branches and returns through thunks (branch_thunks.S), and in place of the jumps and calls
 * there on processors that need no thunks. Intel, Indirect Target Selection: what stands in the lower
 * half of a cache line may be predicted by branches of a guest in spite of Enhanced IBRS.
 */
#ifndef FIRN_X86_BRANCH_THUNKS_H
#define FIRN_X86_BRANCH_THUNKS_H

#define BRANCH_THUNK_SIZE   64 /* a cache line */
#define BRANCH_THUNK_ENTRY  32
#define NR_BRANCH_THUNKS    16 /* by the register's number */
#define BRANCH_THUNK_RETURN 4  /* in place of RSP */

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <string.h>

#include "core/types.h"

#define BRANCH_LENGTH 5 /* CALL or JMP with a 32-bit distance */

#define OPCODE_CALL_NEAR    0xe8
#define OPCODE_JMP_NEAR	    0xe9
#define OPCODE_RET_NEAR	    0xc3
#define OPCODE_INT3	    0xcc
#define OPCODE_INDIRECT	    0xff
#define MODRM_CALL_REGISTER 0xd0
#define MODRM_JMP_REGISTER  0xe0
#define PREFIX_REX_B	    0x41
/* Without meaning in 64-bit mode; that of DS would turn branch tracking off (SDM 1 17.3.1). */
#define PREFIX_CS 0x2e

/*
 * The thunk that the code at site calls or jumps to; NR_BRANCH_THUNKS: none. base: branch_thunks.
 * Inlined, like the next: nothing that is being written may be executed.
 */
__attribute__((always_inline)) static inline unsigned branch_thunk_at(const u8 *site, u64 base)
{
	s32 distance;
	u64 offset;

	if (site[0] != OPCODE_CALL_NEAR && site[0] != OPCODE_JMP_NEAR)
		return NR_BRANCH_THUNKS;
	memcpy(&distance, site + 1, sizeof(distance));
	offset = (u64)site + BRANCH_LENGTH + (u64)(s64)distance - BRANCH_THUNK_ENTRY - base;
	if (offset % BRANCH_THUNK_SIZE != 0 || offset / BRANCH_THUNK_SIZE >= NR_BRANCH_THUNKS)
		return NR_BRANCH_THUNKS;
	return (unsigned)(offset / BRANCH_THUNK_SIZE);
}

/* What the thunk does, in the room of the call or jump to it and as one instruction. */
__attribute__((always_inline)) static inline void branch_inline(volatile u8 *out, u8 opcode,
								unsigned thunk)
{
	const bool high = thunk >= 8;
	const u8 modrm = opcode == OPCODE_CALL_NEAR ? MODRM_CALL_REGISTER : MODRM_JMP_REGISTER;

	if (thunk == BRANCH_THUNK_RETURN) {
		out[0] = OPCODE_RET_NEAR;
		for (unsigned i = 1; i < BRANCH_LENGTH; i++)
			out[i] = OPCODE_INT3;
		return;
	}
	out[0] = PREFIX_CS;
	out[1] = PREFIX_CS;
	out[2] = high ? PREFIX_REX_B : PREFIX_CS;
	out[3] = OPCODE_INDIRECT;
	out[4] = modrm | (thunk & 7);
}

/* In all of Firn's code. Boot CPU, before other CPUs and guests run. */
void branch_thunks_remove(void);
#endif

#endif
