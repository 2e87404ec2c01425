/* SPDX-License-Identifier: MIT */
/*
 * Control transfers: where near ones go, what faults them, and which are refused for the sake of
 * shadow stacks and branch tracking. Expected values are the manual's.
 */
#include "emulate_fixture.h"

#define STACK (DATA + 0x800)

/* Completes with RIP at target. */
#define run_to(emu, bytes, target)                                                  \
	do {                                                                        \
		assert_int_equal(run_bytes(emu, bytes, sizeof(bytes) - 1), EMU_OK); \
		assert_int_equal((emu)->regs.rip, target);                          \
	} while (0)

static void test_relative(void **state)
{
	struct emu emu = long_mode();

	(void)state;
	run_to(&emu, "\xeb\x10", CODE + 2 + 0x10); /* jmp */
	emu = long_mode();
	run_to(&emu, "\xeb\xf0", CODE + 2 - 0x10);
	emu = long_mode();
	run_to(&emu, "\xe9\x00\x00\x00\x80", CODE + 5 - 0x80000000ull);
	emu = protected32();
	run_to(&emu, "\xe9\x00\x00\x00\x80", (u32)(CODE + 5 + 0x80000000));
	emu = protected32();
	run_to(&emu, "\x66\xe9\x00\xf0", (CODE + 4 + 0xf000) & 0xffff); /* IP in 16 bits */
	emu = real_mode();
	run_to(&emu, "\xe9\x00\xf0", (CODE + 3 + 0xf000) & 0xffff);
}

static void test_indirect(void **state)
{
	struct emu emu = long_mode();

	(void)state;
	emu.regs.gpr[REG_RAX] = 0x123456789a;
	run_to(&emu, "\xff\xe0", 0x123456789a); /* jmp rax */
	emu = long_mode();
	emu.regs.gpr[REG_RBX] = DATA;
	put(DATA, 0x3456, 8);
	run_to(&emu, "\xff\x23", 0x3456); /* jmp [rbx] */
	emu = protected32();
	emu.regs.gpr[REG_RAX] = 0xffff00003456;
	run_to(&emu, "\xff\xe0", 0x3456);
	emu = protected32();
	emu.regs.gpr[REG_RAX] = 0x12343456;
	run_to(&emu, "\x66\xff\xe0", 0x3456); /* jmp ax */
}

static void test_call_and_return(void **state)
{
	struct emu emu = long_mode();

	(void)state;
	run_to(&emu, "\xe8\x00\x01\x00\x00", CODE + 5 + 0x100);
	assert_int_equal(emu.regs.gpr[REG_RSP], STACK - 8);
	assert_int_equal(word(STACK - 8, 8), CODE + 5);
	run_to(&emu, "\xc3", CODE + 5);
	assert_int_equal(emu.regs.gpr[REG_RSP], STACK);
	put(STACK, 0x1234, 8);
	run_to(&emu, "\xc2\xf0\xff", 0x1234); /* the immediate is not signed */
	assert_int_equal(emu.regs.gpr[REG_RSP], STACK + 8 + 0xfff0);

	emu = long_mode();
	put(STACK - 0x10, 0x1800, 8); /* call [rsp-16]: the target comes from before the push */
	run_to(&emu, "\xff\x54\x24\xf0", 0x1800);
	assert_int_equal(word(STACK - 8, 8), CODE + 4);

	emu = protected32();
	emu.regs.gpr[REG_RSP] = STACK;
	run_to(&emu, "\xe8\x00\x01\x00\x00", CODE + 5 + 0x100);
	assert_event(0, 'w', STACK - 4, 4, CODE + 5);
	run_to(&emu, "\x66\xc3", CODE + 5); /* 16 bits of the return address */
	assert_int_equal(emu.regs.gpr[REG_RSP], STACK - 2);
	emu = real_mode();
	run_to(&emu, "\xe8\x10\x00", CODE + 3 + 0x10);
	assert_event(0, 'w', STACK - 2, 2, CODE + 3);
}

/* The target is looked at before the stack, and nothing has changed. */
static void test_target_faults(void **state)
{
	struct emu emu = long_mode();

	(void)state;
	emu.regs.gpr[REG_RAX] = 0x800000000000;
	run_fault(&emu, "\xff\xe0", VECTOR_GP);
	run_fault(&emu, "\xff\xd0", VECTOR_GP); /* call rax */
	emu.regs.gpr[REG_RSP] = MISSING_PAGE + 8;
	run_fault(&emu, "\xff\xd0", VECTOR_GP);
	emu.regs.gpr[REG_RSP] = STACK;
	put(STACK, 0x800000000000, 8);
	assert_int_equal(run(&emu, "\xc3"), EMU_FAULT);
	assert_int_equal(emu.fault.vector, VECTOR_GP);
	assert_int_equal(emu.regs.gpr[REG_RSP], STACK);
	assert_int_equal(emu.regs.rip, CODE);
	emu.cr4 |= CR4_LA57;
	run_to(&emu, "\xc3", 0x800000000000);

	emu = protected32();
	emu.cs.limit = 0x1fff;
	run_fault(&emu, "\xe9\x00\x10\x00\x00", VECTOR_GP);
	run_fault(&emu, "\xe8\x00\x10\x00\x00", VECTOR_GP);
	emu.regs.gpr[REG_RCX] = 2;
	emu.cs.limit = CODE + 0x10;
	run_fault(&emu, "\xe2\x70", VECTOR_GP); /* LOOP: ECX stays too */
}

static void test_stack_faults(void **state)
{
	struct emu emu = long_mode();

	(void)state;
	emu.regs.gpr[REG_RSP] = MISSING_PAGE + 8;
	run_page_fault(&emu, "\xe8\x00\x00\x00\x00", PFERR_WRITE, MISSING_PAGE);
	run_page_fault(&emu, "\xc3", 0, MISSING_PAGE + 8);
	emu.regs.gpr[REG_RSP] = 0x800000000000;
	run_fault(&emu, "\xc3", VECTOR_SS);
	emu = protected32();
	emu.regs.gpr[REG_RSP] = 0x2001;
	emu.ss.limit = 0x2000;
	run_fault(&emu, "\xc3", VECTOR_SS);
}

static bool jumps(struct emu emu, u8 opcode)
{
	const char bytes[] = { (char)opcode, 0x20 };
	enum emu_result r = run_bytes(&emu, bytes, sizeof(bytes));

	assert_int_equal(r, EMU_OK);
	assert_true(emu.regs.rip == CODE + 2 || emu.regs.rip == CODE + 0x22);
	return emu.regs.rip != CODE + 2;
}

static void test_counted(void **state)
{
	enum {
		LOOPNE = 0xe0,
		LOOPE,
		LOOP,
		JRCXZ
	};
	struct emu emu = long_mode();

	(void)state;
	for (unsigned zf = 0; zf < 2; zf++) {
		emu.regs.rflags = zf ? RFLAGS_ZF : 0;
		emu.regs.gpr[REG_RCX] = 1;
		assert_false(jumps(emu, LOOP));
		assert_false(jumps(emu, LOOPE));
		assert_false(jumps(emu, LOOPNE));
		assert_false(jumps(emu, JRCXZ));
		emu.regs.gpr[REG_RCX] = 0; /* wraps */
		assert_true(jumps(emu, LOOP));
		assert_int_equal(jumps(emu, LOOPE), zf);
		assert_int_equal(jumps(emu, LOOPNE), !zf);
		assert_true(jumps(emu, JRCXZ));
		emu.regs.gpr[REG_RCX] = 0x100000000;
		assert_true(jumps(emu, LOOP));
		assert_false(jumps(emu, JRCXZ));
	}
	emu.regs.gpr[REG_RCX] = 0x100000001; /* with ECX, whose write clears the upper half */
	run_to(&emu, "\x67\xe2\x20", CODE + 3);
	assert_int_equal(emu.regs.gpr[REG_RCX], 0);
	emu = real_mode();
	emu.regs.gpr[REG_RCX] = 0x10001;
	run_to(&emu, "\xe2\x20", CODE + 2);
	assert_int_equal(emu.regs.gpr[REG_RCX], 0x10000);
}

#define NEAR 0 /* the MSR of the current level alone */
#define FAR  1 /* either */

/* What follows each transfer, and so whose bits forbid it. */
static const struct transfer {
	const char *bytes;
	unsigned len;
	bool far;
	u64 followers;
} transfers[] = {
	{ "\xeb\x00", 2, NEAR, 0 },
	{ "\x74\x00", 2, NEAR, 0 },
	{ "\x0f\x85\x00\x00\x00\x00", 6, NEAR, 0 },
	{ "\xe2\x00", 2, NEAR, 0 },
	{ "\xe3\x00", 2, NEAR, 0 },
	{ "\xff\xe3", 2, NEAR, CET_ENDBR_EN },	   /* jmp rbx */
	{ "\xff\x23", 2, NEAR, CET_ENDBR_EN },	   /* jmp [rbx] */
	{ "\x3e\xff\xe3", 3, NEAR, CET_ENDBR_EN }, /* NOTRACK is not looked at */
	{ "\xe8\x00\x00\x00\x00", 5, NEAR, CET_SH_STK_EN },
	{ "\xff\xd3", 2, NEAR, CET_SH_STK_EN | CET_ENDBR_EN }, /* call rbx */
	{ "\xff\x13", 2, NEAR, CET_SH_STK_EN | CET_ENDBR_EN },
	{ "\xc3", 1, NEAR, CET_SH_STK_EN },
	{ "\xc2\x08\x00", 3, NEAR, CET_SH_STK_EN },
	{ "\xff\x2b", 2, FAR, CET_ENDBR_EN },		      /* jmp far [rbx] */
	{ "\xff\x1b", 2, FAR, CET_SH_STK_EN | CET_ENDBR_EN }, /* call far [rbx] */
	{ "\xcb", 1, FAR, CET_SH_STK_EN },
	{ "\xca\x08\x00", 3, FAR, CET_SH_STK_EN },
	{ "\xcf", 1, FAR, CET_SH_STK_EN },
	{ "\x66\xcf", 2, FAR, CET_SH_STK_EN },
	{ "\x48\xcf", 2, FAR, CET_SH_STK_EN },
	{ "\xcd\x80", 2, FAR, CET_SH_STK_EN | CET_ENDBR_EN },
	{ "\xcc", 1, FAR, CET_SH_STK_EN | CET_ENDBR_EN },
	{ "\xf1", 1, FAR, CET_SH_STK_EN | CET_ENDBR_EN },
	{ "\x0f\x05", 2, FAR, CET_SH_STK_EN | CET_ENDBR_EN }, /* syscall */
	{ "\x0f\x34", 2, FAR, CET_SH_STK_EN | CET_ENDBR_EN }, /* sysenter */
	{ "\x0f\x07", 2, FAR, CET_SH_STK_EN },		      /* sysret */
	{ "\x0f\x35", 2, FAR, CET_SH_STK_EN },		      /* sysexit */
};

static const char *reason(struct emu *emu, const struct transfer *t)
{
	struct emu_regs before = emu->regs;
	enum emu_result r = run_bytes(emu, t->bytes, t->len);

	if (r == EMU_OK)
		return NULL;
	assert_int_equal(r, EMU_UNHANDLED);
	assert_memory_equal(&before, &emu->regs, sizeof(before));
	assert_int_equal(nr_events, 0);
	assert_int_equal(emu->length, t->len); /* for the report */
	return emu->why;
}

/* Every transfer at both levels with every combination of the two bits in both registers. */
static void test_cet(void **state)
{
	static const u64 enables[] = { 0, CET_SH_STK_EN, CET_ENDBR_EN,
				       CET_SH_STK_EN | CET_ENDBR_EN };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(transfers) * 4 * 4 * 2 * 2; i++) {
		const struct transfer *t = &transfers[i / 64];
		bool on = i / 32 % 2, user = i / 16 % 2;
		struct emu emu = long_mode();
		u64 relevant;
		const char *why;

		s_cet = enables[i / 4 % 4];
		u_cet = enables[i % 4];
		emu.cr4 = on ? CR4_CET : 0;
		emu.ss.ar |= user ? AR_DPL3 : 0;
		emu.regs.gpr[REG_RBX] = DATA;
		put(DATA, CODE, 8);
		put(STACK, CODE, 8);
		relevant = t->far ? s_cet | u_cet : user ? u_cet : s_cet;
		why = reason(&emu, t);
		if (on && (relevant & t->followers))
			assert_string_equal(why, "control transfer with CET enabled");
		else if (t->far)
			assert_string_equal(why, "control transfer");
		else
			assert_null(why);
	}
}

/* CPL 1 and 2 use the supervisor's register. */
static void test_cet_level(void **state)
{
	const struct transfer call = { "\xff\xd3", 2, NEAR, 0 };

	(void)state;
	for (unsigned cpl = 0; cpl < 4; cpl++) {
		struct emu emu = long_mode();

		emu.cr4 = CR4_CET;
		emu.ss.ar |= cpl * AR_DPL1;
		emu.regs.gpr[REG_RBX] = DATA;
		s_cet = CET_SH_STK_EN;
		assert_int_equal(reason(&emu, &call) != NULL, cpl != 3);
	}
}

/* Bits that enable nothing: WR_SHSTK, LEG_IW, NO_TRACK, SUPPRESS. */
static void test_cet_other_bits(void **state)
{
	const struct transfer call = { "\xff\xd3", 2, NEAR, 0 };
	struct emu emu = long_mode();

	(void)state;
	emu.cr4 = CR4_CET;
	emu.regs.gpr[REG_RBX] = DATA;
	s_cet = ~(CET_SH_STK_EN | CET_ENDBR_EN);
	assert_null(reason(&emu, &call));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_relative),
		cmocka_unit_test(test_indirect),
		cmocka_unit_test(test_call_and_return),
		cmocka_unit_test(test_target_faults),
		cmocka_unit_test(test_stack_faults),
		cmocka_unit_test(test_counted),
		cmocka_unit_test(test_cet),
		cmocka_unit_test(test_cet_level),
		cmocka_unit_test(test_cet_other_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
