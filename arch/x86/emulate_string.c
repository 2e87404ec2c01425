/* SPDX-License-Identifier: MIT */
/*
 * String instructions and REP. Each iteration is complete in itself (SDM vol. 2B "REP"): a fault
 * or the end of the budget leaves the registers so that the instruction goes on where it was.
 */
#include "arch/x86/emulate_internal.h"

#include "arch/x86/emulate_alu.h"

#define PREFIX_REPNE 0xf2
#define PREFIX_REP   0xf3

/* Opcodes; the byte form is even, the form for wider elements follows it. */
#define OPCODE_INS  0x6c
#define OPCODE_OUTS 0x6e
#define OPCODE_MOVS 0xa4
#define OPCODE_CMPS 0xa6
#define OPCODE_STOS 0xaa
#define OPCODE_LODS 0xac
#define OPCODE_SCAS 0xae

struct string {
	u8 opcode;
	unsigned len; /* of an element, bytes */
	unsigned address_bits;
	u8 rep; /* the prefix, 0 = none */
	enum x86_segment source;
	u64 flags; /* of the last comparison; taken over when the instruction completes */
};

/* The last of several REP prefixes counts. They are accepted everywhere, so F2 MOVS is REP too. */
static u8 rep_prefix(const ZydisDecodedInstruction *insn)
{
	u8 rep = 0;

	for (unsigned i = 0; i < insn->raw.prefix_count; i++) {
		u8 value = insn->raw.prefixes[i].value;

		if (value == PREFIX_REP || value == PREFIX_REPNE)
			rep = value;
	}
	return rep;
}

static bool based_on(const ZydisDecodedOperand *op, ZydisRegister si)
{
	return op->type == ZYDIS_OPERAND_TYPE_MEMORY && op->mem.base == si;
}

static struct string describe(struct exec *x)
{
	struct string s = { .opcode = x->insn->opcode & ~1,
			    .address_bits = x->insn->address_width,
			    .rep = rep_prefix(x->insn),
			    .source = SEG_DS,
			    .flags = x->next.rflags };

	for (unsigned i = 0; i < x->insn->operand_count; i++) {
		const ZydisDecodedOperand *op = &x->op[i];

		if (op->type == ZYDIS_OPERAND_TYPE_MEMORY)
			s.len = op->size / 8;
		if (based_on(op, ZYDIS_REGISTER_SI) || based_on(op, ZYDIS_REGISTER_ESI) ||
		    based_on(op, ZYDIS_REGISTER_RSI))
			s.source = op->mem.segment - ZYDIS_REGISTER_ES;
	}
	return s;
}

static u64 address_reg(struct exec *x, const struct string *s, enum x86_gpr gpr)
{
	return emu_get_gpr(&x->next, gpr, s->address_bits / 8, false);
}

static void step(struct exec *x, const struct string *s, enum x86_gpr gpr, s64 by)
{
	emu_set_gpr(&x->next, gpr, s->address_bits / 8, false, x->next.gpr[gpr] + by);
}

static enum emu_result source(struct exec *x, const struct string *s, u64 *linear)
{
	return emu_linear(x, s->source, address_reg(x, s, REG_RSI), s->len, 0, linear);
}

static enum emu_result destination(struct exec *x, const struct string *s, unsigned access,
				   u64 *linear)
{
	return emu_linear(x, SEG_ES, address_reg(x, s, REG_RDI), s->len, access, linear);
}

static enum emu_result load_source(struct exec *x, const struct string *s, u64 *value)
{
	u64 linear;
	enum emu_result r = source(x, s, &linear);

	return r == EMU_OK ? emu_read(x, linear, s->len, 0, value) : r;
}

static enum emu_result load_destination(struct exec *x, const struct string *s, u64 *value)
{
	u64 linear;
	enum emu_result r = destination(x, s, 0, &linear);

	return r == EMU_OK ? emu_read(x, linear, s->len, 0, value) : r;
}

static enum emu_result store(struct exec *x, const struct string *s, u64 value)
{
	u64 linear;
	enum emu_result r = destination(x, s, EMU_ACCESS_WRITE, &linear);

	return r == EMU_OK ? emu_write(x, linear, s->len, value) : r;
}

/* A device must not be read when the value then has no place to go. */
static enum emu_result probe_store(struct exec *x, const struct string *s)
{
	u64 linear;
	enum emu_result r = destination(x, s, EMU_ACCESS_WRITE, &linear);

	return r == EMU_OK ? x->emu->ops->probe(x->emu, linear, s->len, EMU_ACCESS_WRITE) : r;
}

static void compare(const struct string *s, u64 a, u64 b, u64 *rflags)
{
	alu_sub(s->len * 8, a, b, rflags);
}

static enum emu_result movs(struct exec *x, struct string *s)
{
	u64 value;
	enum emu_result r = probe_store(x, s);

	if (r == EMU_OK)
		r = load_source(x, s, &value);
	return r == EMU_OK ? store(x, s, value) : r;
}

static enum emu_result cmps(struct exec *x, struct string *s)
{
	u64 a, b;
	enum emu_result r = load_source(x, s, &a);

	if (r == EMU_OK)
		r = load_destination(x, s, &b);
	if (r == EMU_OK)
		compare(s, a, b, &s->flags);
	return r;
}

static enum emu_result stos(struct exec *x, struct string *s)
{
	return store(x, s, emu_get_gpr(&x->next, REG_RAX, s->len, false));
}

static enum emu_result lods(struct exec *x, struct string *s)
{
	u64 value;
	enum emu_result r = load_source(x, s, &value);

	if (r == EMU_OK)
		emu_set_gpr(&x->next, REG_RAX, s->len, false, value);
	return r;
}

static enum emu_result scas(struct exec *x, struct string *s)
{
	u64 value;
	enum emu_result r = load_destination(x, s, &value);

	if (r == EMU_OK)
		compare(s, emu_get_gpr(&x->next, REG_RAX, s->len, false), value, &s->flags);
	return r;
}

static enum emu_result ins(struct exec *x, struct string *s)
{
	u16 port = x->next.gpr[REG_RDX];
	enum emu_result r = emu_check_port(x, port, s->len);

	if (r == EMU_OK)
		r = probe_store(x, s);
	return r == EMU_OK ? store(x, s, x->emu->ops->in(x->emu, port, s->len)) : r;
}

static enum emu_result outs(struct exec *x, struct string *s)
{
	u16 port = x->next.gpr[REG_RDX];
	u64 value;
	enum emu_result r = emu_check_port(x, port, s->len);

	if (r == EMU_OK)
		r = load_source(x, s, &value);
	if (r == EMU_OK)
		x->emu->ops->out(x->emu, port, s->len, value);
	return r;
}

struct string_op {
	u8 opcode;
	bool uses_si, uses_di, compares;
	enum emu_result (*once)(struct exec *x, struct string *s);
};

static const struct string_op string_ops[] = {
	{ OPCODE_MOVS, true, true, false, movs },  { OPCODE_STOS, false, true, false, stos },
	{ OPCODE_LODS, true, false, false, lods }, { OPCODE_CMPS, true, true, true, cmps },
	{ OPCODE_SCAS, false, true, true, scas },  { OPCODE_INS, false, true, false, ins },
	{ OPCODE_OUTS, true, false, false, outs },
};

static const struct string_op *find_op(u8 opcode)
{
	for (unsigned i = 0; i < ARRAY_SIZE(string_ops); i++) {
		if (string_ops[i].opcode == opcode)
			return &string_ops[i];
	}
	return NULL;
}

static enum emu_result iterate(struct exec *x, const struct string_op *op, struct string *s)
{
	s64 by = x->next.rflags & RFLAGS_DF ? -(s64)s->len : (s64)s->len;
	enum emu_result r = op->once(x, s);

	if (r != EMU_OK)
		return r;
	if (op->uses_si)
		step(x, s, REG_RSI, by);
	if (op->uses_di)
		step(x, s, REG_RDI, by);
	if (s->rep)
		step(x, s, REG_RCX, -1);
	x->emu->regs = x->next;
	return EMU_OK;
}

/* After an iteration of a REP: is it the last one? */
static bool is_last(struct exec *x, const struct string_op *op, const struct string *s)
{
	bool equal = s->flags & RFLAGS_ZF;

	return address_reg(x, s, REG_RCX) == 0 ||
	       (op->compares && equal == (s->rep == PREFIX_REPNE));
}

static enum emu_result complete(struct exec *x, const struct string *s)
{
	x->next.rflags = s->flags;
	emu_complete(x);
	return EMU_OK;
}

enum emu_result emu_string(struct exec *x)
{
	struct string s = describe(x);
	const struct string_op *op = find_op(s.opcode);
	/* A debugger that single-steps sees every iteration. */
	unsigned budget = x->next.rflags & RFLAGS_TF ? 1 : EMU_STRING_BUDGET;

	if (!op)
		return emu_unhandled(x->emu, "unknown string instruction");
	if (s.rep && address_reg(x, &s, REG_RCX) == 0)
		return complete(x, &s);
	for (; budget > 0; budget--) {
		enum emu_result r = iterate(x, op, &s);

		if (r != EMU_OK)
			return r;
		if (!s.rep || is_last(x, op, &s))
			return complete(x, &s);
	}
	return EMU_OK;
}
