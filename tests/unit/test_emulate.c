/* SPDX-License-Identifier: MIT */
/*
 * What can't be compared with the build machine's CPU: 16- and 32-bit code, segmentation, faults in
 * the middle, port I/O and its permission map, refusals. Expected values are the manual's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/emulate.h"
#include "arch/x86/msr.h"

#define MEMORY_SIZE   0x40000
#define CODE	      0x1000 /* linear address of the instruction under test */
#define DATA	      0x2000
#define MISSING_PAGE  0x5000 /* any access: #PF */
#define READONLY_PAGE 0x6000
#define TSS	      0x8000
#define PORT	      0x3f8

#define AR_CODE16 0x009b
#define AR_CODE32 0xc09b
#define AR_CODE64 0xa09b
#define AR_DATA16 0x0093
#define AR_DATA32 0xc093
#define AR_TSS	  0x008b
#define AR_DPL3	  0x0060
#define AR_DPL1	  0x0020

static u8 memory[MEMORY_SIZE]; /* linear 0... */
static u8 top_page[PAGE_SIZE]; /* the last below 4 GiB */
static struct x86_seg segment[NR_SEGS];

/* What the instruction did, in order. */
struct event {
	char kind; /* r, w, x (cmpxchg), i, o */
	u64 address;
	unsigned len;
	u64 value; /* written or output */
	unsigned access;
};
static struct event event[4096];
static unsigned nr_events;
static u32 port_value;
static bool contended;

static void record(struct event e)
{
	assert_true(nr_events < ARRAY_SIZE(event));
	event[nr_events++] = e;
}

static u8 *byte_at(u64 linear)
{
	if (linear < MEMORY_SIZE)
		return &memory[linear];
	if (linear >= 4 * GiB - PAGE_SIZE && linear < 4 * GiB)
		return &top_page[linear & ~PAGE_MASK];
	return NULL;
}

static enum emu_result check(struct emu *emu, u64 linear, unsigned len, unsigned access)
{
	u32 error = (access & EMU_ACCESS_WRITE ? PFERR_WRITE : 0) |
		    (emu->cpl == 3 && !(access & EMU_ACCESS_SYSTEM) ? PFERR_USER : 0);

	for (unsigned i = 0; i < len; i++) {
		u64 at = emu->mode == 64 ? linear + i : (u32)(linear + i);
		bool readonly = (at & PAGE_MASK) == READONLY_PAGE && (access & EMU_ACCESS_WRITE);

		if (byte_at(at) && (at & PAGE_MASK) != MISSING_PAGE && !readonly)
			continue;
		emu->fault = (struct emu_fault){ VECTOR_PF, error | readonly, at };
		return EMU_FAULT;
	}
	return EMU_OK;
}

static enum emu_result fetch(struct emu *emu, u64 linear, void *buf, unsigned len)
{
	enum emu_result r = check(emu, linear, len, 0);

	assert_true(len >= 1 && len <= 15);
	assert_int_equal(linear & PAGE_MASK, (linear + len - 1) & PAGE_MASK);
	if (r == EMU_OK)
		memcpy(buf, byte_at(linear), len);
	return r;
}

static enum emu_result read_memory(struct emu *emu, u64 linear, void *buf, unsigned len,
				   unsigned access)
{
	enum emu_result r = check(emu, linear, len, access);

	for (unsigned i = 0; r == EMU_OK && i < len; i++)
		((u8 *)buf)[i] = *byte_at(emu->mode == 64 ? linear + i : (u32)(linear + i));
	if (r == EMU_OK)
		record((struct event){ 'r', linear, len, 0, access });
	return r;
}

static enum emu_result write_memory(struct emu *emu, u64 linear, const void *buf, unsigned len)
{
	enum emu_result r = check(emu, linear, len, EMU_ACCESS_WRITE);
	struct event e = { 'w', linear, len, 0, EMU_ACCESS_WRITE };

	if (r != EMU_OK)
		return r;
	for (unsigned i = 0; i < len; i++)
		*byte_at(emu->mode == 64 ? linear + i : (u32)(linear + i)) = ((const u8 *)buf)[i];
	memcpy(&e.value, buf, len);
	record(e);
	return EMU_OK;
}

static enum emu_result cmpxchg(struct emu *emu, u64 linear, u64 expected, u64 desired, unsigned len,
			       bool *done)
{
	record((struct event){ 'x', linear, len, desired, 0 });
	*done = !contended && memcmp(byte_at(linear), &expected, len) == 0;
	if (*done)
		memcpy(byte_at(linear), &desired, len);
	(void)emu;
	return EMU_OK;
}

static enum emu_result probe(struct emu *emu, u64 linear, unsigned len, unsigned access)
{
	return check(emu, linear, len, access);
}

static u32 port_in(struct emu *emu, u16 port, unsigned width)
{
	record((struct event){ 'i', port, width, 0, 0 });
	(void)emu;
	return port_value++;
}

static void port_out(struct emu *emu, u16 port, unsigned width, u32 value)
{
	record((struct event){ 'o', port, width, value, 0 });
	(void)emu;
}

static void get_seg(struct emu *emu, enum x86_segment seg, struct x86_seg *out)
{
	*out = segment[seg];
	(void)emu;
}

static const struct emu_ops ops = {
	.fetch = fetch,
	.read = read_memory,
	.write = write_memory,
	.cmpxchg = cmpxchg,
	.probe = probe,
	.in = port_in,
	.out = port_out,
	.get_seg = get_seg,
};

static struct emu fresh(u64 cr0, u32 code_ar, u32 data_ar, u32 limit)
{
	struct emu emu = { .ops = &ops, .cr0 = cr0 };
	const struct x86_seg data = { 0x10, data_ar, limit, 0 };

	memset(memory, 0, sizeof(memory));
	memset(top_page, 0, sizeof(top_page));
	for (unsigned i = 0; i < NR_SEGS; i++)
		segment[i] = data;
	segment[SEG_TR] = (struct x86_seg){ 0x40, AR_TSS, 0x67, TSS };
	emu.cs = (struct x86_seg){ 8, code_ar, limit, 0 };
	emu.ss = data;
	for (unsigned i = 0; i < NR_GPRS; i++)
		emu.regs.gpr[i] = 0xc0c0c0c0c0c0c0c0 + i;
	emu.regs.gpr[REG_RSP] = DATA + 0x800;
	emu.regs.rflags = RFLAGS_ONE | RFLAGS_IF;
	emu.regs.rip = CODE;
	contended = false;
	port_value = 0x44332211;
	return emu;
}

static struct emu real_mode(void)
{
	return fresh(0, AR_DATA16, AR_DATA16, 0xffff);
}

static struct emu protected16(void)
{
	return fresh(CR0_PE, AR_CODE16, AR_DATA16, 0xffff);
}

static struct emu protected32(void)
{
	return fresh(CR0_PE, AR_CODE32, AR_DATA32, UINT32_MAX);
}

static struct emu long_mode(void)
{
	struct emu emu = fresh(CR0_PE | CR0_PG, AR_CODE64, AR_DATA32, UINT32_MAX);

	emu.efer = EFER_LMA | EFER_LME;
	return emu;
}

static u64 word(u64 linear, unsigned len)
{
	u64 v = 0;

	memcpy(&v, byte_at(linear), len);
	return v;
}

static void put(u64 linear, u64 v, unsigned len)
{
	memcpy(byte_at(linear), &v, len);
}

static unsigned code_len;

static enum emu_result run_bytes(struct emu *emu, const char *bytes, unsigned len)
{
	nr_events = 0;
	code_len = len;
	for (unsigned i = 0; i < len; i++)
		*byte_at((u32)(emu->cs.base + emu->regs.rip + i)) = bytes[i];
	return emulate(emu);
}
#define run(emu, bytes) run_bytes(emu, bytes, sizeof(bytes) - 1)

/* Runs to completion: RIP is behind the instruction. */
#define run_ok(emu, bytes)                                                   \
	do {                                                                 \
		u64 rip_ = (emu)->regs.rip;                                  \
		assert_int_equal(run(emu, bytes), EMU_OK);                   \
		assert_int_equal((emu)->regs.rip, rip_ + sizeof(bytes) - 1); \
	} while (0)

/* Faults with this vector and error 0; no register, memory or port was touched. */
#define run_fault(emu, bytes, expected)                                       \
	do {                                                                  \
		struct emu_regs before_ = (emu)->regs;                        \
		assert_int_equal(run(emu, bytes), EMU_FAULT);                 \
		assert_int_equal((emu)->fault.vector, expected);              \
		assert_int_equal((emu)->fault.error, 0);                      \
		assert_memory_equal(&before_, &(emu)->regs, sizeof(before_)); \
		assert_int_equal(nr_events, 0);                               \
	} while (0)

#define run_page_fault(emu, bytes, expected_error, expected_cr2)              \
	do {                                                                  \
		struct emu_regs before_ = (emu)->regs;                        \
		assert_int_equal(run(emu, bytes), EMU_FAULT);                 \
		assert_int_equal((emu)->fault.vector, VECTOR_PF);             \
		assert_int_equal((emu)->fault.error, expected_error);         \
		assert_int_equal((emu)->fault.cr2, expected_cr2);             \
		assert_memory_equal(&before_, &(emu)->regs, sizeof(before_)); \
	} while (0)

#define assert_event(i, k, a, l, v)                    \
	do {                                           \
		assert_true((i) < nr_events);          \
		assert_int_equal(event[i].kind, k);    \
		assert_int_equal(event[i].address, a); \
		assert_int_equal(event[i].len, l);     \
		assert_int_equal(event[i].value, v);   \
	} while (0)

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

static void test_refusals(void **state)
{
	static const struct {
		const char *bytes;
		unsigned len;
		bool transfer;
	} refused[] = {
		{ "\xff\x13", 2, true },	      /* call [rbx] */
		{ "\xe8\x00\x00\x00\x00", 5, true },  /* call */
		{ "\xff\x1b", 2, true },	      /* call far [rbx] */
		{ "\xff\x23", 2, true },	      /* jmp [rbx] */
		{ "\xff\x2b", 2, true },	      /* jmp far [rbx] */
		{ "\xeb\x00", 2, true },	      /* jmp */
		{ "\x74\x00", 2, true },	      /* jz */
		{ "\xe2\x00", 2, true },	      /* loop */
		{ "\xc3", 1, true },		      /* ret */
		{ "\xcb", 1, true },		      /* ret far */
		{ "\x48\xcf", 2, true },	      /* iretq */
		{ "\xcd\x80", 2, true },	      /* int */
		{ "\x0f\x05", 2, true },	      /* syscall */
		{ "\x0f\x07", 2, true },	      /* sysret */
		{ "\x0f\x34", 2, true },	      /* sysenter */
		{ "\x0f\x35", 2, true },	      /* sysexit */
		{ "\x0f\x38\xf6\x03", 4, false },     /* wrssd [rbx], eax */
		{ "\x0f\x10\x03", 3, false },	      /* movups xmm0, [rbx] */
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
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(refused); i++) {
		struct emu emu = long_mode();
		struct emu_regs before;

		emu.regs.gpr[REG_RBX] = DATA;
		emu.cr4 = i % 2 ? CR4_CET : 0;
		before = emu.regs;
		assert_int_equal(run_bytes(&emu, refused[i / 2].bytes, refused[i / 2].len),
				 EMU_UNHANDLED);
		assert_memory_equal(&before, &emu.regs, sizeof(before));
		assert_non_null(emu.why);
		assert_int_equal(strstr(emu.why, "control transfer") != NULL,
				 refused[i / 2].transfer);
		assert_int_equal(strstr(emu.why, "with CET") != NULL,
				 refused[i / 2].transfer && emu.cr4);
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
		cmocka_unit_test(test_page_faults),
		cmocka_unit_test(test_one_access_each),
		cmocka_unit_test(test_endless_contention),
		cmocka_unit_test(test_fetch),
		cmocka_unit_test(test_rip_wraps),
		cmocka_unit_test(test_resume_flag),
		cmocka_unit_test(test_segment_registers),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_stack_widths),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_port_permission),
		cmocka_unit_test(test_virtual_8086),
		cmocka_unit_test(test_port_strings),
		cmocka_unit_test(test_string_address_size),
		cmocka_unit_test(test_string_fault),
		cmocka_unit_test(test_string_budget),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
