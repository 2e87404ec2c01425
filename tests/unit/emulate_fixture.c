/* SPDX-License-Identifier: MIT */
/* See emulate_fixture.h. */
#include "emulate_fixture.h"

u8 memory[MEMORY_SIZE];	       /* linear 0... */
static u8 top_page[PAGE_SIZE]; /* the last below 4 GiB */
struct x86_seg segment[NR_SEGS];

struct event event[MAX_EVENTS];
unsigned nr_events;
u32 port_value;
u64 s_cet, u_cet;
bool contended;

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

/* Nobody has these registers unless CR4.CET says so. */
static u64 get_cet(struct emu *emu, bool user)
{
	assert_true(emu->cr4 & CR4_CET);
	return user ? u_cet : s_cet;
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

/* One for all tests: whatever was decoded before must not matter. */
static struct emu_decode_cache *cache(void)
{
	static struct emu_decode_cache *cache;

	if (!cache)
		cache = emu_decode_cache_create();
	assert_non_null(cache);
	return cache;
}

static struct emu fresh(u64 cr0, u32 code_ar, u32 data_ar, u32 limit)
{
	struct emu emu = { .ops = &ops, .cache = cache(), .cr0 = cr0 };
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
	s_cet = u_cet = 0;
	port_value = 0x44332211;
	return emu;
}

struct emu real_mode(void)
{
	return fresh(0, AR_DATA16, AR_DATA16, 0xffff);
}

struct emu protected16(void)
{
	return fresh(CR0_PE, AR_CODE16, AR_DATA16, 0xffff);
}

struct emu protected32(void)
{
	return fresh(CR0_PE, AR_CODE32, AR_DATA32, UINT32_MAX);
}

struct emu long_mode(void)
{
	struct emu emu = fresh(CR0_PE | CR0_PG, AR_CODE64, AR_DATA32, UINT32_MAX);

	emu.efer = EFER_LMA | EFER_LME;
	return emu;
}

u64 word(u64 linear, unsigned len)
{
	u64 v = 0;

	memcpy(&v, byte_at(linear), len);
	return v;
}

void put(u64 linear, u64 v, unsigned len)
{
	memcpy(byte_at(linear), &v, len);
}

enum emu_result run_bytes(struct emu *emu, const char *bytes, unsigned len)
{
	nr_events = 0;
	for (unsigned i = 0; i < len; i++)
		*byte_at((u32)(emu->cs.base + emu->regs.rip + i)) = bytes[i];
	return emulate(emu);
}
