/* SPDX-License-Identifier: MIT */
/* Operands of a decoded instruction: registers, memory, immediates. */
#include "arch/x86/emulate_internal.h"

#include "arch/x86/emulate_alu.h"

u64 emu_get_gpr(const struct emu_regs *regs, enum x86_gpr gpr, unsigned len, bool high)
{
	return alu_truncate(len * 8, regs->gpr[gpr] >> (high ? 8 : 0));
}

void emu_set_gpr(struct emu_regs *regs, enum x86_gpr gpr, unsigned len, bool high, u64 value)
{
	unsigned shift = high ? 8 : 0;
	u64 mask = alu_truncate(len * 8, ~0ull) << shift;

	if (len >= 4) /* a 32-bit result clears the upper half, SDM vol. 1 3.4.1.1 */
		regs->gpr[gpr] = alu_truncate(len * 8, value);
	else
		regs->gpr[gpr] = (regs->gpr[gpr] & ~mask) | (value << shift & mask);
}

/* The decoder numbers each class in encoding order; only AH..BH stand between BL and SPL. */
static bool find_gpr(ZydisRegister reg, struct place *p)
{
	p->high = false;
	if (reg >= ZYDIS_REGISTER_AL && reg <= ZYDIS_REGISTER_R15B) {
		p->len = 1;
		p->high = reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH;
		p->gpr = reg - ZYDIS_REGISTER_AL - (reg >= ZYDIS_REGISTER_AH ? 4 : 0);
	} else if (reg >= ZYDIS_REGISTER_AX && reg <= ZYDIS_REGISTER_R15W) {
		p->len = 2;
		p->gpr = reg - ZYDIS_REGISTER_AX;
	} else if (reg >= ZYDIS_REGISTER_EAX && reg <= ZYDIS_REGISTER_R15D) {
		p->len = 4;
		p->gpr = reg - ZYDIS_REGISTER_EAX;
	} else if (reg >= ZYDIS_REGISTER_RAX && reg <= ZYDIS_REGISTER_R15) {
		p->len = 8;
		p->gpr = reg - ZYDIS_REGISTER_RAX;
	} else {
		return false;
	}
	return true;
}

_Static_assert(ZYDIS_REGISTER_R15B - ZYDIS_REGISTER_AL == 19, "AL..BL, AH..BH, SPL..R15B");
_Static_assert(ZYDIS_REGISTER_R15W - ZYDIS_REGISTER_AX == 15, "16-bit registers in order");
_Static_assert(ZYDIS_REGISTER_R15D - ZYDIS_REGISTER_EAX == 15, "32-bit registers in order");
_Static_assert(ZYDIS_REGISTER_R15 - ZYDIS_REGISTER_RAX == 15, "64-bit registers in order");
_Static_assert(ZYDIS_REGISTER_GS - ZYDIS_REGISTER_ES == SEG_GS, "segments in encoding order");

static u64 address_part(struct exec *x, ZydisRegister reg)
{
	struct place p;

	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return x->next.rip + x->insn->length;
	return find_gpr(reg, &p) ? emu_get_gpr(&x->next, p.gpr, p.len, false) : 0;
}

u64 emu_effective_address(struct exec *x, const ZydisDecodedOperand *op, s64 displacement)
{
	u64 address = address_part(x, op->mem.base) + displacement;

	address += address_part(x, op->mem.index) * op->mem.scale;
	if (op->mem.disp.has_displacement)
		address += op->mem.disp.value;
	return emu_mask_address(x->insn->address_width, address);
}

static bool good_size(unsigned bits)
{
	return bits == 8 || bits == 16 || bits == 32 || bits == 64;
}

enum emu_result emu_place(struct exec *x, const ZydisDecodedOperand *op, s64 displacement,
			  unsigned access, struct place *place)
{
	*place = (struct place){ 0 };
	if (op->type == ZYDIS_OPERAND_TYPE_REGISTER && find_gpr(op->reg.value, place))
		return EMU_OK;
	if (op->type != ZYDIS_OPERAND_TYPE_MEMORY || op->mem.type != ZYDIS_MEMOP_TYPE_MEM ||
	    !good_size(op->size))
		return emu_unhandled(x->emu, "operand is no integer");
	place->memory = true;
	place->len = op->size / 8;
	return emu_linear(x, op->mem.segment - ZYDIS_REGISTER_ES,
			  emu_effective_address(x, op, displacement), place->len, access,
			  &place->linear);
}

enum emu_result emu_place_read(struct exec *x, const struct place *place, unsigned access,
			       u64 *value)
{
	if (place->memory)
		return emu_read(x, place->linear, place->len, access, value);
	*value = emu_get_gpr(&x->next, place->gpr, place->len, place->high);
	return EMU_OK;
}

enum emu_result emu_place_write(struct exec *x, const struct place *place, u64 value)
{
	if (place->memory)
		return emu_write(x, place->linear, place->len, value);
	emu_set_gpr(&x->next, place->gpr, place->len, place->high, value);
	return EMU_OK;
}

enum emu_result emu_place_update(struct exec *x, const struct place *place, u64 old, u64 value,
				 bool *done)
{
	bool locked = (x->insn->attributes & ZYDIS_ATTRIB_HAS_LOCK) ||
		      x->insn->mnemonic == ZYDIS_MNEMONIC_XCHG;

	if (place->memory && locked)
		return x->emu->ops->cmpxchg(x->emu, place->linear, old, value, place->len, done);
	*done = true;
	return emu_place_write(x, place, value);
}

static bool is_segment(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER && op->reg.value >= ZYDIS_REGISTER_ES &&
	       op->reg.value <= ZYDIS_REGISTER_GS;
}

static u64 selector(struct exec *x, enum x86_segment seg)
{
	struct x86_seg s = seg == SEG_CS ? x->emu->cs : x->emu->ss;

	if (seg != SEG_CS && seg != SEG_SS)
		x->emu->ops->get_seg(x->emu, seg, &s);
	return s.selector;
}

enum emu_result emu_operand_read(struct exec *x, unsigned index, u64 *value)
{
	const ZydisDecodedOperand *op = &x->op[index];
	struct place place;
	enum emu_result r;

	if (op->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		*value = op->imm.value.u;
		return EMU_OK;
	}
	if (is_segment(op)) {
		*value = selector(x, op->reg.value - ZYDIS_REGISTER_ES);
		return EMU_OK;
	}
	r = emu_place(x, op, 0, 0, &place);
	return r == EMU_OK ? emu_place_read(x, &place, 0, value) : r;
}

enum emu_result emu_operand_write(struct exec *x, unsigned index, u64 value)
{
	struct place place;
	enum emu_result r = emu_place(x, &x->op[index], 0, EMU_ACCESS_WRITE, &place);

	return r == EMU_OK ? emu_place_write(x, &place, value) : r;
}
