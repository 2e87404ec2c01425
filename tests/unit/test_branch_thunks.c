/* SPDX-License-Identifier: MIT */
/* Calls and jumps to branch thunks: found, nothing else taken for one, and replaced by what they do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <Zydis/Zydis.h>
#include <cmocka.h>

#include "arch/x86/branch_thunks.h"

extern const u8 branch_thunks[];

#define PLACES 200 /* bytes around the site: each alignment in a cache line, and more */

static u8 code[PLACES + BRANCH_LENGTH];

/* A near call or jump at place, to where thunks begin with offset added, as if code were close to them. */
static u64 put(unsigned place, u8 opcode, s64 offset)
{
	const u64 base = (u64)code + 0x10000;
	const s32 distance = (s32)((s64)(base - (u64)code) - (s64)(place + BRANCH_LENGTH) + offset);

	memset(code, 0, sizeof(code));
	code[place] = opcode;
	memcpy(code + place + 1, &distance, sizeof(distance));
	return base;
}

static void test_found(void **state)
{
	(void)state;
	for (unsigned place = 0; place < PLACES; place += 7)
		for (unsigned thunk = 0; thunk < NR_BRANCH_THUNKS; thunk++) {
			const s64 at = thunk * BRANCH_THUNK_SIZE + BRANCH_THUNK_ENTRY;
			u64 base = put(place, OPCODE_CALL_NEAR, at);

			assert_int_equal(branch_thunk_at(code + place, base), thunk);
			base = put(place, OPCODE_JMP_NEAR, at);
			assert_int_equal(branch_thunk_at(code + place, base), thunk);
		}
}

/* Beside a thunk's first byte, before the first and behind the last one, another instruction. */
static void test_not_found(void **state)
{
	static const s64 wrong[] = {
		0,
		BRANCH_THUNK_ENTRY - 1,
		BRANCH_THUNK_ENTRY + 1,
		BRANCH_THUNK_ENTRY - BRANCH_THUNK_SIZE,
		BRANCH_THUNK_ENTRY + NR_BRANCH_THUNKS * BRANCH_THUNK_SIZE,
		-0x40000000,
	};
	u64 base;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		base = put(11, OPCODE_JMP_NEAR, wrong[i]);
		assert_int_equal(branch_thunk_at(code + 11, base), NR_BRANCH_THUNKS);
	}
	for (unsigned opcode = 0; opcode < 0x100; opcode++) {
		base = put(11, (u8)opcode, BRANCH_THUNK_ENTRY);
		assert_int_equal(branch_thunk_at(code + 11, base) != NR_BRANCH_THUNKS,
				 opcode == OPCODE_CALL_NEAR || opcode == OPCODE_JMP_NEAR);
	}
}

/* An instruction of its own register, marked for no exception from branch tracking. */
static void check_decoded(const u8 *bytes, ZydisMnemonic mnemonic, unsigned thunk)
{
	ZydisDecoder decoder;
	ZydisDecodedInstruction i;
	ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	assert_true(
		ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, BRANCH_LENGTH, &i, operand)));
	assert_int_equal(i.mnemonic, mnemonic);
	assert_false(i.attributes & ZYDIS_ATTRIB_HAS_NOTRACK);
	if (mnemonic == ZYDIS_MNEMONIC_RET) {
		assert_int_equal(i.length, 1);
		return;
	}
	assert_int_equal(i.length, BRANCH_LENGTH);
	assert_int_equal(operand[0].type, ZYDIS_OPERAND_TYPE_REGISTER);
	assert_int_equal(operand[0].reg.value, ZYDIS_REGISTER_RAX + thunk);
}

static void test_replaced(void **state)
{
	u8 bytes[BRANCH_LENGTH];

	(void)state;
	for (unsigned thunk = 0; thunk < NR_BRANCH_THUNKS; thunk++) {
		branch_inline(bytes, OPCODE_JMP_NEAR, thunk);
		if (thunk == BRANCH_THUNK_RETURN) {
			check_decoded(bytes, ZYDIS_MNEMONIC_RET, thunk);
			for (unsigned i = 1; i < BRANCH_LENGTH; i++)
				assert_int_equal(bytes[i], OPCODE_INT3);
			continue;
		}
		check_decoded(bytes, ZYDIS_MNEMONIC_JMP, thunk);
		branch_inline(bytes, OPCODE_CALL_NEAR, thunk);
		check_decoded(bytes, ZYDIS_MNEMONIC_CALL, thunk);
	}
}

/* The thunks themselves: each branch by its own register, in the upper half of a line, INT3 behind it. */
static void test_thunks(void **state)
{
	(void)state;
	assert_int_equal((u64)branch_thunks % BRANCH_THUNK_SIZE, 0);
	for (unsigned thunk = 0; thunk < NR_BRANCH_THUNKS; thunk++) {
		const u8 *entry = branch_thunks + thunk * BRANCH_THUNK_SIZE + BRANCH_THUNK_ENTRY;
		const unsigned length = thunk == BRANCH_THUNK_RETURN ? 1 : thunk < 8 ? 2 : 3;
		const u8 *branch = entry + length - (length > 1 ? 2 : 1);

		assert_int_equal(entry[length], OPCODE_INT3);
		if (thunk == BRANCH_THUNK_RETURN) {
			assert_int_equal(*branch, OPCODE_RET_NEAR);
			continue;
		}
		assert_int_equal(branch[0], OPCODE_INDIRECT);
		assert_int_equal(branch[1], MODRM_JMP_REGISTER | (thunk & 7));
		assert_true(thunk < 8 || entry[0] == PREFIX_REX_B);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_not_found),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_thunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
