/* SPDX-License-Identifier: MIT */
/* Decodes MOV and MOVZX with one operand in memory (SDM 2A 2.1, 2.2.1). */
#include "arch/x86/mmio_mov.h"

#include "arch/x86/regs.h"

#define OPERAND_SIZE	    0x66
#define REX_MASK	    0xf0
#define REX		    0x40
#define REX_B		    BIT(0)
#define REX_X		    BIT(1)
#define REX_R		    BIT(2)
#define REX_W		    BIT(3)
#define ESCAPE		    0x0f
#define MODRM_MOD(m)	    ((m) >> 6)
#define MODRM_REG(m)	    ((m) >> 3 & 7u)
#define MODRM_RM(m)	    ((m)&7u)
#define MOD_REGISTER	    3
#define RM_SIB		    4 /* a SIB byte follows */
#define SIB_SCALE(s)	    ((s) >> 6)
#define SIB_INDEX(s)	    ((s) >> 3 & 7u)
#define SIB_BASE(s)	    ((s)&7u)
#define INDEX_NONE	    4
#define RM_DISP32	    5 /* with mod 0: displacement only */
#define HIGH_BYTE_REGISTERS 4 /* AH.. in byte instructions without REX */

enum form {
	FORM_NONE,
	FORM_STORE,
	FORM_STORE_IMM,
	FORM_STORE_OFFSET, /* RAX to an address in the instruction */
	FORM_LOAD,
	FORM_LOAD_OFFSET,
	FORM_LOAD_ZERO
};

/* width 0: operand size */
struct opcode {
	enum form form;
	u8 width;
};

static struct opcode one_byte(u8 byte)
{
	switch (byte) {
	case 0x88:
		return (struct opcode){ FORM_STORE, 1 };
	case 0x89:
		return (struct opcode){ FORM_STORE, 0 };
	case 0x8a:
		return (struct opcode){ FORM_LOAD, 1 };
	case 0x8b:
		return (struct opcode){ FORM_LOAD, 0 };
	case 0xa0:
		return (struct opcode){ FORM_LOAD_OFFSET, 1 };
	case 0xa1:
		return (struct opcode){ FORM_LOAD_OFFSET, 0 };
	case 0xa2:
		return (struct opcode){ FORM_STORE_OFFSET, 1 };
	case 0xa3:
		return (struct opcode){ FORM_STORE_OFFSET, 0 };
	case 0xc6:
		return (struct opcode){ FORM_STORE_IMM, 1 };
	case 0xc7:
		return (struct opcode){ FORM_STORE_IMM, 0 };
	default:
		return (struct opcode){ FORM_NONE, 0 };
	}
}

static struct opcode two_bytes(u8 byte)
{
	switch (byte) {
	case 0xb6:
		return (struct opcode){ FORM_LOAD_ZERO, 1 };
	case 0xb7:
		return (struct opcode){ FORM_LOAD_ZERO, 2 };
	default:
		return (struct opcode){ FORM_NONE, 0 };
	}
}

/* Bytes of ModRM, SIB and displacement; 0: the operand is a register. sib: the byte behind ModRM. */
static unsigned address_length(u8 modrm, u8 sib)
{
	unsigned length = 1, base = MODRM_RM(modrm);

	if (MODRM_MOD(modrm) == MOD_REGISTER)
		return 0;
	if (MODRM_RM(modrm) == RM_SIB) {
		length++;
		base = MODRM_RM(sib);
	}
	if (MODRM_MOD(modrm) == 1)
		return length + 1;
	return length + (MODRM_MOD(modrm) == 2 || base == RM_DISP32 ? 4 : 0);
}

static s32 immediate(const u8 *p, unsigned length)
{
	u32 value = 0;

	for (unsigned i = 0; i < length; i++)
		value |= (u32)p[i] << 8 * i;
	switch (length) {
	case 4:
		return (s32)value;
	case 2:
		return (s16)value;
	default:
		return (s8)value;
	}
}

/* p: ModRM, and length bytes of address with it. */
static void read_address(const u8 *p, unsigned length, unsigned rex, struct mmio_mov *out)
{
	bool has_sib = MODRM_RM(p[0]) == RM_SIB;
	unsigned base = has_sib ? SIB_BASE(p[1]) : MODRM_RM(p[0]);
	unsigned before = has_sib ? 2 : 1;

	out->disp = immediate(p + before, length - before);
	out->base = (u8)(base | (rex & REX_B ? 8 : 0));
	if (MODRM_MOD(p[0]) == 0 && base == RM_DISP32)
		out->base = has_sib ? MMIO_MOV_NONE : MMIO_MOV_RIP;
	if (!has_sib || (SIB_INDEX(p[1]) == INDEX_NONE && !(rex & REX_X)))
		return;
	out->index = (u8)(SIB_INDEX(p[1]) | (rex & REX_X ? 8 : 0));
	out->shift = SIB_SCALE(p[1]);
}

static bool is_store(enum form form)
{
	return form == FORM_STORE || form == FORM_STORE_IMM || form == FORM_STORE_OFFSET;
}

static bool has_modrm(enum form form)
{
	return form != FORM_LOAD_OFFSET && form != FORM_STORE_OFFSET;
}

struct prefixes {
	unsigned width, rex, length;
};

static struct prefixes read_prefixes(const u8 *bytes, unsigned count, bool code64)
{
	struct prefixes p = { .width = 4 };

	if (count > 0 && bytes[0] == OPERAND_SIZE) {
		p.width = 2;
		p.length++;
	}
	if (code64 && p.length < count && (bytes[p.length] & REX_MASK) == REX)
		p.rex = bytes[p.length++];
	if (p.rex & REX_W)
		p.width = 8;
	return p;
}

/* What opcode, ModRM and prefixes say; false: not for us. */
static bool describe(struct opcode op, u8 modrm, const struct prefixes *prefixes,
		     struct mmio_mov *out)
{
	*out = (struct mmio_mov){
		.width = op.width ? op.width : prefixes->width,
		.write = is_store(op.form),
		.zero = op.form == FORM_LOAD_ZERO,
		.has_imm = op.form == FORM_STORE_IMM,
		.base = MMIO_MOV_NONE,
		.index = MMIO_MOV_NONE,
	};
	if (has_modrm(op.form))
		out->gpr = MODRM_REG(modrm) | (prefixes->rex & REX_R ? 8 : 0);
	if (op.form == FORM_STORE_IMM && MODRM_REG(modrm) != 0)
		return false;
	/* MOVZX to 16 bits keeps the rest. */
	if (out->zero && prefixes->width == 2)
		return false;
	if (out->width == 1 && !out->zero && !out->has_imm && !prefixes->rex &&
	    out->gpr >= HIGH_BYTE_REGISTERS)
		return false;
	out->zero |= out->width == 4;
	return true;
}

bool mmio_mov_decode(const u8 *bytes, unsigned count, bool code64, struct mmio_mov *out)
{
	struct prefixes prefixes = read_prefixes(bytes, count, code64);
	const u8 *p = bytes + prefixes.length, *end = bytes + count;
	unsigned address, imm;
	struct opcode op;

	/* The shortest one, and a byte that may be the SIB's. */
	if (end - p < 4)
		return false;
	if (*p == ESCAPE) {
		op = two_bytes(p[1]);
		p += 2;
	} else {
		op = one_byte(*p++);
	}
	if (op.form == FORM_NONE || !describe(op, p[0], &prefixes, out))
		return false;
	if (has_modrm(op.form))
		address = address_length(p[0], p[1]);
	else
		address = code64 ? 8 : 4;
	imm = out->has_imm ? MIN(out->width, 4u) : 0;
	if (!address || (unsigned)(end - p) < address + imm)
		return false;
	if (has_modrm(op.form))
		read_address(p, address, prefixes.rex, out);
	else
		out->disp = immediate(p, 4);
	p += address;
	out->imm = imm ? immediate(p, imm) : 0;
	out->length = (u8)(p + imm - bytes);
	return true;
}
