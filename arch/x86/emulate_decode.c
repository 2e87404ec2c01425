/* SPDX-License-Identifier: MIT */
/*
 * Finds out in which mode the guest runs, fetches the instruction's bytes and decodes them, or finds
 * them decoded.
 */
#include "arch/x86/emulate_internal.h"

#include <stdlib.h>
#include <string.h>

#include "arch/x86/msr.h"

#define CACHE_ENTRIES 16
/* 15 bytes as two words: the second one begins with the first one's last byte. */
#define SECOND_WORD 7

struct emu_decode_cache {
	struct emu_decoded entry[CACHE_ENTRIES];
};

struct emu_decode_cache *emu_decode_cache_create(void)
{
	return calloc(1, sizeof(struct emu_decode_cache));
}

struct emu_decoded *emu_cached(struct emu_decode_cache *cache, u64 rip)
{
	return &cache->entry[rip % CACHE_ENTRIES];
}

static void load_bytes(const struct emu *emu, u64 bytes[2])
{
	_Static_assert(SECOND_WORD + sizeof(u64) == sizeof(emu->bytes), "all of them");
	memcpy(&bytes[0], emu->bytes, sizeof(u64));
	memcpy(&bytes[1], emu->bytes + SECOND_WORD, sizeof(u64));
}

static u64 low_bytes(unsigned count)
{
	return count >= sizeof(u64) ? ~0ull : BIT(8 * count) - 1;
}

/* An instruction's meaning depends on its own bytes and the mode, not on where it is. */
static bool is_decoded(const struct emu *emu, const ZydisDecoder *decoder,
		       const struct emu_decoded *d)
{
	u64 bytes[2];

	if (d->length == 0 || d->length > emu->length || d->machine_mode != decoder->machine_mode ||
	    d->stack_width != decoder->stack_width)
		return false;
	load_bytes(emu, bytes);
	return (((bytes[0] ^ d->bytes[0]) & d->mask[0]) |
		((bytes[1] ^ d->bytes[1]) & d->mask[1])) == 0;
}

static ZyanStatus decode(const struct emu *emu, const ZydisDecoder *decoder, struct emu_decoded *d)
{
	ZyanStatus status;

	d->length = 0;
	status = ZydisDecoderDecodeFull(decoder, emu->bytes, emu->length, &d->insn, d->op);
	if (!ZYAN_SUCCESS(status))
		return status;
	load_bytes(emu, d->bytes);
	d->mask[0] = low_bytes(d->insn.length);
	d->mask[1] = d->insn.length > SECOND_WORD ? low_bytes(d->insn.length - SECOND_WORD) : 0;
	d->machine_mode = decoder->machine_mode;
	d->stack_width = decoder->stack_width;
	d->length = d->insn.length;
	return status;
}

/* CPL is the DPL of SS, also in real mode (0) and virtual-8086 mode (3): SDM 3C 24.4.1. */
static void find_mode(struct emu *emu)
{
	bool vm86 = emu->regs.rflags & RFLAGS_VM;

	emu->protected = (emu->cr0 & CR0_PE) && !vm86;
	if (!(emu->cr0 & CR0_PE))
		emu->cpl = 0;
	else
		emu->cpl = vm86 ? 3 : emu->ss.ar >> SEG_AR_DPL_SHIFT & 3;
	if (!emu->protected)
		emu->mode = 16;
	else if ((emu->efer & EFER_LMA) && (emu->cs.ar & SEG_AR_L))
		emu->mode = 64;
	else
		emu->mode = emu->cs.ar & SEG_AR_DB ? 32 : 16;
}

static void init_decoder(const struct emu *emu, ZydisDecoder *decoder)
{
	bool stack32 = emu->protected && (emu->ss.ar & SEG_AR_DB);
	ZydisStackWidth stack = stack32 ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_16;
	ZydisMachineMode mode;

	if (emu->mode == 64) {
		mode = ZYDIS_MACHINE_MODE_LONG_64;
		stack = ZYDIS_STACK_WIDTH_64;
	} else if (!(emu->cr0 & CR0_PE)) {
		mode = ZYDIS_MACHINE_MODE_REAL_16;
	} else if (emu->efer & EFER_LMA) {
		mode = emu->mode == 32 ? ZYDIS_MACHINE_MODE_LONG_COMPAT_32
				       : ZYDIS_MACHINE_MODE_LONG_COMPAT_16;
	} else {
		mode = emu->mode == 32 ? ZYDIS_MACHINE_MODE_LEGACY_32
				       : ZYDIS_MACHINE_MODE_LEGACY_16;
	}
	ZydisDecoderInit(decoder, mode, stack);
}

static enum emu_result decode_failed(struct emu *emu, ZyanStatus status)
{
	switch (status) {
	case ZYDIS_STATUS_NO_MORE_DATA: /* 15 bytes and not complete */
	case ZYDIS_STATUS_INSTRUCTION_TOO_LONG:
		return emu_fault(emu, VECTOR_GP);
	case ZYDIS_STATUS_ILLEGAL_LOCK:
		return emu_fault(emu, VECTOR_UD);
	default:
		return emu_unhandled(emu, "unknown instruction");
	}
}

/* Fetches up to the next page's start. EMU_FAULT when the code segment ends here. */
static enum emu_result fetch_more(struct exec *x)
{
	struct emu *emu = x->emu;
	unsigned have = emu->length;
	unsigned len = sizeof(emu->bytes) - have;
	u64 linear;
	enum emu_result r =
		emu_linear(x, SEG_CS, emu->regs.rip + have, 1, EMU_ACCESS_FETCH, &linear);

	if (r != EMU_OK)
		return r;
	len = MIN(len, PAGE_SIZE - (linear & (PAGE_SIZE - 1)));
	if (emu->mode != 64)
		len = MIN(len, (u64)emu->cs.limit - (emu->regs.rip + have) + 1);
	r = emu->ops->fetch(emu, linear, emu->bytes + have, len);
	if (r == EMU_OK)
		emu->length += len;
	return r;
}

enum emu_result emu_decode(struct exec *x, struct emu_decoded *decoded)
{
	struct emu *emu = x->emu;
	ZyanStatus status = ZYDIS_STATUS_NO_MORE_DATA;
	ZydisDecoder decoder;

	find_mode(emu);
	init_decoder(emu, &decoder);
	emu->length = 0;
	while (status == ZYDIS_STATUS_NO_MORE_DATA && emu->length < sizeof(emu->bytes)) {
		enum emu_result r = fetch_more(x);

		if (r != EMU_OK)
			return r;
		status = is_decoded(emu, &decoder, decoded) ? ZYAN_STATUS_SUCCESS
							    : decode(emu, &decoder, decoded);
	}
	if (!ZYAN_SUCCESS(status))
		return decode_failed(emu, status);
	x->insn = &decoded->insn;
	x->op = decoded->op;
	emu->length = decoded->length;
	return EMU_OK;
}
