/* SPDX-License-Identifier: MIT */
/*
 * What can't be compared with the build machine's CPU: 16- and 32-bit code, segmentation, faults in
 * the middle, refusals. Expected values are the manual's.
 */
#include <Zydis/Zydis.h>

#include "emulate_fixture.h"

static void test_operand_size(void **state)
{
	struct emu emu = real_mode();

	(void)state;
	emu.regs.gpr[REG_RBX] = DATA;
	emu.regs.gpr[REG_RAX] = 0x8877665544332211;
	run_ok(&emu, "\x89\x07"); /* mov [bx], ax */
	assert_event(0, 'w', DATA, 2, 0x2211);
	run_ok(&emu, "\x66\x89\x07"); /* mov [bx], eax */
	assert_event(0, 'w', DATA, 4, 0x44332211);
	run_ok(&emu, "\x66\xc7\x07\x78\x56\x34\x12");
	assert_event(0, 'w', DATA, 4, 0x12345678);

	emu = protected32();
	emu.regs.gpr[REG_RBX] = DATA;
	run_ok(&emu, "\x89\x03"); /* mov [ebx], eax */
	assert_event(0, 'w', DATA, 4, 0xc0c0c0c0);
	run_ok(&emu, "\x66\x89\x03");
	assert_event(0, 'w', DATA, 2, 0xc0c0);
	run_ok(&emu, "\xa2\x05\x20\x00\x00"); /* mov [0x2005], al */
	assert_event(0, 'w', DATA + 5, 1, 0xc0);

	emu = long_mode();
	emu.regs.gpr[REG_RBX] = DATA;
	run_ok(&emu, "\x48\xc7\x03\xff\xff\xff\xff"); /* immediate is sign-extended */
	assert_event(0, 'w', DATA, 8, ~0ull);
	run_ok(&emu, "\x48\x83\x23\xf0"); /* and qword [rbx], -16 */
	assert_int_equal(word(DATA, 8), 0xfffffffffffffff0);
}

static void test_address_size(void **state)
{
	struct emu emu = protected16();

	(void)state;
	emu.regs.gpr[REG_RBX] = 0xffff0000fff0;
	emu.regs.gpr[REG_RSI] = 0x2010;
	run_ok(&emu, "\x88\x00"); /* mov [bx+si], al: 0xfff0 + 0x2010 wraps in 16 bits */
	assert_event(0, 'w', 0x2000, 1, 0xc0);
	emu.regs.gpr[REG_RBX] = DATA;
	run_ok(&emu, "\x67\x88\x43\x04"); /* mov [ebx+4], al */
	assert_event(0, 'w', DATA + 4, 1, 0xc0);

	emu = protected32();
	emu.regs.gpr[REG_RBX] = 0xfffff000;
	emu.regs.gpr[REG_RSI] = 0x3000;
	run_ok(&emu, "\x88\x04\x33"); /* mov [ebx+esi], al wraps in 32 bits */
	assert_event(0, 'w', 0x2000, 1, 0xc0);
	emu.regs.gpr[REG_RSI] = 0xffff3000;
	run_ok(&emu, "\x67\x88\x04"); /* mov [si], al */
	assert_event(0, 'w', 0x3000, 1, 0xc0);

	emu = long_mode();
	emu.regs.gpr[REG_RBX] = 0xdead000000002008;
	run_ok(&emu, "\x67\x88\x03"); /* mov [ebx], al */
	assert_event(0, 'w', 0x2008, 1, 0xc0);
	run_ok(&emu, "\x88\x05\x00\x10\x00\x00"); /* mov [rip+0x1000], al */
	assert_event(0, 'w', CODE + 3 + 6 + 0x1000, 1, 0xc0);
	run_ok(&emu, "\xc6\x05\x00\x10\x00\x00\x7f"); /* RIP counts from behind the immediate */
	assert_event(0, 'w', CODE + 9 + 7 + 0x1000, 1, 0x7f);
	run_ok(&emu, "\x67\x88\x05\xf0\xff\xff\xff"); /* mov [eip-16], al */
	assert_event(0, 'w', CODE + 16 + 7 - 16, 1, 0xc0);
}

static void test_segment_bases(void **state)
{
	struct emu emu = real_mode();

	(void)state;
	segment[SEG_DS].base = 0x10000;
	segment[SEG_ES].base = 0x20000;
	segment[SEG_FS].base = 0x30000;
	emu.ss.base = 0x18000;
	emu.regs.gpr[REG_RBX] = emu.regs.gpr[REG_RBP] = 0x100;
	run_ok(&emu, "\x88\x07"); /* mov [bx], al */
	assert_event(0, 'w', 0x10100, 1, 0xc0);
	run_ok(&emu, "\x26\x88\x07"); /* mov es:[bx], al */
	assert_event(0, 'w', 0x20100, 1, 0xc0);
	run_ok(&emu, "\x64\x88\x07"); /* mov fs:[bx], al */
	assert_event(0, 'w', 0x30100, 1, 0xc0);
	run_ok(&emu, "\x88\x46\x00"); /* mov [bp], al: SS */
	assert_event(0, 'w', 0x18100, 1, 0xc0);
	run_ok(&emu, "\x8a\x46\x00");
	assert_event(0, 'r', 0x18100, 1, 0);

	emu = protected32();
	segment[SEG_DS].base = 0xfffff000;
	emu.regs.gpr[REG_RBX] = 0x3000;
	run_ok(&emu, "\x88\x03"); /* linear address wraps at 4 GiB */
	assert_event(0, 'w', 0x2000, 1, 0xc0);

	emu = long_mode(); /* DS, ES and SS have no base, FS and GS do */
	segment[SEG_DS].base = segment[SEG_ES].base = emu.ss.base = 0x10000;
	segment[SEG_GS].base = 0x20000;
	segment[SEG_FS].base = -0x1000ull;
	emu.regs.gpr[REG_RBX] = DATA;
	run_ok(&emu, "\x26\x88\x03");
	assert_event(0, 'w', DATA, 1, 0xc0);
	run_ok(&emu, "\x65\x88\x03");
	assert_event(0, 'w', DATA + 0x20000, 1, 0xc0);
	run_ok(&emu, "\x64\x88\x03");
	assert_event(0, 'w', DATA - 0x1000, 1, 0xc0);
	run_ok(&emu, "\x65\xa0\x10\x00\x00\x00\x00\x00\x00\x00"); /* mov al, gs:[0x10] */
	assert_event(0, 'r', 0x20010, 1, 0);
}

static void test_segment_limits(void **state)
{
	struct emu emu = real_mode();

	(void)state;
	emu.regs.gpr[REG_RBX] = emu.regs.gpr[REG_RBP] = 0xffff;
	run_ok(&emu, "\x88\x07");
	run_fault(&emu, "\x89\x07", VECTOR_GP); /* a word at 0xffff does not wrap */
	run_fault(&emu, "\x8b\x07", VECTOR_GP);
	run_fault(&emu, "\x89\x46\x00", VECTOR_SS);
	run_fault(&emu, "\x3e\x89\x46\x00", VECTOR_GP); /* DS: [bp] */

	emu = protected32();
	segment[SEG_DS].limit = DATA + 3;
	emu.regs.gpr[REG_RBX] = DATA;
	run_ok(&emu, "\x89\x03");
	emu.regs.gpr[REG_RBX] = DATA + 1;
	run_fault(&emu, "\x89\x03", VECTOR_GP);
	emu.regs.gpr[REG_RBX] = 0xfffffffe; /* the end must not wrap around into the limit */
	run_fault(&emu, "\x89\x03", VECTOR_GP);

	emu = protected32();
	segment[SEG_DS].ar = 0x4097; /* expand-down, 32 bits: valid above the limit */
	segment[SEG_DS].limit = DATA - 1;
	emu.regs.gpr[REG_RBX] = DATA;
	run_ok(&emu, "\x89\x03");
	emu.regs.gpr[REG_RBX] = DATA - 1;
	run_fault(&emu, "\x89\x03", VECTOR_GP);
	segment[SEG_DS].ar = 0x0097; /* 16 bits: up to 0xffff */
	emu.regs.gpr[REG_RBX] = 0xfffc;
	run_ok(&emu, "\x89\x03");
	emu.regs.gpr[REG_RBX] = 0xfffd;
	run_fault(&emu, "\x89\x03", VECTOR_GP);
}

static void test_segment_types(void **state)
{
	struct emu emu = protected32();

	(void)state;
	emu.regs.gpr[REG_RBX] = emu.regs.gpr[REG_RBP] = DATA;
	segment[SEG_DS].ar |= SEG_AR_UNUSABLE;
	run_fault(&emu, "\x8b\x03", VECTOR_GP);
	segment[SEG_DS].ar = 0xc091; /* read-only */
	run_ok(&emu, "\x8b\x03");
	run_fault(&emu, "\x89\x03", VECTOR_GP);
	run_fault(&emu, "\x01\x03", VECTOR_GP); /* read-modify-write */
	run_ok(&emu, "\x39\x03");		/* cmp only reads */
	run_ok(&emu, "\x2e\x8b\x03");		/* readable code */
	run_fault(&emu, "\x2e\x89\x03", VECTOR_GP);
	emu.cs.ar = 0xc099; /* execute-only */
	run_fault(&emu, "\x2e\x8b\x03", VECTOR_GP);
	segment[SEG_ES].ar = 0xc091;
	emu.regs.gpr[REG_RDI] = emu.regs.gpr[REG_RSI] = DATA;
	run_fault(&emu, "\xaa", VECTOR_GP); /* stosb */
	run_fault(&emu, "\xa4", VECTOR_GP);
	run_ok(&emu, "\xae"); /* scasb only reads */
	emu.ss.ar = 0xc091;
	run_fault(&emu, "\x50", VECTOR_SS);
	emu.ss.ar |= SEG_AR_UNUSABLE;
	run_fault(&emu, "\x8b\x45\x00", VECTOR_SS);

	emu = real_mode(); /* no types there */
	emu.cs.ar = 0x009b;
	segment[SEG_DS].ar = 0x0091;
	emu.regs.gpr[REG_RBX] = DATA;
	run_ok(&emu, "\x89\x07");
	run_ok(&emu, "\x2e\x89\x07");
}

static void test_canonical(void **state)
{
	struct emu emu = long_mode();

	(void)state;
	emu.regs.gpr[REG_RBX] = emu.regs.gpr[REG_RBP] = 0x0000800000000000;
	run_fault(&emu, "\x8b\x03", VECTOR_GP);
	run_fault(&emu, "\x8b\x45\x00", VECTOR_SS);
	emu.regs.gpr[REG_RBX] = 0x00007ffffffffffd; /* the last byte is not canonical */
	run_fault(&emu, "\x8b\x03", VECTOR_GP);
	emu.regs.gpr[REG_RBX] = 0xffff7fffffffffff;
	run_fault(&emu, "\x8b\x03", VECTOR_GP);
	emu.regs.gpr[REG_RBX] = 0x00007ffffffffffc;
	run_page_fault(&emu, "\x8b\x03", 0, 0x00007ffffffffffc);
	emu.cr4 = CR4_LA57;
	emu.regs.gpr[REG_RBX] = 0x0000800000000000;
	run_page_fault(&emu, "\x8b\x03", 0, 0x0000800000000000);
	emu.regs.gpr[REG_RBX] = 0x0100000000000000;
	run_fault(&emu, "\x8b\x03", VECTOR_GP);
	segment[SEG_FS].base = 0x00ffffffffffffff;
	emu.regs.gpr[REG_RBX] = 1;
	run_fault(&emu, "\x64\x8b\x03", VECTOR_GP);
}

static unsigned decodes;
ZyanStatus __real_ZydisDecoderDecodeFull(const ZydisDecoder *decoder, const void *bytes,
					 ZyanUSize length, ZydisDecodedInstruction *insn,
					 ZydisDecodedOperand *op);
ZyanStatus __wrap_ZydisDecoderDecodeFull(const ZydisDecoder *decoder, const void *bytes,
					 ZyanUSize length, ZydisDecodedInstruction *insn,
					 ZydisDecodedOperand *op);

ZyanStatus __wrap_ZydisDecoderDecodeFull(const ZydisDecoder *decoder, const void *bytes,
					 ZyanUSize length, ZydisDecodedInstruction *insn,
					 ZydisDecodedOperand *op)
{
	decodes++;
	return __real_ZydisDecoderDecodeFull(decoder, bytes, length, insn, op);
}

/* Runs what is at CODE and says how often the decoder was asked. */
static unsigned decodes_of(struct emu *emu, enum emu_result want)
{
	decodes = 0;
	emu->regs.rip = CODE;
	assert_int_equal(emulate(emu), want);
	return decodes;
}

static void test_decoded_once(void **state)
{
	struct emu emu = long_mode();

	(void)state;
	memcpy(&memory[CODE], "\xc7\x03\x11\x22\x33\x44", 6); /* mov dword [rbx], imm */
	emu.regs.gpr[REG_RBX] = DATA;
	assert_int_equal(decodes_of(&emu, EMU_OK), 1);
	assert_int_equal(decodes_of(&emu, EMU_OK), 0);
	assert_int_equal(word(DATA, 4), 0x44332211);
	assert_int_equal(emu.length, 6);
	assert_int_equal(emu.regs.rip, CODE + 6);
	memory[CODE + 6] = 0x90; /* the next one's */
	emu.regs.gpr[REG_RBX] = DATA + 8;
	assert_int_equal(decodes_of(&emu, EMU_OK), 0);
	assert_int_equal(word(DATA + 8, 4), 0x44332211);
	emu.cache = NULL;
	assert_int_equal(decodes_of(&emu, EMU_OK), 1);
	assert_int_equal(decodes_of(&emu, EMU_OK), 1);
}

/* Each byte of the longest instruction counts, those where the two words of the key meet too. */
static void test_modified_code_is_decoded_again(void **state)
{
	/* mov dword [rbx + disp32], imm32 with segment prefixes in front, 15 bytes */
	static const u8 code[] = { 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0xc7, 0x83, 0x10,
				   0,	 0,    0,    0x11, 0x22, 0x33, 0x44 };
	struct emu emu = long_mode();

	(void)state;
	_Static_assert(sizeof(code) == 15, "the longest");
	for (unsigned i = 11; i < sizeof(code); i++) {
		memcpy(&memory[CODE], code, sizeof(code));
		emu.regs.gpr[REG_RBX] = DATA;
		decodes_of(&emu, EMU_OK);
		assert_int_equal(word(DATA + 0x10, 4), 0x44332211);
		memory[CODE + i] ^= 0x80;
		assert_int_equal(decodes_of(&emu, EMU_OK), 1);
		assert_int_equal(word(DATA + 0x10, 4), 0x44332211 ^ 0x80u << 8 * (i - 11));
	}
	for (unsigned i = 0; i < sizeof(code); i++) {
		memcpy(&memory[CODE], code, sizeof(code));
		decodes_of(&emu, EMU_OK);
		assert_int_equal(decodes_of(&emu, EMU_OK), 0);
		memory[CODE + i] ^= 1;
		decodes = 0;
		emu.regs.rip = CODE;
		emulate(&emu);
		assert_true(decodes > 0);
	}
}

static void test_decoded_in_another_mode(void **state)
{
	struct emu (*const modes[])(void) = { real_mode, protected16, protected32, long_mode };

	(void)state;
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(modes); i++) {
		struct emu emu = modes[i % ARRAY_SIZE(modes)]();

		memcpy(&memory[CODE], "\x50", 1); /* push: 2, 2, 4, 8 bytes */
		assert_int_equal(decodes_of(&emu, EMU_OK), 1);
		assert_int_equal((u16)emu.regs.gpr[REG_RSP],
				 DATA + 0x800 - (emu.mode == 64 ? 8 : emu.mode / 8));
	}
}

/* What follows the end of the code segment does not count, though it was part of what was decoded. */
static void test_decoded_but_cut_off(void **state)
{
	struct emu emu = protected32();

	(void)state;
	memcpy(&memory[CODE], "\xb8\x00\x00\x00\x00", 5); /* mov eax, 0 */
	assert_int_equal(decodes_of(&emu, EMU_OK), 1);
	emu.cs.limit = CODE + 3;
	decodes_of(&emu, EMU_FAULT);
	assert_int_equal(emu.fault.vector, VECTOR_GP);
	emu.cs.limit = UINT32_MAX;
	decodes_of(&emu, EMU_OK);
}

static void test_page_faults(void **state)
{
	struct emu emu = long_mode();

	(void)state;
	emu.regs.gpr[REG_RBX] = MISSING_PAGE - 2;
	run_page_fault(&emu, "\x8b\x03", 0, MISSING_PAGE);
	run_page_fault(&emu, "\x89\x03", PFERR_WRITE, MISSING_PAGE);
	run_page_fault(&emu, "\x01\x03", PFERR_WRITE, MISSING_PAGE);
	emu.regs.gpr[REG_RBX] = READONLY_PAGE;
	run_ok(&emu, "\x8b\x03");
	run_page_fault(&emu, "\x89\x03", PFERR_WRITE | PFERR_PRESENT, READONLY_PAGE);
	/* A read-modify-write must not read before it knows that it may write. */
	run_page_fault(&emu, "\xff\x03", PFERR_WRITE | PFERR_PRESENT, READONLY_PAGE);
	assert_int_equal(nr_events, 0);
	run_page_fault(&emu, "\xf0\x0f\xb1\x0b", PFERR_WRITE | PFERR_PRESENT, READONLY_PAGE);
	run_page_fault(&emu, "\x87\x03", PFERR_WRITE | PFERR_PRESENT, READONLY_PAGE);
	emu.ss.ar |= AR_DPL3;
	run_page_fault(&emu, "\x89\x03", PFERR_WRITE | PFERR_PRESENT | PFERR_USER, READONLY_PAGE);
}

static void test_one_access_each(void **state)
{
	struct emu emu = long_mode();

	(void)state;
	emu.regs.gpr[REG_RBX] = DATA;
	put(DATA, 40, 4);
	emu.regs.gpr[REG_RAX] = 2;
	run_ok(&emu, "\x01\x03");
	assert_int_equal(nr_events, 2);
	assert_event(0, 'r', DATA, 4, 0);
	assert_int_equal(event[0].access, EMU_ACCESS_WRITE);
	assert_event(1, 'w', DATA, 4, 42);
	run_ok(&emu, "\xf0\x01\x03");
	assert_int_equal(nr_events, 2);
	assert_event(1, 'x', DATA, 4, 44);
	run_ok(&emu, "\x3b\x03"); /* cmp eax, [rbx] */
	assert_int_equal(nr_events, 1);
	assert_int_equal(event[0].access, 0);
	run_ok(&emu, "\x0f\xa3\x03"); /* bt [rbx], eax only reads */
	assert_int_equal(nr_events, 1);
	assert_int_equal(event[0].access, 0);
	run_ok(&emu, "\x0f\x44\x0b"); /* cmovz reads whatever ZF is */
	assert_int_equal(nr_events, 1);
}

static void test_endless_contention(void **state)
{
	struct emu emu = long_mode();
	struct emu_regs before = emu.regs;

	(void)state;
	contended = true;
	emu.regs.gpr[REG_RBX] = before.gpr[REG_RBX] = DATA;
	assert_int_equal(run(&emu, "\xf0\x48\x0f\xc1\x03"), EMU_OK); /* lock xadd */
	assert_memory_equal(&before, &emu.regs, sizeof(before));
	assert_int_equal(nr_events, 2 * EMU_LOCK_TRIES);
}

static void test_fetch(void **state)
{
	struct emu emu = long_mode();

	(void)state;
	emu.regs.gpr[REG_RBX] = DATA;
	emu.regs.rip = MISSING_PAGE - 2; /* what is behind the instruction is not needed */
	run_ok(&emu, "\x88\x03");
	emu.regs.rip = MISSING_PAGE - 1;
	memory[MISSING_PAGE - 1] = 0x88;
	nr_events = 0;
	assert_int_equal(emulate(&emu), EMU_FAULT);
	assert_int_equal(emu.fault.vector, VECTOR_PF);
	assert_int_equal(emu.fault.cr2, MISSING_PAGE);
	emu.regs.rip = 0x3fff; /* across a page */
	run_ok(&emu, "\x88\x03");
	assert_event(0, 'w', DATA, 1, 0xc0);
	emu.regs.rip = 0x0000800000000000;
	assert_int_equal(emulate(&emu), EMU_FAULT);
	assert_int_equal(emu.fault.vector, VECTOR_GP);
	emu.regs.rip = CODE;
	run_ok(&emu, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x88\x03"); /* 15 bytes */
	run_fault(&emu, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x88\x03",
		  VECTOR_GP);
	run_fault(&emu, "\xf0\x8b\x03", VECTOR_UD); /* LOCK MOV */
	run_fault(&emu, "\xf0\x39\x03", VECTOR_UD); /* LOCK CMP */

	emu = protected32();
	emu.regs.gpr[REG_RBX] = DATA;
	emu.cs.limit = CODE + 1;
	run_ok(&emu, "\x88\x03");
	emu.regs.rip = CODE;
	run_fault(&emu, "\xc6\x03\x01", VECTOR_GP); /* the immediate is beyond the limit */
	emu.regs.rip = CODE + 2;
	run_fault(&emu, "\x88\x03", VECTOR_GP);
}

static void test_rip_wraps(void **state)
{
	struct emu emu = protected32();

	(void)state;
	emu.regs.gpr[REG_RBX] = DATA;
	emu.regs.rip = 0xfffffffe;
	assert_int_equal(run(&emu, "\x88\x03"), EMU_OK);
	assert_int_equal(emu.regs.rip, 0);
	emu = long_mode(); /* no wrap there: 4 GiB is an address like others */
	emu.regs.gpr[REG_RBX] = DATA;
	emu.regs.rip = 0xfffffffe;
	assert_int_equal(run(&emu, "\x88\x03"), EMU_OK);
	assert_int_equal(emu.regs.rip, 4 * GiB);
}

static void test_resume_flag(void **state)
{
	struct emu emu = long_mode();

	(void)state;
	emu.regs.gpr[REG_RBX] = DATA;
	emu.regs.rflags |= RFLAGS_RF;
	run_ok(&emu, "\x88\x03");
	assert_int_equal(emu.regs.rflags, RFLAGS_ONE | RFLAGS_IF);
}

static void test_segment_registers(void **state)
{
	struct emu emu = protected32();

	(void)state;
	emu.regs.gpr[REG_RBX] = DATA;
	segment[SEG_DS].selector = 0x1234;
	put(DATA, ~0ull, 8);
	run_ok(&emu, "\x8c\x1b"); /* mov [ebx], ds: always a word */
	assert_event(0, 'w', DATA, 2, 0x1234);
	run_ok(&emu, "\x8c\xc8"); /* mov eax, cs */
	assert_int_equal(emu.regs.gpr[REG_RAX], 8);
	run_ok(&emu, "\x8c\xd0");
	assert_int_equal(emu.regs.gpr[REG_RAX], 0x10);
	segment[SEG_GS].selector = 0x4321;
	run_ok(&emu, "\x8c\xe8");
	assert_int_equal(emu.regs.gpr[REG_RAX], 0x4321);
	assert_int_equal(run(&emu, "\x8e\x1b"), EMU_UNHANDLED); /* mov ds, [ebx] */
}

static void test_modes(void **state)
{
	struct emu emu = long_mode();

	(void)state;
	emu.regs.gpr[REG_RBX] = emu.regs.gpr[REG_RAX] = DATA;
	emu.cs.ar = AR_CODE32; /* compatibility mode: 0x48 is DEC EAX there */
	run_ok(&emu, "\x48");
	assert_int_equal(emu.mode, 32);
	assert_int_equal(emu.regs.gpr[REG_RAX], DATA - 1);
	emu.cs.ar = AR_CODE16;
	run_ok(&emu, "\x89\x07"); /* mov [bx], ax */
	assert_int_equal(emu.mode, 16);
	assert_event(0, 'w', DATA, 2, DATA - 1);
	emu = protected32();
	emu.cs.ar |= SEG_AR_L; /* means nothing outside IA-32e mode */
	run_ok(&emu, "\x48");
	assert_int_equal(emu.mode, 32);
	emu = real_mode();
	emu.ss.ar |= AR_DPL3; /* CPL is 0 whatever the hidden part holds */
	emu.regs.gpr[REG_RBX] = MISSING_PAGE;
	run_page_fault(&emu, "\x8b\x07", 0, MISSING_PAGE);
	assert_int_equal(emu.cpl, 0);
}

static void test_stack_widths(void **state)
{
	struct emu emu = real_mode();

	(void)state;
	emu.regs.gpr[REG_RBX] = DATA;
	put(DATA, 0xbeef, 2);
	emu.ss.base = 0x10000;
	emu.regs.gpr[REG_RSP] = 0x12340000; /* SP = 0 */
	run_ok(&emu, "\xff\x37");	    /* push word [bx] */
	assert_event(1, 'w', 0x1fffe, 2, 0xbeef);
	assert_int_equal(emu.regs.gpr[REG_RSP], 0x1234fffe);
	run_ok(&emu, "\x8f\x47\x02"); /* pop word [bx+2] */
	assert_event(1, 'w', DATA + 2, 2, 0xbeef);
	assert_int_equal(emu.regs.gpr[REG_RSP], 0x12340000);
	emu.regs.gpr[REG_RSP] = 1;
	run_fault(&emu, "\x6a\x01", VECTOR_SS); /* a word at 0xffff */
	emu.regs.gpr[REG_RSP] = 0xffff;
	run_fault(&emu, "\x58", VECTOR_SS);

	emu = protected32();
	emu.regs.gpr[REG_RBX] = DATA;
	put(DATA, 0xdeadbeef, 4);
	run_ok(&emu, "\xff\x33");
	assert_event(1, 'w', DATA + 0x800 - 4, 4, 0xdeadbeef);
	run_ok(&emu, "\x8f\x44\x24\x04"); /* pop dword [esp+4], ESP after the pop */
	assert_event(1, 'w', DATA + 0x800 + 4, 4, 0xdeadbeef);
	emu.ss.ar = AR_DATA16; /* 16-bit stack under 32-bit code */
	emu.regs.gpr[REG_RSP] = 0x77770000 | (DATA + 0x800);
	run_ok(&emu, "\xff\x33");
	assert_event(1, 'w', DATA + 0x800 - 4, 4, 0xdeadbeef);

	emu = long_mode();
	emu.regs.gpr[REG_RSP] = 0x0000800000000004;
	run_fault(&emu, "\x58", VECTOR_SS);
	emu.regs.gpr[REG_RSP] = MISSING_PAGE + 4;
	run_page_fault(&emu, "\x50", PFERR_WRITE, MISSING_PAGE);
	emu.regs.gpr[REG_RSP] = DATA;
	emu.regs.gpr[REG_RBX] = READONLY_PAGE; /* POP keeps RSP when its store faults */
	run_page_fault(&emu, "\x8f\x03", PFERR_WRITE | PFERR_PRESENT, READONLY_PAGE);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *bytes;
		unsigned len;
		bool transfer;
	} refused[] = {
		{ "\xff\x1b", 2, true },		 /* call far [rbx] */
		{ "\xff\x2b", 2, true },		 /* jmp far [rbx] */
		{ "\xcb", 1, true },			 /* ret far */
		{ "\x48\xcf", 2, true },		 /* iretq */
		{ "\xcd\x80", 2, true },		 /* int */
		{ "\x0f\x05", 2, true },		 /* syscall */
		{ "\x0f\x07", 2, true },		 /* sysret */
		{ "\x0f\x34", 2, true },		 /* sysenter */
		{ "\x0f\x35", 2, true },		 /* sysexit */
		{ "\xcc", 1, true },			 /* int3 */
		{ "\xf1", 1, true },			 /* int1 */
		{ "\xc7\xf8\x00\x00\x00\x00", 6, true }, /* xbegin */
		{ "\x66\xe9\x00\x00\x00\x00", 6, true }, /* jmp that vendors do differently */
		{ "\x0f\x38\xf6\x03", 4, false },	 /* wrssd [rbx], eax */
		{ "\x0f\x10\x03", 3, false },		 /* movups xmm0, [rbx] */
		{ "\xf2\x0f\x10\x03", 4, false },     /* movsd xmm0, [rbx]: not the string MOVSD */
		{ "\xf2\x0f\xc2\x03\x00", 5, false }, /* cmpsd xmm0, [rbx], 0 */
		{ "\xd8\x03", 2, false },	      /* fadd [rbx] */
		{ "\x0f\x01\x13", 3, false },	      /* lgdt [rbx] */
		{ "\x0f\xc7\x0b", 3, false },	      /* cmpxchg8b [rbx] */
		{ "\x0f\x20\xc0", 3, false },	      /* mov rax, cr0 */
		{ "\x0f\x22\xc0", 3, false },	      /* mov cr0, rax */
		{ "\x0f\x23\xc0", 3, false },	      /* mov dr0, rax */
		{ "\x8e\x1b", 2, false },	      /* mov ds, [rbx] */
		{ "\x0f\xa1", 2, false },	      /* pop fs */
		{ "\x0f\x0b", 2, false },	      /* ud2 */
		{ "\xf4", 1, false },		      /* hlt */
		{ "\x06", 1, false },		      /* not in 64-bit mode */
		{ "\x0f\xff\xff", 3, false },	      /* ud0 */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
		struct emu emu = long_mode();
		struct emu_regs before;

		emu.regs.gpr[REG_RBX] = DATA;
		before = emu.regs;
		assert_int_equal(run_bytes(&emu, refused[i].bytes, refused[i].len), EMU_UNHANDLED);
		assert_memory_equal(&before, &emu.regs, sizeof(before));
		assert_non_null(emu.why);
		assert_int_equal(strstr(emu.why, "control transfer") != NULL, refused[i].transfer);
		assert_null(strstr(emu.why, "with CET"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operand_size),
		cmocka_unit_test(test_address_size),
		cmocka_unit_test(test_segment_bases),
		cmocka_unit_test(test_segment_limits),
		cmocka_unit_test(test_segment_types),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_decoded_once),
		cmocka_unit_test(test_modified_code_is_decoded_again),
		cmocka_unit_test(test_decoded_in_another_mode),
		cmocka_unit_test(test_decoded_but_cut_off),
		cmocka_unit_test(test_page_faults),
		cmocka_unit_test(test_one_access_each),
		cmocka_unit_test(test_endless_contention),
		cmocka_unit_test(test_fetch),
		cmocka_unit_test(test_rip_wraps),
		cmocka_unit_test(test_resume_flag),
		cmocka_unit_test(test_segment_registers),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_stack_widths),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
