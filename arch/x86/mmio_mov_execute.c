/* SPDX-License-Identifier: MIT */
/* Executes a decoded move on a device. */
#include "arch/x86/emulate.h"
#include "arch/x86/mmio_mov.h"
#include "arch/x86/virt.h"

static u64 low_bytes(unsigned width)
{
	return width == 8 ? ~0ull : BIT(8 * width) - 1;
}

unsigned mmio_mov_page_offset(struct vcpu *vcpu, const struct mmio_mov *mov, u64 next_rip)
{
	u64 address = (u64)(s64)mov->disp;

	if (mov->base == MMIO_MOV_RIP)
		address += next_rip;
	else if (mov->base != MMIO_MOV_NONE)
		address += vcpu_gpr(vcpu, mov->base);
	if (mov->index != MMIO_MOV_NONE)
		address += vcpu_gpr(vcpu, mov->index) << mov->shift;
	return address & ~PAGE_MASK;
}

static void load(struct vcpu *vcpu, const struct mmio_mov *mov, u64 gpa)
{
	u64 mask = low_bytes(mov->width), value = vcpu_mmio_read(vcpu, gpa, mov->width) & mask;

	if (!mov->zero)
		value |= vcpu_gpr(vcpu, mov->gpr) & ~mask;
	vcpu_set_gpr(vcpu, mov->gpr, value);
}

void mmio_mov_execute(struct vcpu *vcpu, const struct mmio_mov *mov, u64 gpa)
{
	u64 value;

	if (!mov->write) {
		load(vcpu, mov, gpa);
		return;
	}
	value = mov->has_imm ? (u64)(s64)mov->imm : vcpu_gpr(vcpu, mov->gpr);
	vcpu_mmio_write(vcpu, gpa, mov->width, value & low_bytes(mov->width));
}
