/* SPDX-License-Identifier: MIT */
/* Integer arithmetic in C, with the processor's flags and without its exceptions. */
#include "arch/x86/emulate_alu.h"

#define RFLAGS_SZP   (RFLAGS_SF | RFLAGS_ZF | RFLAGS_PF)
#define RFLAGS_ARITH (RFLAGS_SZP | RFLAGS_CF | RFLAGS_AF | RFLAGS_OF)

/* SF, ZF and PF follow the result; PF only its low byte. */
static void set_szp(unsigned bits, u64 result, u64 *rflags)
{
	alu_set_flag(rflags, RFLAGS_SF, alu_top_bit(bits, result));
	alu_set_flag(rflags, RFLAGS_ZF, result == 0);
	alu_set_flag(rflags, RFLAGS_PF, !__builtin_parity(result & 0xff));
}

/* Carry (or borrow) out of each bit position gives CF from the top one and AF from bit 3. */
static void set_carries(unsigned bits, u64 carries, bool overflow, u64 *rflags)
{
	alu_set_flag(rflags, RFLAGS_CF, alu_top_bit(bits, carries));
	alu_set_flag(rflags, RFLAGS_AF, carries & BIT(3));
	alu_set_flag(rflags, RFLAGS_OF, overflow);
}

static u64 add_with(unsigned bits, u64 a, u64 b, bool carry, u64 *rflags)
{
	u64 r = alu_truncate(bits, a + b + carry);

	set_carries(bits, (a & b) | ((a | b) & ~r), alu_top_bit(bits, (a ^ r) & (b ^ r)), rflags);
	set_szp(bits, r, rflags);
	return r;
}

static u64 sub_with(unsigned bits, u64 a, u64 b, bool borrow, u64 *rflags)
{
	u64 r = alu_truncate(bits, a - b - borrow);

	set_carries(bits, (~a & b) | ((~a | b) & r), alu_top_bit(bits, (a ^ b) & (a ^ r)), rflags);
	set_szp(bits, r, rflags);
	return r;
}

u64 alu_add(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	return add_with(bits, a, b, false, rflags);
}

u64 alu_adc(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	return add_with(bits, a, b, *rflags & RFLAGS_CF, rflags);
}

u64 alu_sub(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	return sub_with(bits, a, b, false, rflags);
}

u64 alu_sbb(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	return sub_with(bits, a, b, *rflags & RFLAGS_CF, rflags);
}

u64 alu_logic_result(unsigned bits, u64 result, u64 *rflags)
{
	*rflags &= ~RFLAGS_ARITH;
	set_szp(bits, result, rflags);
	return result;
}

u64 alu_and(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	return alu_logic_result(bits, a & b, rflags);
}

u64 alu_or(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	return alu_logic_result(bits, a | b, rflags);
}

u64 alu_xor(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	return alu_logic_result(bits, a ^ b, rflags);
}

/* INC and DEC leave CF alone. */
u64 alu_inc(unsigned bits, u64 a, __attribute__((unused)) u64 b, u64 *rflags)
{
	u64 carry = *rflags & RFLAGS_CF;
	u64 r = add_with(bits, a, 1, false, rflags);

	alu_set_flag(rflags, RFLAGS_CF, carry);
	return r;
}

u64 alu_dec(unsigned bits, u64 a, __attribute__((unused)) u64 b, u64 *rflags)
{
	u64 carry = *rflags & RFLAGS_CF;
	u64 r = sub_with(bits, a, 1, false, rflags);

	alu_set_flag(rflags, RFLAGS_CF, carry);
	return r;
}

u64 alu_neg(unsigned bits, u64 a, __attribute__((unused)) u64 b, u64 *rflags)
{
	return sub_with(bits, 0, a, false, rflags);
}

u64 alu_not(unsigned bits, u64 a, __attribute__((unused)) u64 b,
	    __attribute__((unused)) u64 *rflags)
{
	return alu_truncate(bits, ~a);
}

u64 alu_bt(__attribute__((unused)) unsigned bits, u64 a, u64 b, u64 *rflags)
{
	alu_set_flag(rflags, RFLAGS_CF, a & BIT(b));
	return a;
}

u64 alu_bts(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	return alu_bt(bits, a, b, rflags) | BIT(b);
}

u64 alu_btr(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	return alu_bt(bits, a, b, rflags) & ~BIT(b);
}

u64 alu_btc(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	return alu_bt(bits, a, b, rflags) ^ BIT(b);
}

bool alu_condition(unsigned condition, u64 rflags)
{
	bool less = !(rflags & RFLAGS_SF) != !(rflags & RFLAGS_OF);
	const bool even[8] = {
		rflags & RFLAGS_OF,
		rflags & RFLAGS_CF,
		rflags & RFLAGS_ZF,
		rflags & (RFLAGS_CF | RFLAGS_ZF),
		rflags & RFLAGS_SF,
		rflags & RFLAGS_PF,
		less,
		less || (rflags & RFLAGS_ZF),
	};

	return even[condition >> 1 & 7] != (condition & 1); /* odd numbers are the opposites */
}
