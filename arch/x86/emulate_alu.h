/* SPDX-License-Identifier: MIT */
/*
 * Integer arithmetic of the emulator: result and RFLAGS of one operation (SDM vol. 1, appendix A).
 * bits is 8, 16, 32 or 64; operands have no bits above that, results neither. Flags that the manual
 * leaves undefined are kept or cleared. Pure functions.
 */
#ifndef FIRN_X86_EMULATE_ALU_H
#define FIRN_X86_EMULATE_ALU_H

#include "arch/x86/regs.h"

typedef u64 (*alu_fn)(unsigned bits, u64 a, u64 b, u64 *rflags);

u64 alu_add(unsigned bits, u64 a, u64 b, u64 *rflags);
u64 alu_adc(unsigned bits, u64 a, u64 b, u64 *rflags);
u64 alu_sub(unsigned bits, u64 a, u64 b, u64 *rflags); /* also CMP, CMPS, SCAS */
u64 alu_sbb(unsigned bits, u64 a, u64 b, u64 *rflags);
u64 alu_and(unsigned bits, u64 a, u64 b, u64 *rflags); /* also TEST */
u64 alu_or(unsigned bits, u64 a, u64 b, u64 *rflags);
u64 alu_xor(unsigned bits, u64 a, u64 b, u64 *rflags);

/* b is not used. */
u64 alu_inc(unsigned bits, u64 a, u64 b, u64 *rflags);
u64 alu_dec(unsigned bits, u64 a, u64 b, u64 *rflags);
u64 alu_neg(unsigned bits, u64 a, u64 b, u64 *rflags);
u64 alu_not(unsigned bits, u64 a, u64 b, u64 *rflags);

/* b is the count, any value; it is masked as the processor does. */
u64 alu_shl(unsigned bits, u64 a, u64 b, u64 *rflags);
u64 alu_shr(unsigned bits, u64 a, u64 b, u64 *rflags);
u64 alu_sar(unsigned bits, u64 a, u64 b, u64 *rflags);
u64 alu_rol(unsigned bits, u64 a, u64 b, u64 *rflags);
u64 alu_ror(unsigned bits, u64 a, u64 b, u64 *rflags);
u64 alu_rcl(unsigned bits, u64 a, u64 b, u64 *rflags);
u64 alu_rcr(unsigned bits, u64 a, u64 b, u64 *rflags);

/* Shifts bits of fill in. A 16-bit operand shifted by more than it has is undefined: nothing happens. */
u64 alu_shld(unsigned bits, u64 a, u64 fill, u64 b, u64 *rflags);
u64 alu_shrd(unsigned bits, u64 a, u64 fill, u64 b, u64 *rflags);

/* b is the bit number, below bits. Only CF changes. */
u64 alu_bt(unsigned bits, u64 a, u64 b, u64 *rflags);
u64 alu_bts(unsigned bits, u64 a, u64 b, u64 *rflags);
u64 alu_btr(unsigned bits, u64 a, u64 b, u64 *rflags);
u64 alu_btc(unsigned bits, u64 a, u64 b, u64 *rflags);

/* A double-width value in two halves of the operand's width: AH:AL, DX:AX, EDX:EAX, RDX:RAX. */
struct alu_pair {
	u64 low, high;
};
struct alu_pair alu_mul(unsigned bits, u64 a, u64 b, u64 *rflags);
struct alu_pair alu_imul(unsigned bits, u64 a, u64 b, u64 *rflags);

/*
 * Quotient in low, remainder in high. False = #DE: divisor 0 or a quotient that does not fit; *value
 * is unchanged then.
 */
bool alu_div(unsigned bits, struct alu_pair *value, u64 divisor);
bool alu_idiv(unsigned bits, struct alu_pair *value, u64 divisor);

/* Condition number as in the low four bits of Jcc, SETcc and CMOVcc opcodes. */
bool alu_condition(unsigned condition, u64 rflags);

/* The low bits of a value, and those sign-extended to 64. */
static inline u64 alu_truncate(unsigned bits, u64 v)
{
	return bits == 64 ? v : v & (BIT(bits) - 1);
}
static inline s64 alu_sign_extend(unsigned bits, u64 v)
{
	return (s64)(v << (64 - bits)) >> (64 - bits);
}
static inline bool alu_top_bit(unsigned bits, u64 v)
{
	return v >> (bits - 1) & 1;
}

static inline void alu_set_flag(u64 *rflags, u64 flag, bool on)
{
	*rflags = on ? *rflags | flag : *rflags & ~flag;
}
/* Sets the flags of a logical operation: SF, ZF, PF from the result, the others 0. Returns it. */
u64 alu_logic_result(unsigned bits, u64 result, u64 *rflags);

#endif
