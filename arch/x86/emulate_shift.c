/* SPDX-License-Identifier: MIT */
/* Shifts and rotates of the emulator, and what they do to CF and OF. */
#include "arch/x86/emulate_alu.h"

static unsigned shift_count(unsigned bits, u64 b)
{
	return b & (bits == 64 ? 63 : 31);
}

static u64 shifted(unsigned bits, u64 result, bool carry, bool overflow, u64 *rflags)
{
	alu_logic_result(bits, result, rflags);
	alu_set_flag(rflags, RFLAGS_CF, carry);
	alu_set_flag(rflags, RFLAGS_OF, overflow);
	return result;
}

u64 alu_shl(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	unsigned count = shift_count(bits, b);
	bool carry = count <= bits && a >> (bits - MAX(count, 1u)) & 1;
	u64 r = alu_truncate(bits, a << count);

	return count ? shifted(bits, r, carry, alu_top_bit(bits, r) != carry, rflags) : a;
}

u64 alu_shr(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	unsigned count = shift_count(bits, b);

	if (count == 0)
		return a;
	return shifted(bits, a >> count, a >> (count - 1) & 1, alu_top_bit(bits, a), rflags);
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
	alu_set_flag(rflags, RFLAGS_CF, carry);
	alu_set_flag(rflags, RFLAGS_OF, overflow);
	return result;
}

static u64 rotate_left(unsigned bits, u64 a, unsigned count)
{
	return count == 0 ? a : alu_truncate(bits, a << count) | a >> (bits - count);
}

u64 alu_rol(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	unsigned count = shift_count(bits, b);
	u64 r = rotate_left(bits, a, count & (bits - 1));

	return count ? rotated(r, r & 1, alu_top_bit(bits, r) != (r & 1), rflags) : a;
}

u64 alu_ror(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	unsigned count = shift_count(bits, b);
	u64 r = rotate_left(bits, a, -count & (bits - 1));
	bool top = alu_top_bit(bits, r);

	return count ? rotated(r, top, top != alu_top_bit(bits - 1, r), rflags) : a;
}

/*
 * Through CF, which makes it a rotation of one bit more (SDM vol. 2B "RCL/RCR"): 8- and 16-bit
 * operands may go round more than once.
 */
u64 alu_rcl(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	unsigned count = shift_count(bits, b);
	bool carry = *rflags & RFLAGS_CF;

	if (count == 0)
		return a;
	for (unsigned i = 0; i < count; i++) {
		bool out = alu_top_bit(bits, a);

		a = alu_truncate(bits, a << 1 | carry);
		carry = out;
	}
	return rotated(a, carry, alu_top_bit(bits, a) != carry, rflags);
}

u64 alu_rcr(unsigned bits, u64 a, u64 b, u64 *rflags)
{
	unsigned count = shift_count(bits, b);
	bool carry = *rflags & RFLAGS_CF;

	if (count == 0)
		return a;
	for (unsigned i = 0; i < count; i++) {
		bool out = a & 1;

		a = a >> 1 | (u64)carry << (bits - 1);
		carry = out;
	}
	return rotated(a, carry, alu_top_bit(bits, a) != alu_top_bit(bits - 1, a), rflags);
}

u64 alu_shld(unsigned bits, u64 a, u64 fill, u64 b, u64 *rflags)
{
	unsigned count = shift_count(bits, b);
	u64 r;

	if (count == 0 || count > bits)
		return a;
	r = alu_truncate(bits, a << count) | fill >> (bits - count);
	return shifted(bits, r, a >> (bits - count) & 1,
		       alu_top_bit(bits, r) != alu_top_bit(bits, a), rflags);
}

u64 alu_shrd(unsigned bits, u64 a, u64 fill, u64 b, u64 *rflags)
{
	unsigned count = shift_count(bits, b);
	u64 r;

	if (count == 0 || count > bits)
		return a;
	r = a >> count | alu_truncate(bits, fill << (bits - count));
	return shifted(bits, r, a >> (count - 1) & 1, alu_top_bit(bits, r) != alu_top_bit(bits, a),
		       rflags);
}
