/* SPDX-License-Identifier: MIT */
/* Port I/O and its permission map; string instructions: address sizes, faults, budget. */
#include "emulate_fixture.h"

static void test_ports(void **state)
{
	struct emu emu = long_mode();

	(void)state;
	emu.regs.gpr[REG_RDX] = 0xffff0000 | PORT;
	run_ok(&emu, "\xec");
	assert_event(0, 'i', PORT, 1, 0);
	assert_int_equal(emu.regs.gpr[REG_RAX], 0xc0c0c0c0c0c0c011);
	run_ok(&emu, "\x66\xed");
	assert_event(0, 'i', PORT, 2, 0);
	assert_int_equal(emu.regs.gpr[REG_RAX], 0xc0c0c0c0c0c02212);
	run_ok(&emu, "\xed");
	assert_event(0, 'i', PORT, 4, 0);
	assert_int_equal(emu.regs.gpr[REG_RAX], 0x44332213);
	run_ok(&emu, "\xe4\xf4"); /* in al, 0xf4: the port is not sign-extended */
	assert_event(0, 'i', 0xf4, 1, 0);
	run_ok(&emu, "\xe5\xf4");
	assert_event(0, 'i', 0xf4, 4, 0);
	emu.regs.gpr[REG_RAX] = 0x8877665544332211;
	run_ok(&emu, "\xee");
	assert_event(0, 'o', PORT, 1, 0x11);
	run_ok(&emu, "\x66\xef");
	assert_event(0, 'o', PORT, 2, 0x2211);
	run_ok(&emu, "\xef");
	assert_event(0, 'o', PORT, 4, 0x44332211);
	run_ok(&emu, "\xe6\x80");
	assert_event(0, 'o', 0x80, 1, 0x11);
	run_ok(&emu, "\xe7\x80");
	assert_event(0, 'o', 0x80, 4, 0x44332211);
}

/* The TSS's map: its offset, then a byte past the map's end (SDM vol. 1 19.5.2). */
static void set_io_map(u16 offset, u32 limit)
{
	segment[SEG_TR].limit = limit;
	put(TSS + 102, offset, 2);
}

static void test_port_permission(void **state)
{
	const u16 map = 0x68;
	struct emu emu = long_mode();

	(void)state;
	emu.regs.gpr[REG_RDX] = PORT;
	set_io_map(map, map + PORT / 8 + 1);
	memset(&memory[TSS + map], 0xff, PORT / 8 + 1);
	run_ok(&emu, "\xee"); /* CPL 0: the map does not matter */
	emu.ss.ar |= AR_DPL1;
	emu.regs.rflags |= 1 << 12; /* IOPL 1 */
	run_ok(&emu, "\xee");
	assert_int_equal(nr_events, 1);
	emu.ss.ar |= AR_DPL3;
	assert_int_equal(run(&emu, "\xee"), EMU_FAULT);
	assert_int_equal(emu.fault.vector, VECTOR_GP);
	assert_event(0, 'r', TSS + 102, 2, 0);
	assert_int_equal(event[0].access, EMU_ACCESS_SYSTEM);
	assert_event(1, 'r', TSS + map + PORT / 8, 2, 0);
	assert_int_equal(nr_events, 2);

	memory[TSS + map + PORT / 8] = 0xfe; /* just this port */
	assert_int_equal(run(&emu, "\xee"), EMU_OK);
	assert_event(2, 'o', PORT, 1, 0xc0);
	assert_int_equal(run(&emu, "\x66\xef"), EMU_FAULT); /* a word needs two bits */
	assert_int_equal(nr_events, 2);
	memory[TSS + map + PORT / 8] = 0xf0;
	assert_int_equal(run(&emu, "\xef"), EMU_OK);
	memory[TSS + map + PORT / 8] = 0xe1;
	assert_int_equal(run(&emu, "\xed"), EMU_FAULT);

	emu.regs.gpr[REG_RDX] = PORT + 7; /* bits in two bytes of the map */
	memory[TSS + map + PORT / 8] = 0x7f;
	memory[TSS + map + PORT / 8 + 1] = 0xfe;
	assert_int_equal(run(&emu, "\x66\xef"), EMU_OK);
	memory[TSS + map + PORT / 8 + 1] = 0xff;
	assert_int_equal(run(&emu, "\x66\xef"), EMU_FAULT);

	emu.regs.gpr[REG_RDX] = PORT;
	memory[TSS + map + PORT / 8] = 0;
	set_io_map(map, map + PORT / 8); /* two bytes are read: one is outside */
	assert_int_equal(run(&emu, "\xee"), EMU_FAULT);
	assert_int_equal(emu.fault.vector, VECTOR_GP);
	set_io_map(map, 102); /* not even the map's offset is inside */
	run_fault(&emu, "\xee", VECTOR_GP);
	set_io_map(map, 0xffff);
	segment[SEG_TR].ar = 0x83; /* 16-bit TSS */
	run_fault(&emu, "\xee", VECTOR_GP);
}

static void test_virtual_8086(void **state)
{
	struct emu emu = real_mode();

	(void)state;
	emu.cr0 = CR0_PE;
	emu.regs.rflags |= RFLAGS_VM | RFLAGS_IOPL;
	segment[SEG_DS].base = 0x10000;
	emu.regs.gpr[REG_RBX] = 0x100;
	run_ok(&emu, "\x89\x07"); /* 16-bit code, no segment types */
	assert_event(0, 'w', 0x10100, 2, 0xc0c0);
	assert_int_equal(emu.cpl, 3);
	segment[SEG_DS].base = MISSING_PAGE;
	run_page_fault(&emu, "\x89\x07", PFERR_WRITE | PFERR_USER, MISSING_PAGE + 0x100);
	emu.regs.gpr[REG_RDX] = PORT; /* IOPL 3 does not help here */
	set_io_map(0x68, 0xffff);
	memory[TSS + 0x68 + PORT / 8] = 1;
	assert_int_equal(run(&emu, "\xee"), EMU_FAULT);
	memory[TSS + 0x68 + PORT / 8] = 0;
	assert_int_equal(run(&emu, "\xee"), EMU_OK);
}

static void test_port_strings(void **state)
{
	struct emu emu = long_mode();

	(void)state;
	emu.regs.gpr[REG_RDX] = PORT;
	emu.regs.gpr[REG_RCX] = 3;
	emu.regs.gpr[REG_RDI] = DATA;
	run_ok(&emu, "\xf3\x66\x6d"); /* rep insw */
	assert_int_equal(nr_events, 6);
	assert_event(0, 'i', PORT, 2, 0);
	assert_event(1, 'w', DATA, 2, 0x2211);
	assert_event(5, 'w', DATA + 4, 2, 0x2213);
	assert_int_equal(emu.regs.gpr[REG_RCX], 0);
	assert_int_equal(emu.regs.gpr[REG_RDI], DATA + 6);
	assert_int_equal(emu.regs.gpr[REG_RSI], 0xc0c0c0c0c0c0c0c6);

	emu.regs.gpr[REG_RSI] = DATA + 4;
	emu.regs.gpr[REG_RCX] = 2;
	emu.regs.rflags |= RFLAGS_DF;
	run_ok(&emu, "\xf3\x66\x6f"); /* rep outsw, downwards */
	assert_event(1, 'o', PORT, 2, 0x2213);
	assert_event(3, 'o', PORT, 2, 0x2212);
	assert_int_equal(emu.regs.gpr[REG_RSI], DATA);
	assert_int_equal(emu.regs.gpr[REG_RDI], DATA + 6);

	run_ok(&emu, "\xf3\x6e"); /* RCX = 0: nothing */
	assert_int_equal(nr_events, 0);
	run_ok(&emu, "\x6c"); /* without REP RCX does not count */
	assert_int_equal(nr_events, 2);
	assert_int_equal(emu.regs.gpr[REG_RCX], 0);
	segment[SEG_GS].base = 0x10000;
	emu.regs.gpr[REG_RSI] = DATA;
	put(DATA + 0x10000, 0x99, 1);
	run_ok(&emu, "\x65\x6e"); /* outsb gs:[rsi] */
	assert_event(1, 'o', PORT, 1, 0x99);

	emu.regs.gpr[REG_RDI] = READONLY_PAGE; /* the port must not be read for nothing */
	run_page_fault(&emu, "\x6c", PFERR_WRITE | PFERR_PRESENT, READONLY_PAGE);
	assert_int_equal(nr_events, 0);
}

static void test_string_address_size(void **state)
{
	struct emu emu = real_mode();

	(void)state;
	segment[SEG_ES].base = 0x10000;
	emu.regs.gpr[REG_RDI] = 0xabcdfffe; /* DI wraps, the upper half stays */
	emu.regs.gpr[REG_RCX] = 0x12340002;
	run_ok(&emu, "\xf3\xab");
	assert_event(0, 'w', 0x1fffe, 2, 0xc0c0);
	assert_event(1, 'w', 0x10000, 2, 0xc0c0);
	assert_int_equal(emu.regs.gpr[REG_RDI], 0xabcd0002);
	assert_int_equal(emu.regs.gpr[REG_RCX], 0x12340000);

	emu = long_mode();
	emu.regs.gpr[REG_RDI] = 0xffffffff00000000 | DATA;
	emu.regs.gpr[REG_RCX] = 0xffffffff00000001;
	run_ok(&emu, "\x67\xf3\x48\xab"); /* ECX and EDI, which become RCX and RDI */
	assert_int_equal(nr_events, 1);
	assert_event(0, 'w', DATA, 8, 0xc0c0c0c0c0c0c0c0);
	assert_int_equal(emu.regs.gpr[REG_RDI], DATA + 8);
	assert_int_equal(emu.regs.gpr[REG_RCX], 0);
	segment[SEG_ES].base = 0x10000; /* no base in 64-bit mode */
	emu.regs.gpr[REG_RDI] = DATA;
	run_ok(&emu, "\xaa");
	assert_event(0, 'w', DATA, 1, 0xc0);
}

static void test_string_fault(void **state)
{
	struct emu emu = long_mode();
	u64 flags;

	(void)state;
	emu.regs.gpr[REG_RSI] = DATA;
	emu.regs.gpr[REG_RDI] = MISSING_PAGE - 5;
	emu.regs.gpr[REG_RCX] = 100;
	assert_int_equal(run(&emu, "\xf3\x66\xa5"), EMU_FAULT);
	assert_int_equal(emu.fault.cr2, MISSING_PAGE);
	assert_int_equal(emu.fault.error, PFERR_WRITE);
	assert_int_equal(emu.regs.rip, CODE);
	assert_int_equal(emu.regs.gpr[REG_RCX], 98);
	assert_int_equal(emu.regs.gpr[REG_RSI], DATA + 4);
	assert_int_equal(emu.regs.gpr[REG_RDI], MISSING_PAGE - 1);
	assert_int_equal(nr_events, 4); /* the element that has no place was not read either */

	memset(&memory[DATA], 7, 16); /* CMPS: flags stay those before the instruction */
	memset(&memory[MISSING_PAGE - 4], 7, 4);
	emu.regs.gpr[REG_RSI] = DATA;
	emu.regs.gpr[REG_RDI] = MISSING_PAGE - 4;
	emu.regs.gpr[REG_RCX] = 10;
	flags = emu.regs.rflags |= RFLAGS_CF | RFLAGS_SF;
	assert_int_equal(run(&emu, "\xf3\xa6"), EMU_FAULT);
	assert_int_equal(emu.regs.rflags, flags);
	assert_int_equal(emu.regs.gpr[REG_RCX], 6);
	assert_int_equal(emu.regs.rip, CODE);
}

static void test_string_budget(void **state)
{
	struct emu emu = long_mode();
	u64 count = EMU_STRING_BUDGET + 5;

	(void)state;
	emu.regs.gpr[REG_RDI] = 0x10000;
	emu.regs.gpr[REG_RCX] = count;
	emu.regs.rflags |= RFLAGS_RF;
	assert_int_equal(run(&emu, "\xf3\xaa"), EMU_OK);
	assert_int_equal(emu.regs.rip, CODE);
	assert_int_equal(emu.regs.gpr[REG_RCX], 5);
	assert_int_equal(emu.regs.gpr[REG_RDI], 0x10000 + EMU_STRING_BUDGET);
	assert_int_equal(nr_events, EMU_STRING_BUDGET);
	run_ok(&emu, "\xf3\xaa");
	assert_int_equal(nr_events, 5);
	assert_int_equal(emu.regs.gpr[REG_RDI], 0x10000 + count);

	emu.regs.gpr[REG_RCX] = 3; /* single-stepping: one iteration a step */
	emu.regs.rip = CODE;
	emu.regs.rflags |= RFLAGS_TF;
	for (unsigned left = 3; left-- > 0;) {
		assert_int_equal(emu.regs.rip, CODE);
		assert_int_equal(run(&emu, "\xf3\xaa"), EMU_OK);
		assert_int_equal(emu.regs.gpr[REG_RCX], left);
	}
	assert_int_equal(emu.regs.rip, CODE + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_port_permission),
		cmocka_unit_test(test_virtual_8086),
		cmocka_unit_test(test_port_strings),
		cmocka_unit_test(test_string_address_size),
		cmocka_unit_test(test_string_fault),
		cmocka_unit_test(test_string_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
