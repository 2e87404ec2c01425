/* SPDX-License-Identifier: MIT */
/* Integer arithmetic in C, with the processor's flags and without its exceptions. */
#include "arch/x86/emulate_alu.h"

typedef unsigned __int128 u128;
typedef __int128 s128;

#define RFLAGS_SZP   (RFLAGS_SF | RFLAGS_ZF | RFLAGS_PF)
#define RFLAGS_ARITH (RFLAGS_SZP | RFLAGS_CF | RFLAGS_AF | RFLAGS_OF)

static bool top_bit(unsigned bits, u64 v)
{
	return v >> (bits - 1) & 1;
}

static void set_flag(u64 *rflags, u64 flag, bool on)
{
	*rflags = on ? *rflags | flag : *rflags & ~flag;
}

/* SF, ZF and PF follow the result; PF only its low byte. */
static void set_szp(unsigned bits, u64 result, u64 *rflags)
{
	set_flag(rflags, RFLAGS_SF, top_bit(bits, result));
	set_flag(rflags, RFLAGS_ZF, result == 0);
	set_flag(rflags, RFLAGS_PF, !__builtin_parity(result & 0xff));
}

/* Carry (or borrow) out of each bit position gives CF from the top one and AF from bit 3. */
static void set_carries(unsigned bits, u64 carries, bool overflow, u64 *rflags)
{
	set_flag(rflags, RFLAGS_CF, top_bit(bits, carries));
	set_flag(rflags, RFLAGS_AF, carries & BIT(3));
	set_flag(rflags, RFLAGS_OF, overflow);
}

static u64 add_with(unsigned bits, u64 a, u64 b, bool carry, u64 *rflags)
{
	u64 r = alu_truncate(bits, a + b + carry);

	set_carries(bits, (a & b) | ((a | b) & ~r), top_bit(bits, (a ^ r) & (b ^ r)), rflags);
	set_szp(bits, r, rflags);
	return r;
}

static u64 sub_with(unsigned bits, u64 a, u64 b, bool borrow, u64 *rflags)
{
	u64 r = alu_truncate(bits, a - b - borrow);

	set_carries(bits, (~a & b) | ((~a | b) & r), top_bit(bits, (a ^ b) & (a ^ r)), rflags);
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

static u64 logic(unsigned bits, u64 result, u64 *rflags)
{
	*rflags &= ~RFLAGS_ARITH;
	set_szp(bits, result, rflags);
	return result;
}

u64 alu_and(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	return logic(bits, a & b, rflags);
}

u64 alu_or(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	return logic(bits, a | b, rflags);
}

u64 alu_xor(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	return logic(bits, a ^ b, rflags);
}

/* INC and DEC leave CF alone. */
u64 alu_inc(unsigned bits, u64 a, __attribute__((unused)) u64 b, u64 *rflags)
{
	u64 carry = *rflags & RFLAGS_CF;
	u64 r = add_with(bits, a, 1, false, rflags);

	set_flag(rflags, RFLAGS_CF, carry);
	return r;
}

u64 alu_dec(unsigned bits, u64 a, __attribute__((unused)) u64 b, u64 *rflags)
{
	u64 carry = *rflags & RFLAGS_CF;
	u64 r = sub_with(bits, a, 1, false, rflags);

	set_flag(rflags, RFLAGS_CF, carry);
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

static unsigned shift_count(unsigned bits, u64 b)
{
	return b & (bits == 64 ? 63 : 31);
}

static u64 shifted(unsigned bits, u64 result, bool carry, bool overflow, u64 *rflags)
{
	logic(bits, result, rflags);
	set_flag(rflags, RFLAGS_CF, carry);
	set_flag(rflags, RFLAGS_OF, overflow);
	return result;
}

u64 alu_shl(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	unsigned count = shift_count(bits, b);
	bool carry = count <= bits && a >> (bits - MAX(count, 1u)) & 1;
	u64 r = alu_truncate(bits, a << count);

	return count ? shifted(bits, r, carry, top_bit(bits, r) != carry, rflags) : a;
}

u64 alu_shr(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	unsigned count = shift_count(bits, b);

	if (count == 0)
		return a;
	return shifted(bits, a >> count, a >> (count - 1) & 1, top_bit(bits, a), rflags);
}

u64 alu_sar(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	unsigned count = shift_count(bits, b);
	s64 wide = alu_sign_extend(bits, a);

	if (count == 0)
		return a;
	return shifted(bits, alu_truncate(bits, wide >> count), wide >> (count - 1) & 1, false,
		       rflags);
}

/* Rotates touch CF and OF only, and not even those when the masked count is 0. */
static u64 rotated(u64 result, bool carry, bool overflow, u64 *rflags)
{
	set_flag(rflags, RFLAGS_CF, carry);
	set_flag(rflags, RFLAGS_OF, overflow);
	return result;
}

static u64 rotate_left(unsigned bits, u64 a, unsigned count)
{
	return count == 0 ? a : alu_truncate(bits, a << count) | a >> (bits - count);
}

u64 alu_rol(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	unsigned count = shift_count(bits, b);
	u64 r = rotate_left(bits, a, count % bits);

	return count ? rotated(r, r & 1, top_bit(bits, r) != (r & 1), rflags) : a;
}

u64 alu_ror(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	unsigned count = shift_count(bits, b);
	u64 r = rotate_left(bits, a, (bits - count % bits) % bits);
	bool top = top_bit(bits, r);

	return count ? rotated(r, top, top != top_bit(bits - 1, r), rflags) : a;
}

u64 alu_bt(__attribute__((unused)) unsigned bits, u64 a, u64 b, u64 *rflags)
{
	set_flag(rflags, RFLAGS_CF, a & BIT(b));
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

static struct alu_pair split(unsigned bits, u128 wide)
{
	return (struct alu_pair){ alu_truncate(bits, (u64)wide),
				  alu_truncate(bits, (u64)(wide >> bits)) };
}

static void set_product_flags(bool wide, u64 *rflags)
{
	set_flag(rflags, RFLAGS_CF, wide);
	set_flag(rflags, RFLAGS_OF, wide);
}

struct alu_pair alu_mul(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	struct alu_pair r = split(bits, (u128)a * b);

	set_product_flags(r.high != 0, rflags);
	return r;
}

struct alu_pair alu_imul(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	s128 product = (s128)alu_sign_extend(bits, a) * alu_sign_extend(bits, b);
	struct alu_pair r = split(bits, (u128)product);

	set_product_flags(alu_sign_extend(bits, r.low) != product, rflags);
	return r;
}

bool alu_div(unsigned bits, struct alu_pair *value, u64 divisor)
{
	u128 dividend = (u128)value->high << bits | value->low;

	if (value->high >= divisor)
		return false; /* also when it is 0 */
	*value = split(bits, dividend / divisor | dividend % divisor << bits);
	return true;
}

static u128 magnitude(s128 v)
{
	return v < 0 ? -(u128)v : (u128)v;
}

static u64 with_sign(unsigned bits, u128 v, bool negative)
{
	return alu_truncate(bits, (u64)(negative ? -v : v));
}

/* On magnitudes, so that no C operation can overflow or trap: MIN / -1 is just too large. */
bool alu_idiv(unsigned bits, struct alu_pair *value, u64 divisor)
{
	unsigned unused = 128 - 2 * bits;
	u128 raw = (u128)value->high << bits | value->low;
	s128 dividend = (s128)(raw << unused) >> unused;
	u128 d = magnitude(alu_sign_extend(bits, divisor));
	bool negative = (dividend < 0) != (alu_sign_extend(bits, divisor) < 0);
	u128 quotient;

	if (d == 0)
		return false;
	quotient = magnitude(dividend) / d;
	if (quotient > (u128)BIT(bits - 1) - !negative)
		return false;
	value->low = with_sign(bits, quotient, negative);
	value->high = with_sign(bits, magnitude(dividend) % d, dividend < 0);
	return true;
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
