/* SPDX-License-Identifier: MIT */
/* What the parts of the emulator share: the decoded instruction and access to its operands. */
#ifndef FIRN_X86_EMULATE_INTERNAL_H
#define FIRN_X86_EMULATE_INTERNAL_H

#include <Zydis/Zydis.h>

#include "arch/x86/emulate.h"

/* What the decoder said about an instruction, and from what. */
struct emu_decoded {
	u8 length; /* bytes; 0: nothing yet */
	u8 machine_mode, stack_width;
	u64 bytes[2], mask[2]; /* as load_bytes() has them, and which of them count */
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

/* One instruction in execution. next becomes emu->regs when it completes. */
struct exec {
	struct emu *emu;
	struct emu_regs next;
	const ZydisDecodedInstruction *insn;
	const ZydisDecodedOperand *op;
};

static inline enum emu_result emu_fault(struct emu *emu, enum x86_vector vector)
{
	emu->fault = (struct emu_fault){ .vector = vector };
	return EMU_FAULT;
}

static inline enum emu_result emu_unhandled(struct emu *emu, const char *why)
{
	emu->why = why;
	return EMU_UNHANDLED;
}

/* The place in the cache for an instruction at rip. emulate_decode.c */
struct emu_decoded *emu_cached(struct emu_decode_cache *cache, u64 rip);
/*
 * Finds mode and CPL, fetches the instruction at CS:RIP and decodes it into *decoded, unless that is
 * what is there already. emulate_decode.c
 */
enum emu_result emu_decode(struct exec *x, struct emu_decoded *decoded);

/*
 * Linear address of [offset, offset + len) of a segment after the checks of SDM 3A 5.3 (limit), 5.5
 * (type) or, in 64-bit mode, for a canonical address. emulate_segment.c
 */
enum emu_result emu_linear(struct exec *x, enum x86_segment seg, u64 offset, unsigned len,
			   unsigned access, u64 *linear);
/* May the instruction use these ports? (SDM vol. 1, 19.5) emulate_segment.c */
enum emu_result emu_check_port(struct exec *x, u16 port, unsigned width);
/* Keeps the low bits of an address or count; bits: 16, 32, 64. */
static inline u64 emu_mask_address(unsigned bits, u64 value)
{
	return bits == 64 ? value : value & (BIT(bits) - 1);
}

/* len: 1, 2, 4, 8. */
enum emu_result emu_read(struct exec *x, u64 linear, unsigned len, unsigned access, u64 *value);
enum emu_result emu_write(struct exec *x, u64 linear, unsigned len, u64 value);

/* General registers: len 1, 2, 4 (clears the upper half), 8; high: AH, CH, DH, BH. */
u64 emu_get_gpr(const struct emu_regs *regs, enum x86_gpr gpr, unsigned len, bool high);
void emu_set_gpr(struct emu_regs *regs, enum x86_gpr gpr, unsigned len, bool high, u64 value);

/* Where an operand is: a general register, or memory whose address has been computed and checked. */
struct place {
	bool memory;
	bool high; /* AH, CH, DH, BH */
	u8 len;	   /* bytes: 1, 2, 4, 8 */
	enum x86_gpr gpr;
	u64 linear;
};

/* Offset of a memory operand in its segment, moved by displacement bytes. */
u64 emu_effective_address(struct exec *x, const ZydisDecodedOperand *op, s64 displacement);
/* EMU_UNHANDLED for operands that are neither (segment, control, vector registers). */
enum emu_result emu_place(struct exec *x, const ZydisDecodedOperand *op, s64 displacement,
			  unsigned access, struct place *place);
enum emu_result emu_place_read(struct exec *x, const struct place *place, unsigned access,
			       u64 *value);
enum emu_result emu_place_write(struct exec *x, const struct place *place, u64 value);
/*
 * Stores the result of a read-modify-write: atomically when the instruction is locked (LOCK, XCHG);
 * *done = false: another CPU changed it first.
 */
enum emu_result emu_place_update(struct exec *x, const struct place *place, u64 old, u64 value,
				 bool *done);

/* Operand by index: register, memory, immediate (sign-extended), segment register. */
enum emu_result emu_operand_read(struct exec *x, unsigned index, u64 *value);
enum emu_result emu_operand_write(struct exec *x, unsigned index, u64 value);

/* MOVS, CMPS, STOS, LODS, SCAS, INS, OUTS with or without REP; advances RIP. emulate_string.c */
enum emu_result emu_string(struct exec *x);

/* One slot, as wide as the instruction's. When they fail, x->next is of no use. emulate_stack.c */
enum emu_result emu_push(struct exec *x, u64 value);
enum emu_result emu_pop(struct exec *x, u64 *value);
void emu_move_stack_pointer(struct exec *x, s64 by);

/* Any control transfer. emulate_branch.c */
enum emu_result emu_branch(struct exec *x);
/* Of a control transfer: does it load CS? emulate_cet.c */
bool emu_is_far(const struct exec *x);
/* Of a control transfer: does the guest's CET follow it? emulate_cet.c */
bool emu_cet_forbids(struct exec *x);

/* The instruction is complete: next becomes the state, with RIP behind it or at rip. emulate.c */
void emu_complete(struct exec *x);
void emu_complete_at(struct exec *x, u64 rip);

#endif
