/* SPDX-License-Identifier: MIT */
/*
 * Emulator: any bytes as an instruction in any state, on a memory that keeps what is written. Checked
 * besides memory errors and host exceptions: addresses that reach the callbacks are legal, and what
 * does not complete leaves registers and memory alone.
 *
 * What was decoded for other inputs must make no difference.
 *
 * Input: struct input, then the instruction.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/x86/emulate.h"
#include "arch/x86/msr.h"

struct input {
	u8 mode; /* low bits choose: real, protected 16/32, virtual-8086, long, compatibility */
	u8 cpl;
	u8 rflags[3];
	u8 fail_after;	 /* accesses until one fails; 0xff = none fails */
	u8 cr4;		 /* bit 0: LA57, bit 1: CET */
	u8 seed;	 /* of memory contents */
	u8 gpr[NR_GPRS]; /* index into values[] */
	u8 seg[NR_SEGS]; /* access rights */
	u8 limit[NR_SEGS];
};
_Static_assert(sizeof(struct input) == 8 + NR_GPRS + 2 * NR_SEGS, "no padding");

static const u64 values[] = {
	0,
	1,
	2,
	3,
	7,
	0xff,
	0x1000,
	0xffff,
	0x10000,
	0x7fffffff,
	0x80000000,
	0xfffffffe,
	UINT32_MAX,
	1ull << 32,
	0x00007ffffffffff9,
	0x0000800000000000,
	0xffff800000000000,
	0xffff7fffffffffff,
	0x8000000000000000,
	0x7fffffffffffffff,
	~0ull,
	~1ull,
	-128ull,
	0x5555555555555555,
};

/* All memory there is, again and again. */
#define MEMORY_SIZE 64
static u8 memory[MEMORY_SIZE], fresh_memory[MEMORY_SIZE];

#define CODE_PAGE_OFFSET 0xff8 /* the instruction crosses a page sometimes */

static const struct input *in;
static const u8 *code;
static size_t code_len;
static unsigned accesses, effects;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_linear(const struct emu *emu, u64 linear, unsigned len)
{
	unsigned unused = emu->cr4 & CR4_LA57 ? 7 : 16;

	require(len >= 1 && len <= 15);
	if (emu->mode == 64)
		require((u64)((s64)(linear << unused) >> unused) == linear);
}

static enum emu_result maybe_fail(struct emu *emu, u64 linear)
{
	if (in->fail_after == 0xff || accesses++ < in->fail_after)
		return EMU_OK;
	emu->fault = (struct emu_fault){ VECTOR_PF, 0, linear };
	return EMU_FAULT;
}

static enum emu_result fetch(struct emu *emu, u64 linear, void *buf, unsigned len)
{
	u64 offset = linear - (emu->mode == 64 ? 0 : emu->cs.base) - emu->regs.rip;

	check_linear(emu, linear, len);
	require((linear & PAGE_MASK) == ((linear + len - 1) & PAGE_MASK));
	for (unsigned i = 0; i < len; i++)
		((u8 *)buf)[i] = (u32)offset + i < code_len ? code[(u32)offset + i] : 0;
	return maybe_fail(emu, linear);
}

static enum emu_result read_memory(struct emu *emu, u64 linear, void *buf, unsigned len,
				   unsigned access)
{
	if (!(access & EMU_ACCESS_SYSTEM))
		check_linear(emu, linear, len);
	require(len <= 8);
	for (unsigned i = 0; i < len; i++)
		((u8 *)buf)[i] = memory[(linear + i) % MEMORY_SIZE];
	return maybe_fail(emu, linear);
}

static enum emu_result write_memory(struct emu *emu, u64 linear, const void *buf, unsigned len)
{
	enum emu_result r = maybe_fail(emu, linear);

	check_linear(emu, linear, len);
	require(len <= 8);
	for (unsigned i = 0; r == EMU_OK && i < len; i++)
		memory[(linear + i) % MEMORY_SIZE] = ((const u8 *)buf)[i];
	effects += r == EMU_OK;
	return r;
}

static enum emu_result cmpxchg(struct emu *emu, u64 linear, u64 expected, u64 desired, unsigned len,
			       bool *done)
{
	*done = in->seed % 3 != 0;
	for (unsigned i = 0; i < len; i++)
		require(memory[(linear + i) % MEMORY_SIZE] == (u8)(expected >> 8 * i));
	return *done ? write_memory(emu, linear, &desired, len) : maybe_fail(emu, linear);
}

static enum emu_result probe(struct emu *emu, u64 linear, unsigned len, unsigned access)
{
	check_linear(emu, linear, len);
	require(access & EMU_ACCESS_WRITE);
	return maybe_fail(emu, linear);
}

static u32 port_in(struct emu *emu, u16 port, unsigned width)
{
	(void)emu;
	require(width == 1 || width == 2 || width == 4);
	return port * 0x01010101u;
}

static void port_out(struct emu *emu, u16 port, unsigned width, u32 value)
{
	(void)emu;
	(void)port;
	require(width == 1 || width == 2 || (width == 4 && value == (u32)value));
	effects++;
}

static void fill_seg(enum x86_segment seg, struct x86_seg *out)
{
	*out = (struct x86_seg){ .selector = in->seg[seg],
				 .ar = in->seg[seg] | (in->limit[seg] & 1 ? SEG_AR_DB : 0) |
				       (in->limit[seg] & 2 ? SEG_AR_UNUSABLE : 0),
				 .limit = values[in->limit[seg] / 4 % ARRAY_SIZE(values)],
				 .base = in->limit[seg] & 1 ? 0 : 0xfffff000 };
}

static void get_seg(struct emu *emu, enum x86_segment seg, struct x86_seg *out)
{
	(void)emu;
	require(seg < NR_SEGS && seg != SEG_CS && seg != SEG_SS);
	fill_seg(seg, out);
}

/* Bits 2 and 3 of cr4 are those of the supervisor's register, 4 and 5 of the user's. */
static u64 get_cet(struct emu *emu, bool user)
{
	unsigned on = in->cr4 >> (user ? 4 : 2);

	require(emu->cr4 & CR4_CET);
	return (on & 1 ? CET_SH_STK_EN : 0) | (on & 2 ? CET_ENDBR_EN : 0);
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
	.get_cet = get_cet,
};

static void set_mode(struct emu *emu)
{
	enum {
		REAL,
		PROTECTED16,
		PROTECTED32,
		VM86,
		LONG,
		COMPATIBILITY,
		NR_MODES
	};
	unsigned mode = in->mode % NR_MODES;

	emu->cr0 = mode == REAL ? 0 : CR0_PE | CR0_PG;
	emu->efer = mode >= LONG ? EFER_LMA | EFER_LME : 0;
	emu->regs.rflags |= mode == VM86 ? RFLAGS_VM : 0;
	emu->cs.ar = 0x9b | (mode == LONG ? SEG_AR_L : 0) |
		     (mode == PROTECTED32 || mode == COMPATIBILITY ? SEG_AR_DB : 0);
	emu->cs.limit = mode == REAL || mode == VM86 ? 0xffff : UINT32_MAX;
	emu->ss.ar = (emu->ss.ar & ~(3u << SEG_AR_DPL_SHIFT)) | (in->cpl & 3) << SEG_AR_DPL_SHIFT;
}

static bool is_prefix(const struct emu *emu, u8 byte)
{
	static const u8 legacy[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
				     0x66, 0x67, 0xf0, 0xf2, 0xf3 };

	return memchr(legacy, byte, sizeof(legacy)) || (emu->mode == 64 && (byte & 0xf0) == 0x40);
}

/* By the opcode alone: what may put RIP anywhere. */
static bool is_near_branch(const struct emu *emu)
{
	static const u8 opcodes[] = { 0xc2, 0xc3, 0xe0, 0xe1, 0xe2, 0xe3, 0xe8, 0xe9, 0xeb, 0xff };
	const u8 *p = emu->bytes, *last = emu->bytes + emu->length - 1;

	while (p < last && is_prefix(emu, *p))
		p++;
	if (p < last && *p == 0x0f)
		return (p[1] & 0xf0) == 0x80;
	return (*p & 0xf0) == 0x70 || memchr(opcodes, *p, sizeof(opcodes));
}

/* String instructions may have completed some iterations: only these registers move then. */
static bool is_progress(const struct emu_regs *before, const struct emu_regs *after)
{
	struct emu_regs r = *after;

	r.gpr[REG_RAX] = before->gpr[REG_RAX];
	r.gpr[REG_RCX] = before->gpr[REG_RCX];
	r.gpr[REG_RSI] = before->gpr[REG_RSI];
	r.gpr[REG_RDI] = before->gpr[REG_RDI];
	return memcmp(&r, before, sizeof(r)) == 0;
}

static bool memory_is_fresh(void)
{
	return memcmp(memory, fresh_memory, sizeof(memory)) == 0;
}

static void begin_run(void)
{
	accesses = effects = 0;
	for (unsigned i = 0; i < MEMORY_SIZE; i++)
		memory[i] = fresh_memory[i] = (u8)(in->seed * (i / 8 + 1));
}

static void check_result(const struct emu *emu, const struct emu_regs *before, enum emu_result r)
{
	bool same = memcmp(before, &emu->regs, sizeof(*before)) == 0;
	u64 next = before->rip + emu->length;

	switch (r) {
	case EMU_OK:
		if (is_near_branch(emu))
			check_linear(emu, emu->regs.rip, 1);
		else
			require(emu->regs.rip == before->rip ||
				emu->regs.rip == (emu->mode == 64 ? next : (u32)next));
		require(emu->mode == 64 || emu->regs.rip <= UINT32_MAX);
		break;
	case EMU_FAULT:
		require(is_progress(before, &emu->regs));
		require(!same || (effects == 0 && memory_is_fresh()));
		require(emu->fault.vector == VECTOR_PF || emu->fault.error == 0);
		break;
	case EMU_UNHANDLED:
		require(same && effects == 0 && memory_is_fresh() && emu->why);
		break;
	default:
		abort();
	}
}

/* Once more, with a cache that holds what earlier inputs left there. */
static void check_cached(const struct emu *uncached, const struct emu_regs *before)
{
	static struct emu_decode_cache *cache;
	struct emu emu = *uncached;
	u8 left[MEMORY_SIZE];

	memcpy(left, memory, sizeof(left));
	if (!cache)
		cache = emu_decode_cache_create();
	emu.cache = cache;
	for (unsigned i = 0; i < 2; i++) {
		emu.regs = *before;
		emu.length = 0;
		begin_run();
		check_result(&emu, before, emulate(&emu));
		require(memcmp(&emu.regs, &uncached->regs, sizeof(emu.regs)) == 0);
		require(emu.length == uncached->length && emu.why == uncached->why);
		require(memcmp(left, memory, sizeof(left)) == 0);
		require(memcmp(&emu.fault, &uncached->fault, sizeof(emu.fault)) == 0);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct emu emu = { .ops = &ops };
	struct emu_regs before;

	if (size < sizeof(*in))
		return 0;
	in = (const struct input *)data;
	code = data + sizeof(*in);
	code_len = size - sizeof(*in);
	begin_run();
	for (unsigned i = 0; i < NR_GPRS; i++)
		emu.regs.gpr[i] = values[in->gpr[i] % ARRAY_SIZE(values)];
	emu.regs.rflags = (in->rflags[0] | in->rflags[1] << 8 | in->rflags[2] << 16) & ~RFLAGS_VM;
	emu.regs.rip = in->seed & 1 ? 0x1000 + CODE_PAGE_OFFSET : 0x1000;
	emu.cr4 = (in->cr4 & 1 ? CR4_LA57 : 0) | (in->cr4 & 2 ? CR4_CET : 0);
	fill_seg(SEG_SS, &emu.ss);
	set_mode(&emu);
	before = emu.regs;
	check_result(&emu, &before, emulate(&emu));
	check_cached(&emu, &before);
	return 0;
}
