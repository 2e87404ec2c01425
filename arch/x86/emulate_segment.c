/* SPDX-License-Identifier: MIT */
/* Segmentation, canonical addresses and I/O permission: from an offset to a linear address. */
#include "arch/x86/emulate_internal.h"

#define SEG_TYPE_CODE	     BIT(3)
#define SEG_TYPE_EXPAND_DOWN BIT(2) /* of a data segment */
#define SEG_TYPE_WRITABLE    BIT(1) /* of a data segment; readable for code */

/* 32-bit TSS (SDM 3A 7.2.1, vol. 1 19.5.2); the 64-bit one has the map's offset at the same place. */
#define TSS_IO_MAP_BASE	 102
#define TSS_TYPE_BUSY_32 11

static void get_seg(struct exec *x, enum x86_segment seg, struct x86_seg *out)
{
	struct emu *emu = x->emu;

	if (seg == SEG_CS)
		*out = emu->cs;
	else if (seg == SEG_SS)
		*out = emu->ss;
	else
		emu->ops->get_seg(emu, seg, out);
}

static enum emu_result segment_fault(struct exec *x, enum x86_segment seg)
{
	return emu_fault(x->emu, seg == SEG_SS ? VECTOR_SS : VECTOR_GP);
}

static bool is_linear(const struct emu *emu, u64 address)
{
	return is_canonical_for(address, emu->cr4 & CR4_LA57 ? LINEAR_BITS_LA57 : LINEAR_BITS);
}

static enum emu_result linear64(struct exec *x, enum x86_segment seg, u64 offset, unsigned len,
				u64 *linear)
{
	struct x86_seg s = { 0 };

	if (seg == SEG_FS || seg == SEG_GS)
		get_seg(x, seg, &s);
	*linear = s.base + offset;
	if (!is_linear(x->emu, *linear) || !is_linear(x->emu, *linear + len - 1))
		return segment_fault(x, seg);
	return EMU_OK;
}

/* Not for fetches: code may run from a data segment between MOV CR0 and the far jump after it. */
static bool type_allows(const struct x86_seg *s, unsigned access)
{
	if (s->ar & SEG_AR_UNUSABLE)
		return false;
	if (access & EMU_ACCESS_WRITE)
		return !(s->ar & SEG_TYPE_CODE) && (s->ar & SEG_TYPE_WRITABLE);
	return !(s->ar & SEG_TYPE_CODE) || (s->ar & SEG_TYPE_WRITABLE);
}

static bool limit_allows(const struct x86_seg *s, u64 offset, unsigned len)
{
	u64 last = offset + len - 1;

	if (!(s->ar & SEG_TYPE_CODE) && (s->ar & SEG_TYPE_EXPAND_DOWN))
		return offset > s->limit && last <= (s->ar & SEG_AR_DB ? UINT32_MAX : UINT16_MAX);
	return last <= s->limit;
}

enum emu_result emu_linear(struct exec *x, enum x86_segment seg, u64 offset, unsigned len,
			   unsigned access, u64 *linear)
{
	struct x86_seg s;

	if (x->emu->mode == 64)
		return linear64(x, seg, offset, len, linear);
	get_seg(x, seg, &s);
	if (x->emu->protected && !(access & EMU_ACCESS_FETCH) && !type_allows(&s, access))
		return segment_fault(x, seg);
	if (!limit_allows(&s, offset, len))
		return segment_fault(x, seg);
	*linear = (u32)(s.base + offset);
	return EMU_OK;
}

static enum emu_result read_tss16(struct exec *x, const struct x86_seg *tr, u64 offset, u16 *value)
{
	if (offset + sizeof(*value) - 1 > tr->limit)
		return emu_fault(x->emu, VECTOR_GP);
	return x->emu->ops->read(x->emu, tr->base + offset, value, sizeof(*value),
				 EMU_ACCESS_SYSTEM);
}

enum emu_result emu_check_port(struct exec *x, u16 port, unsigned width)
{
	struct emu *emu = x->emu;
	unsigned iopl = (emu->regs.rflags & RFLAGS_IOPL) >> __builtin_ctzll(RFLAGS_IOPL);
	bool vm86 = emu->regs.rflags & RFLAGS_VM;
	u16 map_base, map;
	struct x86_seg tr;
	enum emu_result r;

	if (!(emu->cr0 & CR0_PE) || (!vm86 && emu->cpl <= iopl))
		return EMU_OK;
	get_seg(x, SEG_TR, &tr);
	if ((tr.ar & SEG_AR_TYPE) != TSS_TYPE_BUSY_32)
		return emu_fault(emu, VECTOR_GP);
	r = read_tss16(x, &tr, TSS_IO_MAP_BASE, &map_base);
	if (r == EMU_OK)
		r = read_tss16(x, &tr, (u64)map_base + port / 8, &map);
	if (r != EMU_OK)
		return r;
	if (map >> port % 8 & ((1u << width) - 1))
		return emu_fault(emu, VECTOR_GP);
	return EMU_OK;
}

enum emu_result emu_read(struct exec *x, u64 linear, unsigned len, unsigned access, u64 *value)
{
	*value = 0;
	return x->emu->ops->read(x->emu, linear, value, len, access);
}

enum emu_result emu_write(struct exec *x, u64 linear, unsigned len, u64 value)
{
	return x->emu->ops->write(x->emu, linear, &value, len);
}
