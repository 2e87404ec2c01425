/* SPDX-License-Identifier: MIT */
/*
 * The emulator against the real CPU: every operation, width and form that 64-bit code has, with
 * the same registers, flags and memory. What the two leave must be equal, but for flags that the
 * manual leaves undefined.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "native_cpu.h"

#define MEMORY_WORDS 64
#define RFLAGS_ARITH (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)
#define OPERAND	     16 /* index of the word that RDI points at */

static const u64 values[] = {
	0, 1, 2, 4, 7, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa, 0xfefefefefefefefe, ~0ull
};
/* Limits of the signed ranges: what makes IDIV overflow. */
static const u64 limits[] = { 0x80,
			      0x7f,
			      0x8000,
			      0x7fff,
			      0x80000000,
			      0x7fffffff,
			      0x8000000000000000,
			      0x7fffffffffffffff,
			      0xffffff80,
			      0xffffffff00000000 };

static u64 memory[MEMORY_WORDS] __aligned(4096);
static bool lock_interferes; /* the next cmpxchg finds another value */

static void check_inside(u64 linear, unsigned len)
{
	assert_in_range(linear, (u64)memory, (u64)memory + sizeof(memory) - len);
}

static enum emu_result fetch(struct emu *emu, u64 linear, void *buf, unsigned len)
{
	const u8 *code = (const u8 *)linear;

	assert_true(len <= 15);
	memcpy(buf, code, len);
	(void)emu;
	return EMU_OK;
}

static enum emu_result read_memory(struct emu *emu, u64 linear, void *buf, unsigned len,
				   unsigned access)
{
	check_inside(linear, len);
	assert_false(access & EMU_ACCESS_SYSTEM);
	memcpy(buf, (const void *)linear, len);
	(void)emu;
	return EMU_OK;
}

static enum emu_result write_memory(struct emu *emu, u64 linear, const void *buf, unsigned len)
{
	check_inside(linear, len);
	memcpy((void *)linear, buf, len);
	(void)emu;
	return EMU_OK;
}

static enum emu_result cmpxchg(struct emu *emu, u64 linear, u64 expected, u64 desired, unsigned len,
			       bool *done)
{
	check_inside(linear, len);
	*done = !lock_interferes && memcmp((const void *)linear, &expected, len) == 0;
	lock_interferes = false;
	return *done ? write_memory(emu, linear, &desired, len) : EMU_OK;
}

static enum emu_result probe(struct emu *emu, u64 linear, unsigned len, unsigned access)
{
	check_inside(linear, len);
	(void)emu;
	(void)access;
	return EMU_OK;
}

static void get_seg(struct emu *emu, enum x86_segment seg, struct x86_seg *out)
{
	(void)emu;
	(void)seg;
	memset(out, 0, sizeof(*out));
}

static const struct emu_ops ops = {
	.fetch = fetch,
	.read = read_memory,
	.write = write_memory,
	.cmpxchg = cmpxchg,
	.probe = probe,
	.get_seg = get_seg,
};

/* One instruction being put together. */
struct code {
	u8 bytes[32]; /* zeros after the instruction: the emulator may fetch 15 */
	unsigned len;
};

static void emit(struct code *c, unsigned len, u64 v)
{
	memcpy(c->bytes + c->len, &v, len);
	c->len += len;
}

static void describe(const struct code *c, const struct emu_regs *in)
{
	fprintf(stderr, "instruction");
	for (unsigned i = 0; i < c->len; i++)
		fprintf(stderr, " %02x", c->bytes[i]);
	fprintf(stderr, " RAX %llx RBX %llx RCX %llx RDX %llx flags %llx\n",
		(unsigned long long)in->gpr[REG_RAX], (unsigned long long)in->gpr[REG_RBX],
		(unsigned long long)in->gpr[REG_RCX], (unsigned long long)in->gpr[REG_RDX],
		(unsigned long long)in->rflags);
}

static u64 checks;

/* Both execute from the same state; undefined flags are not compared. */
static void compare(const struct code *c, const struct emu_regs *in, u64 undefined)
{
	struct emu emu = { .ops = &ops,
			   .regs = *in,
			   .cr0 = CR0_PE | CR0_PG,
			   .efer = BIT(10) | BIT(8),
			   .cs = { .ar = 0xa09b },
			   .ss = { .ar = 0xc093 } };
	struct emu_regs native = *in;
	u64 before[MEMORY_WORDS], emulated[MEMORY_WORDS];
	enum emu_result r;
	int vector;

	checks++;
	emu.regs.rip = (u64)c->bytes;
	memcpy(before, memory, sizeof(memory));
	r = emulate(&emu);
	memcpy(emulated, memory, sizeof(memory));
	memcpy(memory, before, sizeof(memory));
	vector = native_execute(c->bytes, c->len, &native);

	if (vector != NO_VECTOR) {
		undefined = NATIVE_FLAGS; /* after #DE the CPU leaves what it likes in them */
		native = *in;
	}
	if (r != (vector == NO_VECTOR ? EMU_OK : EMU_FAULT) ||
	    memcmp(native.gpr, emu.regs.gpr, sizeof(native.gpr)) != 0 ||
	    ((native.rflags ^ emu.regs.rflags) & NATIVE_FLAGS & ~undefined) != 0) {
		describe(c, in);
		fprintf(stderr, "flags: native %llx emulated %llx; result %d (%s), vector %d\n",
			(unsigned long long)native.rflags, (unsigned long long)emu.regs.rflags, r,
			emu.why ? emu.why : "", vector);
	}
	assert_int_equal(r, vector == NO_VECTOR ? EMU_OK : EMU_FAULT);
	assert_memory_equal(native.gpr, emu.regs.gpr, sizeof(native.gpr));
	assert_int_equal((native.rflags ^ emu.regs.rflags) & NATIVE_FLAGS & ~undefined, 0);
	assert_memory_equal(memory, emulated, sizeof(memory));
	if (vector == NO_VECTOR) {
		assert_int_equal(emu.regs.rip, (u64)c->bytes + c->len);
	} else {
		assert_int_equal(emu.fault.vector, vector);
		assert_int_equal(emu.fault.error, 0);
		assert_int_equal(emu.regs.rip, (u64)c->bytes);
		assert_int_equal(emu.regs.rflags, in->rflags);
	}
}

/* Distinct values everywhere, so that a wrong register or upper half shows. */
static struct emu_regs fresh_regs(void)
{
	struct emu_regs regs = { .rflags = RFLAGS_ONE | RFLAGS_IF };

	for (unsigned i = 0; i < NR_GPRS; i++)
		regs.gpr[i] = 0x1122334455667788ull * (i + 1) ^ (u64)i << 60;
	regs.gpr[REG_RDI] = (u64)&memory[OPERAND];
	regs.gpr[REG_RSI] = (u64)&memory[OPERAND + 8];
	regs.gpr[REG_RSP] = (u64)&memory[40];
	for (unsigned i = 0; i < MEMORY_WORDS; i++)
		memory[i] = 0xf0e1d2c3b4a59687 * (i + 3);
	return regs;
}

enum width {
	W8,
	W16,
	W32,
	W64,
	NR_WIDTHS
};
static const unsigned width_bits[] = { 8, 16, 32, 64 };

/* Prefixes for a width, then the opcode of its byte form or the one after it. */
static void emit_opcode(struct code *c, enum width w, unsigned map, u8 opcode8, u8 opcode)
{
	if (w == W16)
		emit(c, 1, 0x66);
	if (w == W64)
		emit(c, 1, 0x48);
	if (map)
		emit(c, 1, 0x0f);
	if (map == 0x38)
		emit(c, 1, 0x38);
	emit(c, 1, w == W8 ? opcode8 : opcode);
}

#define MODRM_MEMORY(reg) ((reg) << 3 | REG_RDI)	/* [rdi] */
#define MODRM_REG(reg)	  (0xc0 | (reg) << 3 | REG_RCX) /* rcx */

/* An operand in memory and in RCX, the other in RBX, all pairs of values, CF clear and set. */
static void compare_pairs(const struct code *c, u64 undefined)
{
	for (unsigned i = 0; i < ARRAY_SIZE(values) * ARRAY_SIZE(values) * 2; i++) {
		struct emu_regs regs = fresh_regs();
		u64 a = values[i / 2 % ARRAY_SIZE(values)];

		memory[OPERAND] = regs.gpr[REG_RCX] = a;
		regs.gpr[REG_RBX] = values[i / 2 / ARRAY_SIZE(values)];
		regs.rflags |= i % 2 ? RFLAGS_CF | RFLAGS_OF | RFLAGS_ZF : 0;
		compare(c, &regs, undefined);
	}
}

/* op r/m, reg or op reg, r/m; reg = RBX. */
static void check_modrm(unsigned map, u8 opcode8, u8 opcode, u64 undefined)
{
	for (enum width w = opcode8 ? W8 : W16; w < NR_WIDTHS; w++) {
		struct code in_memory = { 0 }, in_reg = { 0 };

		emit_opcode(&in_memory, w, map, opcode8, opcode);
		emit(&in_memory, 1, MODRM_MEMORY(REG_RBX));
		compare_pairs(&in_memory, undefined);
		emit_opcode(&in_reg, w, map, opcode8, opcode);
		emit(&in_reg, 1, MODRM_REG(REG_RBX));
		compare_pairs(&in_reg, undefined);
	}
}

/* op r/m [, immediate] with the operation in the reg field. */
static void check_group(unsigned map, u8 opcode8, u8 opcode, unsigned digit, unsigned imm_len,
			u64 undefined)
{
	static const u64 immediates[] = { 0, 1, 7, 9, 0x1f, 0x21, 0x7f, 0x80, 0xfe, ~0ull };

	for (enum width w = opcode8 ? W8 : W16; w < NR_WIDTHS; w++) {
		unsigned len = imm_len == 4 ? MIN(width_bits[w] / 8, 4u) : imm_len;

		for (unsigned i = 0; i < (imm_len ? ARRAY_SIZE(immediates) : 1); i++) {
			struct code in_memory = { 0 }, in_reg = { 0 };

			emit_opcode(&in_memory, w, map, opcode8, opcode);
			emit(&in_memory, 1, MODRM_MEMORY(digit));
			emit(&in_memory, len, immediates[i]);
			compare_pairs(&in_memory, undefined);
			emit_opcode(&in_reg, w, map, opcode8, opcode);
			emit(&in_reg, 1, MODRM_REG(digit));
			emit(&in_reg, len, immediates[i]);
			compare_pairs(&in_reg, undefined);
		}
	}
}

static void test_arithmetic(void **state)
{
	(void)state;
	/* ADD OR ADC SBB AND SUB XOR CMP */
	for (unsigned op = 0; op < 8; op++) {
		u64 undefined = op == 1 || op == 4 || op == 6 ? RFLAGS_AF : 0;

		check_modrm(0, op * 8, op * 8 + 1, undefined);
		check_modrm(0, op * 8 + 2, op * 8 + 3, undefined);
		check_group(0, 0x80, 0x81, op, 4, undefined);
		check_group(0, 0x80, 0x83, op, 1, undefined);
	}
}

static void test_test(void **state)
{
	(void)state;
	check_modrm(0, 0x84, 0x85, RFLAGS_AF);
	check_group(0, 0xf6, 0xf7, 0, 4, RFLAGS_AF);
}

static void test_accumulator_immediate(void **state)
{
	(void)state;
	for (unsigned op = 0; op < 8; op++) {
		for (enum width w = W8; w < NR_WIDTHS; w++) {
			struct code c = { 0 };
			struct emu_regs regs = fresh_regs();

			emit_opcode(&c, w, 0, op * 8 + 4, op * 8 + 5);
			emit(&c, MIN(width_bits[w] / 8, 4u), 0x9badf00d);
			compare(&c, &regs, RFLAGS_AF);
		}
	}
}

static void test_unary(void **state)
{
	(void)state;
	check_group(0, 0xfe, 0xff, 0, 0, 0); /* INC */
	check_group(0, 0xfe, 0xff, 1, 0, 0); /* DEC */
	check_group(0, 0xf6, 0xf7, 2, 0, 0); /* NOT */
	check_group(0, 0xf6, 0xf7, 3, 0, 0); /* NEG */
}

/*
 * Defined: CF unless more was shifted than there is, OF for a count of 1, AF never. A rotation
 * through CF that goes round exactly is none.
 */
static void check_shift(unsigned digit, bool rotate)
{
	for (unsigned count = 0; count < 256; count++) {
		for (enum width w = W8; w < NR_WIDTHS; w++) {
			unsigned masked = count & (w == W64 ? 63 : 31);
			u64 undefined = (masked > 1 ? RFLAGS_OF : 0) |
					(masked && !rotate ? RFLAGS_AF : 0) |
					(masked > width_bits[w] && !rotate ? RFLAGS_CF : 0);
			struct code by_cl = { 0 }, by_imm = { 0 };

			if (masked == width_bits[w] && !rotate)
				undefined |= RFLAGS_CF;
			emit_opcode(&by_cl, w, 0, 0xd2, 0xd3);
			emit(&by_cl, 1, MODRM_MEMORY(digit));
			emit_opcode(&by_imm, w, 0, 0xc0, 0xc1);
			emit(&by_imm, 1, 0xc0 | digit << 3 | REG_RBX);
			emit(&by_imm, 1, count);
			for (unsigned i = 0; i < ARRAY_SIZE(values) * 2; i++) {
				struct emu_regs regs = fresh_regs();

				regs.rflags |= i % 2 ? RFLAGS_CF | RFLAGS_OF | RFLAGS_ZF : 0;
				regs.gpr[REG_RCX] = 0xabcdef00 | count;
				regs.gpr[REG_RBX] = memory[OPERAND] = values[i / 2];
				compare(&by_cl, &regs, undefined);
				compare(&by_imm, &regs, undefined);
			}
		}
	}
	check_group(0, 0xd0, 0xd1, digit, 0, rotate ? 0 : RFLAGS_AF);
}

static void test_shifts(void **state)
{
	(void)state;
	check_shift(0, true);  /* ROL */
	check_shift(1, true);  /* ROR */
	check_shift(2, true);  /* RCL */
	check_shift(3, true);  /* RCR */
	check_shift(4, false); /* SHL */
	check_shift(5, false); /* SHR */
	check_shift(6, false); /* SHL, the other encoding */
	check_shift(7, false); /* SAR */
}

/* SHLD, SHRD; by more than the operand has, the result is undefined. */
static void check_double_shift(u8 opcode_imm)
{
	for (unsigned i = 0; i < 64 * 3; i++) {
		unsigned count = i / 3;
		enum width w = W16 + i % 3;
		unsigned masked = count & (w == W64 ? 63 : 31);
		u64 undefined = RFLAGS_AF | (masked > 1 ? RFLAGS_OF : 0);
		struct code by_imm = { 0 }, by_cl = { 0 };

		if (masked > width_bits[w])
			continue;
		if (masked == 0)
			undefined = 0;
		emit_opcode(&by_imm, w, 0x0f, 0, opcode_imm);
		emit(&by_imm, 1, MODRM_MEMORY(REG_RBX));
		emit(&by_imm, 1, count);
		compare_pairs(&by_imm, undefined);
		emit_opcode(&by_cl, w, 0x0f, 0, opcode_imm + 1);
		emit(&by_cl, 1, MODRM_MEMORY(REG_RBX));
		for (unsigned j = 0; j < ARRAY_SIZE(values) * ARRAY_SIZE(values); j++) {
			struct emu_regs regs = fresh_regs();

			regs.gpr[REG_RCX] = 0xabcdef00 | count;
			regs.gpr[REG_RBX] = values[j / ARRAY_SIZE(values)];
			memory[OPERAND] = values[j % ARRAY_SIZE(values)];
			compare(&by_cl, &regs, undefined);
		}
	}
}

static void test_double_shifts(void **state)
{
	(void)state;
	check_double_shift(0xa4); /* SHLD */
	check_double_shift(0xac); /* SHRD */
}

/* With a source of 0 the manual leaves the register undefined; ZF is not. */
static void test_bit_scan(void **state)
{
	const u64 undefined = NATIVE_FLAGS & ~(RFLAGS_ZF | RFLAGS_DF);

	(void)state;
	for (u8 opcode = 0xbc; opcode <= 0xbd; opcode++) { /* BSF BSR */
		for (unsigned i = 0; i < 64 * ARRAY_SIZE(values) * 3; i++) {
			enum width w = W16 + i % 3;
			u64 value = values[i / 3 % ARRAY_SIZE(values)]
				    << i / 3 / ARRAY_SIZE(values);
			struct emu_regs regs = fresh_regs();
			struct code c = { 0 };

			emit_opcode(&c, w, 0x0f, 0, opcode);
			emit(&c, 1, MODRM_MEMORY(REG_RBX));
			memory[OPERAND] = value;
			if (w != W64)
				value &= BIT(width_bits[w]) - 1;
			if (value != 0)
				compare(&c, &regs, undefined);
		}
	}
}

/* Taken: INC R15 behind the branch is jumped over. The emulator stops where the branch leads. */
static void compare_branch(const u8 *bytes, unsigned len, const struct emu_regs *in)
{
	static const u8 inc_r15[] = { 0x49, 0xff, 0xc7 };
	struct code c = { 0 };
	struct emu emu = { .ops = &ops,
			   .regs = *in,
			   .cr0 = CR0_PE | CR0_PG,
			   .efer = BIT(10) | BIT(8),
			   .cs = { .ar = 0xa09b },
			   .ss = { .ar = 0xc093 } };
	struct emu_regs native = *in;

	checks++;
	memcpy(c.bytes, bytes, len);
	memcpy(c.bytes + len, inc_r15, sizeof(inc_r15));
	c.len = len + sizeof(inc_r15);
	emu.regs.rip = (u64)c.bytes;
	assert_int_equal(emulate(&emu), EMU_OK);
	assert_int_equal(native_execute(c.bytes, c.len, &native), NO_VECTOR);
	if (emu.regs.rip == (u64)c.bytes + len)
		emu.regs.gpr[REG_R15]++;
	else
		assert_int_equal(emu.regs.rip, (u64)c.bytes + c.len);
	native.rflags = (native.rflags & ~RFLAGS_ARITH) | (emu.regs.rflags & RFLAGS_ARITH);
	assert_memory_equal(native.gpr, emu.regs.gpr, sizeof(native.gpr));
	assert_int_equal((native.rflags ^ emu.regs.rflags) & NATIVE_FLAGS, 0);
	assert_int_equal(emu.regs.rflags, in->rflags);
}

/* All conditions with all flags; LOOP and JrCXZ with counts around the ends of both widths. */
static void test_branches(void **state)
{
	static const u64 flag[] = { RFLAGS_CF, RFLAGS_PF, RFLAGS_ZF, RFLAGS_SF, RFLAGS_OF };
	static const u64 counts[] = { 0, 1, 2, 0xffffffff, 0x100000000, 0x100000001, ~0ull };

	(void)state;
	for (unsigned i = 0; i < 1u << ARRAY_SIZE(flag); i++) {
		struct emu_regs regs = fresh_regs();

		for (unsigned f = 0; f < ARRAY_SIZE(flag); f++)
			regs.rflags |= i >> f & 1 ? flag[f] : 0;
		for (unsigned cc = 0; cc < 16; cc++) {
			compare_branch((const u8[]){ 0x70 | cc, 3 }, 2, &regs);
			compare_branch((const u8[]){ 0x0f, 0x80 | cc, 3, 0, 0, 0 }, 6, &regs);
		}
		for (unsigned j = 0; j < 4 * ARRAY_SIZE(counts); j++) {
			regs.gpr[REG_RCX] = counts[j / 4];
			compare_branch((const u8[]){ 0xe0 | j % 4, 3 }, 2, &regs);
			compare_branch((const u8[]){ 0x67, 0xe0 | j % 4, 3 }, 3, &regs);
		}
		compare_branch((const u8[]){ 0xeb, 3 }, 2, &regs);
		compare_branch((const u8[]){ 0xe9, 3, 0, 0, 0 }, 5, &regs);
	}
}

static void test_exchange(void **state)
{
	struct emu_regs regs = fresh_regs();
	struct code same = { 0 }, with_rax = { 0 };

	(void)state;
	check_modrm(0, 0x86, 0x87, 0);	  /* XCHG */
	check_modrm(0x0f, 0xc0, 0xc1, 0); /* XADD */
	emit(&same, 3, 0xdbc10f);	  /* xadd ebx, ebx */
	compare(&same, &regs, 0);
	emit(&with_rax, 2, 0x9349); /* xchg r11, rax */
	compare(&with_rax, &regs, 0);
}

static void test_cmpxchg(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		for (unsigned j = 0; j < 2 * NR_WIDTHS * ARRAY_SIZE(values); j++) {
			struct emu_regs regs = fresh_regs();
			struct code c = { 0 };

			if (j % 2)
				emit(&c, 1, 0xf0); /* LOCK */
			emit_opcode(&c, j / 2 % NR_WIDTHS, 0x0f, 0xb0, 0xb1);
			emit(&c, 1, j % 2 ? MODRM_MEMORY(REG_RBX) : MODRM_REG(REG_RBX));
			regs.gpr[REG_RAX] = values[j / 2 / NR_WIDTHS];
			regs.gpr[REG_RCX] = memory[OPERAND] = values[i];
			compare(&c, &regs, 0);
		}
	}
}

static void test_bits(void **state)
{
	const u64 undefined = RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF;

	(void)state;
	for (unsigned op = 4; op < 8; op++) { /* BT BTS BTR BTC */
		check_group(0x0f, 0, 0xba, op, 1, undefined);
		for (enum width w = W16; w < NR_WIDTHS; w++) {
			struct code in_memory = { 0 }, in_reg = { 0 };

			emit_opcode(&in_memory, w, 0x0f, 0, 0x83 | op << 3);
			emit(&in_memory, 1, MODRM_MEMORY(REG_RBX));
			emit_opcode(&in_reg, w, 0x0f, 0, 0x83 | op << 3);
			emit(&in_reg, 1, MODRM_REG(REG_RBX));
			for (s64 bit = -130; bit < 200; bit++) {
				struct emu_regs regs = fresh_regs();

				regs.gpr[REG_RBX] = bit;
				compare(&in_memory, &regs, undefined);
				compare(&in_reg, &regs, undefined);
			}
		}
	}
}

static void test_multiply(void **state)
{
	const u64 undefined = RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(values) * ARRAY_SIZE(values) * NR_WIDTHS; i++) {
		for (unsigned digit = 4; digit <= 5; digit++) { /* MUL IMUL */
			struct emu_regs regs = fresh_regs();
			struct code c = { 0 };

			emit_opcode(&c, i % NR_WIDTHS, 0, 0xf6, 0xf7);
			emit(&c, 1, MODRM_MEMORY(digit));
			regs.gpr[REG_RAX] = values[i / NR_WIDTHS % ARRAY_SIZE(values)];
			memory[OPERAND] = values[i / NR_WIDTHS / ARRAY_SIZE(values)];
			compare(&c, &regs, undefined);
		}
	}
	check_modrm(0x0f, 0, 0xaf, undefined); /* IMUL reg, r/m */
	for (enum width w = W16; w < NR_WIDTHS; w++) {
		struct code imm = { 0 }, imm8 = { 0 };

		emit_opcode(&imm, w, 0, 0, 0x69);
		emit(&imm, 1, MODRM_MEMORY(REG_RDX));
		emit(&imm, w == W16 ? 2 : 4, 0x8765fedc);
		compare_pairs(&imm, undefined);
		emit_opcode(&imm8, w, 0, 0, 0x6b);
		emit(&imm8, 1, MODRM_REG(REG_RDX));
		emit(&imm8, 1, 0xf3);
		compare_pairs(&imm8, undefined);
	}
}

/* One value of both tables, whole or repeated, so that every width sees every pattern. */
static u64 dividend_value(unsigned i)
{
	return i < ARRAY_SIZE(values) ? values[i] : limits[i - ARRAY_SIZE(values)];
}
#define DIVIDEND_VALUES (ARRAY_SIZE(values) + ARRAY_SIZE(limits))

/* All pairs with high == low as well as independent halves; about half of them are #DE. */
static void check_divide(enum width w, unsigned digit)
{
	const unsigned n = DIVIDEND_VALUES;
	unsigned bits = width_bits[w];
	struct code in_memory = { 0 }, in_reg = { 0 };

	emit_opcode(&in_memory, w, 0, 0xf6, 0xf7);
	emit(&in_memory, 1, MODRM_MEMORY(digit));
	emit_opcode(&in_reg, w, 0, 0xf6, 0xf7);
	emit(&in_reg, 1, MODRM_REG(digit));
	for (unsigned i = 0; i < n * n * n; i++) {
		struct emu_regs regs = fresh_regs();
		u64 high = dividend_value(i / n % n), low = dividend_value(i / n / n);

		regs.gpr[REG_RCX] = memory[OPERAND] = dividend_value(i % n);
		regs.gpr[REG_RDX] = high;
		regs.gpr[REG_RAX] =
			bits == 8 ? (low & 0xff) | (high & 0xff) << 8 | 0xabcd0000 : low;
		compare(&in_memory, &regs, NATIVE_FLAGS & ~RFLAGS_DF);
		if (i % 7 == 0)
			compare(&in_reg, &regs, NATIVE_FLAGS & ~RFLAGS_DF);
	}
}

static void test_div(void **state)
{
	(void)state;
	for (enum width w = W8; w < NR_WIDTHS; w++)
		check_divide(w, 6);
}

static void test_idiv(void **state)
{
	(void)state;
	for (enum width w = W8; w < NR_WIDTHS; w++)
		check_divide(w, 7);
}

/* #DE by name, in case the loops above would ever miss one: {dividend, divisor} of each width. */
static void test_divide_errors(void **state)
{
	(void)state;
	for (enum width w = W8; w < NR_WIDTHS; w++) {
		u64 min = BIT(width_bits[w] - 1);
		const struct {
			unsigned digit;
			u64 high, low, divisor;
			bool faults;
		} cases[] = {
			{ 6, 0, 1, 0, true }, /* by zero */
			{ 7, 0, 1, 0, true },
			{ 6, 1, 0, 1, true }, /* quotient one bit too long */
			{ 6, 0, ~0ull, 1, false },
			{ 7, ~0ull, min, ~0ull, true },	     /* MIN / -1 */
			{ 7, ~0ull, min, 1, false },	     /* MIN / 1 */
			{ 7, ~0ull, min + 1, ~0ull, false }, /* (MIN + 1) / -1 */
			{ 7, min, 0, ~0ull, true },	     /* double-width MIN / -1 */
			{ 7, 0, min, 1, true },		     /* MAX + 1 */
			{ 7, 0, min, ~0ull, false },	     /* quotient is MIN exactly */
			{ 7, 0, min + 1, ~0ull, true },
		};

		for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
			struct emu_regs regs = fresh_regs(), native;
			struct code c = { 0 };

			emit_opcode(&c, w, 0, 0xf6, 0xf7);
			emit(&c, 1, MODRM_MEMORY(cases[i].digit));
			regs.gpr[REG_RDX] = cases[i].high;
			regs.gpr[REG_RAX] = w == W8 ? (cases[i].low & 0xff) | (cases[i].high & 0xff)
										      << 8
						    : cases[i].low;
			memory[OPERAND] = cases[i].divisor;
			native = regs;
			assert_int_equal(native_execute(c.bytes, c.len, &native),
					 cases[i].faults ? VECTOR_DE : NO_VECTOR);
			compare(&c, &regs, NATIVE_FLAGS & ~RFLAGS_DF);
		}
	}
}

static void test_moves(void **state)
{
	(void)state;
	check_modrm(0, 0x88, 0x89, 0); /* MOV */
	check_modrm(0, 0x8a, 0x8b, 0);
	check_group(0, 0xc6, 0xc7, 0, 4, 0);
	check_modrm(0x0f, 0, 0xb6, 0); /* MOVZX */
	check_modrm(0x0f, 0, 0xb7, 0);
	check_modrm(0x0f, 0, 0xbe, 0); /* MOVSX */
	check_modrm(0x0f, 0, 0xbf, 0);
	check_modrm(0, 0, 0x63, 0); /* MOVSXD */
}

/* Forms that exist only with memory. */
static void test_memory_moves(void **state)
{
	struct code movnti = { 0 }, movnti64 = { 0 };

	(void)state;
	for (enum width w = W16; w < NR_WIDTHS; w++) {
		struct code load = { 0 }, store = { 0 };

		emit_opcode(&load, w, 0x38, 0, 0xf0); /* MOVBE */
		emit(&load, 1, MODRM_MEMORY(REG_RBX));
		compare_pairs(&load, 0);
		emit_opcode(&store, w, 0x38, 0, 0xf1);
		emit(&store, 1, MODRM_MEMORY(REG_RBX));
		compare_pairs(&store, 0);
	}
	for (enum width w = W8; w < NR_WIDTHS; w++) {
		struct code load = { 0 }, store = { 0 };

		emit_opcode(&load, w, 0, 0xa0, 0xa1); /* MOV with a 64-bit offset */
		emit(&load, 8, (u64)&memory[OPERAND]);
		compare_pairs(&load, 0);
		emit_opcode(&store, w, 0, 0xa2, 0xa3);
		emit(&store, 8, (u64)&memory[OPERAND]);
		compare_pairs(&store, 0);
	}
	emit(&movnti, 3, 0x1fc30f);
	compare_pairs(&movnti, 0);
	emit(&movnti64, 4, 0x1fc30f48);
	compare_pairs(&movnti64, 0);
}

/* AH..BH without REX, SPL..DIL with it, R8B..R15B; all 16 registers in every width. */
static void test_registers(void **state)
{
	(void)state;
	for (unsigned rex = 0x3f; rex < 0x50; rex++) { /* 0x3f: none */
		for (unsigned modrm = 0xc0; modrm < 0x100; modrm++) {
			struct code byte = { 0 }, word = { 0 }, wide = { 0 };
			struct emu_regs regs = fresh_regs();

			if (rex > 0x3f)
				emit(&byte, 1, rex);
			emit(&byte, 2, 0x00 | modrm << 8); /* ADD */
			compare(&byte, &regs, 0);
			emit(&word, 1, 0x66);
			if (rex > 0x3f)
				emit(&word, 1, rex);
			emit(&word, 2, 0x89 | modrm << 8); /* MOV */
			compare(&word, &regs, 0);
			if (rex > 0x3f)
				emit(&wide, 1, rex);
			emit(&wide, 2, 0x29 | modrm << 8); /* SUB */
			compare(&wide, &regs, 0);
		}
	}
}

/* Base, index, scale and displacement; the address-size prefix is in test_emulate.c. */
static void test_addressing(void **state)
{
	static const struct {
		u8 bytes[12];
		u8 len;
	} forms[] = {
		{ { 0x8b, 0x5f, 0x08 }, 3 },	      /* [rdi+8] */
		{ { 0x8b, 0x5f, 0xf8 }, 3 },	      /* [rdi-8] */
		{ { 0x8b, 0x9f, 0x10, 0, 0, 0 }, 6 }, /* [rdi+disp32] */
		{ { 0x8b, 0x1c, 0x37 }, 3 },	      /* [rdi+rsi] */
		{ { 0x8b, 0x1c, 0xf7 }, 3 },	      /* [rdi+rsi*8] */
		{ { 0x8b, 0x5c, 0x77, 0x03 }, 4 },    /* [rdi+rsi*2+3] */
		{ { 0x8b, 0x1c, 0x24 }, 3 },	      /* [rsp] */
		{ { 0x49, 0x89, 0x18 }, 3 },	      /* [r8] */
		{ { 0x4b, 0x89, 0x1c, 0x88 }, 4 },    /* [r8+r9*4] */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
		struct emu_regs regs = fresh_regs();
		struct code c = { 0 };

		memcpy(c.bytes, forms[i].bytes, forms[i].len);
		c.len = forms[i].len;
		regs.gpr[REG_RSI] = 7;
		regs.gpr[REG_R8] = (u64)&memory[3];
		regs.gpr[REG_R9] = 5;
		compare(&c, &regs, 0);
	}
}

static void test_conditions(void **state)
{
	static const u64 flag[] = { RFLAGS_CF, RFLAGS_PF, RFLAGS_ZF, RFLAGS_SF, RFLAGS_OF };

	(void)state;
	for (unsigned cc = 0; cc < 16; cc++) {
		for (unsigned i = 0; i < 1u << ARRAY_SIZE(flag); i++) {
			struct emu_regs regs = fresh_regs();
			struct code setcc = { 0 };

			for (unsigned f = 0; f < ARRAY_SIZE(flag); f++)
				regs.rflags |= i >> f & 1 ? flag[f] : 0;
			emit(&setcc, 3, 0x00000f | (0x90 | cc) << 8 | MODRM_MEMORY(0u) << 16);
			compare(&setcc, &regs, 0);
			for (enum width w = W16; w < NR_WIDTHS; w++) {
				struct code cmov = { 0 };

				emit_opcode(&cmov, w, 0x0f, 0, 0x40 | cc);
				emit(&cmov, 1, MODRM_MEMORY(REG_RBX));
				compare(&cmov, &regs, 0);
			}
		}
	}
}

static void test_stack(void **state)
{
	static const struct {
		u8 bytes[8];
		u8 len;
	} forms[] = {
		{ { 0xff, 0x37 }, 2 },			 /* push qword [rdi] */
		{ { 0x66, 0xff, 0x37 }, 3 },		 /* push word [rdi] */
		{ { 0x8f, 0x07 }, 2 },			 /* pop qword [rdi] */
		{ { 0x66, 0x8f, 0x07 }, 3 },		 /* pop word [rdi] */
		{ { 0x8f, 0x04, 0x24 }, 3 },		 /* pop qword [rsp]: RSP after the pop */
		{ { 0x8f, 0x44, 0x24, 0xf0 }, 4 },	 /* pop qword [rsp-16] */
		{ { 0xff, 0x74, 0x24, 0x08 }, 4 },	 /* push qword [rsp+8]: RSP before it */
		{ { 0x50 }, 1 },			 /* push rax */
		{ { 0x54 }, 1 },			 /* push rsp */
		{ { 0x41, 0x57 }, 2 },			 /* push r15 */
		{ { 0x59 }, 1 },			 /* pop rcx */
		{ { 0x5c }, 1 },			 /* pop rsp */
		{ { 0x6a, 0x80 }, 2 },			 /* push -128 */
		{ { 0x66, 0x6a, 0x80 }, 3 },		 /* push word -128 */
		{ { 0x68, 0x01, 0x02, 0x03, 0x84 }, 5 }, /* push imm32, sign-extended */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
		struct emu_regs regs = fresh_regs();
		struct code c = { 0 };

		memcpy(c.bytes, forms[i].bytes, forms[i].len);
		c.len = forms[i].len;
		compare(&c, &regs, 0);
	}
}

/* All string instructions but INS and OUTS: REP kinds, directions, widths, counts. */
static void test_strings(void **state)
{
	static const u8 opcodes[] = { 0xa4, 0xa6, 0xaa, 0xac, 0xae };
	static const u8 reps[] = { 0, 0xf3, 0xf2 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(opcodes) * ARRAY_SIZE(reps) * NR_WIDTHS * 2; i++) {
		enum width w = i / 2 % NR_WIDTHS;
		u8 rep = reps[i / 2 / NR_WIDTHS % ARRAY_SIZE(reps)];
		u8 opcode = opcodes[i / 2 / NR_WIDTHS / ARRAY_SIZE(reps)];

		for (unsigned count = 0; count < 9; count++) {
			for (unsigned equal = 0; equal < 3; equal++) {
				struct emu_regs regs = fresh_regs();
				struct code c = { 0 };

				if (rep)
					emit(&c, 1, rep);
				emit_opcode(&c, w, 0, opcode, opcode | 1);
				regs.rflags |= i % 2 ? RFLAGS_DF : 0;
				regs.gpr[REG_RCX] = count;
				if (equal > 0)
					for (unsigned m = 0; m < MEMORY_WORDS; m++)
						memory[m] = regs.gpr[REG_RAX] = 0x4242424242424242;
				if (equal > 1)
					((u8 *)&memory[OPERAND])[i % 2 ? -25 : 25] = 0x41;
				compare(&c, &regs, 0);
			}
		}
	}
}

/* Random operands for every two-operand form: what the tables above may not think of. */
static void test_random(void **state)
{
	static const u8 opcodes[] = { 0x01, 0x11, 0x19, 0x29, 0x39, 0x03, 0x13, 0x1b, 0x2b, 0x3b };
	u64 seed = 0x9e3779b97f4a7c15;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct emu_regs regs = fresh_regs();
		struct code c = { 0 };

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		emit_opcode(&c, i % NR_WIDTHS, 0, opcodes[i % ARRAY_SIZE(opcodes)] - 1,
			    opcodes[i % ARRAY_SIZE(opcodes)]);
		emit(&c, 1, MODRM_MEMORY(REG_RBX));
		memory[OPERAND] = seed;
		regs.gpr[REG_RBX] = seed * 0xda942042e4dd58b5;
		regs.rflags |= seed >> 63 ? RFLAGS_CF : 0;
		compare(&c, &regs, 0);
	}
}

/* A LOCKed update that loses against another CPU is computed again from the new value. */
static void test_contention(void **state)
{
	struct emu_regs regs = fresh_regs();
	struct code xadd = { 0 }, xchg = { 0 };

	(void)state;
	emit(&xadd, 5, 0x1fc10f48f0);
	lock_interferes = true;
	compare(&xadd, &regs, 0);
	assert_false(lock_interferes);
	emit(&xchg, 3, 0x1f8748); /* locked without the prefix */
	lock_interferes = true;
	compare(&xchg, &regs, 0);
	assert_false(lock_interferes);
}

static void test_enough_was_compared(void **state)
{
	(void)state;
	assert_true(checks > 200000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_test),
		cmocka_unit_test(test_accumulator_immediate),
		cmocka_unit_test(test_unary),
		cmocka_unit_test(test_shifts),
		cmocka_unit_test(test_double_shifts),
		cmocka_unit_test(test_bit_scan),
		cmocka_unit_test(test_branches),
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_cmpxchg),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_multiply),
		cmocka_unit_test(test_div),
		cmocka_unit_test(test_idiv),
		cmocka_unit_test(test_divide_errors),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_memory_moves),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_addressing),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_stack),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_contention),
		cmocka_unit_test(test_enough_was_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
