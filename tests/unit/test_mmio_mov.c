/* SPDX-License-Identifier: MIT */
/* The short decoder of moves against what is known of single encodings, and against Zydis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "arch/x86/mmio_mov.h"
#include "arch/x86/regs.h"

#define CODE(...)           \
	(const u8[15])      \
	{                   \
		__VA_ARGS__ \
	}

static struct mmio_mov mov;

static bool decode64(const u8 *bytes)
{
	return mmio_mov_decode(bytes, 15, true, &mov);
}

static void expect(unsigned length, unsigned width, unsigned gpr, bool write, bool zero)
{
	assert_int_equal(mov.length, length);
	assert_int_equal(mov.width, width);
	assert_int_equal(mov.gpr, gpr);
	assert_int_equal(mov.write, write);
	assert_int_equal(mov.zero, zero);
}

static void loads(void **state)
{
	(void)state;
	assert_true(decode64(CODE(0x8b, 0x00))); /* mov (%rax), %eax */
	expect(2, 4, REG_RAX, false, true);
	assert_true(decode64(CODE(0x44, 0x8b, 0x7e, 0x10))); /* mov 0x10(%rsi), %r15d */
	expect(4, 4, REG_R15, false, true);
	assert_true(decode64(CODE(0x48, 0x8b, 0x0d, 1, 2, 3, 4))); /* mov x(%rip), %rcx */
	expect(7, 8, REG_RCX, false, false);
	assert_true(decode64(CODE(0x66, 0x8b, 0x14, 0x25, 0, 0, 0, 0))); /* mov 0, %dx */
	expect(8, 2, REG_RDX, false, false);
	assert_true(decode64(CODE(0x8a, 0x1c, 0x8b))); /* mov (%rbx,%rcx,4), %bl */
	expect(3, 1, REG_RBX, false, false);
	assert_true(decode64(CODE(0x0f, 0xb6, 0x3e))); /* movzbl (%rsi), %edi */
	expect(3, 1, REG_RDI, false, true);
	assert_true(decode64(CODE(0x4c, 0x0f, 0xb7, 0x84, 0x24, 0, 1, 0, 0))); /* movzwq */
	expect(9, 2, REG_R8, false, true);
	assert_true(decode64(CODE(0xa1, 1, 2, 3, 4, 5, 6, 7, 8))); /* movabs, %eax */
	expect(9, 4, REG_RAX, false, true);
}

static void stores(void **state)
{
	(void)state;
	assert_true(decode64(CODE(0x89, 0xb7, 0, 0xd0, 0x5f, 0xff))); /* mov %esi, disp(%rdi) */
	expect(6, 4, REG_RSI, true, true);
	assert_false(mov.has_imm);
	assert_true(decode64(CODE(0x40, 0x88, 0x30))); /* mov %sil, (%rax) */
	expect(3, 1, REG_RSI, true, false);
	assert_true(decode64(CODE(0xc7, 0x42, 0x08, 0xfe, 0xff, 0xff, 0xff)));
	expect(7, 4, 0, true, true);
	assert_true(mov.has_imm);
	assert_int_equal(mov.imm, -2);
	assert_true(decode64(CODE(0x66, 0xc7, 0x00, 0x34, 0x92))); /* movw */
	expect(5, 2, 0, true, false);
	assert_int_equal(mov.imm, (s16)0x9234);
	assert_true(decode64(CODE(0xc6, 0x04, 0x08, 0x80)));
	expect(4, 1, 0, true, false);
	assert_int_equal(mov.imm, -128);
	assert_true(decode64(CODE(0x48, 0xc7, 0x80, 0, 0, 0, 0, 1, 0, 0, 0x80)));
	expect(11, 8, 0, true, false);
	assert_int_equal(mov.imm, (s32)0x80000001);
}

static void not_for_us(void **state)
{
	static const u8 code[][15] = {
		{ 0x8b, 0xc0 },		    /* a register is no memory */
		{ 0x0f, 0xb6, 0xc0 },	    /* the same */
		{ 0x8a, 0x20 },		    /* mov (%rax), %ah */
		{ 0x88, 0x38 },		    /* mov %bh, (%rax) */
		{ 0xc7, 0x08, 0, 0, 0, 0 }, /* C7 /1 does not exist */
		{ 0xc7, 0xf8, 0, 0, 0, 0 }, /* XBEGIN */
		{ 0x66, 0x0f, 0xb6, 0x00 }, /* movzbw: keeps the rest */
		{ 0xf0, 0x89, 0x00 },	    /* LOCK */
		{ 0xf3, 0x8b, 0x00 },	    /* REP */
		{ 0x65, 0x8b, 0x00 },	    /* GS */
		{ 0x67, 0x8b, 0x00 },	    /* address size */
		{ 0x48, 0x66, 0x8b, 0x00 }, /* REX that does not count */
		{ 0x48, 0x48, 0x8b, 0x00 },
		{ 0x01, 0x00 },	      /* add */
		{ 0x87, 0x00 },	      /* xchg */
		{ 0x0f, 0xbe, 0x00 }, /* movsx */
		{ 0x0f, 0x6f, 0x00 }, /* movq */
		{ 0x90 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(code); i++)
		if (decode64(code[i]))
			fail_msg("entry %zu", i);
}

/* Bytes that are not there must not be needed. */
static void cut_off(void **state)
{
	static const u8 code[] = { 0x48, 0xc7, 0x84, 0x24, 0, 1, 0, 0, 1, 2, 3, 4 };

	(void)state;
	for (unsigned count = 0; count < sizeof(code); count++) {
		u8 *exact = malloc(count ? count : 1);

		memcpy(exact, code, count);
		assert_false(mmio_mov_decode(exact, count, true, &mov));
		free(exact);
	}
	assert_true(mmio_mov_decode(code, sizeof(code), true, &mov));
}

static void code32(void **state)
{
	(void)state;
	assert_true(mmio_mov_decode(CODE(0xa3, 0, 0, 0xe0, 0xfe), 15, false, &mov));
	expect(5, 4, REG_RAX, true, true);
	/* No REX: that is DEC EAX. */
	assert_false(mmio_mov_decode(CODE(0x48, 0x8b, 0x00), 15, false, &mov));
	assert_true(mmio_mov_decode(CODE(0x8b, 0x0d, 0, 0, 0xe0, 0xfe), 15, false, &mov));
	expect(6, 4, REG_RCX, false, true);
}

static unsigned zydis_gpr(ZydisRegister reg)
{
	return (unsigned)ZydisRegisterGetId(
		ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg));
}

static void expect_register(unsigned reg, ZydisRegister expected)
{
	if (expected == ZYDIS_REGISTER_NONE)
		assert_int_equal(reg, MMIO_MOV_NONE);
	else if (expected == ZYDIS_REGISTER_RIP)
		assert_int_equal(reg, MMIO_MOV_RIP);
	else
		assert_int_equal(reg, zydis_gpr(expected));
}

static void compare_address(const ZydisDecodedOperandMem *mem)
{
	expect_register(mov.base, mem->base);
	expect_register(mov.index, mem->index);
	if (mem->index != ZYDIS_REGISTER_NONE)
		assert_int_equal(1 << mov.shift, mem->scale);
	assert_int_equal(mov.disp, (s32)mem->disp.value);
}

static void compare(const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *op)
{
	unsigned memory = mov.write ? 0 : 1;

	assert_true(insn->mnemonic == ZYDIS_MNEMONIC_MOV || insn->mnemonic == ZYDIS_MNEMONIC_MOVZX);
	assert_int_equal(mov.length, insn->length);
	assert_int_equal(op[memory].type, ZYDIS_OPERAND_TYPE_MEMORY);
	assert_int_equal(mov.width * 8, op[memory].size);
	if (mov.has_imm) {
		assert_int_equal(op[1].type, ZYDIS_OPERAND_TYPE_IMMEDIATE);
		assert_int_equal((u64)(s64)mov.imm, op[1].imm.value.u);
	} else {
		assert_int_equal(mov.gpr, zydis_gpr(op[!memory].reg.value));
	}
}

/* Whatever it takes for a move is one, and the same one, to the full decoder. */
static void against_zydis(void **state)
{
	static const u8 opcodes[] = { 0x88, 0x89, 0x8a, 0x8b, 0xa0, 0xa1,
				      0xa2, 0xa3, 0xc6, 0xc7, 0x0f };
	ZydisDecoder decoder[2];
	unsigned taken = 0;

	(void)state;
	srand(1);
	ZydisDecoderInit(&decoder[0], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	ZydisDecoderInit(&decoder[1], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (unsigned i = 0; i < 300000; i++) {
		ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
		ZydisDecodedInstruction insn;
		unsigned at = 0, code64 = i & 1;
		u8 bytes[15];

		for (unsigned b = 0; b < sizeof(bytes); b++)
			bytes[b] = (u8)rand();
		if (rand() % 3 == 0)
			bytes[at++] = 0x66;
		if (rand() % 2)
			bytes[at++] = (u8)(0x40 | rand() % 16);
		bytes[at] = opcodes[(unsigned)rand() % sizeof(opcodes)];
		if (bytes[at] == 0x0f)
			bytes[at + 1] = (u8)(0xb6 + rand() % 2);
		if (!mmio_mov_decode(bytes, sizeof(bytes), code64, &mov))
			continue;
		taken++;
		assert_true(ZYAN_SUCCESS(
			ZydisDecoderDecodeFull(&decoder[code64], bytes, sizeof(bytes), &insn, op)));
		compare(&insn, op);
		if (code64)
			compare_address(&op[mov.write ? 0 : 1].mem);
	}
	assert_in_range(taken, 50000, 300000); /* it did compare */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads),      cmocka_unit_test(stores),
		cmocka_unit_test(not_for_us), cmocka_unit_test(cut_off),
		cmocka_unit_test(code32),     cmocka_unit_test(against_zydis),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
