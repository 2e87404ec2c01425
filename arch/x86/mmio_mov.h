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
};

/*
 * bytes: at RIP, count of them. code64: 64-bit code; else 32-bit code. False: not such a move, or
 * with prefixes other than REX and operand size, or with AH..DH. Pure.
 */
bool mmio_mov_decode(const u8 *bytes, unsigned count, bool code64, struct mmio_mov *out);

struct vcpu;
/* Executes it on a device at gpa, aligned to its width. RIP stays. The vCPU's CPU, after an exit. */
void mmio_mov_execute(struct vcpu *vcpu, const struct mmio_mov *mov, u64 gpa);

#endif
