/* SPDX-License-Identifier: MIT */
/*
 * The moves that drivers access registers with, decoded without the full decoder. Hardware has
 * translated and checked the address before such an access exits, so its operands are all there is
 * to find out.
 */
#ifndef FIRN_X86_MMIO_MOV_H
#define FIRN_X86_MMIO_MOV_H

#include "core/types.h"

struct mmio_mov {
	u8 length;
	u8 width;     /* of the access, bytes */
	u8 gpr;	      /* enum x86_gpr */
	bool write;   /* register or immediate to memory; else memory to register */
	bool zero;    /* a read clears the rest of the register: MOVZX, 32-bit MOV */
	bool has_imm; /* writes imm, not gpr */
	s32 imm;
	/* The address, in 64-bit code: base + (index << shift) + disp, the registers MMIO_MOV_* or a gpr */
	u8 base, index, shift;
	s32 disp; /* of an absolute address its low half */
};

#define MMIO_MOV_NONE 0xff
#define MMIO_MOV_RIP  0xfe /* base only: the next instruction's */

/*
 * bytes: at RIP, count of them. code64: 64-bit code; else 32-bit code. False: not such a move, or
 * with prefixes other than REX and operand size, or with AH..DH. Pure.
 */
bool mmio_mov_decode(const u8 *bytes, unsigned count, bool code64, struct mmio_mov *out);

struct vcpu;
/*
 * Offset in its page of the first byte that a move in 64-bit code accesses, whose next instruction
 * is at next_rip. The vCPU's CPU, after an exit.
 */
unsigned mmio_mov_page_offset(struct vcpu *vcpu, const struct mmio_mov *mov, u64 next_rip);
/* Executes it on a device at gpa, aligned to its width. RIP stays. The vCPU's CPU, after an exit. */
void mmio_mov_execute(struct vcpu *vcpu, const struct mmio_mov *mov, u64 gpa);

#endif
