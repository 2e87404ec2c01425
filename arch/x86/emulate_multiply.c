/* SPDX-License-Identifier: MIT */
/* Multiplication and division of the emulator; #DE is a result here. */
#include "arch/x86/emulate_alu.h"

typedef unsigned __int128 u128;
typedef __int128 s128;

static struct alu_pair split(unsigned bits, u128 wide)
{
	return (struct alu_pair){ alu_truncate(bits, (u64)wide),
				  alu_truncate(bits, (u64)(wide >> bits)) };
}

static void set_product_flags(bool wide, u64 *rflags)
{
	alu_set_flag(rflags, RFLAGS_CF, wide);
	alu_set_flag(rflags, RFLAGS_OF, wide);
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

/*
 * Restoring division, one bit of the quotient a turn. A DIV instruction would be faster, but its
 * operands are the guest's, and one that slipped through the checks would raise #DE in the host.
 * high < divisor.
 */
static struct alu_pair divide(unsigned bits, struct alu_pair v, u64 divisor)
{
	for (unsigned i = 0; i < bits; i++) {
		bool carry = alu_top_bit(bits, v.high);

		v.high = alu_truncate(bits, v.high << 1 | alu_top_bit(bits, v.low));
		v.low = alu_truncate(bits, v.low << 1);
		if (carry || v.high >= divisor) {
			v.high = alu_truncate(bits, v.high - divisor);
			v.low |= 1;
		}
	}
	return v;
}

bool alu_div(unsigned bits, struct alu_pair *value, u64 divisor)
{
	if (value->high >= divisor)
		return false; /* also when it is 0 */
	*value = divide(bits, *value, divisor);
	return true;
}

static u64 with_sign(unsigned bits, u64 v, bool negative)
{
	return alu_truncate(bits, negative ? -v : v);
}

/* On magnitudes, so that no C operation can overflow: MIN / -1 is just too large. */
bool alu_idiv(unsigned bits, struct alu_pair *value, u64 divisor)
{
	bool negative = alu_top_bit(bits, value->high), opposite = alu_top_bit(bits, divisor);
	u128 dividend = (u128)value->high << bits | value->low;
	struct alu_pair r = split(bits, negative ? -dividend : dividend);

	divisor = with_sign(bits, divisor, opposite);
	if (!alu_div(bits, &r, divisor))
		return false;
	opposite = opposite != negative;
	if (r.low > BIT(bits - 1) - !opposite)
		return false;
	value->low = with_sign(bits, r.low, opposite);
	value->high = with_sign(bits, r.high, negative);
	return true;
}
