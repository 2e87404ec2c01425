/* SPDX-License-Identifier: MIT */
/* Binds the emulator to a vCPU: its registers, its page tables, its memory and its devices. */
#include "arch/x86/emulate.h"

#include <stdio.h>
#include <string.h>

#include "arch/x86/guest_cet.h"
#include "arch/x86/guest_msr.h"
#include "arch/x86/guest_walk.h"
#include "arch/x86/msr.h"
#include "arch/x86/trace_io.h"
#include "arch/x86/virt.h"
#include "core/guest_memory.h"
#include "core/iobus.h"

#define STI_OR_MOV_SS_BLOCKING 3ull /* VREG_INTERRUPTIBILITY bits 1:0 */
#define APIC_REGISTER_LEN      4

struct vcpu_emu {
	struct emu emu;
	struct vcpu *vcpu;
	struct guest_paging paging;
};

static struct vcpu *vcpu_of(struct emu *emu)
{
	return container_of(emu, struct vcpu_emu, emu)->vcpu;
}

/* The part of an access that lies in one page. */
struct piece {
	u64 gpa;
	unsigned len; /* 0 = no such piece */
};

static enum emu_result page_fault(struct emu *emu, u64 linear, u32 pfec)
{
	emu->fault = (struct emu_fault){ VECTOR_PF, pfec, linear };
	return EMU_FAULT;
}

static enum emu_result translate(struct emu *emu, u64 linear, unsigned access, u64 *gpa)
{
	enum walk_access kind = access & EMU_ACCESS_FETCH   ? WALK_FETCH
				: access & EMU_ACCESS_WRITE ? WALK_WRITE
							    : WALK_READ;
	struct vcpu_emu *e = container_of(emu, struct vcpu_emu, emu);
	bool user = emu->cpl == 3 && !(access & EMU_ACCESS_SYSTEM);
	u32 pfec;

	if (guest_walk_with(e->vcpu, &e->paging, linear, kind, user, gpa, &pfec) == WALK_OK)
		return EMU_OK;
	return page_fault(emu, linear, pfec);
}

/* Both pages of an access are translated before any data moves, so that a fault has no effect. */
static enum emu_result find_pieces(struct emu *emu, u64 linear, unsigned len, unsigned access,
				   struct piece piece[2])
{
	u64 next = (linear & PAGE_MASK) + PAGE_SIZE;
	enum emu_result r;

	piece[0].len = MIN((u64)len, next - linear);
	piece[1].len = len - piece[0].len;
	if (emu->mode != 64 && next == 4 * GiB)
		next = 0;
	r = translate(emu, linear, access, &piece[0].gpa);
	if (r == EMU_OK && piece[1].len)
		r = translate(emu, next, access, &piece[1].gpa);
	return r;
}

static bool is_lapic(struct vcpu *vcpu, u64 gpa)
{
	const struct lapic *lapic = &vcpu->arch.lapic;

	return lapic_enabled(lapic) && !lapic_x2apic(lapic) &&
	       (gpa & PAGE_MASK) == (lapic->apic_base & APIC_BASE_ADDRESS);
}

static u64 mmio_read(struct vcpu *vcpu, u64 gpa, unsigned width)
{
	u64 value;

	if (!is_lapic(vcpu, gpa)) {
		iobus_read(&vcpu->vm->mmio, gpa, width, &value);
		return value;
	}
	if (width != APIC_REGISTER_LEN || !IS_ALIGNED(gpa, APIC_REGISTER_LEN))
		return 0;
	return lapic_read(&vcpu->arch.lapic, gpa & ~PAGE_MASK);
}

static void mmio_write(struct vcpu *vcpu, u64 gpa, unsigned width, u64 value)
{
	if (!is_lapic(vcpu, gpa))
		iobus_write(&vcpu->vm->mmio, gpa, width, value);
	else if (width == APIC_REGISTER_LEN && IS_ALIGNED(gpa, APIC_REGISTER_LEN))
		lapic_write(&vcpu->arch.lapic, gpa & ~PAGE_MASK, value);
}

static __noinline __cold u64 trace_read(struct vcpu *vcpu, u64 gpa, unsigned width)
{
	u64 value = mmio_read(vcpu, gpa, width);

	trace_mmio(vcpu, gpa, width, false, value, is_lapic(vcpu, gpa));
	return value;
}

static __noinline __cold void trace_write(struct vcpu *vcpu, u64 gpa, unsigned width, u64 value)
{
	trace_mmio(vcpu, gpa, width, true, value, is_lapic(vcpu, gpa));
	mmio_write(vcpu, gpa, width, value);
}

u64 vcpu_mmio_read(struct vcpu *vcpu, u64 gpa, unsigned width)
{
	return exit_trace_is_on(vcpu) ? trace_read(vcpu, gpa, width) : mmio_read(vcpu, gpa, width);
}

void vcpu_mmio_write(struct vcpu *vcpu, u64 gpa, unsigned width, u64 value)
{
	if (exit_trace_is_on(vcpu))
		trace_write(vcpu, gpa, width, value);
	else
		mmio_write(vcpu, gpa, width, value);
}

/* A whole operand is one access, whatever its alignment; what a page boundary cut off is aligned. */
static unsigned device_width(u64 gpa, unsigned len)
{
	unsigned width = 8;

	if ((len & (len - 1)) == 0)
		return len;
	while (width > len || !IS_ALIGNED(gpa, width))
		width /= 2;
	return width;
}

static void read_device(struct vcpu *vcpu, u64 gpa, u8 *to, unsigned len)
{
	for (unsigned width; len > 0; gpa += width, to += width, len -= width) {
		u64 value;

		width = device_width(gpa, len);
		value = vcpu_mmio_read(vcpu, gpa, width);
		memcpy(to, &value, width);
	}
}

static void write_device(struct vcpu *vcpu, u64 gpa, const u8 *from, unsigned len)
{
	for (unsigned width; len > 0; gpa += width, from += width, len -= width) {
		u64 value = 0;

		width = device_width(gpa, len);
		memcpy(&value, from, width);
		vcpu_mmio_write(vcpu, gpa, width, value);
	}
}

static void read_piece(struct vcpu *vcpu, const struct piece *piece, u8 *to)
{
	if (guest_read(&vcpu->vm->memory, piece->gpa, to, piece->len) != FIRN_OK)
		read_device(vcpu, piece->gpa, to, piece->len);
}

/* Writes to ROM are lost, as on a real board. */
static void write_piece(struct vcpu *vcpu, const struct piece *piece, const u8 *from)
{
	if (guest_write(&vcpu->vm->memory, piece->gpa, from, piece->len) == ERR_RANGE)
		write_device(vcpu, piece->gpa, from, piece->len);
}

static enum emu_result vcpu_fetch(struct emu *emu, u64 linear, void *buf, unsigned len)
{
	u64 gpa;
	enum emu_result r = translate(emu, linear, EMU_ACCESS_FETCH, &gpa);

	if (r != EMU_OK)
		return r;
	if (guest_read(&vcpu_of(emu)->vm->memory, gpa, buf, len) != FIRN_OK) {
		emu->why = "code is not in memory";
		return EMU_UNHANDLED;
	}
	return EMU_OK;
}

static enum emu_result vcpu_read(struct emu *emu, u64 linear, void *buf, unsigned len,
				 unsigned access)
{
	struct piece piece[2];
	enum emu_result r = find_pieces(emu, linear, len, access, piece);

	if (r != EMU_OK)
		return r;
	read_piece(vcpu_of(emu), &piece[0], buf);
	if (piece[1].len)
		read_piece(vcpu_of(emu), &piece[1], (u8 *)buf + piece[0].len);
	return EMU_OK;
}

static enum emu_result vcpu_write(struct emu *emu, u64 linear, const void *buf, unsigned len)
{
	struct piece piece[2];
	enum emu_result r = find_pieces(emu, linear, len, EMU_ACCESS_WRITE, piece);

	if (r != EMU_OK)
		return r;
	write_piece(vcpu_of(emu), &piece[0], buf);
	if (piece[1].len)
		write_piece(vcpu_of(emu), &piece[1], (const u8 *)buf + piece[0].len);
	return EMU_OK;
}

/* p may have any alignment, which C's atomics don't allow and LOCK CMPXCHG does. */
static bool cmpxchg_bytes(void *p, u64 expected, u64 desired, unsigned len)
{
	bool done = false;

#define CASE(type, suffix, constraint)                                             \
	case sizeof(type):                                                         \
		__asm__ volatile("lock cmpxchg" suffix " %3, %1"                   \
				 : "=@ccz"(done), "+m"(*(type *)p), "+a"(expected) \
				 : constraint((type)desired)                       \
				 : "memory");                                      \
		break

	switch (len) {
		CASE(u8, "b", "q");
		CASE(u16, "w", "r");
		CASE(u32, "l", "r");
		CASE(u64, "q", "r");
	}
#undef CASE
	return done;
}

/*
 * Two pages may be far apart in the host, and a device has no lock: such places take a plain write.
 * RAM inside one page is updated atomically towards all other CPUs.
 */
static enum emu_result vcpu_cmpxchg(struct emu *emu, u64 linear, u64 expected, u64 desired,
				    unsigned len, bool *done)
{
	struct memslots *memory = &vcpu_of(emu)->vm->memory;
	struct piece piece[2];
	enum emu_result r = find_pieces(emu, linear, len, EMU_ACCESS_WRITE, piece);
	void *p;

	if (r != EMU_OK)
		return r;
	p = piece[1].len ? NULL : guest_map(memory, piece[0].gpa, len, GUEST_WRITE);
	if (!p) {
		*done = true;
		return vcpu_write(emu, linear, &desired, len);
	}
	/* Mark the page dirty again: the log may have been read between mapping and writing. */
	*done = cmpxchg_bytes(p, expected, desired, len) &&
		guest_map(memory, piece[0].gpa, len, GUEST_WRITE);
	return EMU_OK;
}

static enum emu_result vcpu_probe(struct emu *emu, u64 linear, unsigned len, unsigned access)
{
	struct piece piece[2];

	return find_pieces(emu, linear, len, access, piece);
}

static u32 vcpu_in(struct emu *emu, u16 port, unsigned width)
{
	struct vcpu *vcpu = vcpu_of(emu);
	u64 value;

	iobus_read(&vcpu->vm->pio, port, width, &value);
	if (exit_trace_is_on(vcpu))
		trace_port(vcpu, port, width, false, value);
	return value;
}

static void vcpu_out(struct emu *emu, u16 port, unsigned width, u32 value)
{
	struct vcpu *vcpu = vcpu_of(emu);

	if (exit_trace_is_on(vcpu))
		trace_port(vcpu, port, width, true, value);
	iobus_write(&vcpu->vm->pio, port, width, value);
}

static void vcpu_get_seg(struct emu *emu, enum x86_segment seg, struct x86_seg *out)
{
	virt_get_seg(vcpu_of(emu), seg, out);
}

/*
 * A register that can't be read counts as one with everything on. The guest writes U_CET without an
 * exit, so it is fetched from the CPU.
 */
static u64 vcpu_get_cet(struct emu *emu, bool user)
{
	u64 value;

	guest_cet_save(vcpu_of(emu));
	if (guest_msr_get(vcpu_of(emu), user ? MSR_IA32_U_CET : MSR_IA32_S_CET, &value) != FIRN_OK)
		return ~0ull;
	return value;
}

static const struct emu_ops vcpu_ops = {
	.fetch = vcpu_fetch,
	.read = vcpu_read,
	.write = vcpu_write,
	.cmpxchg = vcpu_cmpxchg,
	.probe = vcpu_probe,
	.in = vcpu_in,
	.out = vcpu_out,
	.get_seg = vcpu_get_seg,
	.get_cet = vcpu_get_cet,
};

static void load(struct vcpu *vcpu, struct emu *emu)
{
	emu->ops = &vcpu_ops;
	emu->cache = vcpu->arch.decoded;
	memcpy(emu->regs.gpr, vcpu->arch.gpr, sizeof(emu->regs.gpr));
	emu->regs.gpr[REG_RSP] = virt_get(vcpu, VREG_RSP);
	emu->regs.rip = virt_get(vcpu, VREG_RIP);
	emu->regs.rflags = virt_get(vcpu, VREG_RFLAGS);
	emu->cr0 = virt_get(vcpu, VREG_CR0);
	emu->cr4 = virt_get(vcpu, VREG_CR4);
	emu->efer = virt_get(vcpu, VREG_EFER);
	virt_get_seg(vcpu, SEG_CS, &emu->cs);
	virt_get_seg(vcpu, SEG_SS, &emu->ss);
}

/* AC lifts SMAP for explicit accesses only, and those have CPL < 3. */
static void load_paging(struct vcpu *vcpu, const struct emu *emu, struct guest_paging *paging)
{
	paging->cr0 = emu->cr0;
	paging->cr3 = virt_get(vcpu, VREG_CR3);
	paging->cr4 = emu->cr4;
	paging->efer = emu->efer;
	paging->ac = (emu->regs.rflags & RFLAGS_AC) && (emu->ss.ar >> SEG_AR_DPL_SHIFT & 3) != 3;
}

/* What changes rarely lies in the vendor's structure, and is expensive to write. */
struct rare_regs {
	u64 rsp, rflags;
};

static void store(struct vcpu *vcpu, const struct emu *emu, const struct rare_regs *before)
{
	const struct emu_regs *regs = &emu->regs;

	memcpy(vcpu->arch.gpr, regs->gpr, REG_RSP * sizeof(u64));
	memcpy(&vcpu->arch.gpr[REG_RSP + 1], &regs->gpr[REG_RSP + 1],
	       (NR_GPRS - REG_RSP - 1) * sizeof(u64));
	if (regs->gpr[REG_RSP] != before->rsp)
		virt_set(vcpu, VREG_RSP, regs->gpr[REG_RSP]);
	if (regs->rflags != before->rflags)
		virt_set(vcpu, VREG_RFLAGS, regs->rflags);
	virt_set(vcpu, VREG_RIP, regs->rip);
}

/* An instruction, or one iteration under TF, is over (SDM 3A 6.8.3, 17.3.1.4). */
static void finish(struct vcpu *vcpu, const struct rare_regs *before)
{
	u64 blocking = virt_get(vcpu, VREG_INTERRUPTIBILITY);

	if (blocking & STI_OR_MOV_SS_BLOCKING)
		virt_set(vcpu, VREG_INTERRUPTIBILITY, blocking & ~STI_OR_MOV_SS_BLOCKING);
	if (before->rflags & RFLAGS_TF)
		virt_single_step_trap(vcpu);
}

static void inject(struct vcpu *vcpu, const struct emu_fault *fault)
{
	if (fault->vector == VECTOR_PF)
		vcpu->arch.cr2 = fault->cr2;
	virt_inject(vcpu, fault->vector, fault->error);
}

/* User code must not be able to stop its machine; a kernel that gets here can't go on. */
static void refuse(struct vcpu *vcpu, const struct emu *emu)
{
	char bytes[2 * sizeof(emu->bytes) + 1] = "";

	if (emu->cpl > 0) {
		virt_inject_ud(vcpu);
		return;
	}
	for (unsigned i = 0; i < emu->length; i++)
		snprintf(bytes + 2 * i, sizeof(bytes) - 2 * i, "%02x", emu->bytes[i]);
	vm_crash(vcpu->vm, "vCPU %u: cannot emulate at RIP 0x%llx: %s (%s)", vcpu->id,
		 (unsigned long long)emu->regs.rip, emu->why, bytes);
}

enum emu_result vcpu_emulate(struct vcpu *vcpu)
{
	struct vcpu_emu e = { .vcpu = vcpu };
	struct rare_regs before;
	enum emu_result r;

	load(vcpu, &e.emu);
	load_paging(vcpu, &e.emu, &e.paging);
	before = (struct rare_regs){ e.emu.regs.gpr[REG_RSP], e.emu.regs.rflags };
	r = emulate(&e.emu);
	if (r != EMU_UNHANDLED)
		store(vcpu, &e.emu, &before);
	if (r == EMU_OK)
		finish(vcpu, &before);
	else if (r == EMU_FAULT)
		inject(vcpu, &e.emu.fault);
	else
		refuse(vcpu, &e.emu);
	return r;
}
