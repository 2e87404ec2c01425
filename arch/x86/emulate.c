/* SPDX-License-Identifier: MIT */
/* The instructions: which exist, and what each does with its operands. */
#include "arch/x86/emulate_internal.h"

#include "arch/x86/emulate_alu.h"

void emu_complete_at(struct exec *x, u64 rip)
{
	x->next.rip = rip;
	x->next.rflags &= ~RFLAGS_RF;
	x->emu->regs = x->next;
}

/* RIP is not cut to 16 bits: the limit of the code segment is what stops a guest there. */
void emu_complete(struct exec *x)
{
	u64 rip = x->next.rip + x->insn->length;

	emu_complete_at(x, x->emu->mode == 64 ? rip : (u32)rip);
}

static enum emu_result done(struct exec *x, enum emu_result r)
{
	if (r == EMU_OK)
		emu_complete(x);
	return r;
}

static unsigned operand_bits(const struct exec *x, unsigned index)
{
	return x->op[index].size;
}

/* Two operands of the same width; immediates come sign-extended. */
static enum emu_result read_operand(struct exec *x, unsigned index, unsigned bits, u64 *value)
{
	enum emu_result r = emu_operand_read(x, index, value);

	*value = r == EMU_OK ? alu_truncate(bits, *value) : 0;
	return r;
}

/* MOV, MOVZX, MOVNTI: the source is as wide as the destination, or zero-extended. */
static enum emu_result op_mov(struct exec *x, __attribute__((unused)) alu_fn fn)
{
	u64 value;
	enum emu_result r = emu_operand_read(x, 1, &value);

	return done(x, r == EMU_OK ? emu_operand_write(x, 0, value) : r);
}

static enum emu_result op_movsx(struct exec *x, __attribute__((unused)) alu_fn fn)
{
	u64 value;
	enum emu_result r = emu_operand_read(x, 1, &value);

	if (r == EMU_OK)
		r = emu_operand_write(x, 0, alu_sign_extend(operand_bits(x, 1), value));
	return done(x, r);
}

static enum emu_result op_movbe(struct exec *x, __attribute__((unused)) alu_fn fn)
{
	unsigned bits = operand_bits(x, 0);
	u64 value;
	enum emu_result r = read_operand(x, 1, bits, &value);

	if (r == EMU_OK)
		r = emu_operand_write(x, 0, __builtin_bswap64(value) >> (64 - bits));
	return done(x, r);
}

/* What a read-modify-write stores; may change x->next. */
typedef u64 (*modify_fn)(struct exec *x, alu_fn fn, unsigned bits, u64 old, u64 source);

/*
 * Reads operand 0, computes, stores. The read already checks for a write, so that the store can't
 * fault after a device was read. Under contention the guest executes the instruction again.
 */
static enum emu_result modify(struct exec *x, s64 displacement, u64 source, alu_fn fn,
			      modify_fn compute)
{
	struct emu_regs start = x->next;
	struct place place;
	bool stored = false;
	enum emu_result r = emu_place(x, &x->op[0], displacement, EMU_ACCESS_WRITE, &place);

	for (unsigned i = 0; r == EMU_OK && !stored; i++) {
		u64 old, value;

		if (i == EMU_LOCK_TRIES)
			return EMU_OK;
		x->next = start;
		r = emu_place_read(x, &place, EMU_ACCESS_WRITE, &old);
		if (r != EMU_OK)
			break;
		value = compute(x, fn, place.len * 8, old, source);
		r = emu_place_update(x, &place, old, value, &stored);
	}
	return done(x, r);
}

static u64 compute_alu(struct exec *x, alu_fn fn, unsigned bits, u64 old, u64 source)
{
	return fn(bits, old, source, &x->next.rflags);
}

/* Operand 1 as wide as operand 0; a shift count is a byte and cut later. */
static enum emu_result op_binary(struct exec *x, alu_fn fn)
{
	u64 source;
	enum emu_result r = read_operand(x, 1, operand_bits(x, 0), &source);

	return r == EMU_OK ? modify(x, 0, source, fn, compute_alu) : r;
}

static enum emu_result op_unary(struct exec *x, alu_fn fn)
{
	return modify(x, 0, 0, fn, compute_alu);
}

/* The count is an immediate or CL: reading it can't fail. */
static u64 compute_double_shift(struct exec *x, __attribute__((unused)) alu_fn fn, unsigned bits,
				u64 old, u64 source)
{
	bool left = x->insn->mnemonic == ZYDIS_MNEMONIC_SHLD;
	u64 count;

	if (emu_operand_read(x, 2, &count) != EMU_OK)
		return old;
	return (left ? alu_shld : alu_shrd)(bits, old, source, count, &x->next.rflags);
}

static enum emu_result op_double_shift(struct exec *x, alu_fn fn)
{
	u64 source;
	enum emu_result r = read_operand(x, 1, operand_bits(x, 0), &source);

	return r == EMU_OK ? modify(x, 0, source, fn, compute_double_shift) : r;
}

/* BSF and BSR. The register keeps its value when no bit is set, as AMD documents and Intel does. */
static enum emu_result op_bit_scan(struct exec *x, __attribute__((unused)) alu_fn fn)
{
	bool forward = x->insn->mnemonic == ZYDIS_MNEMONIC_BSF;
	u64 value;
	enum emu_result r = emu_operand_read(x, 1, &value);

	if (r != EMU_OK)
		return r;
	alu_set_flag(&x->next.rflags, RFLAGS_ZF, value == 0);
	if (value)
		r = emu_operand_write(x, 0,
				      (u64)(forward ? __builtin_ctzll(value)
						    : 63 - __builtin_clzll(value)));
	return done(x, r);
}

/* CMP and TEST store nothing. */
static enum emu_result op_compare(struct exec *x, alu_fn fn)
{
	unsigned bits = operand_bits(x, 0);
	u64 a, b;
	enum emu_result r = read_operand(x, 0, bits, &a);

	if (r == EMU_OK)
		r = read_operand(x, 1, bits, &b);
	if (r == EMU_OK)
		fn(bits, a, b, &x->next.rflags);
	return done(x, r);
}

/*
 * The register operand of XCHG and XADD gets the old value. Operand 0 is in x->next last, so that
 * XADD of a register with itself doubles it.
 */
static enum emu_result exchange(struct exec *x, alu_fn fn, modify_fn compute)
{
	u64 source;
	enum emu_result r = read_operand(x, 1, operand_bits(x, 0), &source);

	return r == EMU_OK ? modify(x, 0, source, fn, compute) : r;
}

static void set_source(struct exec *x, u64 value)
{
	struct place place;

	if (emu_place(x, &x->op[1], 0, 0, &place) == EMU_OK && !place.memory)
		emu_place_write(x, &place, value);
}

static u64 compute_xadd(struct exec *x, alu_fn fn, unsigned bits, u64 old, u64 source)
{
	set_source(x, old);
	return fn(bits, old, source, &x->next.rflags);
}

static enum emu_result op_xadd(struct exec *x, alu_fn fn)
{
	return exchange(x, fn, compute_xadd);
}

static u64 compute_xchg(struct exec *x, __attribute__((unused)) alu_fn fn,
			__attribute__((unused)) unsigned bits, u64 old, u64 source)
{
	set_source(x, old);
	return source;
}

/* The memory operand may be either of the two: the one that is modified comes first here. */
static enum emu_result op_xchg(struct exec *x, alu_fn fn)
{
	const ZydisDecodedOperand swapped[] = { x->op[1], x->op[0] }, *decoded = x->op;
	enum emu_result r;

	if (x->op[1].type == ZYDIS_OPERAND_TYPE_MEMORY)
		x->op = swapped;
	r = exchange(x, fn, compute_xchg);
	x->op = decoded;
	return r;
}

/* When the comparison fails, memory gets its own value back: it sees a write in any case. */
static u64 compute_cmpxchg(struct exec *x, alu_fn fn, unsigned bits, u64 old, u64 source)
{
	u64 accumulator = emu_get_gpr(&x->next, REG_RAX, bits / 8, false);

	fn(bits, accumulator, old, &x->next.rflags);
	if (accumulator == old)
		return source;
	emu_set_gpr(&x->next, REG_RAX, bits / 8, false, old);
	return old;
}

/* A register that does not compare equal is not written at all: its upper half stays. */
static enum emu_result cmpxchg_register(struct exec *x, alu_fn fn)
{
	unsigned bits = operand_bits(x, 0);
	u64 old, source, value;
	enum emu_result r = read_operand(x, 0, bits, &old);

	if (r == EMU_OK)
		r = read_operand(x, 1, bits, &source);
	if (r != EMU_OK)
		return r;
	value = compute_cmpxchg(x, fn, bits, old, source);
	if (x->next.rflags & RFLAGS_ZF)
		r = emu_operand_write(x, 0, value);
	return done(x, r);
}

static enum emu_result op_cmpxchg(struct exec *x, alu_fn fn)
{
	if (x->op[0].type == ZYDIS_OPERAND_TYPE_REGISTER)
		return cmpxchg_register(x, fn);
	return exchange(x, fn, compute_cmpxchg);
}

/*
 * With a bit number in a register, memory is one long bit string: the number, signed, selects the
 * word too (SDM vol. 2A 3.1.1.9 "BitBase"). Immediates and register operands wrap.
 */
static enum emu_result bit_number(struct exec *x, unsigned bits, u64 *bit, s64 *displacement)
{
	bool string = x->op[0].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		      x->op[1].type == ZYDIS_OPERAND_TYPE_REGISTER;
	u64 number;
	enum emu_result r = read_operand(x, 1, bits, &number);

	*bit = number & (bits - 1);
	*displacement = 0;
	if (string)
		*displacement = (alu_sign_extend(bits, number) & -(s64)bits) / 8;
	return r;
}

static enum emu_result op_bit_test(struct exec *x, alu_fn fn)
{
	unsigned bits = operand_bits(x, 0);
	struct place place;
	u64 bit, value;
	s64 displacement;
	enum emu_result r = bit_number(x, bits, &bit, &displacement);

	if (r == EMU_OK)
		r = emu_place(x, &x->op[0], displacement, 0, &place);
	if (r == EMU_OK)
		r = emu_place_read(x, &place, 0, &value);
	if (r == EMU_OK)
		fn(bits, value, bit, &x->next.rflags);
	return done(x, r);
}

static enum emu_result op_bit_modify(struct exec *x, alu_fn fn)
{
	u64 bit;
	s64 displacement;
	enum emu_result r = bit_number(x, operand_bits(x, 0), &bit, &displacement);

	return r == EMU_OK ? modify(x, displacement, bit, fn, compute_alu) : r;
}

static enum emu_result op_push(struct exec *x, __attribute__((unused)) alu_fn fn)
{
	u64 value;
	enum emu_result r = emu_operand_read(x, 0, &value);

	return done(x, r == EMU_OK ? emu_push(x, value) : r);
}

/* The address of a memory operand is computed with RSP already moved (SDM vol. 2B "POP"). */
static enum emu_result op_pop(struct exec *x, __attribute__((unused)) alu_fn fn)
{
	u64 value;
	enum emu_result r = emu_pop(x, &value);

	return done(x, r == EMU_OK ? emu_operand_write(x, 0, value) : r);
}

/* The implied double-width operand: AX for bytes, else rDX:rAX. */
static struct alu_pair get_pair(const struct exec *x, unsigned len)
{
	return (struct alu_pair){
		.low = emu_get_gpr(&x->next, REG_RAX, len, false),
		.high = emu_get_gpr(&x->next, len == 1 ? REG_RAX : REG_RDX, len, len == 1),
	};
}

static void set_pair(struct exec *x, unsigned len, struct alu_pair pair)
{
	emu_set_gpr(&x->next, REG_RAX, len, false, pair.low);
	emu_set_gpr(&x->next, len == 1 ? REG_RAX : REG_RDX, len, len == 1, pair.high);
}

typedef struct alu_pair (*multiply_fn)(unsigned bits, u64 a, u64 b, u64 *rflags);

static enum emu_result multiply(struct exec *x, multiply_fn fn)
{
	unsigned len = operand_bits(x, 0) / 8;
	u64 factor;
	enum emu_result r = emu_operand_read(x, 0, &factor);

	if (r == EMU_OK)
		set_pair(x, len, fn(len * 8, get_pair(x, len).low, factor, &x->next.rflags));
	return done(x, r);
}

static enum emu_result op_mul(struct exec *x, __attribute__((unused)) alu_fn fn)
{
	return multiply(x, alu_mul);
}

/* IMUL with one, two or three operands. */
static enum emu_result op_imul(struct exec *x, __attribute__((unused)) alu_fn fn)
{
	unsigned bits = operand_bits(x, 0), nr = x->insn->operand_count_visible;
	u64 a, b;
	enum emu_result r;

	if (nr == 1)
		return multiply(x, alu_imul);
	r = read_operand(x, nr - 2, bits, &a);
	if (r == EMU_OK)
		r = read_operand(x, nr - 1, bits, &b);
	if (r == EMU_OK)
		r = emu_operand_write(x, 0, alu_imul(bits, a, b, &x->next.rflags).low);
	return done(x, r);
}

typedef bool (*divide_fn)(unsigned bits, struct alu_pair *value, u64 divisor);

/* #DE is a fault: RIP stays and no register has changed (SDM 3A 6.15). */
static enum emu_result divide(struct exec *x, divide_fn fn)
{
	unsigned len = operand_bits(x, 0) / 8;
	struct alu_pair pair = get_pair(x, len);
	u64 divisor;
	enum emu_result r = emu_operand_read(x, 0, &divisor);

	if (r != EMU_OK)
		return r;
	if (!fn(len * 8, &pair, divisor))
		return emu_fault(x->emu, VECTOR_DE);
	set_pair(x, len, pair);
	return done(x, EMU_OK);
}

static enum emu_result op_div(struct exec *x, __attribute__((unused)) alu_fn fn)
{
	return divide(x, alu_div);
}

static enum emu_result op_idiv(struct exec *x, __attribute__((unused)) alu_fn fn)
{
	return divide(x, alu_idiv);
}

#define CONDITION_MASK 0xf /* of the opcodes 0F 40..4F and 0F 90..9F */

static enum emu_result op_setcc(struct exec *x)
{
	bool met = alu_condition(x->insn->opcode & CONDITION_MASK, x->next.rflags);

	return done(x, emu_operand_write(x, 0, met));
}

/* The source is read, and a 32-bit destination cleared above, whatever the condition is. */
static enum emu_result op_cmovcc(struct exec *x)
{
	bool met = alu_condition(x->insn->opcode & CONDITION_MASK, x->next.rflags);
	u64 value, old;
	enum emu_result r = emu_operand_read(x, 1, &value);

	if (r == EMU_OK)
		r = emu_operand_read(x, 0, &old);
	if (r == EMU_OK)
		r = emu_operand_write(x, 0, met ? value : old);
	return done(x, r);
}

static enum emu_result op_in(struct exec *x, __attribute__((unused)) alu_fn fn)
{
	unsigned len = operand_bits(x, 0) / 8;
	u64 port;
	enum emu_result r = read_operand(x, 1, 16, &port);

	if (r == EMU_OK)
		r = emu_check_port(x, port, len);
	if (r == EMU_OK)
		r = emu_operand_write(x, 0, x->emu->ops->in(x->emu, port, len));
	return done(x, r);
}

static enum emu_result op_out(struct exec *x, __attribute__((unused)) alu_fn fn)
{
	unsigned len = operand_bits(x, 1) / 8;
	u64 port, value;
	enum emu_result r = read_operand(x, 0, 16, &port);

	if (r == EMU_OK)
		r = emu_operand_read(x, 1, &value);
	if (r == EMU_OK)
		r = emu_check_port(x, port, len);
	if (r == EMU_OK)
		x->emu->ops->out(x->emu, port, len, value);
	return done(x, r);
}

struct operation {
	ZydisMnemonic mnemonic;
	enum emu_result (*execute)(struct exec *x, alu_fn fn);
	alu_fn fn;
};

/* Searched from the start: what guests do to devices most comes first. */
static const struct operation operations[] = {
	{ ZYDIS_MNEMONIC_MOV, op_mov, NULL },
	{ ZYDIS_MNEMONIC_MOVZX, op_mov, NULL },
	{ ZYDIS_MNEMONIC_MOVSX, op_movsx, NULL },
	{ ZYDIS_MNEMONIC_MOVSXD, op_movsx, NULL },
	{ ZYDIS_MNEMONIC_MOVBE, op_movbe, NULL },
	{ ZYDIS_MNEMONIC_MOVNTI, op_mov, NULL },
	{ ZYDIS_MNEMONIC_AND, op_binary, alu_and },
	{ ZYDIS_MNEMONIC_OR, op_binary, alu_or },
	{ ZYDIS_MNEMONIC_XOR, op_binary, alu_xor },
	{ ZYDIS_MNEMONIC_ADD, op_binary, alu_add },
	{ ZYDIS_MNEMONIC_ADC, op_binary, alu_adc },
	{ ZYDIS_MNEMONIC_SUB, op_binary, alu_sub },
	{ ZYDIS_MNEMONIC_SBB, op_binary, alu_sbb },
	{ ZYDIS_MNEMONIC_CMP, op_compare, alu_sub },
	{ ZYDIS_MNEMONIC_TEST, op_compare, alu_and },
	{ ZYDIS_MNEMONIC_INC, op_unary, alu_inc },
	{ ZYDIS_MNEMONIC_DEC, op_unary, alu_dec },
	{ ZYDIS_MNEMONIC_NEG, op_unary, alu_neg },
	{ ZYDIS_MNEMONIC_NOT, op_unary, alu_not },
	{ ZYDIS_MNEMONIC_SHL, op_binary, alu_shl },
	{ ZYDIS_MNEMONIC_SHR, op_binary, alu_shr },
	{ ZYDIS_MNEMONIC_SAR, op_binary, alu_sar },
	{ ZYDIS_MNEMONIC_ROL, op_binary, alu_rol },
	{ ZYDIS_MNEMONIC_ROR, op_binary, alu_ror },
	{ ZYDIS_MNEMONIC_RCL, op_binary, alu_rcl },
	{ ZYDIS_MNEMONIC_RCR, op_binary, alu_rcr },
	{ ZYDIS_MNEMONIC_SHLD, op_double_shift, NULL },
	{ ZYDIS_MNEMONIC_SHRD, op_double_shift, NULL },
	{ ZYDIS_MNEMONIC_BSF, op_bit_scan, NULL },
	{ ZYDIS_MNEMONIC_BSR, op_bit_scan, NULL },
	{ ZYDIS_MNEMONIC_XCHG, op_xchg, NULL },
	{ ZYDIS_MNEMONIC_XADD, op_xadd, alu_add },
	{ ZYDIS_MNEMONIC_CMPXCHG, op_cmpxchg, alu_sub },
	{ ZYDIS_MNEMONIC_BT, op_bit_test, alu_bt },
	{ ZYDIS_MNEMONIC_BTS, op_bit_modify, alu_bts },
	{ ZYDIS_MNEMONIC_BTR, op_bit_modify, alu_btr },
	{ ZYDIS_MNEMONIC_BTC, op_bit_modify, alu_btc },
	{ ZYDIS_MNEMONIC_PUSH, op_push, NULL },
	{ ZYDIS_MNEMONIC_POP, op_pop, NULL },
	{ ZYDIS_MNEMONIC_MUL, op_mul, NULL },
	{ ZYDIS_MNEMONIC_IMUL, op_imul, NULL },
	{ ZYDIS_MNEMONIC_DIV, op_div, NULL },
	{ ZYDIS_MNEMONIC_IDIV, op_idiv, NULL },
	{ ZYDIS_MNEMONIC_IN, op_in, NULL },
	{ ZYDIS_MNEMONIC_OUT, op_out, NULL },
};

static const struct operation *find_operation(ZydisMnemonic mnemonic)
{
	for (unsigned i = 0; i < ARRAY_SIZE(operations); i++) {
		if (operations[i].mnemonic == mnemonic)
			return &operations[i];
	}
	return NULL;
}

/* What is no operation of the table. */
static enum emu_result other(struct exec *x)
{
	switch (x->insn->meta.category) {
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
		return emu_branch(x);
	case ZYDIS_CATEGORY_CET:
		return emu_unhandled(x->emu, "CET instruction");
	default:
		return emu_unhandled(x->emu, "instruction not supported on devices");
	}
}

static enum emu_result execute(struct exec *x)
{
	const struct operation *operation = find_operation(x->insn->mnemonic);

	/* First: MOVSD and CMPSD are names of SSE instructions too. */
	if (x->insn->meta.category == ZYDIS_CATEGORY_STRINGOP ||
	    x->insn->meta.category == ZYDIS_CATEGORY_IOSTRINGOP)
		return emu_string(x);
	if (x->insn->meta.category == ZYDIS_CATEGORY_SETCC)
		return op_setcc(x);
	if (x->insn->meta.category == ZYDIS_CATEGORY_CMOV)
		return op_cmovcc(x);
	return operation ? operation->execute(x, operation->fn) : other(x);
}

static enum emu_result decode_and_execute(struct emu *emu, struct emu_decoded *decoded)
{
	struct exec x = { .emu = emu, .next = emu->regs };
	enum emu_result r = emu_decode(&x, decoded);

	return r == EMU_OK ? execute(&x) : r;
}

/* Out of line: the structure is large, and cleared. */
static __noinline enum emu_result emulate_uncached(struct emu *emu)
{
	struct emu_decoded decoded = { 0 };

	return decode_and_execute(emu, &decoded);
}

enum emu_result emulate(struct emu *emu)
{
	if (!emu->cache)
		return emulate_uncached(emu);
	return decode_and_execute(emu, emu_cached(emu->cache, emu->regs.rip));
}
